-- device: the devices of a virtual machine: what to send to create, change and remove them. No requests are made here.
local vim = require "vim"
local err = require "core.err"
local units = require "core.units"
local controller = require "vsphere.controller"
local new_devices = require "vsphere.newdevices"

local device = {}

--[[
device.create(options) -> array of VirtualDeviceConfigSpec
What to send as deviceChange, for a new VM or for what is added to an existing one.
  options.disks       array = {}     { size = bytes, provisioning = "thin"|"thick"|"eager" = "thin", controller = integer|nil }:
                                     `controller` counts options.controllers, else the VM's; nil: the first with room
  options.controllers array|nil      new controllers, each "lsilogic", "lsilogic-sas", "pvscsi", "buslogic", "sata" or "nvme"; nil: those
                                     that the VM has, or one lsilogic
  options.nics        array = {}     { card = "vmxnet3"|"e1000"|"e1000e" = "vmxnet3", network = backing (device.network_backing), mac = string|nil }
  options.cdroms      array = {}     datastore paths, "[ds] dir/x.iso": on IDE, with EFI on SATA
  options.floppy      string|nil     datastore path of an image
  options.firmware    string = "bios" "bios", "efi" or "efi-secure"
  options.datastore   string|nil     name, for the disks; nil: where the VM is
  options.devices     array|nil      the devices of the existing VM (config.hardware.device); nil for a new VM
Raises: recipe (more devices than places); unknown or wrong options.
Blocks: no.  Source: VirtualMachineConfigSpec.deviceChange; VirtualDeviceFileBackingInfo.fileName; VDDK programming guide, "Creating a virtual machine".
]]
function device.create(options) return new_devices(options) end

local NETWORKS = {
  Network = function(info) return vim.VirtualEthernetCardNetworkBackingInfo { deviceName = info.name } end,
  DistributedVirtualPortgroup = function(info)
    return vim.VirtualEthernetCardDistributedVirtualPortBackingInfo {
      port = vim.DistributedVirtualSwitchPortConnection { portgroupKey = info.portgroup_key, switchUuid = info.switch_uuid } }
  end,
  OpaqueNetwork = function(info)
    return vim.VirtualEthernetCardOpaqueNetworkBackingInfo { opaqueNetworkId = info.opaque_id, opaqueNetworkType = info.opaque_type }
  end,
}

--[[
device.network_backing(kind, info) -> VirtualDeviceBackingInfo
What connects a card to a network.
  kind               string        the type of the network's reference: "Network", "DistributedVirtualPortgroup" or "OpaqueNetwork"
  info.name          string        Network: its name
  info.portgroup_key string        DistributedVirtualPortgroup: its key (config.key)
  info.switch_uuid   string        DistributedVirtualPortgroup: uuid of its switch (config.distributedVirtualSwitch, then uuid)
  info.opaque_id     string        OpaqueNetwork: summary.opaqueNetworkId
  info.opaque_type   string        OpaqueNetwork: summary.opaqueNetworkType
Raises: another kind.  Blocks: no.
]]
function device.network_backing(kind, info)
  local make = NETWORKS[kind]
  if not make then error("device.network_backing: no card connects to a " .. tostring(kind), 2) end
  return make(info)
end

