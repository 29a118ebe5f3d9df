-- build.keypair: a key pair for one build, in and out of a real OpenSSH server's authorized_keys
local keypair = require "build.keypair"
local scope = require "core.scope"
local shell = require "guest.shell"
local peer = require "tests.peer"
local sshd = require "tests.sshd"

-- A build that has just logged in, over the first of two files of keys; its home is a directory of the test's.
local function build(t, more, extra)
  local dir = t:directory()
  local home = dir .. "/home"
  t:shell("mkdir " .. home)
  sshd.keygen(t, dir .. "/hostkey", "ed25519")
  sshd.keygen(t, dir .. "/key", "ed25519")
  t:shell(("cp %s/key.pub %s/authorized"):format(dir, dir))
  local keys = more or ("AuthorizedKeysFile %s/authorized %s/.ssh/authorized_keys\n"):format(dir, home)
  local server = sshd.start(t, { directory = dir, config = (extra or "") .. keys .. "SetEnv HOME=" .. home })
  local g = shell.connect { address = server.host, port = server.port, username = server.username, key_file = server.key_file, timeout = 20 }
  t:defer(function() g:close() end)
  local undone = {}
  local b = { guest = g, run = "0123abcd", image = { ssh = { port = server.port, username = server.username } },
    scope = scope.new { report = function(name, e) undone[#undone + 1] = name .. (e and ": " .. tostring(e) or "") end } }
  return b, home .. "/.ssh/authorized_keys", undone
end

local function login(b, key_file)
  return shell.connect { address = "127.0.0.1", port = b.image.ssh.port, username = b.image.ssh.username, key_file = key_file, timeout = 0 }
end

return {
  ["it lets in, from its file too, and nothing is left of it"] = function(t)
    local b, path = build(t)
    keypair.install(b)
    t:match(t:read(path), "^ssh%-ed25519 %S+ luabuild 0123abcd, temporary\n$")
    t:equal(t:shell("stat -c %a " .. b.key_file .. " " .. path), "600\n600\n")
    local file = b.key_file
    do
      local other <close> = login(b, file)
      t:equal(other:run("echo in"), "in")
    end
    t:ok(b.guest.options.key, "a reboot's new login uses it")
    keypair.remove(b)
    t:equal({ b.key_file, b.guest.options.key, (io.open(file)) }, {})
    t:equal(#b.scope, 0)
    t:equal(t:shell("ls -a $(dirname $(dirname " .. path .. "))"), ".\n..\n")
    keypair.remove(b)
  end,
  ["keys that were there, and came meanwhile, stay as they are"] = function(t)
    local b, path = build(t)
    t:shell("mkdir -m 700 $(dirname " .. path .. ")")
    t:write(path, "# mine\nssh-ed25519 AAAA me") -- without a newline at its end
    keypair.install(b)
    t:shell("echo 'ssh-ed25519 BBBB you' >> " .. path)
    keypair.remove(b)
    t:equal(t:read(path), "# mine\nssh-ed25519 AAAA me\nssh-ed25519 BBBB you\n")
  end,
  ["a build that fails takes it out, too"] = function(t)
    local b, path, undone = build(t)
    keypair.install(b)
    local file = b.key_file
    t:equal(b.scope:unwind(), {})
    t:equal({ io.open(path), io.open(file), undone }, { nil, nil, {} })
  end,
  ["a server that takes no keys from there is told at once"] = function(t)
    local b, path, undone = build(t, "")
    local e = t:raises("log in as", keypair.install, b)
    t:equal(e.code, "auth")
    t:contains(e.hint, "PubkeyAuthentication")
    b.scope:unwind()
    t:equal({ io.open(path), undone }, { nil, {} })
  end,
  ["a server that has its hands full is asked again"] = function(t)
    local b, path = build(t, nil, "PerSourceMaxStartups 1\n")
    t:defer(function() keypair.remove(b) end)
    peer.start(t, ("timeout 3 sh -c 'while :; do nc -d 127.0.0.1 %d; done'"):format(b.image.ssh.port), "^SSH") -- has the only place
    keypair.install(b)
    t:contains(t:read(path), "luabuild 0123abcd, temporary")
  end,
  ["a guest that is gone is no reason to fail the clean-up"] = function(t)
    local b = build(t)
    keypair.install(b)
    local file = b.key_file
    b.guest:close()
    t:equal(b.scope:unwind(), {})
    t:equal(io.open(file), nil)
  end,
}
