-- fault: what a fault of the server means, in words for people. The server's own text is always kept.
local vim = require "vim"
local units = require "core.units"
local device = require "vsphere.device"

local fault = {}

local function name_of(ref, context)
  local name = ref and context.name_of and context.name_of(ref)
  return name and "'" .. name .. "'" or ref and tostring(ref) or "an object"
end

-- Servers leave out even what the schema requires: all words are made with string.format, which takes nil.
local format = string.format

local function size(bytes) return bytes and units.format_bytes(bytes) or "?" end

local function device_of(f, context)
  local spec = context.specs and f.deviceIndex and context.specs[f.deviceIndex + 1]
  if not spec then return format("device %s of the request", f.deviceIndex or "?") end
  local medium = device.file(spec.device) and vim.typeof(spec.device) ~= "VirtualDisk"
  return device.describe(spec, context.specs), medium and "does the host that runs the virtual machine have the datastore of this file?" or nil
end

local function missing_privileges(f, context)
  local list = {}
  for _, entity in ipairs(f.missingPrivileges or {}) do
    for _, id in ipairs(entity.privilegeIds or {}) do list[#list + 1] = id .. " on " .. name_of(entity.entity, context) end
  end
  if #list == 0 and f.privilegeId then list[1] = f.privilegeId .. " on " .. name_of(f.object, context) end
  return #list > 0 and table.concat(list, ", ") or nil
end

-- type -> function(fault, context) -> words, hint. A type that is not here is explained by its nearest base that is.
local WORDS = {
  NotAuthenticated = function() return "the session is not logged in, or it has ended" end,
  NoPermission = function(f, context)
    local missing = missing_privileges(f, context)
    return missing and "the privilege is missing: " .. missing or "permission is denied",
      "give the user a role with this privilege on that object, or on one above it with propagation"
  end,
  InvalidLogin = function() return "the user name or the password is refused", "are VCENTER_USERNAME and VCENTER_PASSWORD right?" end,
  PasswordExpired = function() return "the password has expired" end,
  RestrictedVersion = function()
    return "the licence of this host does not allow changes over the API",
      "the free ESXi licence is read-only: building needs a licensed host or a vCenter"
  end,
  NotEnoughLicenses = function() return "the licences do not suffice" end,

  DuplicateName = function(f, context) return format("the name '%s' is taken, by %s", f.name, name_of(f.object, context)) end,
  AlreadyExists = function(f) return f.name and format("'%s' is there already", f.name) or "it is there already" end,
  InvalidName = function(f) return format("'%s' is not a name that the server takes", f.name) end,
  ManagedObjectNotFound = function(f, context) return name_of(f.obj, context) .. " is not there any more" end,
  InvalidFolder = function(f, context) return name_of(f.target, context) .. " is not a folder for this" end,

  InvalidPowerState = function(f)
    return format("the virtual machine is %s%s", f.existingState, f.requestedState and ", this needs it " .. f.requestedState or "")
  end,
  QuestionPending = function(f) return format("the virtual machine waits for an answer: %s", f.text) end,
  TaskInProgress = function() return "another task is at work on the same object", "try again when it has ended" end,
  ToolsUnavailable = function() return "VMware Tools do not run in the guest" end,

  InvalidArgument = function(f) return f.invalidProperty and format("the value of %s is not accepted", f.invalidProperty) end,
  InvalidProperty = function(f) return format("there is no property '%s'", f.name) end,
  InvalidVmConfig = function(f) return f.property and format("the virtual machine's %s is not accepted", f.property) end,
  UnsupportedGuest = function(f)
    return format("the host does not know the guest system '%s'", f.unsupportedGuestOS), "see guest_id, and the hardware version"
  end,
  GenericVmConfigFault = function(f) return f.reason end,
  InvalidDeviceSpec = function(f, context)
    local what, hint = device_of(f, context)
    return format("%s is not accepted%s", what, f.property and ", because of its " .. f.property or ""), hint
  end,
  MissingController = function(f, context) return format("%s is on a controller that is not there", (device_of(f, context))) end,
  InvalidController = function(f, context) return format("%s is on an unfit controller (key %s)", (device_of(f, context)), f.controllerKey) end,
  DeviceUnsupportedForVmVersion = function(f, context)
    return format("%s needs hardware version %s, the virtual machine has %s", (device_of(f, context)), f.expectedVersion, f.currentVersion)
  end,
  VirtualHardwareVersionNotSupported = function(f) return format("the hardware version is too new for the host %s", f.hostName) end,

  InsufficientResourcesFault = function() return "the resources do not suffice" end,
  InsufficientCpuResourcesFault = function(f) return format("%s MHz of CPU are asked for, %s are free", f.requested, f.unreserved) end,
  InsufficientMemoryResourcesFault = function(f)
    return format("%s of memory are asked for, %s are free", size(f.requested), size(f.unreserved))
  end,
  InsufficientStorageSpace = function() return "the datastore has too little room" end,

  FileFault = function(f) return format("file %s", f.file) end,
  FileNotFound = function(f) return format("%s is not there", f.file) end,
  FileAlreadyExists = function(f) return format("%s is there already", f.file) end,
  FileLocked = function(f) return format("%s is locked: something has it open", f.file) end,
  CannotAccessFile = function(f) return format("%s cannot be reached", f.file), "does the host have this datastore, and is the file not in use?" end,
  NoDiskSpace = function(f) return format("the datastore %s has no room for %s", f.datastore, f.file) end,
  InvalidDatastore = function(f, context) return format("the datastore %s is not there", f.name or name_of(f.datastore, context)) end,
  InvalidDatastorePath = function(f) return format("'%s' is not a datastore path", f.datastorePath) end,

  HostConnectFault = function() return "the host cannot be connected" end,
  HostNotConnected = function() return "the host is not connected to the vCenter" end,
  HostNotReachable = function() return "the vCenter does not reach the host" end,
  NotSupported = function() return "the server does not support this, or not here" end,
  UnsupportedVimApiVersion = function(f) return "the server does not speak this version of the API" .. (f.version and " (" .. f.version .. ")" or "") end,
  Timedout = function() return "the server gave up waiting" end,
}

-- The words for a type: its own, else those of the nearest base, and the type that they are of.
local function words_for(f, context)
  local name = vim.typeof(f)
  while name do
    if WORDS[name] then
      local words, hint = WORDS[name](f, context)
      if words then return words, hint, name end
    end
    name = vim.type(name).base
  end
end

local SIMPLE = { string = true, number = true, boolean = true }

-- "reason = bad, limit = 3": the simple fields that the words, which are of the type `told`, do not tell.
local function fields_of(f, told, context)
  local list = {}
  for _, field in ipairs(vim.type(vim.typeof(f)).fields) do
    local value = not (told and vim.isa(told, field.owner)) and f[field.name]
    if field.reference and not field.list and value then value = name_of(value, context) end
    if value and SIMPLE[type(value)] then list[#list + 1] = field.name .. " = " .. tostring(value) end
  end
  return table.concat(list, ", ")
end

local function one_line(text) return text and (text:gsub("%s+", " "):gsub("^ ", ""):gsub(" $", "")) or "" end

-- Everything that the server says in words, each once.
local function server_text(f, localized, context)
  local said, seen = {}, {}
  local function say(text)
    text = one_line(text)
    if text ~= "" and not seen[text] then said[#said + 1], seen[text] = text, true end
  end
  say(localized)
  say(context.text)
  for _, m in ipairs(f.faultMessage or {}) do say(m.message or m.key) end
  return table.concat(said, " ")
end

local function join(separator, ...)
  local parts = {}
  for _, part in ipairs { ... } do
    if part ~= "" then parts[#parts + 1] = part end
  end
  return table.concat(parts, separator)
end

-- The faults below this one: faultCause, and what NoCompatibleHost and UnexpectedFault carry.
local function causes_of(f)
  local list = {}
  for _, cause in ipairs { f.faultCause or {}, f.fault or {}, table.unpack(f.error or {}) } do
    if vim.typeof(cause) == "LocalizedMethodFault" then list[#list + 1] = cause end
  end
  return list
end

local function unwrap(f)
  if vim.typeof(f) == "LocalizedMethodFault" then return f.fault, f.localizedMessage end
  return f, nil
end

--[[
fault.explain(fault [, context]) -> message, hint
What happened, and what to do about it when that is known. The type's name and all that the server says are in the message; of what was
sent only the devices that the fault points at are named.
  fault            MethodFault, LocalizedMethodFault, or { faultstring = string } as from vim.decode
  context.text     string|nil      the server's text beside the fault (the message of vim.decode)
  context.specs    array|nil       VirtualDeviceConfigSpec as sent: for faults that name a device by its index
  context.method   string|nil      what was called
  context.name_of  function|nil    reference -> name|nil; without it "VirtualMachine:vm-12"
message = "disk 2 (64 GiB, pvscsi) is not accepted (InvalidDeviceSpec: Invalid configuration for device '1'.)"
hint = string|nil
Blocks: no.
]]
function fault.explain(f, context)
  context = context or {}
  local value, localized = unwrap(f)
  local name = vim.typeof(value)
  if not name then return one_line(context.text or value and value.faultstring or localized or "a fault without text") end
  local words, hint, told = words_for(value, context)
  name = context.method and name .. " from " .. context.method or name
  local said, fields = server_text(value, localized, context), fields_of(value, told, context)
  local message = words and format("%s (%s)", words, join(": ", join(", ", name, fields), said))
    or format("%s (%s)", said ~= "" and said or "the server reports a fault", join(": ", name, fields))
  for _, cause in ipairs(causes_of(value)) do
    local why, more = fault.explain(cause, { specs = context.specs, name_of = context.name_of })
    message, hint = message .. "; because " .. why, hint or more
  end
  return message, hint
end

local CODES = { { "InvalidLogin", "auth" }, { "NoPermission", "auth" }, { "DuplicateName", "exists" }, { "AlreadyExists", "exists" },
  { "FileAlreadyExists", "exists" }, { "NotFound", "notfound" }, { "ManagedObjectNotFound", "notfound" }, { "FileNotFound", "notfound" },
  { "InvalidDatastorePath", "fault" }, { "InvalidDatastore", "notfound" } }

--[[
fault.code(fault) -> "auth"|"exists"|"notfound"|"fault"
The code of the error object for a fault. "auth" is a refused login, a missing privilege, or a session that has ended (NotAuthenticated).
  fault          as for fault.explain
Blocks: no.
]]
function fault.code(f)
  local name = vim.typeof((unwrap(f)))
  for _, pair in ipairs(name and CODES or {}) do
    if vim.isa(name, pair[1]) then return pair[2] end
  end
  return "fault"
end

--[[
fault.is(e, kind) -> boolean
Is `e` an error object for a fault of that type ("FileNotFound") or one derived from it?
Blocks: no.
]]
function fault.is(e, kind)
  local name = type(e) == "table" and e.fault and vim.typeof((unwrap(e.fault)))
  return name ~= nil and name ~= false and vim.isa(name, kind)
end

return fault
