-- guest.check: every kind of check both ways, against a real OpenSSH server on this machine
local check = require "guest.check"
local httpd = require "httpd"
local shell = require "guest.shell"
local sshd = require "tests.sshd"

local function connect(t, more)
  local server = sshd.start(t, more)
  local g = shell.connect { address = server.host, port = server.port, username = server.username, key_file = server.key_file, timeout = 20 }
  t:defer(function() g:close() end)
  return g, server
end

local function read(t, given)
  local problems = {}
  local checks = check.read(given, problems)
  t:equal(problems, {})
  return checks
end

-- The results as lines: "ok|FAIL name property: found", and whether all is well.
local function ask(t, g, given)
  local results, ok = check.run(g, read(t, given))
  local out = {}
  for i, r in ipairs(results) do
    out[i] = string.format("%s %s %s: %s", r.skipped and "skip" or r.ok and "ok" or "FAIL", r.name, r.property, r.found)
  end
  return out, ok, results
end

-- A directory in front of the guest's PATH with programs of the test's own.
local function with_programs(t, programs)
  local dir = t:directory()
  for name, text in pairs(programs) do t:write(dir .. "/" .. name, "#!/bin/sh\n" .. text) end
  t:shell("chmod 755 " .. dir .. "/*")
  return { config = "SetEnv PATH=" .. dir .. ":/usr/local/bin:/usr/bin:/bin" }
end

