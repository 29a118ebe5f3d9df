-- finder: names in the inventory to objects: by name, path, glob or id. One question for each kind of thing.
local vim = require "vim"
local err = require "core.err"
local device = require "vsphere.device"
local choose = require "vsphere.choose"
local property = require "vsphere.property"

local finder = {}
finder.__index = finder

-- ---- questions ----

-- A traversal from `kind` along `path`, and further along the steps named.
local function step(name, kind, path, ...)
  local next_ = {}
  for i, other in ipairs { ... } do next_[i] = { name = other } end
  return vim.TraversalSpec { name = name, type = kind, path = path, skip = false, selectSet = next_ }
end

local function question(from, selects, wanted)
  local sets = {}
  for kind, paths in pairs(wanted) do sets[#sets + 1] = { type = kind, all = false, pathSet = paths } end
  return { propSet = sets, objectSet = { { obj = from, skip = false, selectSet = selects } } }
end

-- Inventory names have %, / and \ escaped.
local function plain(name) return (name:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end)) end

-- "/dc/vm/folder": names from the root on, as far as the parents were asked for.
local function path_of(found, object)
  local names = {}
  while object and found[object] do
    table.insert(names, 1, plain(found[object].name or object.moid))
    object = found[object].parent
  end
  return table.concat(names, "/")
end

local function entries_of(found, order)
  local out = {}
  for i, object in ipairs(order) do
    out[i] = { object = object, facts = found[object], name = plain(found[object].name or object.moid), path = path_of(found, object) }
  end
  return out
end

local function ask(self, from, selects, wanted) return entries_of(property.collect(self.session, { question(from, selects, wanted) })) end

-- Is this object of an answer to several questions one that this question is after? Folders are found by more than one.
local function is_asked_for(found, object, from, wanted)
  local above = object
  while object.kind == "Folder" and above and above ~= from do above = found[above] and found[above].parent end
  for kind in pairs(above and wanted or {}) do
    if vim.isa(object.kind, kind) then return true end
  end
end

local COMPUTE = { "name", "parent", "host", "datastore", "network", "resourcePool", "environmentBrowser" }
local NETWORK = {
  Network = { "name" },
  DistributedVirtualPortgroup = { "name", "key", "config.distributedVirtualSwitch" },
  OpaqueNetwork = { "name", "summary" },
}

-- What is below a datacenter: from where, by which steps, what of each. The hosts only for whom one of them is named.
local QUESTIONS = {
  compute = function(datacenter, hosts)
    local from, wanted = datacenter.facts.hostFolder, { ComputeResource = COMPUTE, Folder = { "name", "parent" } }
    if not hosts then return from, { step("folders", "Folder", "childEntity", "folders") }, wanted end
    wanted.HostSystem = { "name", "parent", "datastore", "network" }
    return from, { step("folders", "Folder", "childEntity", "folders", "hosts"), step("hosts", "ComputeResource", "host") }, wanted
  end,
  datastore = function(datacenter) return datacenter.object, { step("stores", "Datacenter", "datastore") }, { Datastore = { "name", "summary" } } end,
  folder = function(datacenter)
    return datacenter.facts.vmFolder, { step("folders", "Folder", "childEntity", "folders") }, { Folder = { "name", "parent" } }
  end,
  network = function(datacenter) return datacenter.object, { step("networks", "Datacenter", "network") }, NETWORK end,
}

