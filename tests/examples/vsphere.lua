-- vsphere: look round in a vCenter, make a virtual machine and destroy it: luabuild run tests/examples/vsphere.lua
-- The server is that of VCENTER_SERVER, VCENTER_USERNAME, VCENTER_PASSWORD and VCENTER_CA_FILE; make lab starts one.
local device, finder, session = require "vsphere.device", require "vsphere.finder", require "vsphere.session"

local vc <close> = session.connect { server = os.getenv "VCENTER_SERVER", username = os.getenv "VCENTER_USERNAME",
  password = os.getenv "VCENTER_PASSWORD", ca_file = os.getenv "VCENTER_CA_FILE" }
print(vc.about.name, vc.version)
--> VMware vCenter Server	7.0.3.0

-- names to objects; nil stands for the only one there is
local find = finder.new(vc)
local datacenter = find:datacenter()
local compute, datastore = find:compute(datacenter, { cluster = "DC0_C0" }), find:datastore(datacenter)
local folder, network = find:folder(datacenter, "Packer"), find:network(datacenter, "VM Network")
print(datacenter.path, compute.name, datastore.known.name, network.backing.deviceName)
--> DC0	DC0_C0	LocalDS_0	VM Network

local vm = folder:create_vm({ name = "example", guestId = "otherLinux64Guest", numCPUs = 1, memoryMB = 64,
  files = { vmPathName = datastore:path "" },
  deviceChange = device.create { disks = { { size = 1 << 20 } }, nics = { { card = "vmxnet3", network = network.backing } } },
}, find:pool(compute))
for _, one in ipairs(find:vms(datacenter)) do print(one.path) end
--> vm/Packer/example

-- every property is a field, every method of the API is there
print(vm.config.hardware.memoryMB, vm.runtime.powerState, vm:ReconfigVM_Task({ spec = { memoryMB = 128 } }):wait())
--> 64	poweredOff	true
vm:destroy()
print(folder:find_vm "example")
--> nil
