-- finder: names to objects, one question each, and errors that tell what is there
local err = require "core.err"
local finder = require "vsphere.finder"
local lab = require "tests.lab"

local tests = {}

-- How many calls f makes.
local function requests(vc, f)
  local before = vc.requests
  f()
  return vc.requests - before
end

tests["everything a virtual machine needs, one request for each name"] = function(t)
  local server = lab.start(t)
  local vc, e = server:connect(), server.env
  local find = finder.new(vc)
  local datacenter, compute, store, network
  t:equal(requests(vc, function() datacenter = find:datacenter(e.LAB_DATACENTER) end), 1)
  t:equal({ datacenter.name, datacenter.path, datacenter.object.kind }, { "DC0", "DC0", "Datacenter" })
  t:equal(requests(vc, function() compute = find:compute(datacenter, { cluster = e.LAB_CLUSTER }) end), 1)
  t:equal({ compute.name, compute.host, #compute.facts.host }, { "DC0_C0", nil, 2 })
  t:equal(requests(vc, function() t:equal(find:pool(compute, e.LAB_RESOURCE_POOL).name, "Packer") end), 2)
  t:equal(requests(vc, function() store = find:datastore(datacenter, e.LAB_DATASTORE) end), 1)
  t:equal({ store.known.name, store.known.summary.accessible }, { "LocalDS_0", true })
  t:equal(requests(vc, function() t:equal(find:folder(datacenter, e.LAB_FOLDER).name, "Packer") end), 2)
  t:equal(requests(vc, function() network = find:network(datacenter, "VM Network") end), 1)
  t:equal(network.backing.deviceName, "VM Network")
  t:equal(requests(vc, function() network = find:network(datacenter, "DC0_DVPG0") end), 2)
  t:match(network.backing.port.switchUuid, "%x+")
end

tests["what is asked ahead is not asked again, nor mixed up"] = function(t)
  local server = lab.start(t)
  local vc, e = server:connect(), server.env
  local find, plain = finder.new(vc), finder.new(vc)
  local datacenter = find:datacenter(e.LAB_DATACENTER)
  find:folder(datacenter, "Packer"):CreateFolder { name = "host" } -- as the folder of hosts is called
  t:equal(requests(vc, function() find:ask_ahead(datacenter, { "compute", "datastore", "folder", "network" }, true) end), 1)
  local function look_up(finding)
    return { finding:compute(datacenter, { host = "DC0_H0" }).object, finding:compute(datacenter, { cluster = e.LAB_CLUSTER }).path,
      finding:datastore(datacenter, e.LAB_DATASTORE), finding:folder(datacenter, "host"), finding:network(datacenter, "VM Network").object }
  end
  local answers
  t:equal(requests(vc, function() answers = look_up(find) end), 0)
  t:equal(answers, look_up(plain))
  t:raises("no folder 'folder'\n  there: vm, vm/Packer, vm/Packer/host", find.folder, find, datacenter, "folder")
end

tests["what is refused when it is asked ahead is asked for by itself"] = function(t)
  local server = lab.start(t)
  local vc, e = server:connect(), server.env
  local find = finder.new(vc)
  local datacenter = find:datacenter(e.LAB_DATACENTER)
  server:fault { method = "RetrievePropertiesEx", fault = "fault", type = "NoPermission" }
  find:ask_ahead(datacenter, { "compute", "datastore" })
  t:equal(find:datastore(datacenter, e.LAB_DATASTORE).known.name, e.LAB_DATASTORE)
end

tests["a host brings its own datastores and networks"] = function(t)
  local server = lab.start(t)
  local find = finder.new(server:connect())
  local datacenter = find:datacenter()
  local place = find:compute(datacenter, { host = "DC0_H0" })
  t:equal({ place.name, place.host.kind, place.object.kind }, { "DC0_H0", "HostSystem", "ComputeResource" })
  t:ok(#place.facts.datastore > 0 and #place.facts.network > 0)
  t:equal(find:compute(datacenter, { cluster = "DC0_C0", host = "DC0_C0_H1" }).host.name, "DC0_C0_H1")
  t:raises("host 'DC0_H0' is not in cluster 'DC0_C0'", find.compute, find, datacenter, { cluster = "DC0_C0", host = "DC0_H0" })
end

tests["paths, ids and globs are names too"] = function(t)
  local vc = lab.start(t):connect()
  local find = finder.new(vc)
  local datacenter = find:datacenter("DC*")
  local folder = find:folder(datacenter, "Packer")
  local sub = folder:CreateFolder { name = "a/b" }
  t:equal(find:folder(datacenter, "Packer/a/b"), sub)
  t:equal(find:folder(datacenter, sub.moid), sub)
  t:equal(find:folder(datacenter, "Pack?r"), folder)
  t:equal(find:folder(datacenter), datacenter.facts.vmFolder)
  t:equal(find:datacenter(datacenter.object.moid).object, datacenter.object)
end

tests["a datacenter in a folder has the folder in its path"] = function(t)
  local vc = lab.start(t):connect()
  local folder = vc.content.rootFolder:CreateFolder { name = "north" }
  local made = folder:CreateDatacenter { name = "DC9" }
  local find = finder.new(vc)
  t:equal(find:datacenter("DC9").path, "north/DC9")
  t:equal(find:datacenter("north/DC9").object, made)
  t:raises("which datacenter%? There are .*DC0", find.datacenter, find)
end

tests["what is not there is told with what is"] = function(t)
  local server = lab.start(t)
  local vc = server:connect()
  local find = finder.new(vc)
  local datacenter = find:datacenter()
  local function failure(f, ...)
    local ok, e = pcall(f, find, ...)
    t:ok(not ok and err.is(e, "notfound"), tostring(e))
    return tostring(e)
  end
  t:contains(failure(find.datacenter, "DC1"), "no datacenter 'DC1'\n  did you mean 'DC0'?")
  t:contains(failure(find.datastore, datacenter, "elsewhere"), "there: LocalDS_0")
  t:contains(failure(find.network, datacenter, "VM Netwrok"), "did you mean 'VM Network'?")
  t:contains(failure(find.folder, datacenter, "Paker"), "did you mean 'Packer'?")
  t:contains(failure(find.compute, datacenter, { cluster = "DC0_C9" }), "did you mean 'DC0_C0'?")
  t:contains(failure(find.compute, datacenter, {}), "which cluster or host?")
  t:contains(failure(find.pool, find:compute(datacenter, { cluster = "DC0_C0" }), "Pakcer"), "did you mean 'Packer'?")
  server:create_vm(vc, "web-1")
  t:contains(failure(find.vm, datacenter, "web-2"), "did you mean 'web-1'?")
end

tests["virtual machines in all folders, with properties, in one request"] = function(t)
  local server = lab.start(t)
  local vc = server:connect()
  local find = finder.new(vc)
  local datacenter = find:datacenter()
  local vm = server:create_vm(vc, "web-1")
  find:folder(datacenter, "Packer"):MoveIntoFolder_Task { list = { vm } }:wait()
  local list
  t:equal(requests(vc, function() list = find:vms(datacenter, { "runtime.powerState" }) end), 1)
  for _, entry in ipairs(list) do
    if entry.object == vm then t:equal({ entry.path:match("Packer/web%-1$"), entry.facts["runtime.powerState"] }, { "Packer/web-1", "poweredOff" }) end
  end
  t:equal(find:vm(datacenter, "Packer/web-1"), vm)
end

tests["an ESXi host has the same things"] = function(t)
  local server = lab.start(t, { model = "esx" })
  local find = finder.new(server:connect())
  local datacenter = find:datacenter()
  t:equal(datacenter.name, "ha-datacenter")
  local compute = find:compute(datacenter, {})
  t:ok(compute.facts.resourcePool)
  t:equal(find:pool(compute), compute.facts.resourcePool)
  t:ok(find:datastore(datacenter).known.name)
  t:ok(find:network(datacenter, "VM Network").backing)
end

return tests
