-- bench provision: files and commands to a guest (a real sshd on loopback), beside OpenSSH's own clients and Packer's file provisioner
local cjson = require "cjson"
local digest = require "digest"
local lfs = require "lfs"
local shell = require "guest.shell"
local sshd = require "tests.sshd"
local measure = require "tests.bench.measure"

local FILES, BIG, COMMANDS, ROUNDS = 10000, 1024, 200, 3 -- BIG: MiB
local BOUNDS = {
  { "one small command", "the guest's starting of a shell, and one round trip" },
  { "upload of one file", "libssh2 1.10, which encrypts 16 bytes a call: 2.5 ns a byte" },
  { "small files", "the guest, which makes the files" },
}

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
local function make_tree(t, dir, count)
  assert(lfs.mkdir(dir))
  for i = 0, count - 1 do
    local below = string.format("%s/%d", dir, i // 100)
    if i % 100 == 0 then assert(lfs.mkdir(below)) end
    t:write(string.format("%s/file-%d", below, i), digest.random(1024 * (1 + i % 4)))
  end
end

-- Packer with nothing but its file provisioner; false where it is not installed.
local function packer(t, server, name, source, to)
  if not os.execute "command -v packer >/dev/null" then return false end
  local provisioner = { type = "file", source = source .. name, destination = to }
  local file = t:write(source .. ".json", cjson.encode { builders = { { type = "null", communicator = "ssh", ssh_host = server.host,
    ssh_port = server.port, ssh_username = server.username, ssh_private_key_file = server.key_file } }, provisioners = { provisioner } })
  return function() measure.shell("CHECKPOINT_DISABLE=1 PACKER_CACHE_DIR=" .. source .. ".cache packer build -color=false " .. file) end
end

-- times: of ours, of sftp's, and of Packer's if it is there
local function versus(b, what, times, unit, scale)
  local own, sftps = measure.median(times[1]), measure.median(times[2])
  b.record(what .. ", rate to sftp -b's", sftps / own, "", ">= 0.8", sftps / own >= 0.8,
    string.format("%.2f s, own %.2f s, %.0f %s/s", sftps, own, scale / own, unit))
  if not times.packer then return end
  local ratio = times.packer / own
  b.record(what .. ", rate to Packer's", ratio, "x", ">= 3", ratio >= 3, string.format("Packer %.2f s, own %.2f s", times.packer, own))
end

local function trees(b, server, g, dir, count)
  make_tree(b.t, dir .. "/tree", count)
  b.t:write(dir .. "/batch", "put -r " .. dir .. "/tree " .. dir .. "/to/peer\n")
  local function clean() measure.shell("rm -rf " .. dir .. "/to && mkdir " .. dir .. "/to " .. dir .. "/to/packer") end
  clean()
  local times = measure.alternate(ROUNDS, {
    function() b.t:equal(g:upload(dir .. "/tree/", dir .. "/to/own"), count) end,
    function() measure.shell("mkdir " .. dir .. "/to/peer && " .. sftp(server, dir)) end,
    function()
      b.t:equal(select(2, b.t:shell("diff -r " .. dir .. "/tree " .. dir .. "/to/own")), 0)
      clean()
    end,
  })
  local peer = packer(b.t, server, "/", dir .. "/tree", dir .. "/to/packer")
  times.packer = peer and measure.alternate(1, { peer })[1][1]
  if peer then b.t:equal(select(2, b.t:shell("diff -r " .. dir .. "/tree " .. dir .. "/to/packer")), 0) end
  versus(b, string.format("upload of %d small files", count), times, "files", count)
  clean()
end

local function big_file(b, server, g, dir, size)
  measure.shell(string.format("head -c %d /dev/urandom > %s/big", size << 20, dir))
  b.t:write(dir .. "/batch", "put " .. dir .. "/big " .. dir .. "/to/peer\n")
  local times = measure.alternate(ROUNDS, {
    function() g:upload(dir .. "/big", dir .. "/to/own") end,
    function() measure.shell(sftp(server, dir)) end,
    function() measure.shell("cmp " .. dir .. "/big " .. dir .. "/to/own; rm -r " .. dir .. "/to/*; sync") end,
  })
  local peer = packer(b.t, server, "", dir .. "/big", dir .. "/to/packer")
  times.packer = peer and measure.alternate(1, { peer })[1][1]
  versus(b, string.format("upload of one file of %d MiB", size), times, "MiB", size)
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
  b.bounds = BOUNDS
  commands(b, server, g, dir)
  trees(b, server, g, dir, b.sized(FILES))
  big_file(b, server, g, dir, b.sized(BIG))
end
