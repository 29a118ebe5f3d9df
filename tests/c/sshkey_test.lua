-- ssh.keygen: key pairs that OpenSSH's own programs read
local ssh = require "ssh"
local sshd = require "tests.sshd"

return {
  ["ssh-keygen reads a pair, and finds the public half in the private one"] = function(t)
    local path = t:directory() .. "/key"
    for _, comment in ipairs { "", "a", "luabuild 1234", ("c"):rep(200) } do
      local private, public = ssh.keygen(comment)
      os.execute("umask 077; : > " .. path)
      t:write(path, private)
      local out, status = t:shell("ssh-keygen -y -f " .. path)
      t:equal({ status, (out:gsub("\n", "")) }, { 0, public }, "with the comment " .. comment)
      t:write(path .. ".pub", public .. "\n")
      out = t:shell("ssh-keygen -l -f " .. path .. ".pub")
      t:match(out, "^256 SHA256:%S+ .+ %(ED25519%)\n$")
      for line in private:gmatch("[^\n]+") do t:ok(#line <= 70) end
    end
  end,
  ["one logs in, and no two are the same"] = function(t)
    local server = sshd.start(t)
    local private, public = ssh.keygen("test")
    local file <close> = assert(io.open(server.directory .. "/authorized", "a"))
    file:write(public, "\n")
    file:flush()
    local session <close> = assert(ssh.connect(server:options { key = private }))
    t:equal(session:exec("echo in").out, "in\n")
    local other, line = ssh.keygen("test")
    t:ok(other ~= private and line ~= public)
    t:fails("auth", ssh.connect(server:options { key = other }))
  end,
  ["comments that would break the line are refused"] = function(t)
    t:raises("control character", ssh.keygen, "a\nb")
    t:raises("control character", ssh.keygen, "a\0")
    t:raises("too long", ssh.keygen, ("x"):rep(201))
  end,
}
