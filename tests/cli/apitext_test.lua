-- help about the vSphere API: luabuild help VirtualMachineConfigSpec, and the same text in the REPL
local apitext = require "cli.apitext"
local topics = require "cli.topics"

return {
  ["a data type tells its fields, bases and derived types"] = function(t)
    local text = apitext.find "VirtualEthernetCard"
    t:match(text, "^VirtualEthernetCard { … }: a data object %(since [%d.]+%)\na VirtualDevice, a DynamicData\n")
    t:match(text, "\n  macAddress +string +optional")
    t:match(text, "derived from it:\n.*VirtualVmxnet3")
  end,
  ["a managed type tells its properties, our methods and the API's"] = function(t)
    local text = apitext.find "VirtualMachine"
    t:match(text, "\n  guest +GuestInfo +optional")
    t:match(text, "own:\n.*VirtualMachine:take_snapshot%(name")
    t:match(text, "own:\n.*ManagedObject:get%(paths%)")
    t:match(text, "API:\n.*PowerOnVM_Task")
  end,
  ["a method tells its parameters, result and faults; an enum its values; a property its type"] = function(t)
    t:match(apitext.find "CloneVM_Task", "^VirtualMachine:CloneVM_Task { folder = …, name = …, spec = … } %-> Task .*its wait gives VirtualMachine")
    t:equal(apitext.find "VirtualMachine:CloneVM_Task", apitext.find "CloneVM_Task")
    t:contains(apitext.find "VirtualMachinePowerState", "poweredOff poweredOn suspended")
    t:match(apitext.find "VirtualMachine.guest", "^VirtualMachine.guest: GuestInfo, optional .*\n  hostName")
  end,
  ["our own names are not the API's"] = function(t)
    t:equal(apitext.find "VirtualMachine:type", nil)
    t:equal(apitext.find "ssh.connect", nil)
    t:equal(apitext.find "Datastore:PowerOnVM_Task", nil)
  end,
  ["the command prints it, and names the nearest"] = function(t)
    t:contains(t:shell(arg[-1] .. " help GuestNicInfo"), "macAddress")
    local out, status = t:shell(arg[-1] .. " help GuestNicInf")
    t:equal(status, 2)
    t:contains(out, "did you mean 'GuestNicInfo'?")
    t:contains(table.concat(topics.complete "GuestNic", " "), "GuestNicInfo")
  end,
}
