-- guest.shell: a guest that comes up, answers, reboots and goes down: a real OpenSSH server on loopback
local shell = require "guest.shell"
local err = require "core.err"
local signal = require "signal"
local sshd = require "tests.sshd"

local function connect(server, more)
  local o = server:options(more)
  o.address, o.host, o.timeout = o.address or o.host, nil, more and more.timeout or 20
  return shell.connect(o)
end

-- Programs of the test's own in front of the guest's PATH.
local function with_programs(t, dir, programs)
  t:shell("mkdir -p " .. dir .. "/bin")
  for name, text in pairs(programs) do t:write(dir .. "/bin/" .. name, "#!/bin/sh\n" .. text) end
  t:shell("chmod 755 " .. dir .. "/bin/*")
  return "SetEnv PATH=" .. dir .. "/bin:/usr/local/bin:/usr/bin:/bin"
end

-- A stand-in for sudo as an ordinary user sees it: `password` is read, as sudo does, byte by byte up to the newline. What
-- it was called with is in DIR/sudo.log.
local function fake_sudo(dir, password)
  return ([[
echo "$@" >> %s/sudo.log
while true; do case $1 in -n) never=1 ;; -S) ask=1 ;; -k) ;; -p) shift ;; *) break ;; esac; shift; done
want=%s
[ -z "$want" ] && exec "$@"
[ "$never" ] && { echo 'sudo: a password is required' >&2; exit 1; }
IFS= read -r given
[ "$given" = "$want" ] || { echo 'Sorry, try again.' >&2; exit 1; }
exec "$@"
]]):format(dir, "'" .. password:gsub("'", "'\\''") .. "'")
end

local function sudo_server(t, password)
  local dir = t:directory()
  sshd.keygen(t, dir .. "/hostkey", "ed25519")
  sshd.keygen(t, dir .. "/key", "ed25519")
  t:shell(("cp %s/key.pub %s/authorized"):format(dir, dir))
  local path = with_programs(t, dir, { sudo = fake_sudo(dir, password), id = "echo 1000" })
  return sshd.start(t, { directory = dir, config = path }), dir
end