--[[
device.find(devices, type [, predicate]) -> array of VirtualDevice
The devices of a type or of one derived from it, in their order.
  devices        array of VirtualDevice
  type           string            "VirtualDisk", "VirtualEthernetCard", ...
  predicate      function|nil      device -> boolean
Raises: an unknown type.  Blocks: no.
]]
function device.find(devices, type, predicate)
  if not vim.type(type) then error("device.find: no type '" .. tostring(type) .. "'", 2) end
  local found = {}
  for _, d in ipairs(devices) do
    if vim.isa(vim.typeof(d), type) and (not predicate or predicate(d)) then found[#found + 1] = d end
  end
  return found
end

--[[
device.file(device) -> string|nil
The datastore path of the file behind a disk, CD-ROM or floppy; nil when there is none.
Blocks: no.
]]
function device.file(d)
  local backing = d.backing
  return backing and vim.isa(vim.typeof(backing) or "", "VirtualDeviceFileBackingInfo") and backing.fileName or nil
end

local function of_file(path) return path and function(d) return device.file(d) == path end end

--[[
device.disks(devices) -> array of VirtualDisk
The disks, in their order.
Blocks: no.
]]
function device.disks(devices) return device.find(devices, "VirtualDisk") end

--[[
device.nics(devices) -> array of VirtualEthernetCard
The network cards of any kind, in their order.
Blocks: no.
]]
function device.nics(devices) return device.find(devices, "VirtualEthernetCard") end

--[[
device.macs(devices) -> array of strings
The MAC addresses of the cards, in lower case, in the order of the cards; cards without one yet are left out.
Blocks: no.
]]
function device.macs(devices)
  local macs = {}
  for _, nic in ipairs(device.nics(devices)) do
    if nic.macAddress and nic.macAddress ~= "" then macs[#macs + 1] = nic.macAddress:lower() end
  end
  return macs
end

--[[
device.cdroms(devices [, path]) -> array of VirtualCdrom
The CD-ROM drives, in their order.
  path           string|nil        only those with this file in them
Blocks: no.
]]
function device.cdroms(devices, path) return device.find(devices, "VirtualCdrom", of_file(path)) end

--[[
device.floppies(devices [, path]) -> array of VirtualFloppy
The floppy drives, in their order.
  path           string|nil        only those with this file in them
Blocks: no.
]]
function device.floppies(devices, path) return device.find(devices, "VirtualFloppy", of_file(path)) end

--[[
device.remove(device [, destroy_file]) -> VirtualDeviceConfigSpec
Take a device out of the VM.
  destroy_file   boolean = false   delete the file behind it, too: for disks
Blocks: no.
]]
function device.remove(d, destroy_file)
  return vim.VirtualDeviceConfigSpec { operation = "remove", fileOperation = destroy_file and "destroy" or nil, device = d }
end

--[[
device.edit(device, fields) -> VirtualDeviceConfigSpec
Change fields of an existing device; the others stay. The device itself is not touched.
  fields         table             by the names of the API
Raises: an unknown field.  Blocks: no.
]]
function device.edit(d, fields)
  local copy = {}
  for name, value in pairs(d) do copy[name] = value end
  for name, value in pairs(fields) do copy[name] = value end
  return vim.VirtualDeviceConfigSpec { operation = "edit", device = vim[vim.typeof(d)](copy) }
end

--[[
device.resize(disk, bytes) -> VirtualDeviceConfigSpec
Make an existing disk larger.
Raises: recipe (a smaller size; a disk with a parent, as a linked clone's or one with a snapshot).
Blocks: no.  Source: VirtualDisk.capacityInBytes, which wins over capacityInKB.
]]
function device.resize(disk, bytes)
  local kib = (bytes + 1023) // 1024
  if kib < disk.capacityInKB then
    err.raise("recipe", string.format("a disk of %s cannot be made smaller (%s)", units.format_bytes(disk.capacityInKB * 1024), units.format_bytes(bytes)))
  end
  if disk.backing and disk.backing.parent then
    err.raise("recipe", "the disk of a linked clone or of a VM with a snapshot cannot be resized", { hint = "clone it in full" })
  end
  return device.edit(disk, { capacityInKB = kib, capacityInBytes = disk.capacityInBytes and kib * 1024 or nil })
end

-- For each word of a boot order: its entries. A disk or card is named by key, drives are named as a kind.
local BOOTABLE = {
  disk = function(devices, add)
    for _, d in ipairs(device.disks(devices)) do add(vim.VirtualMachineBootOptionsBootableDiskDevice { deviceKey = d.key }) end
  end,
  ethernet = function(devices, add)
    for _, d in ipairs(device.nics(devices)) do add(vim.VirtualMachineBootOptionsBootableEthernetDevice { deviceKey = d.key }) end
  end,
  cdrom = function(devices, add)
    if device.cdroms(devices)[1] then add(vim.VirtualMachineBootOptionsBootableCdromDevice {}) end
  end,
  floppy = function(devices, add)
    if device.floppies(devices)[1] then add(vim.VirtualMachineBootOptionsBootableFloppyDevice {}) end
  end,
}

--[[
device.firmware(name) -> "bios"|"efi", boolean
The value of VirtualMachineConfigSpec.firmware, and whether secure boot is wanted.
  name           string            "bios", "efi" or "efi-secure"
Raises: another name.  Blocks: no.
]]
function device.firmware(name)
  if name == "efi-secure" then return "efi", true end
  if name ~= "bios" and name ~= "efi" then error("device.firmware: not a firmware: " .. tostring(name), 2) end
  return name, false
end

--[[
device.boot_options(options) -> VirtualMachineBootOptions
What is set stays set until device.clear_boot_order, also in what is cloned and exported.
  options.order    array = {}      of "disk", "cdrom", "floppy", "ethernet"; what the VM does not have is left out
  options.devices  array           the VM's devices as vCenter knows them: entries name keys
  options.delay    number|nil      seconds before it boots
  options.firmware string|nil      "efi-secure" turns secure boot on (API 6.5); otherwise nothing is said of it
Raises: an unknown word.  Blocks: no.  Source: VirtualMachineBootOptions.
]]
function device.boot_options(options)
  local order = {}
  for _, word in ipairs(options.order or {}) do
    local entries = BOOTABLE[word]
    if not entries then error("device.boot_options: nothing boots from " .. tostring(word), 2) end
    entries(options.devices, function(entry) order[#order + 1] = entry end)
  end
  local secure = options.firmware and select(2, device.firmware(options.firmware))
  return vim.VirtualMachineBootOptions { bootOrder = order[1] and order or nil, efiSecureBootEnabled = secure or nil,
    bootDelay = options.delay and math.floor(options.delay * 1000 + 0.5) or nil }
end

--[[
device.clear_boot_order() -> VirtualMachineBootOptions
Back to the firmware's own order: one entry of the base type (a list that is left out changes nothing).
Blocks: no.  Source: govmomi, object/virtual_device_list.go, BootOrder: in no API documentation.
]]
function device.clear_boot_order()
  return vim.VirtualMachineBootOptions { bootOrder = { vim.VirtualMachineBootOptionsBootableDevice {} } }
end

--[[
device.boot_order_is_clear(options) -> boolean
Is nothing left of a boot order?
  options        VirtualMachineBootOptions|nil   as read back from config.bootOptions
Blocks: no.
]]
function device.boot_order_is_clear(options)
  for _, entry in ipairs(options and options.bootOrder or {}) do
    if vim.typeof(entry) ~= "VirtualMachineBootOptionsBootableDevice" then return false end
  end
  return true
end

-- What a device is to people, and its type: devices of one type are counted together.
local WORDS = { { "VirtualDisk", "disk" }, { "VirtualEthernetCard", "nic" }, { "VirtualCdrom", "cdrom" }, { "VirtualFloppy", "floppy" },
  { "VirtualController", "controller" }, { "VirtualDevice", "device" } }

local function word_of(d)
  for _, pair in ipairs(WORDS) do
    if vim.isa(vim.typeof(d), pair[1]) then return pair[2], pair[1] end
  end
end

local function network_of(backing)
  if not backing then return "no network" end
  local port = backing.port
  return string.format("on '%s'", backing.deviceName or port and (port.portgroupKey or port.switchUuid) or backing.opaqueNetworkId or "?")
end

local DETAILS = {
  disk = function(d, specs)
    local size = units.format_bytes(d.capacityInKB * 1024):gsub("%.0 ", " ")
    for _, s in ipairs(specs) do
      if s.device.key == d.controllerKey then return size .. ", " .. (controller.kind(s.device) or "?") end
    end
    return size
  end,
  nic = function(d)
    return vim.typeof(d):gsub("^Virtual", ""):lower() .. " " .. network_of(d.backing)
  end,
  controller = function(d) return controller.kind(d) or vim.typeof(d) end,
  device = function(d) return vim.typeof(d) end,
}

--[[
device.describe(spec [, specs]) -> string
A device for people: "disk 1 (64 GiB, pvscsi)", "nic 1 (vmxnet3 on 'VM Network')", "cdrom 1 ([ds] dir/x.iso)".
  spec           VirtualDeviceConfigSpec
  specs          array = { spec }  all that was sent: among them it is counted
Blocks: no.
]]
function device.describe(spec, specs)
  local d, number = spec.device, 0
  local word, type = word_of(d)
  for _, s in ipairs(specs or { spec }) do
    if vim.isa(vim.typeof(s.device), type) then number = number + 1 end
    if s == spec then break end
  end
  local detail = DETAILS[word] and DETAILS[word](d, specs or { spec }) or device.file(d) or "empty"
  local label = d.deviceInfo and d.deviceInfo.label
  return string.format("%s (%s)", label or word .. " " .. number, detail)
end

return device