return {
  ["files: what they are, whose, and what is in them"] = function(t)
    local g = connect(t)
    local dir = t:directory()
    local path = t:write(dir .. "/it's a file", "first\nsecond line\n")
    t:shell(("cd %s && chmod 4750 'it'\\''s a file' && ln -s nowhere link && : > empty && mkdir sub && chmod 1777 sub"):format(dir))
    local sum = t:shell("sha256sum < \"" .. path .. "\""):match("%x+")
    local out, ok = ask(t, g, { file = {
      [path] = { type = "file", mode = "4750", uid = 0, owner = sshd.username, size = 18, sha256 = sum, contains = { "second", "/^first$/", "!third" } },
      [dir .. "/link"] = { type = "symlink", link = "nowhere" }, [dir .. "/sub"] = { type = "directory", mode = "1777" }, [dir .. "/none"] = false,
      [dir .. "/empty"] = { size = 0, contains = {} } } })
    t:equal({ ok, #out }, { sshd.is_root, 18 }, table.concat(out, "\n"))
    out, ok = ask(t, g, { file = {
      [path] = { type = "directory", mode = "0644", size = { gt = 18 }, sha256 = ("0"):rep(64), contains = { "third", "!first" } },
      [dir .. "/link"] = { link = "/there", contains = "x" }, [dir .. "/none"] = { mode = "0644" }, [dir .. "/sub"] = false } })
    t:equal({ ok, out }, { false, {
      "ok " .. path .. " exists: true", "FAIL " .. path .. " type: file", "FAIL " .. path .. " mode: 4750", "FAIL " .. path .. " size: 18",
      "FAIL " .. path .. " contains: first ⏎ second line (not fulfilled: third, !first)", "FAIL " .. path .. " sha256: " .. sum,
      "ok " .. dir .. "/link exists: true", "FAIL " .. dir .. "/link link: nowhere", "FAIL " .. dir .. "/link contains: nothing (it cannot be read)",
      "FAIL " .. dir .. "/none exists: false", "FAIL " .. dir .. "/sub exists: true" } })
  end,

  ["users and groups"] = function(t)
    local g = connect(t)
    local out, ok = ask(t, g, { user = { "root", nosuch = false, daemon = { uid = 1, groups = { "daemon", "!root" }, home = "/usr/sbin",
      shell = { suffix = "nologin" } } },
      group = { root = { gid = 0 }, nosuch = false } })
    t:ok(ok, table.concat(out, "\n"))
    out, ok = ask(t, g, { user = { "0", "nosuch", root = { uid = 1, gid = { gt = 0 }, groups = "wheel", home = "/" } }, group = { "nosuch",
      root = { gid = 5 } } })
    t:equal({ ok, out }, { false, { "FAIL 0 exists: false", "FAIL nosuch exists: false", "ok root exists: true", "FAIL root uid: 0", "FAIL root gid: 0",
      "FAIL root groups: root", "FAIL root home: /root", "FAIL nosuch exists: false", "ok root exists: true", "FAIL root gid: 0" } })
  end,

  ["processes, ours left out; kernel parameters; mounts"] = function(t)
    local g = connect(t)
    local pid = t:shell("exec -a x sleep 3217 >/dev/null 2>&1 & echo $!"):match("%d+")
    t:defer(function() os.execute("kill " .. pid) end)
    local out, ok = ask(t, g, { process = { "sleep", sshd = { count = { ge = 1 } }, ["no such process"] = false, sed = false, cat = false },
      kernel_param = { ["kernel.ostype"] = "Linux", ["kernel/hostname"] = { value = { length = { gt = 0 } } } },
      mount = { "/", ["/proc/"] = { filesystem = "proc", source = { any = { "proc", "none" } }, opts = { "rw", "!ro" }, vfs_opts = "rw" },
        ["/nowhere"] = false } })
    t:ok(ok, table.concat(out, "\n"))
    out, ok = ask(t, g, { process = { "nosuch", sshd = { count = 0 } }, kernel_param = { ["kernel.ostype"] = "BSD", ["no.such"] = 1 },
      mount = { "/nowhere", ["/proc"] = { filesystem = "ext4", opts = "noatimes", usage = { gt = 100 } } } })
    t:equal(ok, false)
    t:match(table.concat(out, "\n"), "^FAIL /nowhere exists: false\nok /proc exists: true\nFAIL /proc filesystem: proc\n"
      .. "FAIL /proc opts: rw[^\n]*\nFAIL /proc usage: [^\n]*\nFAIL kernel.ostype value: Linux\nFAIL no.such value: nothing %(no such parameter%)\n"
      .. "FAIL nosuch running: false\nok sshd running: true\nFAIL sshd count: %d+$")
  end,

  ["interfaces, ports and what can be reached"] = function(t)
    local g, server = connect(t)
    local here, nowhere = server.port, server.port + 1
    local out, ok = ask(t, g, { interface = { lo = { addrs = "127.0.0.1/8", mtu = { gt = 1000 } }, nosuch0 = false },
      port = { ["tcp:" .. here] = { ip = "127.0.0.1" }, ["tcp6:" .. here] = false, ["udp:" .. here] = false },
      addr = { "tcp://127.0.0.1:" .. here, ["tcp://localhost:" .. nowhere] = false, ["udp://127.0.0.1:" .. nowhere] = false } })
    t:ok(ok, table.concat(out, "\n"))
    out, ok = ask(t, g, { interface = { "nosuch0", lo = { addrs = { "10.0.0.1/24" }, mtu = 9 } },
      port = { "tcp:" .. nowhere, "tcp6:" .. here, ["tcp:" .. here] = { ip = { "0.0.0.0" } } }, addr = { "tcp://127.0.0.1:" .. nowhere } })
    t:equal(ok, false)
    local text = table.concat(out, "\n")
    t:match(text, "^FAIL nosuch0 exists: false\nok lo exists: true\nFAIL lo mtu: %d+\nFAIL lo addrs: 127.0.0.1/8[^\n]* %(not fulfilled: 10.0.0.1/24%)\n")
    t:contains(text, string.format("FAIL tcp:%d listening: false\nFAIL tcp6:%d listening: false (tcp:%d does)\nok tcp:%d listening: true\n"
      .. "FAIL tcp:%d ip: 127.0.0.1 (not fulfilled: 0.0.0.0)\nFAIL tcp://127.0.0.1:%d reachable: false (", nowhere, here, here, here, here, nowhere))
    t:match(text, "Connection refused%)$")
  end,

  ["names, by the resolver and by a server"] = function(t)
    local g = connect(t)
    local port = require("tests.dnsserver").start(t)
    local server = "127.0.0.1:" .. port
    local out, ok = ask(t, g, { dns = { localhost = { addrs = { "127.0.0.1" } }, ["no.such.name.invalid"] = false,
      ["kubernetes.default.svc.cluster.local"] = { server = server, addrs = "10.43.0.1" }, ["TXT:kubernetes.default"] = { server = server,
        addrs = "some text" },
      ["A:gone.example"] = { server = server, resolvable = false } } })
    t:ok(ok, table.concat(out, "\n"))
    out, ok = ask(t, g, { dns = { ["a.example"] = { server = server, addrs = "10.43.0.2" }, ["gone.example"] = { server = server },
      localhost = { addrs = "/^10/" }, ["b.example"] = { server = "127.0.0.1:" .. port + 1, timeout = 1 } } })
    t:equal({ ok, out }, { false, { "ok a.example resolvable: true", "FAIL a.example addrs: 10.43.0.1",
      "FAIL b.example resolvable: false (no answer)", "FAIL gone.example resolvable: false (no such name)", "ok localhost resolvable: true", out[6] } })
    t:match(out[6], "^FAIL localhost addrs: .*127.0.0.1")
  end,

  ["web servers"] = function(t)
    local g, server = connect(t)
    local web <close> = assert(httpd.start { bind = "127.0.0.1", files = { ["status/ok"] = "all is\nwell\n" } })
    local url = "http://127.0.0.1:" .. web:port()
    local out, ok = ask(t, g, { http = { [url .. "/hello"] = 200, [url .. "/nothing"] = 404,
      [url .. "/status/ok"] = { status = { any = { 200, 204 } }, body = { "well", "/^all/", "!bad" }, headers = "Content-Length: 12" },
      [url .. "/status/ok#2"] = { method = "PUT", status = 405, headers = { "/^Allow:.*GET/" }, request_body = "x", username = "me",
        password = "pa\"ss" } } })
    t:ok(ok, table.concat(out, "\n"))
    out, ok = ask(t, g, { http = { url .. "/nothing", [url .. "/status/ok"] = { body = { "/^well done$/" }, headers = "X-None" },
      ["http://127.0.0.1:" .. server.port + 1 .. "/"] = 200 } })
    t:equal(ok, false)
    local text = table.concat(out, "\n")
    t:contains(text, "FAIL " .. url .. "/nothing status: 404\n")
    t:contains(text, "ok " .. url .. "/status/ok status: 200\nFAIL " .. url .. "/status/ok headers: HTTP/1.1 200 OK ⏎ ")
    t:contains(text, "FAIL " .. url .. "/status/ok body: all is ⏎ well (not fulfilled: /^well done$/)")
    t:match(text, "status: curl: [^\n]*connect")
  end,

  ["commands and values"] = function(t)
    local g = connect(t)
    local out, ok = ask(t, g, { command = { "true", ["exit 3"] = { status = { any = { 2, 3 } } },
      words = { run = "echo \"$GREETING\"; echo careful >&2", out = { "it's me", "!you" }, err = { "/^care/" }, env = { GREETING = "it's me" } },
        quiet = { run = "echo x", err = {}, out = {} } },
      matching = { text = { content = "abc", matches = { prefix = "a" } }, list = { content = { "a", "b" }, matches = { "a", "!c" } },
        asked = { content = function(guest) return guest:run("echo 41") end, matches = { gt = 40, le = 41 } } } })
    t:ok(ok, table.concat(out, "\n"))
    out, ok = ask(t, g, { command = { a = { run = "echo no luck >&2; exit 4", out = "luck" }, b = { run = "echo one; echo two", out = "three" },
      c = { run = "sleep 5", timeout = 0.3 }, d = "kill -KILL $$" }, matching = { e = { content = 5, matches = { lt = 5 } }, f = { content = "a\nb",
        matches = "c" }, g = { content = "x", matches = "/x/" } } })
    t:equal({ ok, out }, { false, { "FAIL a status: 4 (no luck)", "FAIL a out: nothing (no luck)", "ok b status: 0", "FAIL b out: one ⏎ two",
      "FAIL c status: it did not end in time",
      out[6], "FAIL e matches: 5", "FAIL f matches: a ⏎ b",
      "FAIL g matches: x (a text is compared as it is; expressions stand in a list)" } })
    t:ok(out[6] == "FAIL d status: nothing (killed by SIGKILL)" or out[6]:find("^FAIL d status: 137"), out[6]) -- as the user's shell tells it
  end,

  ["packages: the ones of this system, and rpm's and apk's"] = function(t)
    local programs = with_programs(t, {
      rpm = "[ \"$4\" = k3s-selinux ] && printf '1.2-3\\n' || { echo \"package $4 is not installed\"; exit 1; }",
      apk = "case $*:$2 in *' musl:-e') exit 0 ;; 'info -v:'*) echo musl-1.2.4-r2; echo musl-dev-9-r1 ;; *) exit 1 ;; esac" })
    local g = connect(t, programs)
    local out, ok = ask(t, g, { package = { "bash", "k3s-selinux", musl = { versions = "1.2.4-r2" }, nosuch = false } })
    t:ok(ok, table.concat(out, "\n"))
    out, ok = ask(t, g, { package = { "nosuch", bash = false, ["k3s-selinux"] = { versions = "/^2/" }, musl = { versions = { "!1.2.4-r2" } } } })
    t:equal({ ok, out }, { false, { "FAIL nosuch installed: false", "FAIL bash installed: true", "ok k3s-selinux installed: true",
      "FAIL k3s-selinux versions: 1.2-3", "ok musl installed: true", "FAIL musl versions: 1.2.4-r2 (not fulfilled: !1.2.4-r2)" } })
  end,

  ["services, as systemctl and OpenRC tell them"] = function(t)
    local systemctl = [[case $1 in
      is-active) case $2 in k3s) echo active ;; broken) echo failed; exit 3 ;; *) echo inactive; exit 3 ;; esac ;;
      is-enabled) case $2 in k3s|broken) echo enabled ;; old) echo masked; exit 1 ;; *) echo "Failed to get unit file state" >&2; exit 1 ;; esac ;; esac]]
    local given = { service = { "k3s", "broken", old = { enabled = false, running = false }, firewalld = { enabled = false, running = false } } }
    local g = connect(t, with_programs(t, { systemctl = systemctl }))
    t:equal(ask(t, g, given), { "ok k3s enabled: true", "ok k3s running: true", "ok broken enabled: true", "FAIL broken running: false (failed)",
      "ok firewalld enabled: false", "ok firewalld running: false", "ok old enabled: false", "ok old running: false" })
    t:equal(ask(t, g, { service = { "old" } }), { "FAIL old enabled: false (masked)", "FAIL old running: false" })
    local openrc = connect(t, with_programs(t, { ["rc-service"] = "[ \"$1\" = k3s ] || [ \"$1\" = off ]",
      ["rc-update"] = "echo '   k3s | default'; echo '  off |'; echo ' broken | boot'" }))
    t:equal(ask(t, openrc, { service = { "k3s", "broken", "off" } }), { "ok k3s enabled: true", "ok k3s running: true", "ok broken enabled: true",
      "FAIL broken running: false",
      "FAIL off enabled: false", "ok off running: true" })
  end,

  ["variables are filled in, included tables asked too, what is to be skipped is not"] = function(t)
    local g, server = connect(t)
    local asked = 0
    local out, ok = ask(t, g, { vars = { port = server.port, address = function(guest) asked = asked + 1 return guest.address end },
      port = { "tcp:${port}" }, addr = { "tcp://${address}:${port}" }, command = { a = { run = "A=1; echo ${A}${port}", out = { "1${port}", "/^1${port}$/" } },
        b = { run = "exit 1", skip = true } },
      include = { { command = { a = { run = "echo from the included table ${port}", out = "table ${port}" } } }, { vars = { port = 1 },
        port = { ["tcp:${port}"] = false } } } })
    t:ok(ok, table.concat(out, "\n"))
    t:equal({ out[1], out[3], asked }, { "ok a status: 0", "ok tcp:1 listening: false", 1 })
    t:equal(out[#out], "skip b status: skipped")
    t:equal(ask(t, g, { vars = { port = "no port" }, port = { "tcp:${port}" } }),
      { "FAIL tcp:no port listening: \"tcp:no port\" is no port: write tcp:22, tcp6:6443, udp:53 or udp6:53" })
  end,

  ["what does not hold is asked again until it does, and then everything once more"] = function(t)
    local g = connect(t)
    local dir = t:directory()
    -- the file comes with the second try, and its coming breaks the other one until the third round of all
    local count = "n=$(cat DIR/n 2>/dev/null || echo 0); n=$((n + 1)); echo $n > DIR/n; "
    local given = { timeout = 20, interval = 0.05, file = { ["/"] = { exists = true, owner = "root" } }, command = {
      late = { run = (count .. "[ $n -ge 2 ]"):gsub("DIR", dir) }, ["early, then broken, then well"] = { run = (count .. "[ $n -ne 2 ]"):gsub("DIR/n",
        dir .. "/m") } } }
    local notes, events = {}, {}
    local results, ok = check.run(g, read(t, given), { note = function(text) notes[#notes + 1] = text end,
      emit = function(e) events[#events + 1] = e end })
    t:ok(ok)
    t:equal({ t:read(dir .. "/n"), t:read(dir .. "/m") }, { "4\n", "4\n" })
    t:match(notes[1], "1 of 4 do not hold yet, e.g. command late status: expected 0, found 1")
    t:equal({ #events, events[3].event, events[3].kind, events[3].name, events[3].property, events[3].ok, events[3].expected, events[3].found },
      { #results, "check", "command", "early, then broken, then well", "status", true, "0", "0" })
    local e = t:raises("1 of 2 checks failed for 0.2s", g.check, g, { timeout = 0.2, interval = 0.05, command = { no = "exit 7" }, file = { "/" } })
    t:equal({ e.code, e.hint, #e.results }, { "build", "command no status: expected 0, found 7", 2 })
  end,

  ["results as JUnit's XML, whatever is in them"] = function(t)
    local g = connect(t)
    local path = t:directory() .. "/results.xml"
    local checks = read(t, { junit = path, name = "a <suite>", command = { ["good & well"] = "true",
      ["bad \"one\""] = { run = "printf '<\\001\\377]]>\\n'; exit 1", out = "\tx" }, c = { run = "x", skip = true } } })
    check.run(g, checks, { mask = function(text) return (text:gsub("good", "****")) end })
    local xml = t:read(path)
    local out, status = t:shell("xmllint --noout " .. path)
    if status ~= 127 then t:equal({ status, out }, { 0, "" }) end
    t:match(xml, '<testsuite name="a &lt;suite&gt;" tests="4" failures="2" errors="0" skipped="1" time="[%d.]+">')
    t:contains(xml, 'classname="command" name="**** &amp; well status"')
    t:contains(xml, '<failure message="expected &#9;x, found &lt;\u{FFFD}\u{FFFD}]]&gt;"/>')
    t:raises("No such file", check.run, g, read(t, { junit = "/nonexistent/x.xml", command = { "true" } }))
  end,

  ["mistakes in the table are all told, with the nearest names"] = function(t)
    local problems = {}
    check.read({ serivce = {}, port = { "22" }, service = { k3s = { enabeld = true } }, command = { x = { out = "/(/" } }, addr = { "10.0.0.1:53" },
      dns = { "X:a", "a b" },
      http = { "ftp://x" }, file = { "etc" }, user = { "-x" }, kernel_param = { "a.b", ["../x"] = 1 }, interface = { "a/b" }, timeout = "soon",
        matching = { x = {} } }, problems)
    local texts = {}
    for i, p in ipairs(problems) do texts[i] = p.path .. ": " .. p.message end
    local all = table.concat(texts, "\n")
    for _, part in ipairs { "unknown option 'serivce': did you mean 'service'?", "\"22\" is no port", "did you mean 'enabled'",
      "no regular expression", "\"10.0.0.1:53\" is no address",
      "X is no type", "\"a b\" is no name", "no http or https URL", "no path from the root", "no name of an account",
        "check.kernel_param.a.b.value: is required", "no kernel parameter",
      "no name of an interface", "not a duration", "check.matching.x.content: is required", "check.matching.x.matches: is required" } do
      t:contains(all, part)
    end
    local e = t:raises("check.port.22", check.now, {}, { port = { "22" } })
    t:equal(e.code, "recipe")
  end,

  ["a guest whose shell ends early is told so"] = function(t)
    local g = { try = function() return { out = "1\texists\ttrue\n", err = "sh: out of memory\n", status = 1 } end }
    t:equal(ask(t, g, { file = { "/a" } }), { "FAIL /a exists: the guest's shell ended early: sh: out of memory" })
  end,
}
