-- bench provision: files and commands to a guest (a real sshd on loopback), beside OpenSSH's own clients.
-- What bounds it: libssh2 1.10 encrypts 16 bytes a call, 2.5 ns a byte in all; with small files, the guest's making of them.
local digest = require "digest"
local lfs = require "lfs"
local shell = require "guest.shell"
local sshd = require "tests.sshd"
local measure = require "tests.bench.measure"

local FILES, BIG, COMMANDS, ROUNDS = 10000, 1 << 30, 200, 3

local function connect(t, server)
  local g = shell.connect { address = server.host, port = server.port, username = server.username, key_file = server.key_file, timeout = 20 }
  t:defer(function() g:close() end)
  return g
end

-- The words of OpenSSH's clients for the server.
local function words(server)
  return string.format("-q -o Port=%d -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o IdentitiesOnly=yes -i %s", server.port, server.key_file)
end

local function sftp(server, dir) return "sftp " .. words(server) .. " -b " .. dir .. "/batch " .. server.username .. "@" .. server.host end

-- Files of 1 to 4 KiB in directories of a hundred.
local function make_tree(t, dir)
  assert(lfs.mkdir(dir))
  for i = 0, FILES - 1 do
    local below = string.format("%s/%d", dir, i // 100)
    if i % 100 == 0 then assert(lfs.mkdir(below)) end
    t:write(string.format("%s/file-%d", below, i), digest.random(1024 * (1 + i % 4)))
  end
end

local function versus(b, what, times, unit, scale)
  local own, peer = measure.median(times[1]), measure.median(times[2])
  b.record(what .. ", rate to sftp -b's", peer / own, "", ">= 0.8", peer / own >= 0.8,
    string.format("%.2f s, own %.2f s, %.0f %s/s", peer, own, scale / own, unit))
end

local function trees(b, server, g, dir)
  make_tree(b.t, dir .. "/tree")
  b.t:write(dir .. "/batch", "put -r " .. dir .. "/tree " .. dir .. "/to/peer\n")
  local function clean() measure.shell("rm -rf " .. dir .. "/to && mkdir " .. dir .. "/to") end
  clean()
  local times = measure.alternate(ROUNDS, {
    function() b.t:equal(g:upload(dir .. "/tree/", dir .. "/to/own"), FILES) end,
    function() measure.shell("mkdir " .. dir .. "/to/peer && " .. sftp(server, dir)) end,
    function()
      b.t:equal(select(2, b.t:shell("diff -r " .. dir .. "/tree " .. dir .. "/to/own")), 0)
      clean()
    end,
  })
  versus(b, string.format("upload of %d small files", FILES), times, "files", FILES)
end

local function big_file(b, server, g, dir)
  measure.shell(string.format("head -c %d /dev/urandom > %s/big", BIG, dir))
  b.t:write(dir .. "/batch", "put " .. dir .. "/big " .. dir .. "/to/peer\n")
  local times = measure.alternate(ROUNDS, {
    function() g:upload(dir .. "/big", dir .. "/to/own") end,
    function() measure.shell(sftp(server, dir)) end,
    function() measure.shell("cmp " .. dir .. "/big " .. dir .. "/to/own; rm " .. dir .. "/to/*; sync") end,
  })
  versus(b, "upload of one file of 1 GiB", times, "MiB", BIG >> 20)
end

local function commands(b, server, g, dir)
  local ssh = "ssh -S " .. dir .. "/mux " .. words(server) .. " " .. server.username .. "@" .. server.host
  measure.shell(ssh .. " -M -f -N >/dev/null 2>&1 </dev/null")
  b.t:defer(function() os.execute(ssh .. " -O exit 2>/dev/null") end)
  local times = measure.alternate(ROUNDS, {
    function() for _ = 1, COMMANDS do g:run("true") end end,
    function() measure.shell("for i in $(seq " .. COMMANDS .. "); do " .. ssh .. " true; done") end,
  })
  local own, peer = measure.median(times[1]) / COMMANDS * 1000, measure.median(times[2]) / COMMANDS * 1000
  b.record("one small command", own, "ms", "<= 15 ms more than ssh", own - peer <= 15, string.format("ssh over a shared connection: %.1f ms", peer))
end

return function(b)
  local server = sshd.start(b.t, { config = "SetEnv SHLVL=2" }) -- so that bash reads no files of this machine's
  local dir, g = b.t:directory(), connect(b.t, server)
  commands(b, server, g, dir)
  trees(b, server, g, dir)
  big_file(b, server, g, dir)
end
