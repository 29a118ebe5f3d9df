-- Paths, globs and lists, on plain simulators of a vCenter and of a host; what counts is also how often the server is asked.
local inventory = require "vsphere.inventory"
local lab = require "tests.lab"
local vcsim = require "tests.vcsim"

-- The results of f() and how many requests it made.
local function counted(vc, f)
  local before = vc.requests
  local value = f()
  return value, vc.requests - before
end

local function names(objects)
  local out = {}
  for i, name in ipairs(objects.name) do out[i] = name end
  table.sort(out)
  return table.concat(out, " ")
end

return {
  ["a path finds one object, a glob finds a list, in a vCenter"] = function(t)
    local vc = vcsim.connect(t)
    local vm = vc:find "vm/DC0_H0_VM0"
    t:equal(vm, vc:find "/DC0/vm/DC0_H0_VM0")
    t:equal(vm, vc:find "DC0_H0_VM0")
    t:equal(vm, vc:find(vm.moid))
    t:equal(inventory.path(vm), "/DC0/vm/DC0_H0_VM0")
    t:equal(names(vc:find "vm/*"), "DC0_C0_RP0_VM0 DC0_C0_RP0_VM1 DC0_H0_VM0 DC0_H0_VM1")
    t:equal(names(vc:find "*_VM1"), "DC0_C0_RP0_VM1 DC0_H0_VM1")
    t:equal(names(vc:find "host/DC0_C0/*"), "DC0_C0_H0 DC0_C0_H1 DC0_C0_H2 Resources")
    t:equal(names(vc:find("host/**", "HostSystem")), "DC0_C0_H0 DC0_C0_H1 DC0_C0_H2 DC0_H0")
    t:equal(names(vc:find("*", "Datastore")), "LocalDS_0")
    t:equal(#vc:find "vm/nothing-*", 0)
  end,

  ["the same on a host without a vCenter"] = function(t)
    local vc = vcsim.connect(t, { model = "esx" })
    t:equal(names(vc:find "vm/*"), "ha-host_VM0 ha-host_VM1")
    t:equal(inventory.path(vc:find "vm/ha-host_VM0"), "/ha-datacenter/vm/ha-host_VM0")
    t:equal(vc:find("*", "HostSystem").vm.name[1], { "ha-host_VM0", "ha-host_VM1" })
  end,

  ["the lab: folders in folders, and the session's datacenter"] = function(t)
    local l = lab.start(t)
    local vc = l:connect { datacenter = l.env.LAB_DATACENTER }
    l:create_vm(vc, "a%2fb")
    local folder = vc:find "vm/Packer"
    folder:create_vm({ name = "inside", guestId = "otherLinux64Guest", files = { vmPathName = "[" .. l.env.LAB_DATASTORE .. "]" } },
      vc:find("host/DC0_C0/Resources"))
    t:equal(names(vc:find "vm/**"), "Packer a%2fb inside")
    t:equal(vc:find "vm/Packer/inside".kind, "VirtualMachine")
    t:equal(inventory.path(vc:find "vm/a%2fb"), "/DC0/vm/a%2fb")
    t:equal(table.concat(inventory.candidates(vc, "vm/"), " "), "a%2fb Packer/")
  end,

  ["a name that is not there names the nearest, or what there is"] = function(t)
    local vc = vcsim.connect(t)
    t:raises("no 'DC0_H0_VM' in .*vm\n  did you mean 'DC0_H0_VM0'", function() return vc:find "vm/DC0_H0_VM" end)
    t:raises("no 'x' in /\n  there: DC0", function() return vc:find "/x" end)
    t:raises("no 'DC0_H0_VMX' in the inventory", function() return vc:find "DC0_H0_VMX" end)
    t:raises("'vm/DC0_H0_VM0' is no HostSystem", function() return vc:find("vm/DC0_H0_VM0", "HostSystem") end)
  end,

  ["a property of a hundred machines is one request, and one more for each reference on the way"] = function(t)
    local vc = vcsim.connect(t, { vms = 50 })
    local vms = vc:find "vm/*"
    t:equal(#vms, 100)
    local states, n = counted(vc, function() return table.concat(vms.runtime.powerState, " ") end)
    t:equal(n, 1)
    t:contains(states, "poweredOn poweredOn")
    local hosts
    hosts, n = counted(vc, function() return vms.runtime.host.name end)
    t:equal(n, 1) -- for the references; the names wait until they are looked at
    t:equal(select(2, counted(vc, function() return hosts[1], hosts[100] end)), 1)
    t:match(hosts[1], "^DC0_")
    t:equal(vms.datastore.name[7], { "LocalDS_0" })
    t:equal(select(2, counted(vc, function() return vms:get { "name", "config.hardware.memoryMB" } end)), 1)
    local few
    few, n = counted(vc, function() return vms:where { name = "*_VM1?", ["config.hardware.memoryMB"] = function(mb) return mb < 64 end } end)
    t:equal(n, 1)
    t:equal(#few, 20)
    t:equal(tostring(few.name), "name of 20 VirtualMachines")
  end,

  ["each goes through a column where values are missing"] = function(t)
    local vc = vcsim.connect(t)
    local seen, set = 0, 0
    for vm, rule in vc:find "vm/*".parentVApp:each() do
      seen = seen + (vm.kind == "VirtualMachine" and 1 or 0)
      set = set + (rule and 1 or 0)
    end
    t:equal({ seen, set }, { 4, 0 })
  end,

  ["a list of several types: a property is asked of those that have it"] = function(t)
    local vc = vcsim.connect(t)
    vc:find "/DC0/vm":CreateFolder { name = "templates" }
    local all = vc:find "vm/*"
    t:equal(#all, 5)
    local states, folders = {}, 0
    for one, state in all.runtime.powerState:each() do
      states[#states + 1] = state
      folders = folders + (one.kind == "Folder" and state == nil and 1 or 0)
    end
    t:equal({ states, folders }, { { "poweredOn", "poweredOn", "poweredOn", "poweredOn" }, 1 })
    t:equal(#all:where { ["runtime.powerState"] = "poweredOn" }, 4)
    t:equal(#all:where { name = "templates" }, 1)
    t:raises("has no property 'runtim': did you mean 'runtime'", function() return all.runtim end)
    t:raises("InvalidProperty", all.get, all, { "runtime.none" })
  end,

  ["a misspelt property of a list is found without asking; methods are of one object"] = function(t)
    local vc = vcsim.connect(t)
    local vms = vc:find "vm/*"
    local before = vc.requests
    t:raises("inventory_test.lua:%d+: VirtualMachine has no property 'nme': did you mean 'name'", function() return vms.nme end)
    t:raises("VirtualMachineRuntimeInfo has no property 'powrState': did you mean 'powerState'", function() return vms.runtime.powrState end)
    t:raises("PowerOnVM_Task is a method of one VirtualMachine", function() return vms.PowerOnVM_Task end)
    t:raises("config.hardware.device is a list", function() return vms.config.hardware.device.key end)
    t:equal(vc.requests, before)
    t:equal(#vc:find "vm/none*".config.hardware.numCPU, 0)
  end,

  ["candidates for completion: what is below a path"] = function(t)
    local vc = vcsim.connect(t)
    t:equal(table.concat(inventory.candidates(vc, "host/DC0_C0/D"), " "), "DC0_C0_H0 DC0_C0_H1 DC0_C0_H2 Resources/")
    t:equal(table.concat(inventory.candidates(vc, "/"), " "), "DC0/")
    t:contains(table.concat(inventory.candidates(vc, "v"), " "), "network/ vm/ DC0_C0_RP0_VM0")
  end,

  ["vim.field and vim.complete describe parts of a type"] = function(t)
    local vim = require "vim"
    t:equal(vim.field("VirtualMachine", "name").type, "string")
    t:equal(vim.field("VirtualMachineConfigInfo", "hardware").type, "VirtualHardware")
    t:equal(vim.field("VirtualDisk", "key").type, "int") -- of a base
    t:equal(vim.field("VirtualMachine", "PowerOnVM_Task"), nil)
    t:equal(vim.field("NoType", "x"), nil)
    t:equal(vim.complete("VirtualE", "VirtualDevice"), { "VirtualE1000", "VirtualE1000e", "VirtualEnsoniq1371", "VirtualEthernetCard" })
    t:equal(vim.complete("Virtual", "NoType"), {})
  end,
}
