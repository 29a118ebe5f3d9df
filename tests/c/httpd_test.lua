local httpd = require "httpd"
local http = require "http"
local peer = require "tests.peer"

local function start(t, options)
  options = options or {}
  options.bind = options.bind or "127.0.0.1"
  local server = assert(httpd.start(options))
  t:defer(function() server:close() end)
  return server, "http://127.0.0.1:" .. server:port()
end

-- curl's view: body, status
local function curl(t, arguments)
  local out = t:shell("curl -s --noproxy '*' -m 20 -w '\\n%{http_code}\\n' " .. arguments)
  local body, status = out:match("^(.*)\n(%d+)\n$")
  return body, tonumber(status)
end

-- events until there are `n`
local function events(server, n)
  local all = {}
  while #all < n do
    local some = server:wait(10)
    if #some == 0 then error("only " .. #all .. " events") end
    for _, e in ipairs(some) do all[#all + 1] = e end
  end
  return all
end

return {
  ["curl gets strings and files, and every request is an event"] = function(t)
    local big = ("0123456789abcdef"):rep(65536)
    local path = t:write(t:directory() .. "/big", big)
    local server, url = start(t, { files = { ["3/ks.json"] = "{}", ["/empty"] = "", big = { file = path } } })
    t:equal({ curl(t, url .. "/3/ks.json") }, { "{}", 200 })
    t:equal({ curl(t, url .. "/empty") }, { "", 200 })
    t:ok(curl(t, url .. "/big") == big, "1 MiB file")
    t:equal({ curl(t, url .. "/3/none") }, { "not found\n", 404 })
    local seen = {}
    for i, e in ipairs(events(server, 4)) do
      seen[i] = { e.path, e.status, e.bytes, e.complete, e.client }
      t:ok(e.time > 1e9, "seconds since 1970")
    end
    t:equal(seen, {
      { "3/ks.json", 200, 2, true, "127.0.0.1" }, { "empty", 200, 0, true, "127.0.0.1" },
      { "big", 200, #big, true, "127.0.0.1" }, { "3/none", 404, 0, true, "127.0.0.1" },
    })
    t:equal({ server:events() }, { {}, 0 })
  end,
  ["HEAD is answered without a body, other methods are refused"] = function(t)
    local server, url = start(t, { files = { a = "content" } })
    local head, status = curl(t, "-I " .. url .. "/a")
    t:equal(status, 200)
    t:match(head, "Content%-Length: 7")
    for _, method in ipairs { "PUT", "POST", "DELETE" } do
      local body
      body, status = curl(t, "-i -d x -X " .. method .. " " .. url .. "/a")
      t:equal(status, 405, method)
      t:contains(body, "Allow: GET, HEAD")
    end
    t:equal(curl(t, url .. "/a"), "content")
    t:equal(#events(server, 5), 5)
  end,
  ["only the paths of the map exist"] = function(t)
    local _, url = start(t, { files = { ["a/b c"] = "blank", passwd = "mine" } })
    t:equal(curl(t, url .. "/a/b%20c"), "blank")
    for _, path in ipairs { "/../../etc/passwd", "/a/%2e%2e/../passwd", "//etc/passwd", "/%2fetc/passwd", "/a", "/", "", "/passwd/" } do
      local _, status = curl(t, "--path-as-is '" .. url .. path .. "'")
      t:equal(status, 404, path)
    end
    for _, target in ipairs { "passwd", "http://other/passwd", "*" } do
      t:equal(select(2, curl(t, "--request-target '" .. target .. "' " .. url)), 404, target)
    end
  end,
  ["with a prefix nothing is found without it, and events do not have it"] = function(t)
    local server, url = start(t, { files = { ks = "x" }, prefix = "f00d" })
    t:equal({ curl(t, url .. "/f00d/ks") }, { "x", 200 })
    t:equal(select(2, curl(t, url .. "/ks")), 404)
    t:equal(select(2, curl(t, url .. "/f00dks")), 404)
    t:equal(select(2, curl(t, url .. "/f00d/hello")), 200)
    local paths = {}
    for i, e in ipairs(events(server, 4)) do paths[i] = e.path end
    t:equal(paths, { "ks", "/ks", "/f00dks", "hello" })
  end,
  ["a phone-home is an event with the guest's address, whatever it posts"] = function(t)
    local server, url = start(t)
    t:equal({ curl(t, url .. "/hello") }, { "ok\n", 200 })
    t:equal({ curl(t, "-d instance=1 " .. url .. "/hello") }, { "ok\n", 200 })
    local big = t:write(t:directory() .. "/big", ("x"):rep(100000))
    t:ok(select(2, curl(t, "-H Expect: --data-binary @" .. big .. " " .. url .. "/hello")) ~= 200)
    local got = events(server, 2)
    t:equal({ got[1].path, got[1].status, got[1].client }, { "hello", 200, "127.0.0.1" })
    t:equal({ got[2].path, got[2].status, got[2].client }, { "hello", 200, "127.0.0.1" })
  end,
  ["content can be replaced"] = function(t)
    local server, url = start(t, { files = { ks = "one" } })
    t:equal(curl(t, url .. "/ks"), "one")
    t:ok(server:put("ks", "two"))
    t:ok(server:put("/new", "three"))
    t:equal(curl(t, url .. "/ks"), "two")
    t:equal(curl(t, url .. "/new"), "three")
    local message = t:fails("notfound", server:put("ks", { file = "/nonexistent" }))
    t:contains(message, "/nonexistent")
    t:equal(curl(t, url .. "/ks"), "two")
  end,
  ["a client that does not read keeps no other waiting, and its event is incomplete"] = function(t)
    local path = t:write(t:directory() .. "/big", ("x"):rep(32 << 20))
    local server, url = start(t, { files = { big = { file = path }, small = "s" } })
    local client <close> = assert(http.client { proxy = "" })
    local slow = assert(client:start { url = url .. "/big", save = path .. ".copy" })
    while slow:progress() == 0 do t:equal(slow:wait(0), false) end
    t:equal(curl(t, url .. "/small"), "s")
    slow:close()
    local by = {}
    for _, e in ipairs(events(server, 2)) do by[e.path] = e end
    t:equal({ by.small.complete, by.big.complete, by.big.bytes }, { true, false, 0 })
  end,
  ["clients that are silent, go in the middle or send a head without end keep nobody out"] = function(t)
    local server, url = start(t, { files = { a = "content" } })
    local script = t:write(t:directory() .. "/clients", [[
      trap "" PIPE
      for _ in $(seq $2); do
        exec {fd}<>/dev/tcp/127.0.0.1/$1 || exit 1
        printf "GET /a HT" >&$fd
        [ "$3" = stay ] || exec {fd}>&-
      done 2>/dev/null
      echo done
      [ "$3" != stay ] || exec sleep 60
    ]])
    t:equal(t:shell(string.format("bash %s %d 300 go", script, server:port())), "done\n")
    t:equal(curl(t, url .. "/a"), "content")
    local held = peer.start(t, string.format("bash %s %d 250 stay", script, server:port()), "^(done)")
    t:equal(held, "done")
    t:equal(curl(t, "--interface 127.0.0.2 " .. url .. "/a"), "content")
    local head = t:write(t:directory() .. "/head", "X: " .. ("x"):rep(60000))
    t:ok(select(2, curl(t, "--interface 127.0.0.2 -H @" .. head .. " " .. url .. "/a")) ~= 200)
    t:equal(curl(t, "--interface 127.0.0.2 " .. url .. "/a"), "content")
  end,
  ["each server takes a free port of the range, and says when there is none"] = function(t)
    local first = start(t)
    local port = first:port()
    t:ok(port >= 8000 and port <= 9000)
    local message = t:fails("io", httpd.start { bind = "127.0.0.1", port_min = port, port_max = port })
    t:contains(message, "127.0.0.1, ports " .. port)
    local second = start(t, { port_min = 8000, port_max = 9000 })
    t:ok(second:port() ~= port)
  end,
  ["mistakes in the options are told"] = function(t)
    t:raises("did you mean 'files'", httpd.start, { fiels = {} })
    t:raises("port_min", httpd.start, { port_min = 9000, port_max = 8000 })
    t:raises("string or { file = path }", httpd.start, { files = { a = 1 } })
    t:raises("zero bytes", httpd.start, { files = { ["a\0b"] = "x" } })
    t:contains(t:fails("format", httpd.start { bind = "nowhere" }), "nowhere")
    t:contains(t:fails("notfound", httpd.start { files = { a = { file = "/nonexistent" } } }), "/nonexistent")
    t:fails("io", httpd.start { files = { a = { file = "/" } } })
    t:contains(t:fails("io", httpd.start { bind = "192.0.2.1" }), "192.0.2.1")
  end,
  ["IPv6"] = function(t)
    local server = httpd.start { bind = "::1", files = { a = "six" } }
    if not server then t:skip("no IPv6 here") end
    t:defer(function() server:close() end)
    t:equal(curl(t, "'http://[::1]:" .. server:port() .. "/a'"), "six")
    t:equal(server:wait(10)[1].client, "::1")
  end,
  ["waiting ends with the time, and a closed server is refused"] = function(t)
    local server = start(t)
    t:equal({ server:wait(0.01) }, { {}, 0 })
    server:close()
    t:raises("closed httpd.server", server.port, server)
  end,
  ["the route to the loopback is from the loopback"] = function(t)
    t:equal(httpd.route("127.0.0.1"), "127.0.0.1")
    t:contains(t:fails("format", httpd.route("host.invalid")), "host.invalid: not an IP address")
  end,
  ["a signal ends a wait for events"] = function(t)
    local script = t:write(t:directory() .. "/s.lua", [[
      local server <close> = assert(require("httpd").start { bind = "127.0.0.1" })
      print("ready") io.stdout:flush()
      server:wait(60)]])
    t:equal(peer.interrupt(t, arg[-1] .. " run " .. script, "^ready"), 130)
  end,
}
