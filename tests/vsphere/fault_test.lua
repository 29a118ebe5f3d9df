-- fault: what faults say to people
local vim = require "vim"
local device = require "vsphere.device"
local fault = require "vsphere.fault"

local tests = {}

local machine, store = vim.VirtualMachine("vm-12"), vim.Datastore("datastore-7")
local names = { ["VirtualMachine:vm-12"] = "base-os", ["Datastore:datastore-7"] = "ssd 1" }
local function name_of(ref) return names[tostring(ref)] end

-- type -> { fields, message, hint }
local SAID = {
  InvalidLogin = { {}, "the user name or the password is refused", "are VCENTER_USERNAME and VCENTER_PASSWORD right?" },
  NotAuthenticated = { { object = store, privilegeId = "System.View" }, "the session is not logged in" },
  NoPermission = { { object = store, privilegeId = "Datastore.FileManagement" }, "the privilege is missing: Datastore.FileManagement on 'ssd 1'", "role" },
  RestrictedVersion = { {}, "the licence of this host", "free ESXi" },
  DuplicateName = { { name = "base-os", object = machine }, "the name 'base-os' is taken, by 'base-os'" },
  InvalidName = { { name = "a/b" }, "'a/b' is not a name" },
  ManagedObjectNotFound = { { obj = vim.VirtualMachine("vm-99") }, "VirtualMachine:vm-99 is not there any more" },
  InvalidPowerState = { { existingState = "poweredOn", requestedState = "poweredOff" }, "the virtual machine is poweredOn, this needs it poweredOff" },
  InvalidArgument = { { invalidProperty = "configSpec.guestId" }, "the value of configSpec.guestId is not accepted" },
  InsufficientMemoryResourcesFault = { { requested = 4 << 30, unreserved = 1 << 30 }, "4.0 GiB of memory are asked for, 1.0 GiB are free" },
  InsufficientHostMemoryCapacityFault = { { requested = 4 << 30, unreserved = 1 << 30 },
    "the resources do not suffice (InsufficientHostMemoryCapacityFault, unreserved = 1073741824, requested = 4294967296" },
  NoDiskSpace = { { file = "[ssd 1] a/a.vmdk", datastore = "ssd 1" }, "the datastore ssd 1 has no room for [ssd 1] a/a.vmdk" },
  FileAlreadyExists = { { file = "[ssd 1] a" }, "[ssd 1] a is there already" },
  FileNotFound = { { file = "[ssd 1] a" }, "[ssd 1] a is not there" },
  FileNotWritable = { { file = "[ssd 1] a" }, "file [ssd 1] a (FileNotWritable" },
  CannotAccessFile = { { file = "[ssd 1] a" }, "[ssd 1] a cannot be reached", "does the host have this datastore" },
  InvalidDatastorePath = { { datastorePath = "[x" }, "'[x' is not a datastore path" },
  InvalidDatastore = { { datastore = store }, "the datastore 'ssd 1' is not there" },
  TaskInProgress = { { task = vim.Task("task-1") }, "another task is at work", "try again" },
  NotSupported = { {}, "the server does not support this" },
  HostNotConnected = { {}, "the host is not connected" },
  SSLVerifyFault = { { selfSigned = true, thumbprint = "AA:BB" }, "the host cannot be connected (SSLVerifyFault, selfSigned = true, thumbprint = AA:BB" },
  UnsupportedVimApiVersion = { { version = "9.9" }, "this version of the API (9.9)" },
  SystemError = { { reason = "disk on fire" }, "SystemError: reason = disk on fire" },
  CannotUseNetwork = { { device = "nic", backing = "VM Network", connected = true, reason = "gone", network = vim.Network("network-1") },
    "device = nic, backing = VM Network, connected = true, reason = gone, network = Network:network-1" },
}

for type, case in pairs(SAID) do
  tests[type .. " is explained, and the server's text is kept"] = function(t)
    local message, hint = fault.explain(vim[type](case[1]), { text = "As the\n server  says.", name_of = name_of })
    t:contains(message, case[2])
    t:contains(message, type)
    t:contains(message, "As the server says.")
    if case[3] then t:contains(hint, case[3]) else t:equal(hint, nil) end
  end
end

-- Whatever a server sends, complete or not, an explanation comes out of it.
tests["every fault of the API is explained without its fields"] = function(t)
  local count = 0
  for _, name in ipairs(vim.complete("")) do
    if vim.isa(name, "MethodFault") then
      count = count + 1
      local message = fault.explain(vim[name] {}, { text = "server's text" })
      t:contains(message, name)
      t:contains(message, "server's text")
      t:ok(({ auth = 1, exists = 1, notfound = 1, fault = 1 })[fault.code(vim[name] {})], name)
    end
  end
  t:ok(count > 300, "there are many faults")
end

