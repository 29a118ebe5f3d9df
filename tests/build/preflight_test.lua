-- check --connect and the preflight of a build: what stands in the way is said at once, and before anything is made
local builds = require "tests.builds"
local lab = require "tests.lab"
local peer = require "tests.peer"

local function site(t, model, more) return builds.setup(t, lab.start(t, { model = model }), more) end

-- What the user may not do on an object of the lab.
local function forbid(s, kind, name, without)
  s.lab:control("POST", "/permission", require("cjson").encode { type = kind, name = name, without = without, propagate = true })
end

-- What the server says of an object from now on.
local function say(s, kind, name, path, value)
  s.lab:control("POST", "/property", require("cjson").encode { type = kind, name = name, path = path, value = value })
end

local READS = { RetrievePropertiesEx = true, RetrieveProperties = true, RetrieveServiceContent = true, Login = true, Logout = true,
  ContinueRetrievePropertiesEx = true, QueryConfigOptionEx = true, QueryConfigOptionDescriptor = true, HasPrivilegeOnEntities = true, FindChild = true }

-- Methods that the server was asked for and that do more than look.
local function changes(s)
  local out = {}
  for _, r in ipairs(s.lab:log()) do
    local writes = r.kind == "soap" and not READS[r.method] or r.kind == "folder" and not r.method:find "^HEAD" and not r.method:find "^GET"
    if writes then out[#out + 1] = r.method end
  end
  return out
end

-- A clone of what small.lua makes.
local function appliance(s, fields)
  return s.t:write(s.dir .. "/appliance.lua",
    string.format('return clone { name = "appliance", from = import "small", linked = true, shutdown = "poweroff", %s }', fields or ""))
end

return {
  ["check --connect asks the server everything and changes nothing, for images of which none is there yet"] = function(t)
    local s = site(t)
    builds.recipe(s, "kickstart = { files = { a = 'b' } },")
    local out, status = builds.run(s, "check", appliance(s, 'export = { format = "ova" },'), "--connect")
    t:equal(status, 0, out)
    t:match(out, "appliance: fine %(.*, also at 127%.%d+%.%d+%.%d+:%d+%)\n")
    t:equal(changes(s), {})
    t:equal(builds.state(s), { vms = {}, files = {}, sessions = 0 })
  end,

  ["missing privileges are named with their objects, beside everything else that is wrong"] = function(t)
    local s = site(t)
    forbid(s, "Folder", "Packer", { "VirtualMachine.Inventory.Create", "VirtualMachine.Interact.PutUsbScanCodes", "VirtualMachine.Config.MksControl" })
    forbid(s, "Datastore", "LocalDS_0", { "Datastore.FileManagement" })
    local out, status = builds.run(s, "check", builds.recipe(s), "--connect", "--var", "vmx_version=40", "--var", "network=VM Netwrk")
    t:equal(status, 1)
    t:contains(out, "administrator@vsphere.local may not do everything on the folder Packer; missing: "
      .. "VirtualMachine.Interact.PutUsbScanCodes, VirtualMachine.Inventory.Create\n")
    t:contains(out, "add them to the user's role there, with propagation")
    t:contains(out, "on the datastore LocalDS_0; missing: Datastore.FileManagement\n")
    t:contains(out, "no network 'VM Netwrk'")
    t:contains(out, "DC0_C0 does not make hardware version 40; the newest there is 19")
    t:contains(out, "4 problems:")
  end,

  ["a build asks the same before it makes anything, and not for what is up to date"] = function(t)
    local s = site(t)
    local recipe = builds.recipe(s)
    forbid(s, "Folder", "Packer", { "VirtualMachine.State.CreateSnapshot" })
    local out, status = builds.run(s, recipe)
    t:equal(status, 1)
    t:contains(out, "missing: VirtualMachine.State.CreateSnapshot")
    t:equal(changes(s), {})
    t:equal(select(2, builds.run(s, recipe, "--var", "create_snapshot=false")), 0)
    forbid(s, "Folder", "Packer", { "VirtualMachine.Inventory.Create" })
    out, status = builds.run(s, recipe, "--var", "create_snapshot=false")
    t:equal(status, 0, out)
    t:contains(out, "up to date")
    t:equal(select(2, builds.run(s, "check", recipe, "--connect", "--var", "create_snapshot=false")), 1)
  end,

  ["a clone asks for its own: on the source, and by where it stands"] = function(t)
    local s = site(t)
    builds.recipe(s)
    t:equal(select(2, builds.run(s, s.dir .. "/small.lua")), 0)
    forbid(s, "VirtualMachine", "small", { "VirtualMachine.Provisioning.Clone" })
    forbid(s, "Folder", "Packer", { "VApp.Export", "VirtualMachine.Inventory.Create" })
    local out, status = builds.run(s, "check", appliance(s, 'export = { format = "ova" },'), "--only", "appliance", "--connect")
    t:equal(status, 1)
    t:contains(out, "on small; missing: VirtualMachine.Provisioning.Clone\n")
    t:contains(out, "on the folder Packer; missing: VApp.Export\n")
  end,

  ["an ISO that is not where its URL says is found by check --connect"] = function(t)
    local dir = t:directory()
    local web = peer.web(t, dir)
    local s = site(t)
    local out, status = builds.run(s, "check", builds.recipe(s), "--connect", "--var", "iso_url=" .. web .. "/nothing.iso")
    t:equal(status, 1)
    t:contains(out, "nothing.iso: the server answered 404")
    t:write(dir .. "/www/there.iso", "x")
    out, status = builds.run(s, "check", builds.recipe(s), "--connect", "--var", "iso_url=" .. web .. "/there.iso")
    t:equal(status, 0, out)
  end,

  ["a host without a vCenter is asked as well; clones and templates it does not make"] = function(t)
    local s = site(t, "esx")
    local out, status = builds.run(s, "check", builds.recipe(s), "--connect")
    t:equal(status, 0, out)
    out, status = builds.run(s, "check", builds.recipe(s, "template = true,"), "--connect")
    t:equal(status, 1, out)
    t:contains(out, "an ESXi host has no templates\n")
    builds.recipe(s)
    out, status = builds.run(s, "check", appliance(s), "--connect", "--only", "appliance")
    t:equal(status, 1, out)
    t:contains(out, "an ESXi host makes no clones\n")
  end,

  ["a cluster without DRS chooses no host: one has to be named, unless it is the only one"] = function(t)
    local s = site(t)
    say(s, "ClusterComputeResource", "DC0_C0", "configuration.drsConfig.enabled", false)
    local out, status = builds.run(s, builds.recipe(s))
    t:equal(status, 1, out)
    t:contains(out, "the cluster DC0_C0 has no DRS that would choose a host\n  set host: DC0_C0_H0, DC0_C0_H1\n")
    t:equal(changes(s), {})
    t:equal(select(2, builds.run(s, "check", builds.recipe(s), "--connect", "--var", "host=DC0_C0_H1")), 0)
    say(s, "HostSystem", "DC0_C0_H0", "runtime.inMaintenanceMode", true)
    out, status = builds.run(s, builds.recipe(s))
    t:equal(status, 0, out)
    local vc <close> = s.lab:connect()
    t:equal(s.lab:vm(vc, "small").runtime.host.name, "DC0_C0_H1")
  end,

  ["hosts that are out of service are told before anything is made"] = function(t)
    local s = site(t)
    say(s, "HostSystem", "DC0_C0_H0", "runtime.inMaintenanceMode", true)
    t:equal(select(2, builds.run(s, "check", builds.recipe(s), "--connect")), 0)
    local out, status = builds.run(s, "check", builds.recipe(s), "--connect", "--var", "host=DC0_C0_H0")
    t:equal(status, 1, out)
    t:contains(out, "host 'DC0_C0_H0' is in maintenance mode\n")
    say(s, "HostSystem", "DC0_C0_H1", "runtime.connectionState", "notResponding")
    out, status = builds.run(s, "check", builds.recipe(s), "--connect")
    t:equal(status, 1, out)
    t:contains(out, "host 'DC0_C0_H0' is in maintenance mode, host 'DC0_C0_H1' is not connected (notResponding)\n")
  end,

  ["of a datastore cluster the roomiest is taken that the hosts have"] = function(t)
    local s = site(t)
    local vc <close> = s.lab:connect()
    local find = require("vsphere.finder").new(vc)
    local datacenter = find:datacenter()
    local pod = datacenter.object.datastoreFolder:CreateStoragePod { name = "pod" }
    local out, status = builds.run(s, "check", builds.recipe(s), "--connect", "--var", "datastore=pod")
    t:equal(status, 1, out)
    t:contains(out, "no datastore of the cluster 'pod' can be used there\n")
    pod:MoveIntoFolder_Task { list = { find:datastore(datacenter, "LocalDS_0") } }:wait()
    out, status = builds.run(s, builds.recipe(s), "--var", "datastore=pod")
    t:equal(status, 0, out)
    t:match(out, "preflight +[%d.]+s  [^\n]*, LocalDS_0\n")
    t:contains(builds.run(s, builds.recipe(s), "--var", "datastore=pd"), "no datastore 'pd'")
  end,

  ["limits of the guest there, and devices that it is not known for"] = function(t)
    local s = site(t)
    local out, status = builds.run(s, "check", builds.recipe(s, 'hardware = { cpus = 500, memory = "5TiB", firmware = "efi" },'), "--connect")
    t:equal(status, 1)
    t:contains(out, "otherLinux64Guest has at most 128 processors there, the recipe wants 500")
    t:contains(out, "of memory there, the recipe wants 5.0 TiB")
  end,
}
