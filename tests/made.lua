-- luabuild run tests/made.lua DATACENTER FOLDER: the images of a folder, with what the server says of them
local device = require "vsphere.device"
local finder = require "vsphere.finder"
local property = require "vsphere.property"
local session = require "vsphere.session"
local units = require "core.units"

local vc <close> = session.connect { server = os.getenv "VCENTER_SERVER", username = os.getenv "VCENTER_USERNAME",
  password = os.getenv "VCENTER_PASSWORD", ca_file = os.getenv "VCENTER_CA_FILE" }
local find = finder.new(vc)
local folder = find:folder(find:datacenter(arg[1]), arg[2])

local PATHS = { "name", "runtime.powerState", "config.hardware", "snapshot", "config.extraConfig" }
for _, vm in ipairs(property.get_many(vc, folder.childEntity, PATHS)) do
  local hardware, run = vm["config.hardware"], "nobody"
  for _, o in ipairs(vm["config.extraConfig"]) do if o.key == "luabuild.run" then run = o.value end end
  local disks = {}
  for _, disk in ipairs(device.disks(hardware.device)) do disks[#disks + 1] = units.format_bytes(disk.capacityInKB << 10) end
  print(string.format("  %-18s %s, %d CPU, %s of memory, disk of %s, snapshot '%s', made by run %s", vm.name, vm["runtime.powerState"],
    hardware.numCPU, units.format_bytes(hardware.memoryMB << 20), table.concat(disks, " and "), vm.snapshot.rootSnapshotList[1].name, run))
end
