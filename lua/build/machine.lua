-- machine: the virtual machine of a build, from outside: made, powered, undone, finished
local signal = require "signal"
local err = require "core.err"
local configspec = require "build.configspec"
local device = require "vsphere.device"
local checkpoint = require "build.checkpoint"
local existing = require "build.existing"
local kept = require "build.kept"
local media = require "build.media"
local units = require "core.units"
require "vsphere.vm"

local machine = {}

local function config_spec(b)
  local h = b.image.hardware
  local extra = existing.options(existing.building(b))
  for key, value in pairs(b.image.extra_config) do extra[#extra + 1] = { key = key, value = value } end
  return configspec.merge({
    name = b.temporary_name,
    guestId = b.image.guest_id,
    -- The server names the directory after the temporary name, and renaming does not move it: so it is never that of the image before,
    -- which has to keep its own as long as other disks stand on it. Storage vMotion gives it the VM's name.
    files = { vmPathName = b.datastore:path "" },
    numCPUs = h.cpus,
    numCoresPerSocket = h.cores,
    memoryMB = h.memory >> 20,
    version = h.version and string.format("vmx-%02d", h.version) or nil,
    firmware = device.firmware(h.firmware),
    annotation = b.image.annotation,
    extraConfig = extra,
    deviceChange = device.create {
      disks = h.disks, controllers = h.controller, nics = b.nics, firmware = h.firmware,
      cdroms = { b.iso_path, b.cd_path }, floppy = b.floppy_path,
    },
  }, b.image.config)
end

--[[
machine.read_back(b) -> nothing
Read what was made: sets b.devices. A server drops advanced settings in silence when a field of its own says the same: that is an error.
Raises: fault; build (a setting of the recipe's is not there).
Blocks: yes, one request.
]]
function machine.read_back(b)
  local wanted = next(b.image.extra_config) ~= nil
  local facts = b.vm:get { "config.hardware.device", wanted and "config.extraConfig" or nil }
  b.devices = facts["config.hardware.device"]
  local found = existing.settings(facts["config.extraConfig"])
  for key, value in pairs(b.image.extra_config) do
    if (found[key] or "") ~= value then -- an empty one takes away what is there
      err.raise("build", string.format("extra_config %q was not taken by the server", key),
        { hint = "it probably has a field of its own in hardware = { … }" })
    end
  end
end

--[[
machine.create(b) -> string
Create the VM under the build's temporary name, with everything attached, and set the boot order: the disk, then the CD.
Returns what it is like.
Raises: fault; build (an advanced setting was not taken).
Blocks: yes.
]]
function machine.create(b)
  b.vm = b.folder:create_vm(config_spec(b), b.pool, b.compute.host)
  machine.read_back(b)
  b.vm:reconfigure { bootOptions = device.boot_options { order = { "disk", "cdrom" }, devices = b.devices, firmware = b.image.hardware.firmware } }
  return string.format("%d CPU, %s, %d disk", b.image.hardware.cpus, units.format_bytes(b.image.hardware.memory), #b.image.hardware.disks)
end

--[[
machine.name(b) -> string
The name that the VM has until it is published, and the folder that it is in.
]]
function machine.name(b) return b.temporary_name .. (b.image.placement.folder and " in the folder " .. b.image.placement.folder or "") end

--[[
machine.record(b) -> table
The VM for the journal.
]]
function machine.record(b)
  return { kind = "vm", name = b.temporary_name, folder = b.folder.moid }
end

--[[
machine.keep(b, reason) -> nothing
The VM and its medium are left on purpose: they are not undone, and gc takes them only when they are old.
Raises: cancelled.
Blocks: yes.
]]
function machine.keep(b, reason)
  for _, name in ipairs { "virtual machine", "kickstart medium" } do b.scope:forget_named(name) end
  kept.mark(b, reason)
end

--[[
machine.remove(b) -> false|nil
Undo of create: power the VM off and destroy it, unless it is published, or has a checkpoint, for which it is left, or was left on
purpose before; false when there is none.
Blocks: yes.
]]
function machine.remove(b)
  b.vm = b.vm or b.folder:find_vm(b.temporary_name)
  if not b.vm or b.published then return false end
  if b.resume and b.resume.as_it_is then
    kept.mark(b, "--from")
    b.emit { event = "warning", message = string.format("%s is kept, as it was before: --from goes on with it", b.temporary_name) }
    return false
  end
  if b.checkpoint then return checkpoint.leave(b) end
  b.vm:power_off() -- also when it is off as far as one can see: a pending question ends with it
  b.vm:destroy()
end

--[[
machine.power_on(b) -> nothing
Blocks: yes.
]]
function machine.power_on(b)
  local on = b.resume and b.resume.as_it_is and b.vm:power_state() == "poweredOn"
  if not on then b.vm:power_on() end
  b.expect_on, b.on_since = true, signal.now()
end

--[[
machine.restart(b) -> nothing
Off and on again: what was typed is forgotten, the boot menu comes back.
Blocks: yes.
]]
function machine.restart(b)
  b.vm:power_off()
  machine.power_on(b)
end

--[[
machine.detach(b) -> nothing
Take the media out, give the boot order back to the firmware, set the marks of a finished image: one request; then read back. Sets
b.devices, b.firmware.
Raises: fault; build (the boot order is still there).
Blocks: yes.
]]
function machine.detach(b)
  media.stop(b)
  local changes = {}
  local facts = b.vm:get { "config.hardware.device", "config.firmware" }
  b.devices, b.firmware = facts["config.hardware.device"], facts["config.firmware"]
  for _, cd in ipairs(device.cdroms(b.devices)) do changes[#changes + 1] = device.remove(cd) end
  for _, drive in ipairs(device.floppies(b.devices)) do changes[#changes + 1] = device.remove(drive) end
  local extra = existing.options(existing.marks(b.image, b.run, b.made))
  b.vm:reconfigure { deviceChange = changes, bootOptions = device.clear_boot_order(), extraConfig = extra }
  local left = b.vm:get({ "config.bootOptions" })["config.bootOptions"]
  if not device.boot_order_is_clear(left) then
    err.raise("build", "the boot order was not cleared by the server", { hint = "clones would boot slowly, exports carry it: report this" })
  end
  media.remove(b)
  b.scope:forget_named "kickstart medium"
end

--[[
machine.finish(b) -> string
Remove checkpoints, take the snapshot, make the template, as the recipe says. Returns what was done.
Blocks: yes.
]]
function machine.finish(b)
  local done = {}
  checkpoint.clear(b)
  if b.image.snapshot then
    local name = type(b.image.snapshot) == "string" and b.image.snapshot or "base"
    b.vm:take_snapshot(name, "made by luabuild, run " .. b.run)
    done[#done + 1] = "snapshot " .. name
  end
  if b.image.template then
    b.vm:mark_template()
    done[#done + 1] = "template"
  end
  return #done > 0 and table.concat(done, ", ") or "kept as a virtual machine"
end

return machine
