-- clone: an image made from another one, as a list of steps
local access = require "build.access"
local device = require "vsphere.device"
local err = require "core.err"
local existing = require "build.existing"
local export = require "build.export"
local machine = require "build.machine"
local package = require "build.package"
local preflight = require "build.preflight"
local provision = require "build.provision"
local publish = require "build.publish"
local source = require "build.source"
local task = require "vsphere.task"

local clone = {}

-- An export that is there belongs to the image that is there. One of an image that is not is somebody's file.
local function check_output(b)
  local e = b.image.export
  local there = e and package.existing(b.image.output_dir or "output/" .. b.image.name, b.image.name, e.format)
  if b.decision == "current" and e and not there then b.decision, b.reason = "export", "up to date, but its export is not there" end
  if b.decision == "build" and there and not b.options.force then
    err.raise("exists", there .. " is there, and the image it would be made from is not",
      { hint = "move it away, set output_dir, or replace it with --force" })
  end
end

local function preflight_clone(b)
  local detail = preflight.run(b, source.resolve)
  check_output(b)
  if b.decision == "export" then b.vm, b.published = b.old, true end
  return detail
end

local function anew(b) return b.decision ~= "export" end

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
  local extra = { { key = existing.KEYS.run, value = b.run }, { key = existing.KEYS.fingerprint, value = "" } }
  for key, value in pairs(b.image.extra_config) do extra[#extra + 1] = { key = key, value = value } end
  return { numCPUs = h.cpus, numCoresPerSocket = h.cores, memoryMB = h.memory and h.memory >> 20, annotation = b.image.annotation,
    extraConfig = extra, deviceChange = #changes > 0 and changes or nil }
end

local function make_snapshot(b)
  if not b.image.linked or b.source.snapshot then return end
  local name = type(b.image.make_snapshot) == "string" and b.image.make_snapshot or "base"
  b.source.snapshot = b.source.vm:take_snapshot(name, "made by luabuild for linked clones, run " .. b.run)
  b.note(string.format("took the snapshot '%s' of %s", name, b.source.name))
end

local function make(b)
  make_snapshot(b)
  local linked = b.image.linked
  b.vm = task.run(b.source.vm, "CloneVM_Task", { folder = b.folder, name = b.temporary_name, spec = {
    location = { pool = b.pool, host = b.compute.host, datastore = not linked and b.datastore or nil,
      diskMoveType = linked and "createNewChildDiskBacking" or "moveAllDiskBackingsAndDisallowSharing" },
    snapshot = b.source.snapshot, powerOn = false, template = false, config = config_spec(b) } }, { progress = b.percent })
  b.devices = b.vm:get "config.hardware.device"
  machine.check_extra_config(b, b.vm:get "config.extraConfig")
  if b.image.hardware.disk then -- only now: the source's own disk may stand on a snapshot
    b.vm:reconfigure { deviceChange = { device.resize(device.disks(b.devices)[1], b.image.hardware.disk) } }
  end
  return string.format("%s of %s", linked and "linked" or "full", b.source.name)
end

clone.preflight = { { "preflight", run = preflight_clone } }

-- The life of a clone. The list is the documentation.
clone.steps = {
  { "clone", run = make, undo = machine.remove, undo_name = "virtual machine", about = machine.name, when = anew },
  { "power on", run = machine.power_on, when = anew },
  { "address", run = access.find_address, when = anew },
  { "ssh", run = access.connect, when = anew },
  { "provision", run = provision.run, when = function(b) return anew(b) and #b.image.provision > 0 end },
  { "shut down", run = access.shut_down, when = anew },
  { "detach", run = machine.detach, when = anew },
  { "finish", run = machine.finish, when = anew },
  { "export", run = export.run, when = function(b) return b.image.export end },
  { "publish", run = publish.run, when = anew },
}

return clone
