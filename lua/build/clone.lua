-- clone: an image made from another one, as a list of steps
local access = require "build.access"
local configspec = require "build.configspec"
local device = require "vsphere.device"
local existing = require "build.existing"
local export = require "build.export"
local leftovers = require "build.leftovers"
local machine = require "build.machine"
local onwards = require "build.onwards"
local preflight = require "build.preflight"
local provision = require "build.provision"
local publish = require "build.publish"
local source = require "build.source"
local task = require "vsphere.task"

local clone = {}

-- The source's cards go, the recipe's come; or they stay and change their network.
local function card_changes(b)
  local changes = {}
  if b.image.hardware.nics then
    for _, nic in ipairs(device.nics(b.source.devices)) do changes[#changes + 1] = device.remove(nic) end
    return table.move(device.create { nics = b.nics, devices = b.source.devices }, 1, #b.nics, #changes + 1, changes)
  end
  if b.network then
    for _, nic in ipairs(device.nics(b.source.devices)) do changes[#changes + 1] = device.edit(nic, { backing = b.network.backing }) end
  end
  return changes
end

local function config_spec(b)
  local h = b.image.hardware
  local changes = card_changes(b)
  local extra = existing.options(existing.building(b))
  for key, value in pairs(b.image.extra_config) do extra[#extra + 1] = { key = key, value = value } end
  return configspec.merge({ numCPUs = h.cpus, numCoresPerSocket = h.cores, memoryMB = h.memory and h.memory >> 20, annotation = b.image.annotation,
    extraConfig = extra, deviceChange = #changes > 0 and changes or nil }, b.image.config)
end

local function wants_snapshot(b) return not b.resume and b.image.linked and not b.source.snapshot end

local function snapshot_name(b) return type(b.image.make_snapshot) == "string" and b.image.make_snapshot or "base" end

local function make_snapshot(b)
  b.source.snapshot = b.source.vm:take_snapshot(snapshot_name(b), "made by luabuild for linked clones, run " .. b.run)
  return string.format("%s of %s", snapshot_name(b), b.source.name)
end

-- Who is interrupted while it is taken does not hear of it.
local function remove_snapshot(b)
  local made = leftovers.snapshot_of(b.source.vm, b.run)
  if not made then return false end
  return leftovers.remove_snapshot(b.source.vm, made)
end

local function snapshot_record(b) return { kind = "snapshot", vm = b.source.vm.moid, name = snapshot_name(b) } end

local function make(b)
  local linked = b.image.linked
  b.vm = task.run(b.source.vm, "CloneVM_Task", { folder = b.folder, name = b.temporary_name, spec = {
    location = { pool = b.pool, host = b.compute.host, datastore = b.datastore,
      diskMoveType = linked and "createNewChildDiskBacking" or "moveAllDiskBackingsAndDisallowSharing" },
    snapshot = b.source.snapshot, powerOn = false, template = false, config = config_spec(b) } }, { progress = b.percent })
  machine.read_back(b)
  if b.image.hardware.disk then -- only now: the source's own disk may stand on a snapshot
    b.vm:reconfigure { deviceChange = { device.resize(device.disks(b.devices)[1], b.image.hardware.disk) } }
  end
  return string.format("%s of %s", linked and "linked" or "full", b.source.name)
end

clone.preflight = {
  { "preflight", run = function(b)
    local detail = preflight.run(b, source.resolve)
    export.decide(b)
    return detail
  end },
}

local function resumes(b) return b.resume ~= nil end
local function anew(b) return not b.resume end

-- The life of a clone. The list is the documentation.
clone.steps = {
  { "snapshot", run = make_snapshot, undo = remove_snapshot, undo_name = "snapshot of the source", makes = snapshot_record, when = wants_snapshot },
  { "clone", run = make, undo = machine.remove, undo_name = "virtual machine", about = machine.name, makes = machine.record, when = anew },
  { "resume", run = onwards.resume, undo = machine.remove, undo_name = "virtual machine", about = machine.name, makes = machine.record, when = resumes },
  { "power on", run = machine.power_on },
  { "address", run = access.find_address },
  { "ssh", run = access.connect },
  { "provision", run = provision.run, when = function(b) return #b.image.provision > 0 end },
  { "shut down", run = access.shut_down },
  { "detach", run = machine.detach },
  { "export", run = export.run, makes = export.record, when = function(b) return b.image.export end },
  { "finish", run = machine.finish },
  { "after", run = provision.after, when = function(b) return #b.image.after > 0 end },
  { "publish", run = publish.run },
}

return clone
