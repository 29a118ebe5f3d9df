-- privileges: what a build does to whom, as privileges on objects; asked for before anything is made
local err = require "core.err"

local privileges = {}

-- Those that a machine will inherit are asked for on its folder: the machine is not there yet.
-- Source: VMware, "vSphere Web Services SDK Programming Guide", privileges reference; the methods' own descriptions.
local ALWAYS = {
  folder = { "VirtualMachine.Inventory.Delete", "VirtualMachine.Config.AdvancedConfig", "VirtualMachine.Config.Settings",
    "VirtualMachine.Config.AddRemoveDevice", "VirtualMachine.Config.Rename", "VirtualMachine.Interact.PowerOn", "VirtualMachine.Interact.PowerOff" },
  pool = { "Resource.AssignVMToPool" },
  datastore = { "Datastore.AllocateSpace" },
  network = {}, source = {},
}
local BASE = {
  folder = { "VirtualMachine.Inventory.Create", "VirtualMachine.Config.AddNewDisk", "VirtualMachine.Config.CPUCount", "VirtualMachine.Config.Memory" },
  datastore = { "Datastore.FileManagement", "Datastore.Browse" }, -- ISO and floppy
  network = { "Network.Assign" },
}
local CLONE = { folder = { "VirtualMachine.Inventory.CreateFromExisting" } }

-- { where, privilege, when }: what a recipe adds.
local WHEN = {
  { "folder", "VirtualMachine.Interact.PutUsbScanCodes", function(b) return b.image.boot end },
  { "folder", "VirtualMachine.State.CreateSnapshot", function(b) return b.image.snapshot end },
  { "folder", "VirtualMachine.Provisioning.MarkAsTemplate", function(b) return b.image.template end },
  { "folder", "VirtualMachine.Provisioning.MarkAsVM", function(b) return b.old_is_template end }, -- it is one again before it goes
  { "folder", "VApp.Export", function(b) return b.image.export end },
  { "folder", "VirtualMachine.Config.Annotation", function(b) return b.image.annotation end },
  { "folder", "VirtualMachine.Config.Resource", function(b) return b.image.config and (b.image.config.cpuAllocation or b.image.config.memoryAllocation) end },
  { "folder", "VirtualMachine.Config.CPUCount", function(b) return b.image.kind == "clone" and b.image.hardware.cpus end },
  { "folder", "VirtualMachine.Config.Memory", function(b) return b.image.kind == "clone" and b.image.hardware.memory end },
  { "folder", "VirtualMachine.Config.DiskExtend", function(b) return b.image.hardware.disk end },
  { "folder", "VirtualMachine.Config.EditDevice", function(b) return b.image.kind == "clone" and b.network end },
  { "network", "Network.Assign", function(b) return b.image.kind == "clone" end },
  { "source", "VirtualMachine.Provisioning.Clone", function(b) return b.source and not b.source.template end },
  { "source", "VirtualMachine.Provisioning.DeployTemplate", function(b) return b.source and b.source.template end },
  { "source", "VirtualMachine.State.CreateSnapshot", function(b) return b.source and b.image.linked and not b.source.snapshot end },
}

local function add(list, id)
  for _, known in ipairs(list) do if known == id then return end end
  list[#list + 1] = id
end

--[[
privileges.needed(b) -> {where = {privilege, ...}}
What a build of this image does: privileges by where, which is "folder", "pool", "datastore", "network" or "source".
  b              build             image, and source and network as the preflight has set them
]]
function privileges.needed(b)
  local needed = {}
  for where, ids in pairs(ALWAYS) do needed[where] = table.move(ids, 1, #ids, 1, {}) end
  for where, ids in pairs(b.image.kind == "base" and BASE or CLONE) do
    for _, id in ipairs(ids) do add(needed[where], id) end
  end
  for _, one in ipairs(WHEN) do
    if one[3](b) then add(needed[one[1]], one[2]) end
  end
  return needed
end

-- The objects of each kind: { where, object, what it is called }.
local function objects(b)
  local out = {}
  local function put(where, object, title) if object then out[#out + 1] = { where = where, object = object, title = title } end end
  local p = b.image.placement
  put("folder", b.folder, p.folder and "the folder " .. p.folder or "the datacenter's vm folder")
  put("pool", b.pool, p.resource_pool and "the resource pool " .. p.resource_pool or "the resource pool of " .. b.compute.name)
  put("datastore", b.datastore, "the datastore " .. b.datastore.known.name)
  for name, network in pairs(b.networks) do
    put("network", network and network.object, "the network " .. (name ~= "" and name or network and network.name or ""))
  end
  put("source", b.source and b.source.vm, b.source and b.source.name)
  table.sort(out, function(x, y) return x.title < y.title end)
  return out
end

-- Who may do what, as the server says; nil when it cannot tell.
local function ask(b, list, ids)
  local entities = {}
  for i, one in ipairs(list) do entities[i] = one.object end
  local ok, answer = pcall(function()
    return b.vc.content.authorizationManager:HasPrivilegeOnEntities { entity = entities, sessionId = b.vc.user.key, privId = ids }
  end)
  if ok then return answer end
  if not err.is(answer, "fault") and not err.is(answer, "auth") then error(answer, 0) end
  b.note("the server does not tell privileges: " .. answer.message)
end

-- Add a problem for each of the objects; false when the server does not answer.
local function check_objects(b, needed, list, problem)
  local ids = {}
  for _, one in ipairs(list) do
    for _, id in ipairs(needed[one.where]) do add(ids, id) end
  end
  local answer, by_object = ask(b, list, ids), {}
  for _, one in ipairs(answer or {}) do by_object[one.entity] = one.privAvailability end
  for _, one in ipairs(answer and list or {}) do
    local granted, missing = {}, {}
    for _, a in ipairs(by_object[one.object] or {}) do granted[a.privId] = a.isGranted end
    for _, id in ipairs(needed[one.where]) do
      if not granted[id] then missing[#missing + 1] = id end
    end
    if #missing > 0 then
      table.sort(missing)
      problem(string.format("%s may not do everything on %s; missing: %s", b.image.connection.username, one.title, table.concat(missing, ", ")),
        "add " .. (#missing == 1 and "it" or "them") .. " to the user's role there" .. (one.where == "folder" and ", with propagation to what is below" or ""))
    end
  end
  return answer ~= nil
end

--[[
privileges.check(b, problem) -> nothing
Add a problem for each object on which the user lacks privileges that the build needs; a note when the server does not tell.
  b              build             vc, image, folder, pool, compute, datastore, networks, source
  problem        function(message, hint)
Raises: net, timeout; cancelled.
Blocks: yes, two requests.  Source: vSphere API, AuthorizationManager.HasPrivilegeOnEntities (since 5.5).
]]
function privileges.check(b, problem)
  local needed, folder, others = privileges.needed(b), {}, {}
  -- one question has the same privileges for all its objects: the folder, of which most are needed, has one of its own
  for _, one in ipairs(objects(b)) do table.insert(one.where == "folder" and folder or others, one) end
  if check_objects(b, needed, folder, problem) then check_objects(b, needed, others, problem) end
end

return privileges
