-- checkpoint: snapshots among the provisioning steps, from which the next build of the image goes on when this one fails
local err = require "core.err"
local device = require "vsphere.device"
local task = require "vsphere.task"
local existing = require "build.existing"
local family = require "build.family"
local fingerprint = require "build.fingerprint"
local kept = require "build.kept"
local media = require "build.media"

local checkpoint = {}
local KEYS = existing.KEYS
local MARK = "luabuild checkpoint " -- a snapshot's description: this, and the fingerprint of everything before it

local function print_of(b, index) return fingerprint.upto(b.image, b.parent_fingerprint, index) end

--[[
checkpoint.take(b, step, index) -> nothing
Take the snapshot of a checkpoint, of the running machine's disks: what the guest has not written yet, it is asked to write.
  step           table             name
  index          integer           its place among the image's provision steps
Raises: build, fault.
Blocks: yes.
]]
function checkpoint.take(b, step, index)
  b.guest:run("sync", { timeout = 600 })
  b.vm:take_snapshot("checkpoint " .. step.name, MARK .. print_of(b, index))
  b.checkpoint = step.name
end

-- ---- the machine that a failed build has left ----

-- fingerprint -> snapshot, of a tree's checkpoints
local function marked(trees, out)
  for _, tree in ipairs(trees or {}) do
    local print = (tree.description or ""):match("^" .. MARK .. "(%x+)$")
    if print then out[print] = tree end
    marked(tree.childSnapshotList, out)
  end
  return out
end

-- One that was left for its checkpoints, or whose build was killed: not one that somebody wants to look at.
local function may_be_taken(b, vm)
  local s = vm.settings
  if not existing.is_of_build(vm, b.image.name) then return false end
  if (s[KEYS.kept] or "") ~= "" then return s[KEYS.kept_for] == "checkpoints" end
  return vm.state == "dead"
end

-- The last of the recipe's checkpoints that is among the snapshots, as everything before it is now.
local function last_valid(b, snapshots)
  for i = #b.image.provision, 1, -1 do
    local step = b.image.provision[i]
    local tree = type(step) == "table" and step.step == "checkpoint" and snapshots[print_of(b, i)]
    if tree then return { index = i, name = step.name, tree = tree } end
  end
end

--[[
checkpoint.find(b) -> nothing
Look for a machine of an earlier build from whose checkpoint this one can go on; sets b.resume = { vm, index, name, tree }, and says
so in b.reason. Nothing with the option fresh.
Raises: fault.
Blocks: yes, one request for each machine that was left.
]]
function checkpoint.find(b)
  if b.options.fresh then return end
  for _, vm in ipairs(b.rivals) do
    local info = may_be_taken(b, vm) and vm.object:get "snapshot"
    local found = info and last_valid(b, marked(info.rootSnapshotList, {}))
    if found and not (b.resume and b.resume.index >= found.index) then
      found.vm = vm
      b.resume = found
    end
  end
  if b.resume then b.reason = string.format("%s; goes on from the checkpoint '%s' of run %s", b.reason, b.resume.name, b.resume.vm.run) end
end

-- What the installation needed: the drives go from the machine, its floppy or CD from the datastore.
local function without_media(b, devices)
  local changes, medium = {}, media.in_drive(b, devices)
  for _, cd in ipairs(device.cdroms(devices)) do changes[#changes + 1] = device.remove(cd) end
  for _, floppy in ipairs(device.floppies(devices)) do changes[#changes + 1] = device.remove(floppy) end
  if medium then b.scope:push("medium " .. medium, function() b.datastore:delete(medium) end).quiet = true end
  return changes
end

--[[
checkpoint.resume(b) -> string
Take the machine that b.resume names for this build: its name and mark, then its disks as they were at the checkpoint. Snapshots
after it go. Sets b.vm, b.devices.
Raises: fault.
Blocks: yes.
]]
function checkpoint.resume(b)
  local vm, tree = b.resume.vm.object, b.resume.tree
  b.vm, b.checkpoint = vm, b.resume.name
  vm:rename(b.temporary_name)
  vm:power_off()
  task.run(tree.snapshot, "RevertToSnapshot_Task", { suppressPowerOn = true })
  vm:reconfigure { deviceChange = without_media(b, vm:get "config.hardware.device"), bootOptions = device.clear_boot_order(),
    extraConfig = existing.options(existing.building(b)) } -- the snapshot has the marks of its own run
  for _, child in ipairs(tree.childSnapshotList or {}) do task.run(child.snapshot, "RemoveSnapshot_Task", { removeChildren = true }) end
  b.devices = vm:get "config.hardware.device"
  return string.format("checkpoint '%s' of run %s", b.resume.name, b.resume.vm.run)
end

--[[
checkpoint.leave(b) -> false
Leave the machine of a build that failed for the next one, off and marked so.
Raises: fault, cancelled.
Blocks: yes.
]]
function checkpoint.leave(b)
  b.vm:power_off()
  kept.mark(b, "checkpoints")
  b.emit { event = "warning", message = string.format("%s is kept with its checkpoint '%s': the next build goes on from there, "
    .. "or anew with --fresh; luabuild gc removes it after a day", b.temporary_name, b.checkpoint) }
  return false
end

--[[
checkpoint.clear(b) -> nothing
Remove the snapshots of checkpoints from the finished machine.
Raises: fault.
Blocks: yes.
]]
function checkpoint.clear(b)
  if not b.checkpoint then return end
  task.run(b.vm, "RemoveAllSnapshots_Task", { consolidate = true }, { progress = b.percent })
  b.checkpoint = nil
end

--[[
checkpoint.tidy(b) -> nothing
The image is published: remove machines that failed builds of it have left for their checkpoints.
Raises: cancelled.
Blocks: yes.
]]
function checkpoint.tidy(b)
  for _, vm in ipairs(b.rivals or {}) do
    if vm.object ~= b.vm and vm.settings[KEYS.kept_for] == "checkpoints" and may_be_taken(b, vm) then
      local ok, e = pcall(family.destroy, vm.object)
      if err.is(e, "cancelled") then error(e, 0) end
      b.note(ok and "removed " .. vm.name .. ", which was kept for its checkpoints" or vm.name .. " is left: " .. tostring(e))
    end
  end
end

return checkpoint
