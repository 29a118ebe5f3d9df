-- columns: which properties stand for an object in a table, by type; a type without an entry takes that of its nearest base
local vim = require "vim"

local columns = {}

-- Paths without references on the way: one request reads them all. { path, heading when it is not the path's last name }
local OBJECTS = {
  VirtualMachine = { { "name" }, { "runtime.powerState", "power" }, { "guest.ipAddress", "address" }, { "summary.config.numCpu", "cpus" },
    { "summary.config.memorySizeMB", "memory" }, { "summary.config.guestFullName", "guest" }, { "summary.config.template" } },
  HostSystem = { { "name" }, { "runtime.connectionState", "connection" }, { "summary.hardware.numCpuCores", "cores" },
    { "summary.hardware.memorySize", "memory" }, { "summary.hardware.model" }, { "summary.config.product.fullName", "product" } },
  ComputeResource = { { "name" }, { "summary.numHosts", "hosts" }, { "summary.numCpuCores", "cores" }, { "summary.totalMemory", "memory" },
    { "overallStatus", "status" } },
  Datastore = { { "name" }, { "summary.type" }, { "summary.capacity" }, { "summary.freeSpace", "free" }, { "summary.accessible" } },
  Network = { { "name" }, { "summary.accessible" } },
  Task = { { "info.descriptionId", "what" }, { "info.entityName", "of" }, { "info.state" }, { "info.progress" }, { "info.startTime", "started" } },
  ManagedEntity = { { "name" }, { "overallStatus", "status" } },
}

local DATA = {
  VirtualDevice = { { "key" }, { "deviceInfo.label", "label" }, { "deviceInfo.summary", "summary" }, { "controllerKey" }, { "unitNumber" } },
  GuestNicInfo = { { "network" }, { "macAddress" }, { "ipAddress" }, { "connected" } },
  OptionValue = { { "key" }, { "value" } },
  Event = { { "createdTime" }, { "userName" }, { "fullFormattedMessage" } },
  VirtualMachineSnapshotTree = { { "id" }, { "name" }, { "createTime" }, { "state" }, { "description" } },
}

local function nearest(of, kind)
  while kind do
    if of[kind] then return of[kind] end
    local t = vim.type(kind)
    kind = t and t.base
  end
end

-- The schema's field at the end of a path, and the type it stands in; nil when there is none, as for a column made for a base type.
local function field_at(kind, path)
  local field, owner
  for name in path:gmatch("[^.]+") do
    owner = kind
    field = vim.field(kind, name)
    if not field then return nil end
    kind = field.type
  end
  return field, owner
end

local function described(of, kind)
  local out = {}
  for _, one in ipairs(nearest(of, kind) or {}) do
    local field, owner = field_at(kind, one[1])
    out[#out + 1] = { path = one[1], heading = one[2] or one[1]:match("[^.]+$"), field = field, owner = owner }
  end
  return out
end

--[[
columns.of_object(kind) -> {{ path, heading, field, owner }, ...}
The columns for managed objects of a type: property paths, what stands above them, and what the schema says of the value. Empty when
nothing stands for the type.
]]
function columns.of_object(kind) return described(OBJECTS, kind) end

--[[
columns.of_data(kind) -> {{ path, heading, field, owner }, ...}
The same for data objects of a type; without a choice of ours, its fields that are no lists or objects, which may be many.
]]
function columns.of_data(kind)
  local chosen = described(DATA, kind)
  if #chosen > 0 then return chosen end
  for _, field in ipairs((vim.type(kind) or {}).fields or {}) do
    local t = vim.type(field.type)
    if not field.list and t and t.kind ~= "data" then
      chosen[#chosen + 1] = { path = field.name, heading = field.name, field = field, owner = field.owner }
    end
  end
  return chosen
end

--[[
columns.field(kind, path) -> field|nil, string|nil
What the schema says of a property path of a type, and the type that the last name stands in.
]]
columns.field = field_at

return columns
