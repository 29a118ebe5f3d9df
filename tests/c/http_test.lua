local digest = require "digest"
local http = require "http"
local httpd = require "httpd"
local lfs = require "lfs"
local peer = require "tests.peer"

local function client(t, options)
  options = options or {}
  options.proxy = options.proxy or ""
  local c = assert(http.client(options))
  t:defer(function() c:close() end)
  return c
end

-- a client, the URL of the web server's scripts, its directory
local function web(t, options)
  local dir = t:directory()
  local url = peer.web(t, dir)
  return client(t, options), url .. "/cgi-bin/", dir, url
end

-- our own server, for what busybox's cannot: connections that are kept
local function serve(t, files)
  local server = assert(httpd.start { bind = "127.0.0.1", files = files })
  t:defer(function() server:close() end)
  return "http://127.0.0.1:" .. server:port(), server
end

local function threads()
  local n = 0
  for _ in lfs.dir "/proc/self/task" do n = n + 1 end
  return n
end

return {
  ["a GET gives status, headers, body and addresses"] = function(t)
    local url = serve(t, { a = "content" })
    local r = assert(client(t):request { url = url .. "/a" })
    t:equal({ r.status, r.body, r.size, r.url, r.address, r.local_address, r.certificate },
      { 200, "content", 7, url .. "/a", "127.0.0.1", "127.0.0.1" })
    t:equal(r.headers["content-length"], "7")
  end,
  ["a POST sends its body and headers, and no type of its own invention"] = function(t)
    local c, url = web(t, { user_agent = "lb/1" })
    local r = assert(c:request { url = url .. "echo?q", body = "<x/>", headers = { ["X-Extra"] = "1" } })
    t:equal(r.body, "POST q type= agent=lb/1 cookie= extra=1 body=<x/>")
    r = assert(c:request { url = url .. "echo", body = "", headers = { ["Content-Type"] = "text/xml" } })
    t:equal(r.body, "POST  type=text/xml agent=lb/1 cookie= extra= body=")
  end,
  ["a status of 500 is a result"] = function(t)
    local c, url = web(t)
    local r = assert(c:request { url = url .. "fault", body = "x" })
    t:equal({ r.status, r.body, r.headers["x-one"], r.headers["x-two"] }, { 500, "<Fault/>", "1", "a, b" })
  end,
  ["other methods; HEAD has no body"] = function(t)
    local url = serve(t, { a = "content" })
    local c = client(t)
    local r = assert(c:request { url = url .. "/a", method = "HEAD" })
    t:equal({ r.status, r.body, r.headers["content-length"] }, { 200, "", "7" })
    t:equal(assert(c:request { url = url .. "/a", method = "DELETE" }).status, 405)
  end,
  ["cookies stay in their client, and are left out when asked"] = function(t)
    local c, url = web(t)
    assert(c:request { url = url .. "cookie" })
    t:contains(c:request { url = url .. "echo" }.body, 'cookie=session="a b" ')
    t:contains(c:request { url = url .. "echo", cookies = false }.body, "cookie= ")
    t:contains(client(t):request { url = url .. "echo" }.body, "cookie= ")
  end,
  ["redirects are followed when asked, and cookies do not follow to another host"] = function(t)
    local c, url = web(t)
    local to = url .. "echo"
    local r = assert(c:request { url = url .. "redirect?" .. to })
    t:equal({ r.status, r.headers.location, r.body }, { 302, to, "elsewhere" })
    assert(c:request { url = url .. "cookie" })
    r = assert(c:request { url = url .. "redirect?" .. to, redirects = 1, headers = { Authorization = "x" } })
    t:equal({ r.status, r.url }, { 200, to })
    t:contains(r.body, 'cookie=session="a b"')
    r = assert(c:request { url = url .. "redirect?" .. to:gsub("127.0.0.1", "localhost"), redirects = 1 })
    t:contains(r.body, "cookie= ")
    t:fails("http", c:request { url = url .. "redirect?" .. url .. "redirect?x", redirects = 1 })
  end,
  ["files are saved with their digests"] = function(t)
    local dir = t:directory()
    for _, text in ipairs { "", "x", ("0123456789abcdef"):rep(1 << 20) } do
      local url = serve(t, { f = text })
      local done, total
      local r = assert(client(t):request { url = url .. "/f", save = dir .. "/f", digest = { "sha256", "sha1" }, expect_size = #text,
        sync = true, progress = function(...) done, total = ... end })
      t:equal({ r.status, r.size, r.body, done, total }, { 200, #text, nil, #text, #text })
      t:equal(r.digest, { sha256 = digest.string("sha256", text), sha1 = digest.string("sha1", text) })
      t:ok(t:read(dir .. "/f") == text, "saved bytes")
    end
  end,
  ["a long file is digested beside its saving, and no thread stays behind"] = function(t)
    local dir, text = t:directory(), ("0123456789abcdef"):rep(200000) -- more than is under way at once
    local url = serve(t, { f = { file = t:write(dir .. "/source", text) } })
    local before, c = threads(), client(t)
    local r = assert(c:request { url = url .. "/f", save = dir .. "/f", digest = { "sha512", "sha256" } })
    t:equal(r.digest, { sha512 = digest.string("sha512", text), sha256 = digest.string("sha256", text) })
    t:ok(t:read(dir .. "/f") == text, "saved bytes")
    t:equal(threads(), before)
    t:shell("truncate -s 1G " .. dir .. "/source")
    url = serve(t, { f = { file = dir .. "/source" } })
    before = threads()
    for _ = 1, 3 do -- under ThreadSanitizer: what is closed is not written to any more
      local transfer <close> = assert(c:start { url = url .. "/f", save = dir .. "/f", digest = "sha256" })
      while transfer:progress() < 1 << 20 do transfer:wait(0.1) end
      t:equal(threads(), before + 1)
      transfer:close()
      t:equal(threads(), before)
    end
  end,
  ["what is no success is not saved, and its text is in the result"] = function(t)
    local c, url, dir = web(t)
    t:write(dir .. "/f", "before")
    local r = assert(c:request { url = url .. "fault", save = dir .. "/f" })
    t:equal({ r.status, r.body }, { 500, "<Fault/>" })
    t:equal(t:read(dir .. "/f"), "before")
  end,
  ["a download is resumed where it ended"] = function(t)
    local c, url, dir, root = web(t)
    local text = ("0123456789"):rep(1000)
    t:write(dir .. "/www/f", text)
    t:write(dir .. "/f", text:sub(1, 4000) .. "torn")
    local r = assert(c:request { url = root .. "/f", save = dir .. "/f", offset = 4000, digest = "sha256", expect_size = #text })
    t:equal({ r.status, r.size, r.digest.sha256 }, { 206, #text, digest.string("sha256", text) })
    t:ok(t:read(dir .. "/f") == text)
    -- a server without ranges sends all of it again
    t:write(dir .. "/f", "abcdefghijklmnopqrstuvwxyz")
    r = assert(c:request { url = url .. "plain", save = dir .. "/f", offset = 26, digest = "sha1" })
    t:equal({ r.status, r.size, r.digest.sha1, t:read(dir .. "/f") }, { 200, 10, digest.string("sha1", "0123456789"), "0123456789" })
    t:contains(t:fails("http", c:request { url = url .. "wrongrange", save = dir .. "/f", offset = 5 }), "another range")
    t:fails("io", c:request { url = root .. "/f", save = dir .. "/f", offset = 11 })
  end,
  ["a download can go into the middle of a file"] = function(t)
    local dir = t:directory()
    local url = serve(t, { f = "12345" })
    t:write(dir .. "/f", "abcdefghijkl")
    local r = assert(client(t):request { url = url .. "/f", save = dir .. "/f", save_at = 3, digest = "sha1" })
    t:equal({ r.size, r.digest.sha1, t:read(dir .. "/f") }, { 5, digest.string("sha1", "12345"), "abc12345ijkl" })
  end,
  ["files are uploaded with their digests"] = function(t)
    local c, url, dir = web(t)
    for _, text in ipairs { "", "x", ("0123456789abcdef"):rep(650000) } do
      t:write(dir .. "/f", text)
      local done, total
      local r = assert(c:request { url = url .. "upload", method = "POST", file = dir .. "/f", digest = "sha256", expect_size = #text,
        progress = function(...) done, total = ... end })
      t:equal({ r.status, r.size, r.body, done, total }, { 201, #text, "thanks", #text, #text })
      t:equal(r.digest.sha256, digest.string("sha256", text))
      t:ok(t:read(dir .. "/uploaded") == text, "uploaded bytes")
    end
  end,
  ["a refused upload gives the server's answer"] = function(t)
    local c, url, dir = web(t)
    t:write(dir .. "/f", ("x"):rep(5 << 20))
    local r = assert(c:request { url = url .. "refuse", method = "POST", file = dir .. "/f" })
    t:equal({ r.status, r.body }, { 507, "the datastore is full" })
  end,
  ["an upload follows a download"] = function(t)
    local c, url, dir = web(t)
    local source <close> = assert(client(t):start { url = url .. "slow?8", save = dir .. "/f", digest = "sha256" })
    local r = assert(c:request { url = url .. "upload", method = "POST", follow = source, digest = "sha256" })
    local down = assert(source:wait())
    t:equal({ r.status, r.size, down.size }, { 201, 800000, 800000 })
    t:equal(r.digest, down.digest)
    t:ok(t:read(dir .. "/uploaded") == ("x"):rep(800000))
    -- also one that has ended already
    r = assert(c:request { url = url .. "upload", method = "POST", follow = source, digest = "sha256" })
    t:equal(r.digest, down.digest)
  end,
  ["an upload that follows a download fails as that one does"] = function(t)
    local c, url, dir = web(t)
    for name, code in pairs { short = "net", stall = "timeout", fault = "http" } do
      local source <close> = assert(c:start { url = url .. name, save = dir .. "/f", stall = 0.2 })
      local message = t:fails(code, c:request { url = url .. "upload", method = "POST", follow = source })
      t:contains(message, "GET " .. url .. name)
    end
    local unsaved <close> = assert(c:start { url = url .. "echo" })
    t:raises("'save'", c.request, c, { url = url .. "upload", follow = unsaved })
  end,
  ["a response that ends early is a failure, and what came is kept"] = function(t)
    local c, url, dir = web(t)
    t:contains(t:fails("net", c:request { url = url .. "short" }), "GET " .. url .. "short: ")
    t:fails("net", c:request { url = url .. "short", save = dir .. "/f" })
    t:equal(t:read(dir .. "/f"), "0123456789")
  end,
  ["another size than the expected one is a failure"] = function(t)
    local c, url, dir, root = web(t)
    t:write(dir .. "/www/f", "12345")
    t:contains(t:fails("http", c:request { url = root .. "/f", save = dir .. "/f", expect_size = 6 }), "has 5 bytes, expected 6")
    t:contains(t:fails("http", c:request { url = url .. "plain", save = dir .. "/f", expect_size = 6 }), "more than")
    t:contains(t:fails("http", c:request { url = url .. "plain", save = dir .. "/f", expect_size = 60 }), "had 10 bytes, expected 60")
    t:contains(t:fails("io", c:request { url = url .. "upload", file = dir .. "/www/f", expect_size = 6 }), "has 5 bytes, expected 6")
  end,
  ["a response larger than asked for is a failure"] = function(t)
    local url = serve(t, { f = ("x"):rep(1000) })
    local c = client(t)
    t:equal(assert(c:request { url = url .. "/f", max_body = 1000 }).size, 1000)
    t:contains(t:fails("http", c:request { url = url .. "/f", max_body = 999 }), "999 bytes")
  end,
  ["a stalled transfer ends by itself, and disturbs no other"] = function(t)
    local c, url, dir = web(t)
    local stalled <close> = assert(c:start { url = url .. "stall", save = dir .. "/f", stall = 0.2 })
    local good <close> = assert(c:start { url = url .. "slow?10", digest = "sha1" })
    t:contains(t:fails("timeout", stalled:wait()), "nothing moved for 0.2 seconds")
    local trickle <close> = assert(c:start { url = url .. "trickle", save = dir .. "/t", stall = 0.3 })
    t:contains(t:fails("timeout", trickle:wait()), "almost nothing moved for 0.3 seconds")
    t:fails("timeout", stalled:wait())
    t:equal(assert(good:wait()).digest.sha1, digest.string("sha1", ("x"):rep(1000000)))
    t:fails("timeout", c:request { url = url .. "stall", timeout = 0.3 })
  end,
  ["wait gives those that ended, or nothing in time"] = function(t)
    local c, url = web(t)
    local stalled <close> = assert(c:start { url = url .. "stall" })
    t:equal(http.wait({ stalled }, 0.05), {})
    t:equal(stalled:wait(0.05), false)
    local good <close> = assert(c:start { url = url .. "plain" })
    local ended = http.wait { stalled, good }
    t:ok(#ended == 1 and ended[1] == good)
    t:equal(assert(good:wait(0)).body, "0123456789")
    t:equal(http.wait({}), {})
  end,
  ["closing a client ends its transfers"] = function(t)
    local _, url = web(t)
    local c = assert(http.client { proxy = "" })
    local stalled = assert(c:start { url = url .. "stall" })
    t:equal(stalled:wait(0.05), false)
    c:close()
    t:raises("closed http.transfer", stalled.wait, stalled)
    t:raises("closed http.client", c.request, c, { url = url })
  end,
  ["an error in progress ends the request"] = function(t)
    local c, url = web(t)
    t:raises("enough", c.request, c, { url = url .. "stall", progress_interval = 0.01, progress = function() error("enough") end })
    t:equal(require("runtime").live()["http.transfer"], nil)
  end,
  ["connections are kept and used again"] = function(t)
    local url, server = serve(t, { a = "1" })
    local c = client(t)
    for _ = 1, 3 do assert(c:request { url = url .. "/a" }) end
    local port, established = string.format(":%04X ", server:port()), 0
    for line in io.lines("/proc/net/tcp") do
      local here, state = line:match("^ *%d+: %x+(:%x+ )%x+:%x+ (%x+)")
      if here == port and state ~= "0A" then established = established + 1 end
    end
    t:equal(established, 1)
  end,
  ["a server that cannot be reached is named, and no secret of the URL is"] = function(t)
    local port = peer.free_port()
    local message = t:fails("net", client(t):request { url = "http://user:pass@127.0.0.1:" .. port .. "/p?token=x#f", method = "PUT" })
    t:equal(message, "PUT http://127.0.0.1:" .. port .. "/p: connection refused")
    t:contains(t:fails("net", client(t):request { url = "http://host.invalid/" }), "host.invalid")
    for _, url in ipairs { "", "nowhere", "file:///etc/passwd", "ftp://127.0.0.1/", "http://a b/" } do
      t:fails("format", client(t):request { url = url })
    end
  end,
  ["the proxy of the environment is used, and no_proxy honoured"] = function(t)
    local url = serve(t, { a = "direct" })
    local script = t:write(t:directory() .. "/s.lua", [[
      local client <close> = assert(require("http").client {})
      local r, message = client:request { url = arg[1] }
      print(r and r.body or message)]])
    local run = string.format("http_proxy=http://127.0.0.1:%d %%s %s run %s %s/a", peer.free_port(), arg[-1], script, url)
    t:contains(t:shell(run:format("no_proxy=")), "connection refused")
    t:equal(t:shell(run:format("no_proxy=127.0.0.1")), "direct\n")
  end,
  ["mistakes in the options are told"] = function(t)
    local c = client(t)
    local function bad(pattern, options) t:raises(pattern, c.request, c, options) end
    bad("did you mean 'method'", { url = "http://x/", metod = "GET" })
    bad("'url' is missing", {})
    bad("only one of", { url = "http://x/", body = "", file = "f" })
    bad("'save' does not go", { url = "http://x/", save = "f", file = "f" })
    bad("'digest'", { url = "http://x/", digest = "md5" })
    bad("bad header name", { url = "http://x/", headers = { ["A B"] = "x" } })
    bad("header 'A'", { url = "http://x/", headers = { A = "x\r\nB: y" } })
    bad("function expected", { url = "http://x/", progress = 1 })
    bad("negative", { url = "http://x/", offset = -1 })
    bad("too large", { url = "http://x/", save_at = math.maxinteger })
    bad("'max_body'", { url = "http://x/", max_body = -1 })
    bad("'expect_size'", { url = "http://x/", expect_size = -1 })
    for _, method in ipairs { "", "GET /other HTTP/1.1\r\nX", "a b" } do bad("'method'", { url = "http://x/", method = method }) end
    t:raises("did you mean 'insecure'", http.client, { insecur = true })
    t:contains(t:fails("notfound", c:request { url = "http://x/", file = "/nonexistent" }), "/nonexistent")
    t:contains(t:fails("io", c:request { url = "http://x/", file = "/" }), "not a regular file")
    t:contains(t:fails("notfound", c:request { url = "http://x/", save = "/nonexistent/f" }), "/nonexistent/f")
  end,
  ["a signal ends a stalled request"] = function(t)
    local _, url, dir = web(t)
    local script = t:write(dir .. "/s.lua", [[
      local client <close> = assert(require("http").client { proxy = "" })
      client:request { url = arg[1], save = arg[2], progress_interval = 0.01, progress = function(done)
        if done == 10 then print("ready") io.stdout:flush() end
      end }]])
    t:equal(peer.interrupt(t, arg[-1] .. " run " .. script .. " " .. url .. "stall " .. dir .. "/f", "^ready"), 130)
  end,
}
