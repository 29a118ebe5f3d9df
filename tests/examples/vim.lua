-- vim: a call of the vSphere API as text and back, without a server: luabuild run tests/examples/vim.lua
local vim = require "vim"

local vm = vim.VirtualMachine "vm-42"
local disk = vim.VirtualDisk { key = -1, controllerKey = 1000, unitNumber = 0, capacityInKB = 1048576,
  backing = vim.VirtualDiskFlatVer2BackingInfo { diskMode = "persistent", fileName = "" } }
local spec = { numCPUs = 2, name = "a & b", deviceChange = { { operation = "add", fileOperation = "create", device = disk } } }

-- written in any order, sent in the schema's
local xml = vim.encode("ReconfigVM_Task", vm, { spec = spec }, "7.0")
print(xml:match "<spec>.-</numCPUs>")
--> <spec><name>a &amp; b</name><numCPUs>2</numCPUs>
print(xml:match "<device .->", xml:match "<backing .->")
--> <device xsi:type="VirtualDisk">	<backing xsi:type="VirtualDiskFlatVer2BackingInfo">

local answer = [[<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/"><Body><ReconfigVM_TaskResponse xmlns="urn:vim25">
  <returnval type="Task">task-7</returnval></ReconfigVM_TaskResponse></Body></Envelope>]]
local task = assert(vim.decode(answer, "ReconfigVM_Task"))
print(vim.typeof(task), task.moid)
--> Task	task-7

-- a mistake is found before anything is sent
print(select(2, pcall(vim.encode, "ReconfigVM_Task", vm, { spec = { memoryMb = 512 } }, "7.0")))
--> ReconfigVM_Task: spec.memoryMb: VirtualMachineConfigSpec has no field 'memoryMb': did you mean 'memoryMB'?

print(vim.isa("VirtualDisk", "VirtualDevice"), vim.method("PowerOnVM_Task").params[1].type)
--> true	HostSystem