-- The answer to a question about what is below a datacenter: the one that is there already, if it was asked ahead.
local function below(self, datacenter, what, ...)
  local from, selects, wanted = QUESTIONS[what](datacenter, ...)
  local ahead, order = self.ahead, {}
  if not (ahead and ahead.datacenter == datacenter and ahead[what]) then return ask(self, from, selects, wanted) end
  for _, object in ipairs(ahead.order) do
    if is_asked_for(ahead.found, object, from, wanted) then order[#order + 1] = object end
  end
  return entries_of(ahead.found, order)
end

--[[
finder.new(session) -> finder
Names are looked up as: a name, a path or its end ("Packer/images"), an id ("group-v3"), or a glob that fits one thing.
nil stands for the only one there is.
]]
function finder.new(session) return setmetatable({ session = session }, finder) end

--[[
finder:datacenters() -> {{ object, name, path, facts = { vmFolder, hostFolder } }, ...}
All datacenters, in whatever folder.
Raises: fault.
Blocks: yes, one request.
]]
function finder:datacenters()
  local entries = ask(self, self.session.content.rootFolder, { step("folders", "Folder", "childEntity", "folders") },
    { Datacenter = { "name", "parent", "vmFolder", "hostFolder" }, Folder = { "name", "parent" } })
  local found = {}
  for _, entry in ipairs(entries) do
    entry.path = entry.path:gsub("^[^/]*/", "") -- the root folder is in no path
    if entry.object.kind == "Datacenter" then found[#found + 1] = entry end
  end
  return found
end

--[[
finder:datacenter([name]) -> { object, name, path, facts = { vmFolder, hostFolder } }
A datacenter, in whatever folder.
Raises: notfound, with what is there or the nearest name.
Blocks: yes, one request.
]]
function finder:datacenter(name) return choose.one("datacenter", name, self:datacenters(), "datacenter") end

--[[
finder:ask_ahead(datacenter, wanted, hosts) -> nothing
Ask for all kinds of things that are going to be looked up below a datacenter in one question: from then on this finder answers from it.
When the server refuses it, each is asked for by itself, so that what was refused is told.
  wanted         array             of "compute", "datastore", "folder", "network"
  hosts          boolean           whether a host will be named
Raises: net, timeout; cancelled.
Blocks: yes, one request.
]]
function finder:ask_ahead(datacenter, wanted, hosts)
  local ahead, specs = { datacenter = datacenter }, {}
  for i, what in ipairs(wanted) do specs[i], ahead[what] = question(QUESTIONS[what](datacenter, hosts)), true end
  local ok, found, order = pcall(property.collect, self.session, specs)
  if not ok and not (err.is(found) and found.fault) then error(found, 0) end
  ahead.found, ahead.order = found, order
  self.ahead = ok and ahead or nil
end

-- The place on which `host` stands, with the host's own datastores and networks.
local function on_host(entry, computes)
  for _, compute in ipairs(computes) do
    for _, member in ipairs(compute.facts.host or {}) do
      if member == entry.object then
        local facts = {}
        for key, value in pairs(compute.facts) do facts[key] = value end
        facts.datastore, facts.network = entry.facts.datastore, entry.facts.network
        return { object = compute.object, name = entry.name, path = compute.path, facts = facts, host = entry.object }
      end
    end
  end
end

--[[
finder:compute(datacenter, { cluster, host }) -> { object, name, path, host, facts }
The cluster or single host to run on. `host` is the HostSystem when one was named; facts has datastore, network,
resourcePool, environmentBrowser.
Raises: notfound.
Blocks: yes, one request.
]]
function finder:compute(datacenter, wanted)
  local entries = below(self, datacenter, "compute", wanted.host ~= nil)
  local computes, hosts = {}, {}
  for _, entry in ipairs(entries) do
    if vim.isa(entry.object.kind, "ComputeResource") then computes[#computes + 1] = entry end
    if entry.object.kind == "HostSystem" then hosts[#hosts + 1] = entry end
  end
  local cluster = (wanted.cluster or not wanted.host) and choose.one("cluster or host", wanted.cluster, computes, "cluster or host")
  if not wanted.host then return cluster end
  local host = choose.one("host", wanted.host, hosts, "host")
  local place = on_host(host, computes)
  if cluster and place.object ~= cluster.object then
    err.raise("notfound", string.format("host '%s' is not in cluster '%s'", host.name, cluster.name), { hint = "leave one of them out" })
  end
  return place
end

-- A server keeps references to itself that the user may not follow.
local function unseen(what) err.raise("auth", what .. " may not be seen by this user", { hint = "give the user the role Read-only on it" }) end

--[[
finder:pool(compute [, name]) -> object
A resource pool below a cluster or host; its own pool without a name.
Raises: notfound; auth (the user may not see it).
Blocks: yes, one request, and none without a name.
]]
function finder:pool(compute, name)
  local own = compute.facts.resourcePool or unseen("the resource pool of '" .. compute.name .. "'")
  if not name then return own end
  local entries = ask(self, own, { step("pools", "ResourcePool", "resourcePool", "pools") }, { ResourcePool = { "name", "parent" } })
  return choose.one("resource pool", name, entries, "resource_pool").object
end

local function bound(entry, datacenter)
  return require("vsphere.datastore").bind(entry.object, entry.name, datacenter, entry.facts.summary)
end

-- The entries, by object, of the datastores in a datastore cluster of that name; nil when there is no such cluster.
local function of_cluster(self, datacenter, name)
  local clusters = ask(self, datacenter.object, { step("top", "Datacenter", "datastoreFolder", "folders"),
    step("folders", "Folder", "childEntity", "folders") }, { Folder = { "name", "parent", "childEntity" } })
  for i = #clusters, 1, -1 do if clusters[i].object.kind ~= "StoragePod" then table.remove(clusters, i) end end
  local ok, cluster = pcall(choose.one, "datastore cluster", name, clusters, "datastore")
  if not ok then return nil end
  local members = {}
  for _, object in ipairs(cluster.facts.childEntity or {}) do members[object] = true end
  return members
end

-- The one with the most free space of those that can be used.
local function roomiest(entries, members, mounted)
  local best
  for _, entry in ipairs(entries) do
    local s = entry.facts.summary
    local usable = members[entry.object] and s.accessible ~= false and (s.maintenanceMode or "normal") == "normal"
    if usable and (not mounted or mounted[entry.object]) and not (best and best.facts.summary.freeSpace >= s.freeSpace) then best = entry end
  end
  return best
end

--[[
finder:datastore(datacenter [, name] [, mounted]) -> Datastore
A datastore of the datacenter, as an object that also knows its name, its datacenter and its summary (see datastore.bind). The name of a
datastore cluster means that of its datastores which has the most free space.
  mounted        array of Datastore|nil   those that a datastore of a cluster must be among
Raises: notfound.
Blocks: yes, one request; two for a cluster.
]]
function finder:datastore(datacenter, name, mounted)
  local entries, reach = below(self, datacenter, "datastore"), mounted and {}
  local ok, found = pcall(choose.one, "datastore", name, entries, "datastore")
  local members = not ok and name and of_cluster(self, datacenter, name)
  if members then
    for _, object in ipairs(mounted or {}) do reach[object] = true end
    found = roomiest(entries, members, reach) or err.raise("notfound", string.format("no datastore of the cluster '%s' can be used there", name),
      { hint = "they are in maintenance, not accessible, or not mounted where the machine is to run" })
  elseif not ok then
    error(found, 0)
  end
  return bound(found, datacenter)
end

--[[
finder:datastores(datacenter) -> {Datastore, ...}
All datastores of the datacenter, each as finder:datastore gives it.
Raises: fault.
Blocks: yes, one request.
]]
function finder:datastores(datacenter)
  local out = {}
  for i, entry in ipairs(below(self, datacenter, "datastore")) do out[i] = bound(entry, datacenter) end
  return out
end

--[[
finder:folder(datacenter [, name]) -> Folder
A VM folder; the datacenter's own without a name.
Raises: notfound.
Blocks: yes, one request, and none without a name.
]]
function finder:folder(datacenter, name)
  if not name or name == "" or name == "/" then return datacenter.facts.vmFolder end
  return choose.one("folder", (name:gsub("/+$", "")), below(self, datacenter, "folder"), "folder").object
end

-- From a folder or virtual app to the VMs below it.
local function to_machines()
  return { step("folders", "Folder", "childEntity", "folders", "apps"), step("apps", "VirtualApp", "vm") }
end

--[[
finder:vms(datacenter [, paths]) -> {{ object, name, path, facts }, ...}
All virtual machines and templates of the datacenter, with these properties of each in facts.
  paths          array of property paths
Raises: fault.
Blocks: yes, one request.
]]
function finder:vms(datacenter, paths)
  local wanted = { VirtualMachine = { "name", "parent", table.unpack(paths or {}) }, Folder = { "name", "parent" } }
  local found = {}
  for _, entry in ipairs(ask(self, datacenter.facts.vmFolder, to_machines(), wanted)) do
    if entry.object.kind == "VirtualMachine" then found[#found + 1] = entry end
  end
  return found
end

--[[
finder:vm(datacenter, name [, option]) -> VirtualMachine
A virtual machine or template anywhere in the datacenter.
  option         string = "the name"  what is to be set when there are several
Raises: notfound, with the nearest name or what is there.
Blocks: yes, one request.
]]
function finder:vm(datacenter, name, option)
  return choose.one("virtual machine", name, self:vms(datacenter), option or "the name").object
end

-- What a card needs to know of its network; the switch's uuid costs a request.
local function backing(entry)
  local facts, info = entry.facts, { name = entry.facts.name }
  if entry.object.kind == "DistributedVirtualPortgroup" then
    local switch = facts["config.distributedVirtualSwitch"] or unseen("the distributed switch of network '" .. entry.name .. "'")
    info.portgroup_key, info.switch_uuid = facts.key, switch:get "uuid"
  elseif entry.object.kind == "OpaqueNetwork" then
    info.opaque_id, info.opaque_type = facts.summary.opaqueNetworkId, facts.summary.opaqueNetworkType
  end
  return device.network_backing(entry.object.kind, info)
end

--[[
finder:network(datacenter [, name]) -> { object, name, backing }
A network of any kind, with what connects a card to it.
Raises: notfound; auth (the user may not see its switch).
Blocks: yes, one request, two for a distributed port group.
]]
function finder:network(datacenter, name)
  local entries = below(self, datacenter, "network")
  for i = #entries, 1, -1 do -- the uplink port groups of a distributed switch are not for machines
    if entries[i].name:find("DVUplinks", 1, true) then table.remove(entries, i) end
  end
  local found = choose.one("network", name, entries, "network")
  found.backing = backing(found)
  return found
end

return finder
