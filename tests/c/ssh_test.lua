-- ssh: sessions and commands, against a real OpenSSH server
local ssh = require "ssh"
local sshd = require "tests.sshd"

local function connect(server, more) return assert(ssh.connect(server:options(more))) end

return {
  ["a key logs in, a command gives output and status"] = function(t)
    local server = sshd.start(t)
    local s <close> = connect(server)
    local r = assert(s:exec("echo out; echo err >&2; exit 3"))
    t:equal(r, { status = 3, out = "out\n", err = "err\n", truncated = false })
  end,

  ["a password logs in"] = function(t)
    local server = sshd.start(t, { password = "open sesame", config = "KbdInteractiveAuthentication no\nPasswordAuthentication yes" })
    local s <close> = connect(server, { key_file = false, password = "open sesame" })
    t:equal(s:exec("echo in").out, "in\n")
    local message = t:fails("auth", ssh.connect(server:options { key_file = false, password = "wrong" }))
    t:contains(message, "password: refused")
    t:ok(not message:find("wrong", 1, true), "the password is not in the message")
  end,

  ["keyboard-interactive gets the password as its answer"] = function(t)
    local server = sshd.start(t, { password = "open sesame", config = "PasswordAuthentication no" })
    local s <close> = connect(server, { key_file = false, password = "open sesame" })
    t:equal(s:exec("echo in").out, "in\n")
    t:contains(t:fails("auth", ssh.connect(server:options { key_file = false, password = "wrong" })), "keyboard-interactive: refused")
    t:fails("auth", ssh.connect(server:options { key_file = false, password = "open sesame", interactive = false }))
  end,
}
