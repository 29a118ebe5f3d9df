-- guest.check on the smallest guest: a tree with nothing but dash and busybox, entered with chroot
local check = require "guest.check"
local err = require "core.err"

local TOOLS = "cat sed ls head tail tr printf readlink sha256sum id grep df dd od sleep kill ifconfig nc nslookup wget pidof true false echo [ test env"

local function quoted(text) return "'" .. text:gsub("'", "'\\''") .. "'" end

-- A program of this system with its libraries.
local function lend(t, root, path, name)
  t:shell(string.format("rm -f %s/bin/%s && cp -L %s %s/bin/%s", root, name, path, root, name))
  for library in t:shell("ldd " .. path):gmatch("/%S+") do
    t:shell(string.format("mkdir -p %s$(dirname %s) && cp -L %s %s%s", root, library, library, root, library))
  end
end

-- What check.run needs of a guest, without ssh: try() in the tree.
local function small_guest(t)
  local root = t:directory()
  if select(2, t:shell("busybox true && unshare -m true")) ~= 0 then t:skip("no busybox, or no right to make a mount namespace") end
  t:shell(string.format("cd %s && mkdir bin etc proc sys dev tmp && cp $(command -v busybox) bin/ && for a in %s; do ln -s busybox bin/$a; done",
    root, TOOLS))
  lend(t, root, "/bin/dash", "sh") -- busybox's own shell has all of its programs in itself
  t:shell("mknod -m 666 " .. root .. "/dev/null c 1 3")
  t:write(root .. "/etc/passwd", "root:x:0:0:root:/root:/bin/sh\nweb:x:33:33::/srv:/bin/false\n")
  t:write(root .. "/etc/group", "root:x:0:\nweb:x:33:\n")
  t:write(root .. "/etc/hosts", "127.0.0.1\tlocalhost me.example\n")
  local inside = string.format("mount --rbind /proc %s/proc && mount --rbind /sys %s/sys && exec chroot %s /bin/env -i PATH=/bin ", root, root, root)
  local guest = { address = "small" }
  function guest.try(_, command, options)
    t:write(root .. "/stdin", options.stdin or "")
    local out, status = t:shell(string.format("unshare -m sh -c %s < %s/stdin 2> %s/stderr", quoted(inside .. "/bin/sh -c " .. quoted(command)), root,
      root))
    return { out = out, status = status, err = t:read(root .. "/stderr") }
  end
  return guest, root
end

local function ask(t, guest, given)
  local problems = {}
  local checks = check.read(given, problems)
  t:equal(problems, {})
  local out, results = {}, check.run(guest, checks)
  for i, r in ipairs(results) do out[i] = string.format("%s %s %s: %s", r.ok and "ok" or "FAIL", r.name, r.property, r.found) end
  return out
end

local function all_ok(t, out, n)
  t:equal(#out, n, table.concat(out, "\n"))
  for _, line in ipairs(out) do t:match(line, "^ok ", table.concat(out, "\n")) end
end

return {
  ["everything there is to ask of files, accounts, processes, the kernel"] = function(t)
    local g, root = small_guest(t)
    t:write(root .. "/srv", "one\ntwo")
    all_ok(t, ask(t, g, { file = { ["/srv"] = { mode = "0644", uid = 0, owner = "root", size = 7, contains = { "one", "/^two$/" }, type = "file",
      sha256 = t:shell("printf 'one\\ntwo' | sha256sum"):match("%x+") }, ["/bin/cat"] = { link = "busybox" }, ["/none"] = false },
      user = { root = { groups = "root", shell = "/bin/sh" }, web = { uid = 33 }, nosuch = false }, group = { web = { gid = 33 }, nosuch = false },
      process = { nosuch = false, sh = { count = { ge = 1 } } }, kernel_param = { ["kernel.ostype"] = "Linux" }, mount = { "/proc" } }), 25)
    t:equal(ask(t, g, { file = { "/none", ["/srv"] = { mode = "0600", contains = "three", md5 = "0" } }, user = { "nosuch" }, service = { "nosuch" },
      package = { "bash" } }), {
      "FAIL bash installed: false (no dpkg, rpm, apk or pacman in the guest)", "FAIL /none exists: false", "ok /srv exists: true", "FAIL /srv mode: 0644",
      "FAIL /srv contains: one ⏎ two", "FAIL /srv md5: neither md5sum nor openssl in the guest", "FAIL nosuch exists: false",
      "FAIL nosuch enabled: nothing (no service manager in the guest)", "FAIL nosuch running: false (no service manager in the guest)" })
  end,

  ["the network, with ifconfig, nc, nslookup and wget"] = function(t)
    local g, root = small_guest(t)
    local web <close> = err.check(require("httpd").start { bind = "127.0.0.1", files = { page = "it works\n" } })
    local dns = "127.0.0.1:" .. require("tests.dnsserver").start(t)
    local url = "http://127.0.0.1:" .. web:port()
    t:match(ask(t, g, { dns = { ["A:other.example"] = { server = dns } } })[1], "false %(no bash, python3 or nc %-u in the guest%)")
    t:contains(ask(t, g, { addr = { "tcp://127.0.0.1:1" } })[1],
      "FAIL tcp://127.0.0.1:1 reachable: false (nc: can't connect to remote host (127.0.0.1): Connection refused)")
    if not io.open("/bin/nc.openbsd") then t:skip("netcat-openbsd is not installed") end
    lend(t, root, "/bin/nc.openbsd", "nc")
    all_ok(t, ask(t, g, { interface = { lo = { addrs = "127.0.0.1/8", mtu = { gt = 0 } }, nosuch0 = false },
      port = { ["tcp:" .. web:port()] = { ip = "127.0.0.1" }, ["tcp:1"] = false },
      addr = { "tcp://127.0.0.1:" .. web:port(), ["tcp://127.0.0.1:1"] = false },
      dns = { ["me.example"] = { addrs = "127.0.0.1" }, ["A:other.example"] = { server = dns, addrs = "10.43.0.1", timeout = 1 },
        ["gone.example"] = { server = dns, resolvable = false, timeout = 1 } },
      http = { [url .. "/page"] = { status = 200, body = "works", headers = "Content-Length: 9" }, [url .. "/none"] = 404 } }), 18)
    local out = ask(t, g, { http = { url .. "/none", ["http://127.0.0.1:1/"] = 200, [url .. "/page"] = { body = "!works", username = "x" } } })
    t:match(table.concat(out, "\n"), "FAIL http://127.0.0.1:1/ status: wget: [^\n]*refused")
    t:contains(table.concat(out, "\n"), "FAIL " .. url .. "/none status: 404\n")
    t:contains(table.concat(out, "\n"), "FAIL " .. url .. "/page status: this wants curl in the guest")
  end,
}
