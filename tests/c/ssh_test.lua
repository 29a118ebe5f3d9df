-- ssh: sessions and commands, against a real OpenSSH server
local lfs = require "lfs"
local signal = require "signal"
local ssh = require "ssh"
local peer = require "tests.peer"
local sshd = require "tests.sshd"

local function connect(server, more) return assert(ssh.connect(server:options(more))) end
local program = arg[-1]

-- Run Lua text in a luabuild of its own, with the server's port and key as arguments.
local function script(t, server, text, before)
  local path = t:write(server.directory .. "/script.lua", text)
  return t:shell(("%s %s run %s %d %s %s"):format(before or "", program, path, server.port, server.key_file, server.username))
end
local prologue = [[
local ssh, port, key, user = require "ssh", ...
local function connect(o)
  o = o or {}
  o.host, o.port, o.username = "127.0.0.1", tonumber(port), user
  if not o.agent then o.key_file = key end
  return ssh.connect(o)
end
]]

return {
  ["a key logs in, a command gives output and status"] = function(t)
    local server = sshd.start(t)
    local s <close> = connect(server)
    t:equal(s:exec("echo out; echo err >&2; exit 3"), { status = 3, out = "out\n", err = "err\n", truncated = false })
  end,

  ["a password logs in"] = function(t)
    local server = sshd.start(t, { password = "open sesame", config = "KbdInteractiveAuthentication no\nPasswordAuthentication yes" })
    local s <close> = connect(server, { key_file = false, password = "open sesame" })
    t:equal(s:exec("echo in").out, "in\n")
    local message = t:fails("auth", ssh.connect(server:options { key_file = false, password = "swordfish" }))
    t:contains(message, "password: refused")
    t:ok(not message:find("swordfish", 1, true), "the password is not in the message")
  end,

  ["keyboard-interactive gets the password as its answer"] = function(t)
    local server = sshd.start(t, { password = "open sesame", config = "PasswordAuthentication no" })
    local s <close> = connect(server, { key_file = false, password = "open sesame" })
    t:equal(s:exec("echo in").out, "in\n")
    t:contains(t:fails("auth", ssh.connect(server:options { key_file = false, password = "swordfish" })),
      "keyboard-interactive: refused")
    t:fails("auth", ssh.connect(server:options { key_file = false, password = "open sesame", interactive = false }))
  end,

  ["a server that wants key and password gets both"] = function(t)
    local server = sshd.start(t, { password = "both",
      config = "PasswordAuthentication yes\nAuthenticationMethods publickey,password" })
    local s <close> = connect(server, { password = "both" })
    t:equal(s:exec("echo in").out, "in\n")
  end,

  ["keys of every kind that works, as file and as text"] = function(t)
    local server = sshd.start(t)
    for name, o in pairs { ed25519 = { "ed25519" }, ecdsa = { "ecdsa" }, pem = { "ecdsa", "-m PEM" }, long = { "ecdsa", "-b 521" } } do
      local path = sshd.keygen(t, server.directory .. "/" .. name, o[1], o[2])
      server:authorize(path)
      local s <close> = connect(server, { key_file = path })
      t:equal(s:exec("echo in").out, "in\n", name)
      local again <close> = connect(server, { key = t:read(path) })
      t:equal(again:exec("echo in").out, "in\n", name .. " as text")
    end
  end,

  ["a key with a passphrase"] = function(t)
    local server = sshd.start(t)
    local path = server.directory .. "/locked"
    local out, status = t:shell("ssh-keygen -q -N 'pass phrase' -t ed25519 -f " .. path)
    t:equal(status, 0, out)
    server:authorize(path)
    local s <close> = connect(server, { key_file = path, passphrase = "pass phrase" })
    t:equal(s:exec("echo in").out, "in\n")
    t:contains(t:fails("format", ssh.connect(server:options { key_file = path })), "a passphrase is needed")
    t:contains(t:fails("io", ssh.connect(server:options { key_file = server.directory })), "read key file")
    t:raises("'keepalive'", ssh.connect, server:options { keepalive = -1 })
    t:contains(t:fails("format", ssh.connect(server:options { key_file = path, passphrase = "other" })), "another passphrase")
  end,

  ["what is no key, or not there, is said"] = function(t)
    local server = sshd.start(t)
    t:contains(t:fails("notfound", ssh.connect(server:options { key_file = "/nonexistent/key" })), "/nonexistent/key")
    t:contains(t:fails("format", ssh.connect(server:options { key = "hello" })), "not a private key")
    t:contains(t:fails("auth", ssh.connect(server:options { key_file = false })), "no password, key or agent given")
  end,

  ["an RSA key that the server refuses for its SHA-1 is named as the cause"] = function(t)
    local server = sshd.start(t)
    for i, form in ipairs { "", "-m PEM", "-m PKCS8" } do
      local path = sshd.keygen(t, server.directory .. "/rsa" .. i, "rsa", form)
      server:authorize(path)
      t:contains(t:fails("auth", ssh.connect(server:options { key_file = path })), "use ed25519 or ECDSA", form)
    end
    local old = sshd.start(t, { directory = server.directory, config = "PubkeyAcceptedAlgorithms +ssh-rsa" })
    local s <close> = connect(old, { key_file = server.directory .. "/rsa1" })
    t:equal(s:exec("echo in").out, "in\n", "an old server takes it")
  end,

  ["a server with only RSA SHA-2 host keys is named as the cause"] = function(t)
    local server = sshd.start(t, { hostkey = "rsa" })
    local message = t:fails("ssh", ssh.connect(server:options()))
    t:contains(message, "no host key type in common; the server has only rsa-sha2-512,rsa-sha2-256")
    t:contains(message, "ed25519 or ECDSA host key")
  end,

  ["other algorithms without a match are named too"] = function(t)
    local server = sshd.start(t, { config = "KexAlgorithms sntrup761x25519-sha512@openssh.com" })
    t:contains(t:fails("ssh", ssh.connect(server:options())),
      "no key exchange method in common; the server has only sntrup761x25519-sha512@openssh.com")
    local ciphers = sshd.start(t, { directory = server.directory, config = "Ciphers chacha20-poly1305@openssh.com" })
    t:contains(t:fails("ssh", ssh.connect(ciphers:options())), "no cipher in common; the server has only chacha20")
  end,

  ["an agent's keys log in"] = function(t)
    local server = sshd.start(t)
    local socket = server.directory .. "/agent"
    local other = sshd.keygen(t, server.directory .. "/other", "ecdsa")
    local out, status = t:shell(("eval $(ssh-agent -a %s) >/dev/null; echo $SSH_AGENT_PID > %s/agent.pid; " ..
      "export SSH_AUTH_SOCK=%s; ssh-add -q %s; ssh-add -q %s"):format(socket, server.directory, socket, other, server.key_file))
    t:defer(function() t:shell("kill $(cat " .. server.directory .. "/agent.pid)") end)
    t:equal(status, 0, out)
    t:equal(script(t, server, prologue .. [[
      local s <close> = assert(connect { agent = true })
      io.write(s:exec("echo in").out)]], "SSH_AUTH_SOCK=" .. socket), "in\n")
    t:shell(("SSH_AUTH_SOCK=%s ssh-add -q -d %s"):format(socket, server.key_file))
    t:contains(script(t, server, prologue .. "print(connect { agent = true })", "SSH_AUTH_SOCK=" .. socket), "agent: its keys were refused")
    t:contains(script(t, server, prologue .. "print(connect { agent = true })", "SSH_AUTH_SOCK=/nonexistent"), "nobody answers at SSH_AUTH_SOCK")
  end,

  ["the host key is told, and pinned on request"] = function(t)
    local server = sshd.start(t)
    local fingerprint = t:shell("ssh-keygen -l -f " .. server.directory .. "/hostkey.pub"):match("SHA256:%S+")
    local public = t:read(server.directory .. "/hostkey.pub"):match("^%S+ %S+")
    local s <close> = connect(server, { known = fingerprint })
    t:equal(s:hostkey(), { type = "ssh-ed25519", sha256 = fingerprint, key = public })
    local message = t:fails("hostkey", ssh.connect(server:options { known = "SHA256:AAAA" }))
    t:contains(message, fingerprint)
  end,

  ["who is not there is refused, who is silent times out"] = function(t)
    local server = sshd.start(t)
    local gone = server:options { port = server.port + 1 }
    t:contains(t:fails("net", ssh.connect(gone)), "Connection refused")
    t:contains(t:fails("net", ssh.connect(server:options { host = "nonexistent.invalid" })), "look up nonexistent.invalid")
    server:freeze()
    t:contains(t:fails("timeout", ssh.connect(server:options { timeout = 0.3 })), "waiting for the server's greeting")
    t:contains(t:fails("timeout", ssh.connect(server:options { greeting = 0.3 })), "waiting for the server's greeting")
  end,

  ["every address of a name is tried"] = function(t)
    local server = sshd.start(t) -- on 127.0.0.1 only; localhost is often ::1 first
    local s <close> = connect(server, { host = "localhost" })
    t:equal(s:exec("echo in").out, "in\n")
  end,

  ["wrong options are the caller's mistake"] = function(t)
    t:raises("did you mean 'username'", ssh.connect, { host = "x", usernam = "y" })
    t:raises("option 'host' is missing", ssh.connect, { username = "y" })
    t:raises("bad option 'port'", ssh.connect, { host = "x", username = "y", port = 0 })
    local server = sshd.start(t)
    local s = connect(server)
    t:raises("did you mean 'timeout'", s.exec, s, "true", { timeuot = 1 })
    s:close()
    s:close()
    t:raises("closed ssh.session", s.exec, s, "true")
  end,

  ["input goes in, also more than any window"] = function(t)
    local server = sshd.start(t)
    local s <close> = connect(server)
    t:equal(s:exec("cat").out, "", "end of input comes by itself")
    local text = string.rep("0123456789abcdef", 512 * 1024) -- 8 MiB
    t:equal(s:exec("echo x; echo y >&2", { limit = 0 }), { status = 0, out = "", err = "", truncated = true })
    local r = assert(s:exec("cat", { stdin = text, limit = #text }))
    t:ok(r.out == text, "all of it came back")
    t:equal(s:exec("wc -c", { stdin = text }).out:match("%d+"), tostring(#text))
    t:equal(s:exec("exec 0<&-; exit 7", { stdin = text }).status, 7, "a command that does not read")
    t:equal(s:exec("exec >&- 2>&-; cat >/dev/null; exit 5", { stdin = text }).status, 5, "a command that closes its output first")
  end,

  ["input comes from a function as it is wanted"] = function(t)
    local server = sshd.start(t)
    local s <close> = connect(server)
    local pieces, at = { "one ", "", ("two "):rep(1 << 20), "three" }, 0
    local function next_piece()
      at = at + 1
      return pieces[at]
    end
    t:ok(s:exec("cat", { stdin = next_piece, limit = 1 << 23 }).out == table.concat(pieces))
    t:equal(at, 5, "asked once more, for the end")
    t:equal(s:exec("cat", { stdin = function() end }).out, "")
    t:equal(s:exec("exit 3", { stdin = function() return ("x"):rep(100000) end }).status, 3, "a command that does not want all of it")
    t:raises("no more of that", s.exec, s, "cat", { stdin = function() error "no more of that" end })
    t:raises("a string or nil expected, got boolean", s.exec, s, "cat", { stdin = function() return true end })
    t:raises("a call in this session is under way", s.exec, s, "cat", { stdin = function() s:exec "true" end })
    t:equal(s:exec("echo well").out, "well\n", "and the session still works")
  end,

  ["long output is cut, but seen whole"] = function(t)
    local server = sshd.start(t)
    local s <close> = connect(server)
    local seen = { out = 0, err = 0 }
    local r = assert(s:exec("head -c 3000000 /dev/zero; head -c 2000000 /dev/zero >&2", { limit = 1000,
      on_output = function(stream, bytes) seen[stream] = seen[stream] + #bytes end }))
    t:equal({ #r.out, #r.err, r.truncated, r.status }, { 1000, 1000, true, 0 })
    t:equal(seen, { out = 3000000, err = 2000000 })
  end,

  ["output comes while the command runs"] = function(t)
    local server = sshd.start(t)
    local s <close> = connect(server)
    local fifo = server.directory .. "/fifo"
    t:shell("mkfifo " .. fifo)
    local r = assert(s:exec("echo ready; cat " .. fifo, { timeout = 20, on_output = function(_, bytes)
      if bytes == "ready\n" then t:shell("echo go > " .. fifo) end
    end }))
    t:equal(r.out, "ready\ngo\n")
  end,

  ["what comes on both streams at once: output first, then why it ended"] = function(t)
    local server = sshd.start(t)
    local s <close> = connect(server)
    local seen = {}
    assert(s:exec("echo go >&2; sleep 0.2; seq 3; echo why >&2", { on_output = function(stream, bytes)
      seen[#seen + 1] = stream .. " " .. bytes
      if bytes == "go\n" then t:shell "sleep 0.5" end -- the rest has come when it is asked for
    end }))
    t:equal(table.concat(seen), "err go\nout 1\n2\n3\nerr why\n")
  end,

  ["an error in on_output ends the call, not the session"] = function(t)
    local server = sshd.start(t)
    local s <close> = connect(server)
    t:raises("enough", s.exec, s, "yes", { on_output = function() error("enough", 0) end })
    t:equal(s:exec("echo still").out, "still\n")
    t:raises("under way", s.exec, s, "echo x", { on_output = function() s:exec("true") end })
    t:raises("under way", s.exec, s, "echo x", { on_output = function() s:close() end })
    t:equal(s:exec("echo still").out, "still\n")
  end,

  ["an exit signal is told"] = function(t)
    local server = sshd.start(t)
    local s <close> = connect(server)
    t:equal(s:exec("kill -KILL $$"), { signal = "KILL", out = "", err = "", truncated = false })
  end,

  ["a timeout ends the command's channel, the session goes on"] = function(t)
    local server = sshd.start(t)
    local s <close> = connect(server)
    local message = t:fails("timeout", s:exec("echo begun; sleep 10", { timeout = 0.5 }))
    t:contains(message, "run 'echo begun; sleep 10'")
    t:fails("timeout", s:exec("yes", { timeout = 0.5 }))
    local function slowly() -- slower than it writes
      local from = signal.now()
      repeat until signal.now() > from + 0.002
    end
    t:defer(function() signal.limit(0) signal.acknowledge() end)
    signal.limit(20)
    for _, command in ipairs { "yes", "yes >&2" } do t:fails("timeout", s:exec(command, { timeout = 0.5, on_output = slowly })) end
    t:fails("timeout", s:exec("sleep 10", { timeout = 0.5, stdin = string.rep("x", 5000000) }))
    t:equal(s:exec("echo still").out, "still\n")
  end,

  ["a terminal on request"] = function(t)
    local server = sshd.start(t)
    local s <close> = connect(server)
    t:equal(s:exec("test -t 1").status, 1)
    local r, message = s:exec("test -t 1", { pty = true })
    if not r and not sshd.is_root then t:skip("sshd of an ordinary user cannot hand out terminals here: " .. message) end
    t:equal(r.status, 0)
    t:fails("timeout", s:exec("sleep 20", { timeout = 0.5, pty = true }))
    t:equal(s:exec("echo still").out, "still\n")
  end,

  ["variables that the server takes, and those it does not"] = function(t)
    local server = sshd.start(t, { config = "AcceptEnv LB_*" })
    local s <close> = connect(server)
    t:equal(s:exec("echo \"$LB_ONE\"", { env = { LB_ONE = "a 'b' $c" } }).out, "a 'b' $c\n")
    t:contains(t:fails("ssh", s:exec("true", { env = { OTHER = "x" } })), "OTHER")
    t:equal(s:exec("echo still").out, "still\n")
  end,

  ["a connection that breaks is an error, then and afterwards"] = function(t)
    local server = sshd.start(t)
    local s <close> = connect(server)
    t:fails("net", s:exec("kill -9 $PPID; sleep 1", { timeout = 20 }))
    t:contains(t:fails("net", s:exec("true")), "the connection is gone")
    t:fails("net", s:keepalive())
  end,

  ["a server that falls silent counts as gone after three keep-alives"] = function(t)
    local server = sshd.start(t)
    local s <close> = connect(server, { keepalive = 1 })
    t:equal(s:keepalive(), true)
    server:freeze()
    t:contains(t:fails("net", s:exec("true", { timeout = 60 })), "timed out")
  end,

  ["a quiet command is kept alive"] = function(t)
    local server = sshd.start(t, { config = "ClientAliveInterval 1\nClientAliveCountMax 1" })
    local s <close> = connect(server, { keepalive = 1 })
    t:equal(s:exec("sleep 3; echo done", { timeout = 30 }).out, "done\n")
  end,

  ["a signal ends a command, a connection and a look-up at once"] = function(t)
    local server = sshd.start(t)
    for _, call in ipairs { "s:exec('echo $$ >&2; sleep 10', { on_output = ready })", "s:exec('yes', { on_output = ready })",
      "ready() ssh.connect { host = '127.0.0.1', port = tonumber(port) + 1, username = 'x' }" } do
      local listener = call:find("ssh.connect", 1, true) and sshd.start(t, { directory = server.directory, port = server.port + 1 })
      if listener then listener:freeze() end
      local path = t:write(server.directory .. "/script.lua", prologue .. [[
        local s = assert(connect())
        local function ready() io.stdout:write("ready\n") io.stdout:flush() end
        ]] .. call)
      local command = ("%s run %s %d %s %s"):format(program, path, server.port, server.key_file, server.username)
      local status, out = peer.interrupt(t, command, "ready")
      t:contains(out, "ready")
      t:equal(status, 130, call)
    end
  end,

  ["keys are exchanged anew in the middle of a transfer"] = function(t)
    local server = sshd.start(t, { config = "RekeyLimit 1M" })
    local s <close> = connect(server)
    local text = string.rep("0123456789abcde\n", 20 * 65536) -- 20 MiB
    t:ok(s:exec("cat", { stdin = text, limit = #text }).out == text, "through a command and back")
    t:equal(s:upload({ content = text }, server.directory .. "/big"), #text)
    t:equal(s:download(server.directory .. "/big", server.directory .. "/back"), #text)
    t:ok(t:read(server.directory .. "/back") == text, "through sftp and back")
    t:equal(lfs.attributes(server.directory .. "/back.part"), nil)
  end,
}
