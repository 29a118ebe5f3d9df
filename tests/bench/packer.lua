-- bench packer: the same images by Packer and by luabuild, in turn, against the lab: no machine boots, ssh answers at once
local cjson = require "cjson"
local builds = require "tests.builds"
local lab = require "tests.lab"
local measure = require "tests.bench.measure"

local PASSWORD = "password"
local ROUNDS = 5
local KEYS = 1 + #"vmlinuz initrd=initrd.img loglevel=3" + 1 -- each followed by a wait of 0.1 s, in both programs
local DISK = 2048 -- MiB of random bytes in the disk that is exported
local BOUNDS = {
  { "^start%-up", "the dynamic loader" },
  { "base: processor time", "TLS, start-up, and the files that tell of the build: its log and report" },
  { "base: requests", "11 to connect, look, check and leave, 3 for each of 6 tasks (call, filter, its end), 4 to read back, 4 to watch address and power" },
  { "base: bytes", "16 kB for keys, 8 for what the place says of the guest, 14 for devices, read before and after, 4 for the service's own list" },
  { "base: time", "0.2 s that the lab's guest takes to switch off, for both; ssh, and what a key costs beyond its tenth of a second" },
  { "base: peak", "the libraries' own pages" },
  { "clone and OVA: requests", "12 to connect, look, check and leave, 3 for each of 4 tasks, 4 to read back, 4 to watch address and power, 7 to export" },
  { "clone and OVA: bytes received", "22 kB for the devices of source and clone, 8 for the descriptor, 7 for the place, 4 for the service's own list" },
  { "clone and OVA: bytes written", "the archive itself" },
  { "clone and OVA: time", "the server's sending, and SHA-256 of disk and archive" },
  { "clone and OVA: processor", "two SHA-256, TLS, copying" },
  { "clone and OVA: peak", "the libraries' own pages; buffers of a fixed size" },
}

-- ---- the two descriptions of the same images ----

local COMMON = { username = "administrator@vsphere.local", insecure_connection = true, communicator = "ssh", ssh_username = "root",
  ssh_password = PASSWORD, ssh_timeout = "1m", ip_wait_timeout = "1m", ip_settle_timeout = "1s", shutdown_command = "poweroff",
  create_snapshot = true, CPUs = 1, RAM = 512 }

local function template(site, builder, rest)
  local e, out = site.lab.env, { builders = { builder } }
  for key, value in pairs(COMMON) do if builder[key] == nil then builder[key] = value end end
  builder.vcenter_server, builder.password, builder.ssh_port = e.VCENTER_SERVER, e.VCENTER_PASSWORD, tonumber(e.LAB_SSH_PORT)
  builder.datacenter, builder.cluster, builder.host, builder.datastore = e.LAB_DATACENTER, e.LAB_CLUSTER, e.LAB_HOST, e.LAB_DATASTORE
  builder.folder, builder.resource_pool = e.LAB_FOLDER, e.LAB_RESOURCE_POOL
  for key, value in pairs(rest or {}) do out[key] = value end
  return cjson.encode(out)
end

local function packer_base(site)
  return template(site, { type = "vsphere-iso", vm_name = "peer-base", guest_os_type = "otherLinux64Guest", disk_controller_type = { "pvscsi" },
    network_adapters = { { network = site.lab.env.LAB_NETWORK, network_card = "vmxnet3" } },
    storage = { { disk_size = 1024, disk_thin_provisioned = true } }, iso_url = site.iso, iso_checksum = "sha256:" .. site.sum,
    boot_wait = "1s", boot_command = { "<esc><wait>", "vmlinuz initrd=initrd.img loglevel=3<enter>" } })
end

