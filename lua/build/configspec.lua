-- configspec: what a recipe says to the API itself about its machine: fields of VirtualMachineConfigSpec, checked when it is loaded
local vim = require "vim"

local configspec = {}

-- Fields that options of a recipe stand for, and those that are the builder's business.
local OURS = { name = "name", guestId = "guest_id", numCPUs = "hardware.cpus", numCoresPerSocket = "hardware.cores", memoryMB = "hardware.memory",
  version = "hardware.version", firmware = "hardware.firmware", annotation = "annotation", extraConfig = "extra_config",
  deviceChange = "hardware.disks and hardware.nics", bootOptions = false, files = false, changeVersion = false, uuid = false,
  instanceUuid = false, vmProfile = false }

-- The type of the option config, as core/spec has them.
configspec.type = { name = "fields of VirtualMachineConfigSpec", read = function(_, value, path, problems)
  local function add(key, message) problems[#problems + 1] = { path = path .. (key and "." .. key or ""), message = message } end
  if type(value) ~= "table" then return add(nil, "a table of fields of VirtualMachineConfigSpec expected") end
  for key in pairs(value) do
    local ours = OURS[key]
    if ours ~= nil then add(key, ours and "is said with " .. ours or "is the builder's business") end
  end
  local ok, message = pcall(vim.encode, "ReconfigVM_Task", vim.ref("VirtualMachine", "vm"), { spec = value }, vim.api)
  if not ok then add(nil, (tostring(message):gsub("^.-ReconfigVM_Task: ", ""):gsub("^spec%.", ""))) end
  return value
end }

--[[
configspec.merge(spec, config) -> spec
A specification with what the recipe's `config` says added to it.
  spec           table             fields of VirtualMachineConfigSpec
  config         table|nil         further ones, as configspec.type has read them
]]
function configspec.merge(spec, config)
  for key, value in pairs(config or {}) do spec[key] = value end
  return spec
end

return configspec
