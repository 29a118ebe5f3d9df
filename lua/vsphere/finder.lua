-- finder: names in the inventory to objects: by name, path, glob or id. One question for each kind of thing.
local vim = require "vim"
local glob = require "core.glob"
local err = require "core.err"
local runtime = require "runtime"
local device = require "vsphere.device"
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

local function ask(self, from, selects, wanted)
  local found, order = property.collect(self.session, { question(from, selects, wanted) })
  local out = {}
  for _, object in ipairs(order) do
    out[#out + 1] = { object = object, facts = found[object], name = plain(found[object].name or object.moid), path = path_of(found, object) }
  end
  return out
end

-- ---- choosing ----

local function fits(entry, wanted)
  if entry.name == wanted or entry.object.moid == wanted or entry.path == wanted then return true end
  local tail = wanted:gsub("^/+", "")
  if #entry.path > #tail and entry.path:sub(-#tail - 1) == "/" .. tail then return true end
  return wanted:find("[*?]") and (glob.match(entry.name, wanted) or glob.match(entry.path, wanted))
end

local function listed(entries)
  local names = {}
  for i, entry in ipairs(entries) do
    if i > 12 then
      names[i] = "…"
      break
    end
    names[i] = entry.path:find("/", 1, true) and entry.path or entry.name
  end
  return table.concat(names, ", ")
end

local function not_found(what, wanted, entries)
  local names = {}
  for i, entry in ipairs(entries) do names[i] = entry.name end
  local near = runtime.nearest(wanted, names)
  err.raise("notfound", string.format("no %s '%s'", what, wanted),
    { hint = near and "did you mean '" .. near .. "'?" or (#entries > 0 and "there: " .. listed(entries) or "there is none at all") })
end

local function choose(what, wanted, entries, option)
  if wanted then
    local found = {}
    for _, entry in ipairs(entries) do if fits(entry, wanted) then found[#found + 1] = entry end end
    if #found == 1 then return found[1] end
    if #found == 0 then not_found(what, wanted, entries) end
    err.raise("notfound", string.format("several %ss are called '%s': %s", what, wanted, listed(found)), { hint = "give the path, or the id" })
  end
  if #entries == 1 then return entries[1] end
  err.raise("notfound", #entries == 0 and string.format("there is no %s", what) or string.format("which %s? There are %s", what, listed(entries)),
    { hint = "set " .. option })
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
function finder:datacenter(name) return choose("datacenter", name, self:datacenters(), "datacenter") end

local COMPUTE = { "name", "parent", "host", "datastore", "network", "resourcePool", "environmentBrowser" }

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
  local entries = ask(self, datacenter.facts.hostFolder,
    { step("folders", "Folder", "childEntity", "folders", "hosts"), step("hosts", "ComputeResource", "host") },
    { ComputeResource = COMPUTE, HostSystem = { "name", "parent", "datastore", "network" }, Folder = { "name", "parent" } })
  local computes, hosts = {}, {}
  for _, entry in ipairs(entries) do
    if vim.isa(entry.object.kind, "ComputeResource") then computes[#computes + 1] = entry end
    if entry.object.kind == "HostSystem" then hosts[#hosts + 1] = entry end
  end
  local cluster = (wanted.cluster or not wanted.host) and choose("cluster or host", wanted.cluster, computes, "cluster or host")
  if not wanted.host then return cluster end
  local host = choose("host", wanted.host, hosts, "host")
  local place = on_host(host, computes)
  if cluster and place.object ~= cluster.object then
    err.raise("notfound", string.format("host '%s' is not in cluster '%s'", host.name, cluster.name), { hint = "leave one of them out" })
  end
  return place
end

--[[
finder:pool(compute [, name]) -> object
A resource pool below a cluster or host; its own pool without a name.
Raises: notfound.
Blocks: yes, one request, and none without a name.
]]
function finder:pool(compute, name)
  if not name then return compute.facts.resourcePool end
  local entries = ask(self, compute.facts.resourcePool, { step("pools", "ResourcePool", "resourcePool", "pools") }, { ResourcePool = { "name", "parent" } })
  return choose("resource pool", name, entries, "resource_pool").object
end

local function stores(self, datacenter)
  return ask(self, datacenter.object, { step("stores", "Datacenter", "datastore") }, { Datastore = { "name", "summary" } })
end

local function bound(entry, datacenter)
  return require("vsphere.datastore").bind(entry.object, entry.name, datacenter, entry.facts.summary)
end

--[[
finder:datastore(datacenter [, name]) -> Datastore
A datastore of the datacenter, as an object that also knows its name, its datacenter and its summary (see datastore.bind).
Raises: notfound.
Blocks: yes, one request.
]]
function finder:datastore(datacenter, name)
  return bound(choose("datastore", name, stores(self, datacenter), "datastore"), datacenter)
end

--[[
finder:datastores(datacenter) -> {Datastore, ...}
All datastores of the datacenter, each as finder:datastore gives it.
Raises: fault.
Blocks: yes, one request.
]]
function finder:datastores(datacenter)
  local out = {}
  for i, entry in ipairs(stores(self, datacenter)) do out[i] = bound(entry, datacenter) end
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
  local entries = ask(self, datacenter.facts.vmFolder, { step("folders", "Folder", "childEntity", "folders") }, { Folder = { "name", "parent" } })
  return choose("folder", (name:gsub("/+$", "")), entries, "folder").object
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
  return choose("virtual machine", name, self:vms(datacenter), option or "the name").object
end

local NETWORK = {
  Network = { "name" },
  DistributedVirtualPortgroup = { "name", "key", "config.distributedVirtualSwitch" },
  OpaqueNetwork = { "name", "summary" },
}

-- What a card needs to know of its network; the switch's uuid costs a request.
local function backing(entry)
  local facts, info = entry.facts, { name = entry.facts.name }
  if entry.object.kind == "DistributedVirtualPortgroup" then
    info.portgroup_key, info.switch_uuid = facts.key, facts["config.distributedVirtualSwitch"]:get "uuid"
  elseif entry.object.kind == "OpaqueNetwork" then
    info.opaque_id, info.opaque_type = facts.summary.opaqueNetworkId, facts.summary.opaqueNetworkType
  end
  return device.network_backing(entry.object.kind, info)
end

--[[
finder:network(datacenter [, name]) -> { object, name, backing }
A network of any kind, with what connects a card to it.
Raises: notfound.
Blocks: yes, one request, two for a distributed port group.
]]
function finder:network(datacenter, name)
  local entries = ask(self, datacenter.object, { step("networks", "Datacenter", "network") }, NETWORK)
  for i = #entries, 1, -1 do -- the uplink port groups of a distributed switch are not for machines
    if entries[i].name:find("DVUplinks", 1, true) then table.remove(entries, i) end
  end
  local found = choose("network", name, entries, "network")
  found.backing = backing(found)
  return found
end

return finder
