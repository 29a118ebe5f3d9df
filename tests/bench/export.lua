-- bench export: handing over an OVA, beside `curl -o` of the same bytes and one `openssl dgst -sha256` of the result.
local device = require "vsphere.device"
local lease = require "vsphere.lease"
local lfs = require "lfs"
local builds = require "tests.builds"
local lab = require "tests.lab"
local measure = require "tests.bench.measure"
local signal = require "signal"

local MIB = 1 << 20
local ROUNDS = 3
local BOUNDS = {
  { "time", "receiving, with the server on the same cores; then SHA-256 of the archive, whose first entry is known last, and of its disks beside it" },
  { "written", "the archive itself" },
  { "read", "what of the archive is not in memory any more when its digest is taken" },
  { "PSS", "the libraries' own pages; buffers of a fixed size" },
}

-- The lab's files of a machine's disks: the descriptors, beside which are qcow2 files.
local function disk_files(site, vm)
  local out = {}
  for i, disk in ipairs(device.disks(vm:get "config.hardware.device")) do
    local name = disk.backing.fileName:match("^%[.-%] (.*)$")
    out[i] = site.lab.env.LAB_DIR .. "/datastore/" .. name
  end
  return out
end

-- Fill the disks with random bytes, and have the lab convert them once: from then on they are served as they are. Returns the size of all.
local function prepare(site, vm, size)
  local files, total = disk_files(site, vm), 0
  measure.shell(string.format("head -c %d /dev/urandom > %s/random", size, site.dir))
  for i, file in ipairs(files) do
    if i == 1 then
      measure.shell(string.format("qemu-img convert -O qcow2 %s/random %s", site.dir, file:gsub("%.vmdk$", ".qcow2")))
      local held <close> = lease.export(vm)
      held:download(held.items[1], { save = file .. ".new" })
      assert(os.rename(file .. ".new", file .. ".export"))
      os.remove((file:gsub("%.vmdk$", ".qcow2"))) -- not read any more, and large
    else
      measure.shell(string.format("ln %s.export %s.export", files[1], file))
    end
    total = total + lfs.attributes(file .. ".export", "size")
  end
  os.remove(site.dir .. "/random")
  return total
end

-- Memory that a virtual machine has not used just now is had from its host, page by page, which takes as long as copying it: have
-- more than the files need in use, and free again.
local function warm(bytes)
  measure.shell(string.format("head -c %d /dev/zero > /dev/shm/luabuild-bench; rm -f /dev/shm/luabuild-bench", bytes))
end

-- curl of the disks of a lease that is ready, one after the other, and the digest of each; and how long the lease took to be ready.
local function peer(site, vm)
  local started = signal.now()
  local held <close> = lease.export(vm)
  local waited = signal.now() - started
  local server, to = site.lab.env.VCENTER_SERVER, site.dir .. "/peer"
  local curl, openssl = 0, 0
  for _, item in ipairs(held.items) do
    if item.disk then
      curl = curl + measure.cost(string.format("curl -sSf --cacert %s -o %s %s", site.lab.env.VCENTER_CA_FILE, to, item.url:gsub("%*", server))).seconds
      openssl = openssl + measure.cost("openssl dgst -sha256 " .. to).seconds
      os.remove(to)
    end
  end
  return { curl = curl, openssl = openssl, waited = waited }
end

-- An image with `count` disks of `size` MiB of random bytes, exported again and again.
local function measure_export(b, count, size, rounds)
  local site = builds.setup(b.t, lab.start(b.t))
  local disks = string.format("'%dMiB', ", size):rep(count)
  local recipe = builds.recipe(site, "export = {}, hardware = { cpus = 1, memory = '512MiB', disks = { " .. disks .. " } },")
  local run = builds.command(site, { recipe })
  measure.shell("env " .. run)
  local vc <close> = site.lab:connect()
  local vm = site.lab:vm(vc, "small")
  local bytes, own, peers = prepare(site, vm, size * MIB), {}, {}
  peer(site, vm) -- not counted: the lab takes its digests of a file when it first sends it
  for i = 1, rounds do -- before each, the other's file is removed
    measure.shell("rm -rf " .. site.dir .. "/output && sync")
    warm(3 * bytes)
    peers[i] = peer(site, vm)
    measure.shell("sync")
    warm(3 * bytes)
    own[i] = measure.cost(run)
    b.t:equal(select(2, b.t:shell("cd " .. site.dir .. "/output && sha256sum -c small.ova.sha256")), 0)
  end
  os.remove(site.dir .. "/output/small.ova")
  local pss = measure.peak(run)
  local what = string.format("export of %d × %d MiB", count, size)
  local curl, openssl, waited = measure.median(peers, "curl"), measure.median(peers, "openssl"), measure.median(peers, "waited")
  local seconds, limit = measure.median(own, "seconds"), curl / 0.9 + openssl
  b.record(what .. ": time", seconds, "s", string.format("<= %.2f s", limit), seconds <= limit,
    string.format("curl -o %.2f s, openssl dgst %.2f s", curl, openssl))
  b.record(what .. ": time, from when the lease is ready", seconds - waited, "s", string.format("<= %.2f s", limit), seconds - waited <= limit,
    string.format("the lease took %.2f s, for curl too", waited))
  b.record(what .. ": processor time", measure.median(own, "cpu"), "s")
  local written, read = measure.median(own, "written") / bytes, measure.median(own, "read") / bytes
  b.record(what .. ": written to disk, of the disks' size", written, "", "<= 1.02", written <= 1.02)
  b.record(what .. ": read from disk, of the disks' size", read, "", "<= 1", read <= 1)
  b.record(what .. ": peak PSS", pss, "MiB", "<= 18", pss <= 18)
  site.lab:stop()
  os.execute("rm -rf " .. site.dir .. " " .. site.lab.dir .. "/run/datastore")
end

return function(b)
  b.bounds = BOUNDS
  local sizes = os.getenv "EXPORT_SIZES" or "1x2048 3x683 1x8200" -- disks and their MiB
  for count, size in sizes:gmatch "(%d+)x(%d+)" do
    measure_export(b, tonumber(count), b.sized(tonumber(size)), tonumber(size) > 4096 and 1 or ROUNDS)
  end
end
