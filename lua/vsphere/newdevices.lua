-- newdevices: the devices of a new virtual machine, or new ones of an existing one, each in its place: behind device.create
local vim = require "vim"
local err = require "core.err"
local spec = require "core.spec"
local controller = require "vsphere.controller"

local CARDS = { vmxnet3 = "VirtualVmxnet3", e1000 = "VirtualE1000", e1000e = "VirtualE1000e" }
local DISK_CONTROLLERS = { "lsilogic", "lsilogic-sas", "pvscsi", "buslogic", "sata", "nvme" }

local wanted = spec.record("devices", {
  { "disks", spec.list(spec.record("disk", {
    { "size", spec.integer(1), required = true },
    { "provisioning", spec.enum { "thin", "thick", "eager" }, default = "thin" },
    { "controller", spec.integer(1) } })), default = {} },
  { "controllers", spec.list(spec.enum(DISK_CONTROLLERS)) },
  { "nics", spec.list(spec.record("nic", {
    { "card", spec.enum { "vmxnet3", "e1000", "e1000e" }, default = "vmxnet3" },
    { "network", spec.any, required = true },
    { "mac", spec.string } })), default = {} },
  { "cdroms", spec.list(spec.string), default = {} },
  { "floppy", spec.string },
  { "firmware", spec.enum { "bios", "efi", "efi-secure" }, default = "bios" },
  { "datastore", spec.string },
  { "devices", spec.any },
})

local function add(layout, new, file_operation)
  table.insert(layout.specs, vim.VirtualDeviceConfigSpec { operation = "add", fileOperation = file_operation, device = new })
end

local function connected()
  return vim.VirtualDeviceConnectInfo { startConnected = true, allowGuestControl = true, connected = true }
end

-- The place for a disk: on the controller it names, else on the first one with room.
local function place_disk(layout, disk, i, controllers)
  local chosen = controllers
  if disk.controller then
    chosen = { controllers[disk.controller] }
    if not chosen[1] then err.raise("recipe", string.format("disk %d: there is no controller %d, only %d", i, disk.controller, #controllers)) end
  end
  local key, unit = controller.place(layout, chosen)
  if key then return key, unit end
  local last = chosen[#chosen]
  err.raise("recipe", string.format("disk %d: no place is left on %s (%s takes %d devices)", i,
    disk.controller and "controller " .. disk.controller or "the controllers", last.kind, controller.room(last.kind)),
    { hint = "name another controller" })
end

local function add_disks(layout, want)
  local controllers = {}
  for i, kind in ipairs(want.controllers or {}) do controllers[i] = controller.add(layout, kind) end
  if #controllers == 0 then
    controllers = controller.of(layout, table.unpack(DISK_CONTROLLERS))
    if #controllers == 0 and #want.disks > 0 then controllers = { controller.add(layout, "lsilogic") } end
  end
  for i, disk in ipairs(want.disks) do
    local key, unit = place_disk(layout, disk, i, controllers)
    add(layout, vim.VirtualDisk { key = controller.new_key(layout), controllerKey = key, unitNumber = unit, capacityInKB = (disk.size + 1023) // 1024,
      backing = vim.VirtualDiskFlatVer2BackingInfo { fileName = want.datastore and "[" .. want.datastore .. "]" or "", diskMode = "persistent",
        thinProvisioned = disk.provisioning == "thin", eagerlyScrub = disk.provisioning == "eager" } }, "create")
  end
end

local function add_nics(layout, want)
  for _, nic in ipairs(want.nics) do
    add(layout, vim[CARDS[nic.card]] { key = controller.new_key(layout), backing = nic.network, connectable = connected(),
      addressType = nic.mac and "manual" or nil, macAddress = nic.mac })
  end
end

-- CD-ROMs on IDE, with EFI on SATA: there a controller is made when none has room.
local function add_cdroms(layout, want)
  for i, path in ipairs(want.cdroms) do
    local kind = want.firmware == "bios" and "ide" or "sata"
    local key, unit = controller.place(layout, controller.of(layout, kind))
    if not key and kind == "sata" then key, unit = controller.place(layout, { controller.add(layout, kind) }) end
    if not key then err.raise("recipe", string.format("CD-ROM %d: the IDE controllers have no place left", i)) end
    add(layout, vim.VirtualCdrom { key = controller.new_key(layout), controllerKey = key, unitNumber = unit, connectable = connected(),
      backing = vim.VirtualCdromIsoBackingInfo { fileName = path } })
  end
end

local function add_floppy(layout, want)
  if not want.floppy then return end
  local key, unit = controller.place(layout, controller.of(layout, "sio"))
  if not key then err.raise("recipe", "floppy: both drives are taken") end
  add(layout, vim.VirtualFloppy { key = controller.new_key(layout), controllerKey = key, unitNumber = unit, connectable = connected(),
    backing = vim.VirtualFloppyImageBackingInfo { fileName = want.floppy } })
end

-- The options and what is raised: device.create.
return function(options)
  local want, problems = spec.read(wanted, options)
  if problems[1] then error("device.create: " .. problems[1].path .. ": " .. problems[1].message, 2) end
  local layout = controller.layout(want.devices)
  add_disks(layout, want)
  add_nics(layout, want)
  add_cdroms(layout, want)
  add_floppy(layout, want)
  return layout.specs
end
