-- inventory: the tree of folders and what is in it, by path: "/DC0/vm/web-1", "vm/*", "host/cluster/*"
local vim = require "vim"
local runtime = require "runtime"
local err = require "core.err"
local glob = require "core.glob"
local natural = require "core.natural"
local list = require "vsphere.list"
local property = require "vsphere.property"

local inventory = {}

-- What is below an object of each type, as a person sees the tree.
local BELOW = {
  { "Folder", "childEntity" },
  { "Datacenter", "vmFolder", "hostFolder", "datastoreFolder", "networkFolder" },
  { "ComputeResource", "host", "resourcePool" },
  { "ResourcePool", "resourcePool" },
  { "VirtualApp", "vm" },
}

-- The steps to what is directly below an object of this type.
local function selects(kind)
  local out = {}
  for _, edge in ipairs(BELOW) do
    for i = 2, vim.isa(kind, edge[1]) and #edge or 0 do
      out[#out + 1] = vim.TraversalSpec { type = edge[1], path = edge[i], skip = false }
    end
  end
  return out
end

-- Names have %, / and \ escaped, as they have to be in a path.
local function plain(name) return (name:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end)) end

local function slashless(name) return (name:gsub("/", "%%2f")) end

local function entries_of(found, order)
  local out = {}
  for _, object in ipairs(order) do out[#out + 1] = { object = object, name = plain(found[object].name or object.moid) } end
  return natural.sort(out, function(entry) return entry.name end)
end

--[[
inventory.children(session, parents [, options]) -> {{ object, name }, ...}
What is directly below some objects, sorted by name: of folders, datacenters, clusters and hosts, resource pools, virtual apps.
  parents        array of objects
  options.timeout number = 180     seconds for the request
Raises: error objects.
Blocks: yes, one request; none when nothing can be below them.
]]
function inventory.children(session, parents, options)
  local sets = {}
  for _, parent in ipairs(parents) do
    local below = selects(parent.kind)
    if #below > 0 then sets[#sets + 1] = { obj = parent, skip = true, selectSet = below } end
  end
  if #sets == 0 then return {} end
  local found, order = property.collect(session,
    { { propSet = { { type = "ManagedEntity", all = false, pathSet = { "name" } } }, objectSet = sets } }, options)
  return entries_of(found, order)
end

-- Everything of a type, wherever it is: a view of the server's own, since it knows the tree.
local function everywhere(session, kind)
  local view = session.content.viewManager:CreateContainerView { container = session.content.rootFolder, type = { kind }, recursive = true }
  local ok, found, order = pcall(property.collect, session, { { propSet = { { type = kind, all = false, pathSet = { "name" } } },
    objectSet = { { obj = view, skip = true, selectSet = { vim.TraversalSpec { type = "ContainerView", path = "view", skip = false } } } } } })
  pcall(view.DestroyView, view)
  if not ok then error(found, 0) end
  return entries_of(found, order)
end

local function is_pattern(text) return text:find("[*?]") ~= nil end

local function objects_of(entries)
  local out = {}
  for i, entry in ipairs(entries) do out[i] = entry.object end
  return out
end

-- All that is below, level by level.
local function descend(session, entries)
  local all, level, seen = {}, entries, {}
  while #level > 0 do
    for _, entry in ipairs(level) do
      if not seen[entry.object] then all[#all + 1] = entry end
      seen[entry.object] = true
    end
    level = inventory.children(session, objects_of(level))
  end
  return all
end

local function nothing(name, where, entries)
  local names = {}
  for i, entry in ipairs(entries) do names[i] = entry.name end
  local near = runtime.nearest(name, names)
  err.raise("notfound", string.format("no '%s' in %s", name, where), { hint = near and "did you mean '" .. near .. "'?"
    or #names == 0 and "there is nothing in it" or "there: " .. table.concat(names, ", ", 1, math.min(#names, 12)) .. (#names > 12 and ", …" or "") })
end

-- One segment of a path below some objects. A plain name that is not there raises.
local function walk(session, from, segment, where)
  local below = inventory.children(session, objects_of(from))
  if segment == "**" then return descend(session, below) end
  local out = {}
  for _, entry in ipairs(below) do if entry.name == segment or glob.match(entry.name, segment) then out[#out + 1] = entry end end
  if #out == 0 and not is_pattern(segment) then nothing(segment, where, below) end
  return out
end

local FOLDERS = { vm = true, host = true, datastore = true, network = true }

-- Where a path begins: at the root, or, for "vm/…", "host/…" and so on, in the datacenter of the session, or in every one.
local function beginning(session, path, segments)
  local root = { { object = session.content.rootFolder, name = "" } }
  if path:sub(1, 1) == "/" or not FOLDERS[segments[1]] then return root, "/" end
  local wanted = session.options.datacenter
  local out = {}
  for _, entry in ipairs(everywhere(session, "Datacenter")) do
    if not wanted or entry.name == wanted or entry.object.moid == wanted or wanted:sub(-#entry.name - 1) == "/" .. entry.name then out[#out + 1] = entry end
  end
  return out, wanted or #out == 1 and out[1].name or "the datacenters"
end

local function split(path)
  local out = {}
  for segment in path:gmatch("[^/]+") do out[#out + 1] = plain(segment) end
  return out
end

local function by_path(session, path)
  local segments = split(path)
  local at, where = beginning(session, path, segments)
  for _, segment in ipairs(segments) do
    at = walk(session, at, segment, where)
    where = (where == "/" and "/" or where .. "/") .. segment
  end
  return at
end

local function by_name_anywhere(session, name, kind)
  local all, out = everywhere(session, kind), {}
  for _, entry in ipairs(all) do
    if entry.name == name or entry.object.moid == name or glob.match(entry.name, name) then out[#out + 1] = entry end
  end
  if #out == 0 and not is_pattern(name) then nothing(name, "the inventory (" .. kind .. ")", all) end
  return out
end

--[[
inventory.find(session, pattern [, kind]) -> object|list
Find things in the inventory. A pattern with a slash is a path, from the root ("/DC0/vm/web-1") or, when it begins with vm, host,
datastore or network, from the session's datacenter ("vm/templates/*"); one without is the name or id of a `kind` anywhere.
`*` is any text, `?` one character, a segment `**` any depth; a slash in a name is %2f. A pattern with them gives a list (see list.new), which may be empty; one
without gives the one object.
  pattern        string
  kind           string = "VirtualMachine"   a managed type; with a path, only what is of that type counts
Raises: notfound, with the nearest name; several objects where one was asked for.
Blocks: yes, one request for each segment of a path, three for "anywhere" and for the datacenter.
]]
function inventory.find(session, pattern, kind)
  local is_path = pattern:find("/", 1, true)
  local entries = is_path and by_path(session, pattern) or by_name_anywhere(session, pattern, kind or "VirtualMachine")
  local objects = {}
  for _, entry in ipairs(entries) do
    if not (is_path and kind) or vim.isa(entry.object.kind, kind) then objects[#objects + 1] = entry.object end
  end
  if is_pattern(pattern) then return list.new(session, objects) end
  if #objects == 1 then return objects[1] end
  err.raise("notfound", #objects == 0 and string.format("'%s' is no %s", pattern, kind)
    or string.format("there are %d objects called '%s'", #objects, pattern), { hint = #objects > 1 and "give a path from the root, or the id" or nil })
end

--[[
inventory.candidates(session, path [, options]) -> {string, ...}
The names below a path whose last segment is not finished ("vm/we"): all of its folder, "/" behind those that may have something
below. For completion.
  options        table             as for children
Raises: error objects.
Blocks: yes, as many requests as the path has segments.
]]
function inventory.candidates(session, path, options)
  local folder = path:match("^(.*/)") or ""
  local segments, out = split(folder), {}
  local at
  if folder == "" then
    for _, name in ipairs { "datastore/", "host/", "network/", "vm/" } do out[#out + 1] = name end
    at = everywhere(session, "VirtualMachine")
  else
    at = beginning(session, path, segments)
    for _, segment in ipairs(segments) do at = walk(session, at, segment, folder) end
    at = inventory.children(session, objects_of(at), options)
  end
  for _, entry in ipairs(at) do out[#out + 1] = slashless(entry.name) .. (#selects(entry.object.kind) > 0 and folder ~= "" and "/" or "") end
  return out
end

--[[
inventory.path(object) -> string
Where an object of the inventory is: "/DC0/vm/web-1".
Raises: error objects.
Blocks: yes, one request.
]]
function inventory.path(object)
  local up = { { name = "up" }, { name = "out" } }
  local found = property.collect(object.session, { {
    propSet = { { type = "ManagedEntity", all = false, pathSet = { "name", "parent" } }, { type = "VirtualMachine", all = false, pathSet = { "parentVApp" } } },
    objectSet = { { obj = object, skip = false, selectSet = {
      vim.TraversalSpec { name = "up", type = "ManagedEntity", path = "parent", skip = false, selectSet = up },
      vim.TraversalSpec { name = "out", type = "VirtualMachine", path = "parentVApp", skip = false, selectSet = up } } } } } })
  local names, at, root = {}, object, object.session.content.rootFolder
  while at and at ~= root and found[at] do
    table.insert(names, 1, slashless(plain(found[at].name or at.moid)))
    at = found[at].parent or found[at].parentVApp
  end
  return "/" .. table.concat(names, "/")
end

return inventory