tests["no fault has a secret to tell"] = function(t)
  local secrets = {}
  for _, name in ipairs(vim.complete("")) do
    for _, field in ipairs(vim.isa(name, "MethodFault") and vim.type(name).fields or {}) do
      if field.secret then secrets[#secrets + 1] = name .. "." .. field.name end
    end
  end
  t:equal(secrets, {})
end

tests["a device that the fault points at is named"] = function(t)
  local specs = device.create { disks = { { size = 1 << 30 }, { size = 64 << 30 } }, controllers = { "pvscsi" }, cdroms = { "[nfs] a.iso" } }
  local message, hint = fault.explain(vim.InvalidDeviceSpec { deviceIndex = 2, property = "virtualDeviceSpec.device.backing.fileName" },
    { specs = specs, text = "Invalid configuration for device '2'." })
  t:equal(message, "disk 2 (64 GiB, pvscsi) is not accepted, because of its virtualDeviceSpec.device.backing.fileName"
    .. " (InvalidDeviceSpec: Invalid configuration for device '2'.)")
  t:equal(hint, nil)
  message, hint = fault.explain(vim.InvalidDeviceBacking { deviceIndex = 3 }, { specs = specs })
  t:contains(message, "cdrom 1 ([nfs] a.iso) is not accepted")
  t:contains(hint, "datastore of this file")
  t:contains(fault.explain(vim.MissingController { deviceIndex = 1 }, { specs = specs }), "disk 1 (1 GiB, pvscsi) is on a controller that is not there")
  for _, index in ipairs { -1, 4, 99 } do
    t:contains(fault.explain(vim.InvalidDeviceSpec { deviceIndex = index }, { specs = specs }), "device " .. index .. " of the request")
  end
  t:contains(fault.explain(vim.InvalidDeviceSpec { deviceIndex = 0 }), "device 0 of the request")
end

tests["a task's fault comes with its own text and causes"] = function(t)
  local cause = vim.LocalizedMethodFault { fault = vim.FileLocked { file = "[ds] a.vmdk" }, localizedMessage = "Failed to lock the file" }
  local value = vim.LocalizedMethodFault { localizedMessage = "Cannot open the disk", fault = vim.GenericVmConfigFault { reason = "msg.disk",
    faultCause = cause, faultMessage = { { key = "msg.vmx", message = "Module 'Disk' power on failed." }, { key = "only.a.key" } } } }
  local message = fault.explain(value)
  for _, part in ipairs { "Cannot open the disk", "Module 'Disk' power on failed.", "only.a.key", "because [ds] a.vmdk is locked",
    "Failed to lock the file" } do
    t:contains(message, part)
  end
end

tests["the hosts' reasons are told"] = function(t)
  local value = vim.NoCompatibleHost { host = { vim.HostSystem("host-1") }, error = { vim.LocalizedMethodFault {
    fault = vim.NoDiskSpace { file = "[ds] a", datastore = "ds" }, localizedMessage = "Insufficient disk space" } } }
  t:contains(fault.explain(value), "the datastore ds has no room for [ds] a")
end

tests["a text is not said twice"] = function(t)
  local message = fault.explain(vim.LocalizedMethodFault { fault = vim.SystemError { reason = "r" }, localizedMessage = "same" }, { text = "same" })
  t:equal(select(2, message:gsub("same", "")), 1)
end

tests["privileges by object, from newer servers"] = function(t)
  local message = fault.explain(vim.NoPermission { object = store, privilegeId = "X", missingPrivileges = {
    vim.NoPermissionEntityPrivileges { entity = store, privilegeIds = { "Datastore.Browse", "Datastore.AllocateSpace" } },
    vim.NoPermissionEntityPrivileges { entity = machine, privilegeIds = { "VirtualMachine.Interact.PowerOn" } } } }, { name_of = name_of })
  t:contains(message, "Datastore.Browse on 'ssd 1', Datastore.AllocateSpace on 'ssd 1', VirtualMachine.Interact.PowerOn on 'base-os'")
end

tests["a fault without a type is its text"] = function(t)
  t:equal(fault.explain({ faultcode = "ServerFaultCode", faultstring = "Unable to parse" }), "Unable to parse")
  t:equal(fault.explain({ faultcode = "ServerFaultCode" }, { text = "from decode" }), "from decode")
  t:equal(fault.explain({}), "a fault without text")
  t:equal(fault.explain(vim.LocalizedMethodFault { localizedMessage = "only text" }), "only text")
  t:equal(fault.code({}), "fault")
  t:equal(fault.code(vim.LocalizedMethodFault {}), "fault")
end

tests["codes"] = function(t)
  for type, code in pairs { InvalidLogin = "auth", PasswordExpired = "auth", NoPermission = "auth", NotAuthenticated = "auth", DuplicateName = "exists",
    AlreadyExists = "exists", FileAlreadyExists = "exists", NotFound = "notfound", ManagedObjectNotFound = "notfound", FileNotFound = "notfound",
    InvalidDatastore = "notfound", InvalidDatastorePath = "fault", NoDiskSpace = "fault", SystemError = "fault" } do
    t:equal(fault.code(vim[type] {}), code, type)
    t:equal(fault.code(vim.LocalizedMethodFault { fault = vim[type] {} }), code, type)
  end
end

return tests