local function packer_clone(site)
  return template(site, { type = "vsphere-clone", vm_name = "peer-clone", template = site.lab.env.LAB_FOLDER .. "/peer-base", linked_clone = true,
    network = site.lab.env.LAB_NETWORK, create_snapshot = false,
    export = { force = true, output_directory = site.dir .. "/peer-out", manifest = "none" } },
    { provisioners = { { type = "file", source = site.vars, destination = "/tmp/luabuild-bench-uploaded" },
      { type = "shell", inline = { "echo hello" } }, { type = "shell-local", inline = { site.prepare .. " peer-clone" } } } })
end

local OWN_BASE = [[
local v = vars {}
return base {
  name = "own-base", guest_id = "otherLinux64Guest", iso = { url = v.iso_url, checksum = v.iso_checksum },
  hardware = { cpus = 1, memory = "512MiB", disks = "1GiB", controller = "pvscsi" },
  boot = { wait = "1s", "<esc><wait>", "vmlinuz initrd=initrd.img loglevel=3<enter>" }, shutdown = "poweroff",
}
]]

local OWN_CLONE = [[
return clone {
  name = "own-clone", from = "own-base", linked = true, hardware = { cpus = 1, memory = "512MiB" }, snapshot = false,
  provision = { upload { "%s", to = "/root/uploaded" }, shell "echo hello", local_shell "%s own-clone" },
  shutdown = "poweroff", export = { format = "ova" },
}
]]

-- What ova.py does once Packer has exported: a manifest, the archive, its digest.
local OVA = "cd %s && sha256sum *.ovf *.vmdk > peer.mf && tar --format=ustar -cf peer.ova *.ovf peer.mf *.vmdk && sha256sum peer.ova > peer.ova.sha256"

-- ---- running one of them ----

-- Requests besides keys, long polls and transfers, and the bytes of all that came.
local function chatter(server, since)
  local requests, bytes = 0, 0
  for _, r in ipairs(server:log()) do
    if r.n > since and r.kind == "soap" then
      if r.method ~= "PutUsbScanCodes" and r.method ~= "WaitForUpdatesEx" then requests = requests + 1 end
      bytes = bytes + r.out
    end
  end
  return requests, bytes
end

local function last_request(server)
  local log = server:log()
  return #log > 0 and log[#log].n or 0
end

local function remove(server, name)
  local vc <close> = server:connect()
  local vm = server:vm(vc, name)
  if vm then vm:destroy() end
end

-- One run after the image is removed: { seconds, cpu, written, requests, bytes }.
local function one(site, name, command)
  remove(site.lab, name)
  local since = last_request(site.lab)
  local cost = measure.cost(command)
  cost.requests, cost.bytes = chatter(site.lab, since)
  return cost
end

local function alternate(site, rounds, own, peer)
  local costs = { own = {}, peer = {} }
  for i = 1, rounds do
    costs.peer[i] = one(site, peer.name, peer.command)
    costs.own[i] = one(site, own.name, own.command)
  end
  return costs
end

local function packer(site, name, text, after)
  local file = site.t:write(site.dir .. "/" .. name .. ".json", text)
  local command = string.format("CHECKPOINT_DISABLE=1 PACKER_CACHE_DIR=%s/cache packer build -color=false -force %s%s",
    site.dir, file, after and " && " .. after or "")
  return { name = "peer-" .. name, command = "sh -c '" .. command .. "'" }
end

local function own(site, name, text)
  local file = site.t:write(site.dir .. "/own-" .. name .. ".lua", text)
  return { name = "own-" .. name, command = builds.command(site, { file, "--force" }) }
end

-- ---- the rows ----

local function compare(b, what, costs, field, unit, factor, scale)
  local a, p = measure.median(costs.own, field) * (scale or 1), measure.median(costs.peer, field) * (scale or 1)
  local peer = string.format("Packer %.4g, luabuild %.4g", p, a)
  b.record(what, p / a, "x", ">= " .. factor, p / a >= factor, unit == "" and peer or peer .. " " .. unit)
end

local function compare_memory(b, site, what, mine, peer, limit)
  remove(site.lab, mine.name)
  remove(site.lab, peer.name)
  local theirs, pss = measure.peak(peer.command), measure.peak(mine.command)
  b.record(what, pss, "MiB", "<= " .. limit, pss <= limit, string.format("Packer %.0f MiB", theirs))
