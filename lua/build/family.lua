-- family: which machines' disks stand on another one's, and how a machine goes that nothing stands on
local retry = require "core.retry"
local fault = require "vsphere.fault"
local property = require "vsphere.property"
local device = require "vsphere.device"
require "vsphere.vm"

local family = {}

local function directory(file) return file and file:match("^(.*)/[^/]*$") end

-- The directories that are the machine's own: of its configuration, and of the top file of each disk. What its disks stand on
-- is elsewhere, in its parent's.
local function own_directories(facts)
  local out = {}
  local function add(file) if directory(file) then out[directory(file)] = true end end
  add(facts["config.files.vmPathName"])
  for _, disk in ipairs(device.disks(facts["config.hardware.device"] or {})) do add(disk.backing.fileName) end
  return out
end

-- Does a disk, or a file that it stands on, lie in one of the directories?
local function stands_on(devices, directories)
  for _, disk in ipairs(device.disks(devices or {})) do
    local backing = disk.backing
    while backing and backing.fileName do
      if directories[directory(backing.fileName)] then return true end
      backing = backing.parent
    end
  end
  return false
end

local function look(vm)
  local facts = vm:get { "config.files.vmPathName", "config.hardware.device", "datastore" }
  local own, seen, others, names = own_directories(facts), {}, {}, {}
  for _, store in ipairs(property.get_many(vm.session, facts.datastore or {}, { "vm" })) do
    for _, other in ipairs(store.vm or {}) do
      if other ~= vm and not seen[other.moid] then seen[other.moid], others[#others + 1] = true, other end
    end
  end
  local unread = 0
  for _, other in ipairs(property.get_many(vm.session, others, { "name", "config.hardware.device" }, { readable = true })) do
    if other.unreadable then unread = unread + 1
    elseif stands_on(other["config.hardware.device"], own) then names[#names + 1] = other.name end
  end
  table.sort(names)
  if #names > 0 then return "disks of " .. table.concat(names, ", ") .. " stand on it" end
  if unread > 0 then return string.format("disks of one of %d machines that this user may not read may stand on it", unread) end
end

--[[
family.needed(vm) -> string|nil
Why a virtual machine may not go: "disks of web-1, web-2 stand on it", on files of it; nil when there is no such reason. All machines on its
datastores are looked at; those that the user may not read may be such. One that goes meanwhile is a reason to look again, for some
seconds.
Raises: fault.
Blocks: yes, three requests.
]]
function family.needed(vm)
  return retry.within(10, { 0.05, 1 }, function() return look(vm) end, function(e)
    return fault.is(e, "ManagedObjectNotFound") and e.fault.obj ~= vm
  end)
end

--[[
family.destroy(vm) -> nothing
Power a machine or template off, and delete it with its files. A template must be a machine again first: one with snapshots cannot
go otherwise.
Raises: fault.
Blocks: yes.
]]
function family.destroy(vm)
  if vm:get "config.template" then
    local host = vm:get "runtime.host"
    local pool = host and host:get("parent"):get "resourcePool"
    if not pool then return vm:destroy() end -- the user may not see where it is: without snapshots it goes all the same
    vm:mark_vm(pool, host)
  end
  vm:power_off() -- also when it is off as far as one can see: a pending question ends with it
  vm:destroy()
end

return family
