-- What a build sends, from the lab's log, against the schema: order, number and types of elements.
local builds = require "tests.builds"
local lab = require "tests.lab"
local schema = require "tests.schema"
local wire = require "tests.wire"

local vim25 = schema.read "src/vim25.schema"
local VERSION = "7.0.3.0" -- of the lab

-- Every request of the log; the methods that were among them.
local function check(t, s)
  local methods, problems = {}, {}
  for _, request in ipairs(s.lab:log()) do
    if request.kind == "soap" then
      methods[request.method] = true
      for _, text in ipairs(wire.check(vim25, VERSION, request.xml)) do problems[#problems + 1] = text end
    end
  end
  t:equal(problems, {})
  return methods
end

local function envelope(call)
  return '<?xml version="1.0" encoding="UTF-8"?>\n<soapenv:Envelope><soapenv:Body>' .. call .. "</soapenv:Body></soapenv:Envelope>"
end

local THIS = '<_this type="VirtualMachine">vm-1</_this>'
local function reconfigure(spec) return envelope('<ReconfigVM_Task xmlns="urn:vim25">' .. THIS .. "<spec>" .. spec .. "</spec></ReconfigVM_Task>") end

-- request -> the only thing wrong with it; false for nothing
local KNOWN = {
  { reconfigure "<name>a</name><numCPUs>1</numCPUs><extraConfig><key>k</key><value xsi:type=\"xsd:string\">v</value></extraConfig>", false },
  { reconfigure "<numCPUs>1</numCPUs><name>a</name>", "ReconfigVM_Task/spec/name: comes after numCPUs" },
  { reconfigure "<name>a</name><name>b</name>", "ReconfigVM_Task/spec/name: twice" },
  { reconfigure "<memoryMb>1</memoryMb>", "ReconfigVM_Task/spec/memoryMb: VirtualMachineConfigSpec has no such element" },
  { reconfigure "<numCPUs>one</numCPUs>", "ReconfigVM_Task/spec/numCPUs: 'one' is no int" },
  { reconfigure "<numCPUs><n>1</n></numCPUs>", "ReconfigVM_Task/spec/numCPUs: int has no elements" },
  { reconfigure "<extraConfig><key>k</key><value>v</value></extraConfig>", "ReconfigVM_Task/spec/extraConfig/value: anyType needs xsi:type" },
  { reconfigure "<deviceChange><operation>remove</operation></deviceChange>",
    "ReconfigVM_Task/spec/deviceChange: VirtualDeviceConfigSpec needs device" },
  { reconfigure "<deviceChange><operation>eject</operation><device><key>1</key></device></deviceChange>",
    "ReconfigVM_Task/spec/deviceChange/operation: VirtualDeviceConfigSpecOperation has no 'eject'" },
  { reconfigure '<deviceChange><device xsi:type="VirtualFloppy"><unitNumber>0</unitNumber><key>1</key></device></deviceChange>',
    "ReconfigVM_Task/spec/deviceChange/device/key: comes after unitNumber" },
  { reconfigure "<deviceChange><device><key>1</key><capacityInKB>1</capacityInKB></device></deviceChange>",
    "ReconfigVM_Task/spec/deviceChange/device/capacityInKB: VirtualDevice has no such element" },
  { reconfigure '<deviceChange><device xsi:type="OptionValue"><key>k</key><value xsi:type="xsd:int">1</value></device></deviceChange>',
    "ReconfigVM_Task/spec/deviceChange/device: OptionValue is no VirtualDevice" },
  { envelope('<PowerOnVM_Task xmlns="urn:vim25"><_this type="Folder">f</_this></PowerOnVM_Task>'), "PowerOnVM_Task/_this: Folder is no VirtualMachine" },
  { envelope('<PowerOnVM_Task xmlns="urn:vim25"><host type="HostSystem">h</host>' .. THIS .. "</PowerOnVM_Task>"),
    "PowerOnVM_Task/_this: comes after host" },
  { envelope('<PowerOnVM_Task xmlns="urn:vim25"></PowerOnVM_Task>'), "PowerOnVM_Task: PowerOnVM_Task needs _this" },
  { envelope('<PowerOnVM_Task xmlns="urn:vim25">' .. THIS .. "<host>h</host></PowerOnVM_Task>"), "PowerOnVM_Task/host: a reference without its type" },
  { envelope('<RemoveAllSnapshots_Task xmlns="urn:vim25">' .. THIS .. "<spec></spec></RemoveAllSnapshots_Task>"),
    "RemoveAllSnapshots_Task/spec: is newer than the server: 8.0.3.0" },
  { envelope("<PowerOnVM_Task>" .. THIS .. "</PowerOnVM_Task>"), "PowerOnVM_Task: its namespace is nil" },
  { envelope('<Explode xmlns="urn:vim25">' .. THIS .. "</Explode>"), "Explode: no such method" },
  { envelope(THIS .. THIS), "/: not an envelope with one call in its body" },
  { "<a><b></a></b>", "/: </a> ends <b>" },
}

return {
  ["the check itself finds what is wrong with a request"] = function(t)
    for _, known in ipairs(KNOWN) do t:equal(wire.check(vim25, VERSION, known[1]), { known[2] or nil }) end
  end,
  ["two elements of a real request that change places are found"] = function(t)
    local s = builds.setup(t, lab.start(t))
    t:equal(select(2, builds.run(s, "plan", builds.recipe(s))), 0)
    local found = 0
    for _, request in ipairs(s.lab:log()) do
      local swapped, n = (request.xml or ""):gsub("(<all>%l+</all>)(<pathSet>%l+</pathSet>)", "%2%1", 1)
      if n > 0 then
        found = found + 1
        t:match(wire.check(vim25, VERSION, swapped)[1], "/propSet/all: comes after pathSet$")
      end
    end
    t:ok(found >= 3)
  end,
  ["every request of a build from a floppy is in the schema's order"] = function(t)
    local s = builds.setup(t, lab.start(t))
    local out, status = builds.run(s, "recipes/centos7.lua", "--var", "create_snapshot=true")
    t:equal(status, 0, out)
    local methods = check(t, s)
    for _, method in ipairs { "Login", "RetrievePropertiesEx", "CreateFilter", "WaitForUpdatesEx", "CreateVM_Task", "ReconfigVM_Task",
      "PowerOnVM_Task", "PutUsbScanCodes", "CreateSnapshot_Task", "MoveDatastoreFile_Task", "Rename_Task", "Logout" } do
      t:ok(methods[method], method)
    end
  end,
  ["so is every request for much hardware, for replacing a template, and for undoing"] = function(t)
    local s = builds.setup(t, lab.start(t))
    local recipe = builds.recipe(s, [[template = true, annotation = "a < b & c", extra_config = { ["disk.EnableUUID"] = "TRUE" },
      kickstart = { cd = "kickstart/centos" },
      hardware = { cores = 1, controller = { "pvscsi", "nvme" }, firmware = "efi", version = 14,
        disks = { "1GiB", { size = "2GiB", provisioning = "thick", controller = 2 } }, nics = { "e1000", { network = "DC0_DVPG0" } } } ]])
    for _ = 1, 2 do
      local out, status = builds.run(s, recipe, "--force")
      t:equal(status, 0, out)
    end
    t:equal(select(2, builds.run(s, builds.recipe(s, 'provision = { function() error "no" end }', "broken"))), 1)
    local methods = check(t, s)
    for _, method in ipairs { "MarkAsTemplate", "MarkAsVirtualMachine", "PowerOffVM_Task", "Destroy_Task" } do t:ok(methods[method], method) end
  end,
  ["so is every request for clones, linked and full"] = function(t)
    local s = builds.setup(t, lab.start(t))
    builds.recipe(s)
    local recipe = t:write(s.dir .. "/copies.lua", [[
      local small = import "small"
      return { clone { name = "linked", from = small, linked = true, shutdown = "poweroff" },
        clone { name = "full", from = small, linked = false, shutdown = "poweroff", hardware = { disk = "2GiB", cpus = 3, memory = "1GiB" } } }
    ]])
    local out, status = builds.run(s, recipe)
    t:equal(status, 0, out)
    t:ok(check(t, s).CloneVM_Task)
  end,
}