end

local function quiet(command) return function() measure.shell(command) end end

local function start_up(b, site, base)
  local times = measure.alternate(21, { quiet(b.program .. " version"), quiet "packer version" })
  local mine, peer = times[1][11], times[2][11]
  b.record("start-up: version", peer / mine, "x", ">= 8", peer / mine >= 8, string.format("Packer %.1f ms, luabuild %.1f ms", peer * 1000, mine * 1000))
  local check = builds.command(site, { "check", site.dir .. "/own-base.lua" })
  times = measure.alternate(11, { quiet("env " .. check), quiet("packer validate " .. base) })
  mine, peer = times[1][6], times[2][6]
  b.record("start-up: check, validate", peer / mine, "x", ">= 8", peer / mine >= 8, string.format("Packer %.1f ms, luabuild %.1f ms", peer * 1000, mine * 1000))
end

local function dead_time(b, costs)
  local waits = 2 + KEYS / 10 -- before and in the boot command
  local mine, peer = measure.median(costs.own, "seconds") - waits, measure.median(costs.peer, "seconds") - waits - 1 -- its address has to settle, too
  b.record("base: time beyond the recipe's own waits", mine, "s", "<= 2, 5 x less", mine <= 2 and peer / mine >= 5, string.format("Packer %.2f s", peer))
end

-- A disk of random bytes as the lab would serve it, and a command that puts it in the place of a machine's own.
local function prepare(site, size)
  local source = site.dir .. "/random"
  measure.shell(string.format("head -c %d /dev/urandom > %s && qemu-img convert -O vmdk -o subformat=streamOptimized %s %s.vmdk && rm %s",
    size << 20, source, source, source, source))
  site.prepare = site.t:write(site.dir .. "/prepare", string.format(
    "#!/bin/sh\nset -e\nfor d in %s/datastore/$1*/*.vmdk; do ln -f %s.vmdk \"$d.export\"; touch \"$d.export\"; done\n", site.lab.env.LAB_DIR, source))
  measure.shell("chmod +x " .. site.prepare)
end

return function(b)
  if not os.execute "command -v packer >/dev/null" then return print "packer is not installed: nothing to compare with" end
  local site = builds.setup(b.t, lab.start(b.t, { ssh_password = PASSWORD }))
  local size = b.sized(DISK)
  prepare(site, size)
  b.bounds = BOUNDS
  local base, peer_base = own(site, "base", OWN_BASE), packer(site, "base", packer_base(site))
  start_up(b, site, site.dir .. "/base.json")
  local costs = alternate(site, ROUNDS, base, peer_base)
  compare(b, "base: processor time", costs, "cpu", "s", 6)
  compare(b, "base: requests", costs, "requests", "", 2)
  compare(b, "base: bytes received", costs, "bytes", "kB", 2, 1 / 1000)
  dead_time(b, costs)
  compare_memory(b, site, "base: peak PSS", base, peer_base, 18)
  local clone = own(site, "clone", OWN_CLONE:format(site.vars, site.prepare))
  local peer_clone = packer(site, "clone", packer_clone(site), OVA:format(site.dir .. "/peer-out"))
  costs = alternate(site, 3, clone, peer_clone)
  compare(b, "clone and OVA: requests", costs, "requests", "", 2)
  compare(b, "clone and OVA: bytes received", costs, "bytes", "kB", 2, 1 / 1000)
  compare(b, "clone and OVA: time, " .. size .. " MiB", costs, "seconds", "s", 1.4)
  compare(b, "clone and OVA: processor time", costs, "cpu", "s", 1)
  compare(b, "clone and OVA: bytes written to disk", costs, "written", "MB", 1, 1 / 1000000)
  compare_memory(b, site, "clone and OVA: peak PSS", clone, peer_clone, 18)
end