return {
  ["commands run, facts are told"] = function(t)
    local server = sshd.start(t)
    local g <close> = connect(server)
    t:equal(g.address, "127.0.0.1")
    t:equal(g:run("echo hello; echo"), "hello\n")
    t:equal(g:try("exit 3").status, 3)
    t:equal(g:run("exit 3", { valid = { 0, 3 } }), "")
    t:equal(g:run("cat", { stdin = "in" }), "in")
    t:equal(g:fact("kernel"), (t:shell("uname -r"):gsub("\n", "")))
    t:equal(g:fact("boot_id"), t:read("/proc/sys/kernel/random/boot_id"):match("%S+"))
    t:equal(g:fact("os.id"), (t:shell(". /etc/os-release; echo $ID"):gsub("\n", "")))
    t:raises("no fact 'os%.nam'; there are arch", g.fact, g, "os.nam")
    t:match(g:hostkey_fingerprint(), "^ssh%-ed25519 SHA256:")
  end,

  ["a failed command's error has its status and last lines"] = function(t)
    local server = sshd.start(t)
    local g <close> = connect(server)
    local e = t:raises("`seq 100; exit 9` ended with status 9", g.run, g, "seq 100; exit 9")
    t:equal({ e.code, e.status }, { "build", 9 })
    t:match(e.hint, "^81\n.*\n100$")
    t:raises("was killed by SIGTERM", g.run, g, "kill -TERM $$")
    local lost = t:raises("`echo begun; sleep 10` still ran after 3.0s", g.run, g, "echo begun; sleep 10", { timeout = 3 })
    t:equal({ lost.code, lost.hint }, { "timeout", "begun" })
    t:equal(g:run("echo still"), "still")
    local long = t:raises("status 1", g.run, g, "seq 300000; echo the end; exit 1", { limit = 10 })
    t:match(long.hint, "the end$", "the tail, not the head")
  end,

  ["options are read strictly, durations as people write them"] = function(t)
    local server = sshd.start(t)
    local g <close> = connect(server)
    t:raises("guest:run: unknown option 'timout': did you mean 'timeout'?", g.run, g, "true", { timout = 1 })
    t:raises("guest:zero_free_space: unknown option 'onyl'", g.zero_free_space, g, { onyl = { "/" } })
    t:raises("shell.connect: username is required", shell.connect, { address = "127.0.0.1" })
    t:raises("still ran after 0.2s", g.run, g, "sleep 10", { timeout = "200ms" })
    t:raises("a command is expected, got a nil", g.run, g)
    t:equal(g:run("exit 3", { valid = 3 }), "")
  end,

  ["variables reach the command, and no list of processes"] = function(t)
    local server = sshd.start(t)
    local g <close> = connect(server)
    local env = { ONE = "it's $HOME", TWO = "two\nlines ü" }
    t:equal(g:run("echo \"$ONE|$TWO\"; cat", { env = env, stdin = "rest" }), "it's $HOME|two\nlines ü\nrest")
    t:ok(not g:run("tr '\\0' ' ' < /proc/$$/cmdline", { env = { SECRET = "hush hush" } }):find("hush", 1, true))
    t:raises("no name of a variable", g.run, g, "true", { env = { ["a b"] = "x" } })
  end,

  ["sudo gets its password over standard input"] = function(t)
    local server, dir = sudo_server(t, "pa'ss word")
    local g <close> = connect(server, { password = "pa'ss word" })
    t:equal(g:run("cat; echo \"$V\"", { sudo = true, stdin = "data\n", env = { V = "v" } }), "data\nv")
    t:equal(g:run("cat", { sudo = true, stdin = "only" }), "only")
    local log = t:read(dir .. "/sudo.log")
    t:contains(log, "-k -S -p")
    t:ok(not log:find("ss word", 1, true), "the password is in no list of arguments")
  end,

  ["sudo without a password gets none"] = function(t)
    local server = sudo_server(t, "")
    local g <close> = connect(server, { password = "unused" })
    t:equal(g:run("cat", { sudo = true, stdin = "data" }), "data")
  end,

  ["sudo that wants an unknown password is an error of its own"] = function(t)
    local server = sudo_server(t, "secret")
    local g <close> = connect(server)
    t:raises("sudo wants a password of " .. server.username .. " and none is given", g.run, g, "true", { sudo = true })
    local other <close> = connect(server, { password = "wrong" })
    t:raises("status 1", other.run, other, "true", { sudo = true })
  end,

  ["a guest that is not up yet is waited for"] = function(t)
    local server = sshd.start(t)
    server:stop()
    local tries, notes = 0, {}
    local g <close> = connect(server, { note = function(text) notes[#notes + 1] = text end, address = function()
      tries = tries + 1
      if tries == 3 then sshd.start(t, { directory = server.directory, port = server.port }) end
      return tries > 1 and "127.0.0.1" or nil
    end })
    t:equal(g:run("echo up"), "up")
    t:ok(tries >= 3)
    t:contains(notes[1], "still waiting: the guest's address is not known yet")
  end,

  ["an installer's sshd that refuses the password is waited out, its address re-read"] = function(t)
    local installer = sshd.start(t, { listen = "127.0.0.1" })
    local guest = sshd.start(t, { listen = "127.0.0.2", port = installer.port })
    local tries = 0
    local g <close> = connect(installer, { key_file = guest.key_file, address = function()
      tries = tries + 1
      return tries > 1 and "127.0.0.2" or "127.0.0.1"
    end })
    t:equal({ g.address, tries, g:run("echo in") }, { "127.0.0.2", 2, "in" })
  end,

  ["when time is up, the last reason is told"] = function(t)
    local server = sshd.start(t)
    local other = sshd.keygen(t, server.directory .. "/other", "ed25519")
    local e = t:raises("refused .*%(tried ", connect, server, { key_file = other, timeout = 1.5 })
    t:equal(e.code, "auth")
    t:contains(e.hint, "allowed to log in")
    e = t:raises("Connection refused.*%(tried ", connect, server, { port = server.port + 1, timeout = 1.5 })
    t:equal(e.code, "net")
    e = t:raises("not known yet", connect, server, { address = function() end, timeout = 0 })
    t:equal(e.code, "net")
  end,

  ["what cannot get better is told at once"] = function(t)
    local server = sshd.start(t)
    t:equal(t:raises("/nonexistent", connect, server, { key_file = "/nonexistent" }).code, "notfound")
    t:raises("^powered off$", connect, server, { address = function() err.raise("build", "powered off") end })
    local rsa = sshd.start(t, { hostkey = "rsa" })
    t:equal(t:raises("ECDSA host key", connect, rsa).code, "ssh")
  end,

  ["a reboot is over when the boot id is another one"] = function(t)
    local server = sshd.start(t)
    local id = server.directory .. "/boot_id"
    t:write(id, "first\n")
    -- a server in a mount namespace of its own, with a boot id of its own
    local unshare = ("unshare -m %s sh -c 'mount --bind %s /proc/sys/kernel/random/boot_id && exec \"$@\"' sh")
      :format(sshd.is_root and "" or "--map-current-user --keep-caps", id)
    if select(2, t:shell(unshare .. " true")) ~= 0 then t:skip("no mount namespace for the boot id") end
    server:stop()
    local first = sshd.start(t, { directory = server.directory, prefix = unshare })
    local g <close> = connect(first, { address = function()
      if io.open(server.directory .. "/down") and not first.again then
        t:write(id, "second\n")
        first.again = sshd.start(t, { directory = server.directory, port = first.port, prefix = unshare })
      end
      return "127.0.0.1"
    end })
    t:equal(g:fact("boot_id"), "first")
    g:reboot { timeout = 30, command = ("touch %s/down; kill %s; kill $PPID"):format(server.directory, first.pid) }
    t:equal(g:fact("boot_id"), "second")
    t:raises("status 4", g.reboot, g, { command = "exit 4" })
    t:raises("did not boot again", g.reboot, g, { command = "true", timeout = 2 })
  end,

  ["another machine that answers after a reboot gets nothing"] = function(t)
    local server = sshd.start(t)
    local other = sshd.start(t, { listen = "127.0.0.2", port = server.port })
    t:write(other.directory .. "/authorized", t:read(server.directory .. "/authorized"))
    local address = "127.0.0.1"
    local g <close> = connect(server, { address = function() return address end })
    address = "127.0.0.2"
    local e = t:raises("host key", g.reboot, g, { timeout = 20, command = "true" })
    t:equal(e.code, "hostkey")
    t:contains(tostring(e), "when this build first logged in")
    t:contains(tostring(e), "guest:forget_hostkey()")
  end,

  ["shutting down may cost the connection, but not fail"] = function(t)
    local server = sshd.start(t)
    local g <close> = connect(server)
    g:shutdown("kill -9 $PPID; sleep 1")
    t:raises("not connected", g.run, g, "true")
    local other <close> = connect(server)
    other:shutdown("kill $$")
    local third <close> = connect(server)
    local e = t:raises("`no%-such%-command` ended with status 127", third.shutdown, third, "no-such-command")
    t:contains(e.hint, "not found")
  end,

  ["a guest that could not be logged in to again is tried anew by the next call"] = function(t)
    local server, gone = sshd.start(t), false
    local g <close> = connect(server, { address = function()
      if gone then err.raise("build", "powered off") end
      return "127.0.0.1"
    end })
    gone = true
    t:raises("closed the connection", g.run, g, "kill $PPID; sleep 5")
    for _ = 1, 2 do t:raises("powered off", g.run, g, "true") end
    gone = false
    t:equal(g:run("echo back"), "back")
  end,

  ["why no file gets there is told: there is no sftp, or nothing runs for this user"] = function(t)
    local g <close> = connect(sshd.start(t, { subsystem = "" }))
    local e = t:raises("the server has no sftp subsystem", g.write, g, "/tmp/never", "x")
    t:contains(e.hint, "Subsystem sftp internal-sftp")
    t:raises("Subsystem sftp", g.upload, g, t:directory(), "/tmp/never")
    local expired <close> = connect(sshd.start(t, { config = "ForceCommand echo 'Your password has expired.'; exit 1" }))
    e = t:raises("open sftp", expired.read, expired, "/etc/hostname")
    t:contains(e.hint, "nor does a command run there: Your password has expired.")
  end,

  ["root needs no sudo; a shell that greets does not hide who is root, and what sudo says is told"] = function(t)
    local server, dir = sudo_server(t, "secret")
    for _, says in ipairs { "echo 0", "echo Welcome; echo 0" } do
      t:write(dir .. "/bin/id", "#!/bin/sh\n" .. says .. "\n")
      local root <close> = connect(server)
      t:equal(root:run("echo fine", { sudo = true }), "fine")
    end
    t:write(dir .. "/bin/id", "#!/bin/sh\necho Welcome 0; echo 1000\n")
    local other <close> = connect(server)
    local e = t:raises("none is given", other.run, other, "true", { sudo = true })
    t:contains(e.hint, "sudo: a password is required")
  end,

  ["files are written, read and copied"] = function(t)
    local server = sshd.start(t)
    local g <close> = connect(server)
    local path = server.directory .. "/file"
    g:write(path, "content", { mode = 384 })
    t:equal(g:read(path), "content")
    t:equal(g:run("stat -c %a " .. path), "600")
    t:equal(g:upload(path, path .. ".up"), 1)
    t:equal(g:download(path .. ".up", path .. ".down"), 1)
    t:equal(t:read(path .. ".down"), "content")
    t:equal(t:raises("no such file", g.read, g, path .. ".none").code, "notfound")
  end,

  ["after a call that was interrupted, or a connection that broke, the next one logs in again"] = function(t)
    local server = sshd.start(t)
    local notes = {}
    local g <close> = connect(server, { note = function(text) notes[#notes + 1] = text end })
    local ok, e = pcall(g.run, g, "echo begun; sleep 30", { on_output = function() os.execute "(sleep 0.1; kill -INT $PPID) & :" end })
    t:equal({ ok, e.code }, { false, "cancelled" })
    signal.acknowledge()
    t:equal(g:run "echo again", "again")
    t:equal(notes, { "logging in again: an earlier call was interrupted" })
    t:raises("", g.run, g, "kill -9 $PPID")
    t:equal(g:run "echo back", "back")
    t:equal(notes[2], "logging in again: the connection is gone")
  end,

  ["an interruption is not waited out"] = function(t)
    local server = sshd.start(t)
    local path = t:write(server.directory .. "/script.lua", ([[
      local signal = require "signal"
      os.execute("(sleep 0.3; kill -INT $PPID) & :")
      require("guest.shell").connect { address = "127.0.0.1", port = %d, username = "nobody", password = "x", timeout = 60 }
    ]]):format(server.port + 1))
    local out, status = t:shell(arg[-1] .. " run " .. path)
    t:equal(status, 130, out)
  end,
}
