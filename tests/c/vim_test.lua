-- vim: requests in schema order, responses as typed values, errors before anything is sent
local runtime = require "runtime"
local vim = require "vim"

local folder, pool, machine = vim.Folder("group-v3"), vim.ResourcePool("resgroup-8"), vim.ref("VirtualMachine", "vm-12")

-- A response envelope around `body`.
local function response(body)
  return '<?xml version="1.0" encoding="UTF-8"?>\n<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"'
    .. ' xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body>'
    .. body .. "</soapenv:Body></soapenv:Envelope>"
end

local function returnval(method, text, attributes)
  return response("<" .. method .. 'Response xmlns="urn:vim25"><returnval' .. (attributes or "") .. ">" .. text
    .. "</returnval></" .. method .. "Response>")
end

-- An anyType value through a response: what `SetTaskState` sends as its result comes back as a property.
local function through(value, version)
  local sent = vim.encode("SetTaskState", vim.Task("task-1"), { state = "success", result = value }, version)
  local attributes, inner = sent:match("<result([^>]*)>(.*)</result>")
  local got = assert(vim.decode(response('<RetrievePropertiesResponse xmlns="urn:vim25"><returnval><obj type="Task">task-1</obj>'
    .. "<propSet><name>info.result</name><val" .. attributes .. ">" .. inner .. "</val></propSet></returnval></RetrievePropertiesResponse>")))
  return got[1].propSet[1].val
end

local function create(config, version)
  return vim.encode("CreateVM_Task", folder, { config = config, pool = pool }, version)
end

-- A value of every field of a type, lists with two elements.
local simple = { string = "a<b>&\r\n\"é", boolean = false, byte = -128, short = 32767, int = -2147483648, long = math.maxinteger,
  float = 0.5, double = 0.1, dateTime = "2024-01-31T12:00:00.5Z", base64Binary = "\0\255\1x", anyType = "any" }
local sample
local function one(field, depth)
  if field.reference then return vim.ref(field.type, "id-1") end
  if simple[field.type] ~= nil then return simple[field.type] end
  local type = vim.type(field.type)
  if type.kind == "enum" then return type.values[#type.values] end
  return sample(field.type, depth + 1)
end
function sample(name, depth)
  local object = {}
  for _, field in ipairs(vim.type(name).fields) do
    if depth < 3 or not field.optional then
      local value = one(field, depth)
      object[field.name] = field.list and { value, one(field, depth) } or value
    end
  end
  return vim[name](object)
end

-- Types whose required fields lead back to themselves have no finite sample.
local endless = {}
local function finite(name, seen)
  if seen[name] then return false end
  seen[name] = true
  for _, field in ipairs(vim.type(name).fields) do
    if not field.optional and not field.reference and simple[field.type] == nil and vim.type(field.type).kind == "data"
      and not finite(field.type, seen) then return false end
  end
  seen[name] = nil
  return true
end

local tests = {}

tests["every data type goes there and back unchanged"] = function(t)
  local count = 0
  for _, name in ipairs(vim.complete("")) do
    if vim.type(name).kind == "data" and finite(name, {}) then
      local value = sample(name, 2)
      local got = through(value, "9.0.0.0")
      t:equal(vim.typeof(got), name)
      t:equal(got, value, name)
      count = count + 1
    elseif vim.type(name).kind == "data" then
      endless[#endless + 1] = name
    end
  end
  t:ok(count > 2900, "types tried")
end

tests["fields come in the order of the schema, those of base types first"] = function(t)
  local types, order = {}
  for line in io.lines(arg[0]:gsub("tests/run.lua$", "") .. "src/vim25.schema") do
    local name, base = line:match("^data (%S+)"), line:match("^data %S+ : (%S+)")
    if name then order = {} types[name] = { base = base, fields = order } end
    local field = line:match("^ ([%w_]+)[?*+!]* ")
    if field and not line:find("(", 1, true) then order[#order + 1] = field end
  end
  local function expected(name)
    local list = types[name].base and expected(types[name].base) or {}
    return table.move(types[name].fields, 1, #types[name].fields, #list + 1, list)
  end
  for _, name in ipairs { "VirtualMachineConfigSpec", "VirtualVmxnet3", "PropertyFilterSpec", "ClusterConfigSpecEx", "TaskInfo" } do
    local sent = vim.encode("SetTaskState", vim.Task("t"), { state = "success", result = sample(name, 0) }, "9.0.0.0")
    local got, depth = {}, 0
    for close, tag, last in sent:match("<result.->(.*)</result>"):gmatch("<(/?)([%w_]+)[^>]-(/?)>") do
      if close == "" then
        if depth == 0 and got[#got] ~= tag then got[#got + 1] = tag end
        if last == "" then depth = depth + 1 end
      else depth = depth - 1 end
    end
    t:equal(got, expected(name), name)
  end
end

tests["a request is the whole envelope"] = function(t)
  t:equal(vim.encode("RetrieveServiceContent", vim.ServiceInstance("ServiceInstance")),
    '<?xml version="1.0" encoding="UTF-8"?>\n<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"'
    .. ' xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body>'
    .. '<RetrieveServiceContent xmlns="urn:vim25"><_this type="ServiceInstance">ServiceInstance</_this></RetrieveServiceContent>'
    .. "</soapenv:Body></soapenv:Envelope>\n")
end

tests["a derived type is named, the declared one is not"] = function(t)
  local xml = create { name = "x", files = { vmPathName = "[ds]" },
    deviceChange = { { operation = "add", device = vim.VirtualDisk { key = -1, capacityInKB = 1 } } } }
  t:contains(xml, "<name>x</name><files><vmPathName>[ds]</vmPathName></files>")
  t:contains(xml, '<device xsi:type="VirtualDisk"><key>-1</key><capacityInKB>1</capacityInKB></device>')
end

tests["a type with derived ones is named even when it is meant itself"] = function(t)
  t:contains(create { bootOptions = { bootOrder = { vim.VirtualMachineBootOptionsBootableDevice {} } } },
    '<bootOrder xsi:type="VirtualMachineBootOptionsBootableDevice"></bootOrder>')
end

tests["an anyType shows the type of its value"] = function(t)
  local function option(value)
    return create({ extraConfig = { { key = "k", value = value } } }):match("<key>k</key>(.-)</extraConfig>")
  end
  t:equal(option("a"), '<value xsi:type="xsd:string">a</value>')
  t:equal(option(true), '<value xsi:type="xsd:boolean">true</value>')
  t:equal(option(5), '<value xsi:type="xsd:int">5</value>')
  t:equal(option(2147483648), '<value xsi:type="xsd:long">2147483648</value>')
  t:equal(option(0.5), '<value xsi:type="xsd:double">0.5</value>')
  t:equal(option(vim.any("short", 5)), '<value xsi:type="xsd:short">5</value>')
  t:equal(option(vim.any("dateTime", 0)), '<value xsi:type="xsd:dateTime">1970-01-01T00:00:00Z</value>')
  t:equal(option(machine), '<value xsi:type="ManagedObjectReference" type="VirtualMachine">vm-12</value>')
  t:equal(option { 1, 2 }, '<value xsi:type="ArrayOfInt"><int>1</int><int>2</int></value>')
  t:equal(option(vim.array("string", {})), '<value xsi:type="ArrayOfString"></value>')
  t:equal(option { vim.VirtualE1000 { key = 1 }, vim.VirtualVmxnet3 { key = 2 } }, '<value xsi:type="ArrayOfVirtualEthernetCard">'
    .. '<VirtualEthernetCard xsi:type="VirtualE1000"><key>1</key></VirtualEthernetCard>'
    .. '<VirtualEthernetCard xsi:type="VirtualVmxnet3"><key>2</key></VirtualEthernetCard></value>')
  t:raises("config.extraConfig%[1%].value: a value with a type expected", option, { a = 1 })
  t:raises("value%[2%]: the elements of the list are of different types", option, { 1, "a" })
end

tests["mistakes are refused with their path and the nearest name"] = function(t)
  local disk = function(fields) return { deviceChange = { { device = vim.VirtualDisk(fields) } } } end
  local cases = {
    { { memoryMb = 1 }, "config.memoryMb: VirtualMachineConfigSpec has no field 'memoryMb': did you mean 'memoryMB'?" },
    { { memoryMB = "1" }, "config.memoryMB: long expected, got string" },
    { { memoryMB = 1.5 }, "config.memoryMB: 1.5 is not a number an 'long' can hold" },
    { { numCPUs = 2147483648 }, "config.numCPUs: 2147483648 is not a number an 'int' can hold" },
    { { name = 5 }, "config.name: string expected, got number" },
    { { name = "a\0b" }, "config.name: byte 2 (0x00) of the string is not text that XML can carry" },
    { { name = "a\xff" }, "config.name: byte 2 (0xff) of the string is not text that XML can carry" },
    { { name = "\xed\xa0\x80" }, "config.name: byte 1 (0xed) of the string is not text that XML can carry" },
    { { createDate = "yesterday" }, "config.createDate: 'yesterday' is not a date such as 2024-01-31T12:00:00Z" },
    { { deviceChange = { operation = "add" } }, "config.deviceChange: list of VirtualDeviceConfigSpec expected, got a table with the key 'operation'" },
    { { deviceChange = { { operation = "ad" } } },
      "config.deviceChange[1].operation: VirtualDeviceConfigSpecOperation has no value 'ad': did you mean 'add'?" },
    { { deviceChange = { { operation = "add" } } }, "config.deviceChange[1]: VirtualDeviceConfigSpec needs 'device' (VirtualDevice)" },
    { disk { key = 1 }, "config.deviceChange[1].device: VirtualDisk needs 'capacityInKB' (long)" },
    { { files = vim.VirtualE1000 { key = 1 } }, "config.files: VirtualMachineFileInfo expected, got VirtualE1000" },
    { { files = { "a" } }, "config.files: VirtualMachineFileInfo (a table of fields) expected, got a list" },
    { { flags = machine }, "config.flags: VirtualMachineFlagInfo expected, got VirtualMachine" },
  }
  for _, case in ipairs(cases) do
    local ok, message = pcall(create, case[1])
    t:equal({ ok, message }, { false, "CreateVM_Task: " .. case[2] })
  end
  local function raises(text, ...)
    local ok, message = pcall(vim.encode, ...)
    t:equal(ok, false)
    t:contains(message, text)
  end
  raises("CreateVM_Task: no parameter 'confg': did you mean 'config'?", "CreateVM_Task", folder, { confg = {} })
  raises("CreateVM_Task needs 'pool' (ResourcePool)", "CreateVM_Task", folder, { config = {} })
  raises("no method 'CreateVM_Tsk': did you mean 'CreateVM_Task'?", "CreateVM_Tsk", folder, {})
  raises("_this: Folder reference expected, got VirtualMachine:vm-12", "CreateVM_Task", machine, { config = {} })
  raises("pool: ResourcePool reference expected, got VirtualMachine:vm-12", "CreateVM_Task", folder, { config = {}, pool = machine })
  raises("needs at least one 'specSet'", "RetrieveProperties", vim.PropertyCollector("pc"), { specSet = {} })
end

tests["what is newer than the server is refused"] = function(t)
  t:ok(create({ sgxInfo = { epcSize = 1 } }, "7.0.0.0"))
  t:raises("config: field 'sgxInfo' needs vSphere API 7.0.0.0, the server has 6.7.3", create, { sgxInfo = { epcSize = 1 } }, "6.7.3")
  t:raises("field 'sgxInfo' needs vSphere API 7.0.0.0, the server has 6.9", create, { sgxInfo = { epcSize = 1 } }, "6.9")
  t:raises("method 'PutUsbScanCodes' needs vSphere API 6.5, the server has 6.0", vim.encode, "PutUsbScanCodes", machine,
    { spec = { keyEvents = {} } }, "6.0")
  t:raises("not an API version", create, {}, "one")
end

tests["references to one object are one value"] = function(t)
  t:ok(rawequal(vim.VirtualMachine("vm-12"), machine))
  t:equal(tostring(machine), "VirtualMachine:vm-12")
  t:equal({ machine.kind, machine.moid, vim.typeof(machine) }, { "VirtualMachine", "vm-12", "VirtualMachine" })
  local got = vim.decode(returnval("FindByUuid", "vm-12", ' type="VirtualMachine"'))
  t:ok(rawequal(got, machine))
end

tests["references can be made objects of their own"] = function(t)
  local meta = { __reference = true }
  local space = setmetatable({}, { object = meta, session = "session" })
  local got = vim.decode(returnval("FindByUuid", "vm-12", ' type="VirtualMachine"'), "FindByUuid", space)
  t:equal(getmetatable(got), meta)
  t:equal(got.session, "session")
  t:ok(rawequal(space["VirtualMachine:vm-12"], got))
  t:contains(vim.encode("PowerOnVM_Task", got), '<_this type="VirtualMachine">vm-12</_this>')
end

tests["a typed value checks its field names at the caller's line"] = function(t)
  t:raises("vim_test.lua:%d+: VirtualDisk has no field 'capacityInKb': did you mean 'capacityInKB'?", function()
    local disk = vim.VirtualDisk { capacityInKb = 1 }
    return disk
  end)
  t:raises("vim_test.lua:%d+: vim has no type or function 'VirtualDsk': did you mean 'VirtualDisk'?", function() return vim.VirtualDsk {} end)
  local disk = vim.VirtualDisk { key = 1 }
  t:raises("vim_test.lua:%d+: VirtualDisk has no field 'foo'", function() disk.foo = 1 end)
  disk.unitNumber = 3
  t:equal(tostring(disk), "VirtualDisk { key = 1, unitNumber = 3 }")
  t:equal(tostring(vim.CustomizationPassword { value = "secret", plainText = true }), "CustomizationPassword { value = ***, plainText = true }")
end

tests["results: values, lists, nothing"] = function(t)
  t:equal(vim.decode(response '<LogoutResponse xmlns="urn:vim25"/>'), true)
  t:equal(vim.decode(response '<FindByUuidResponse xmlns="urn:vim25"></FindByUuidResponse>'), false)
  t:equal(vim.decode(response '<RetrievePropertiesResponse xmlns="urn:vim25"/>'), {})
  t:equal(vim.decode(returnval("PutUsbScanCodes", "7")), 7)
  t:equal(vim.decode(returnval("CurrentTime", "2024-01-01T00:00:00Z")), "2024-01-01T00:00:00Z")
  local list = vim.decode(response('<FindAllByUuidResponse><returnval type="VirtualMachine">vm-1</returnval>'
    .. '<returnval type="HostSystem">host-1</returnval></FindAllByUuidResponse>'))
  t:equal({ tostring(list[1]), tostring(list[2]) }, { "VirtualMachine:vm-1", "HostSystem:host-1" })
end

tests["unknown elements and types are passed over"] = function(t)
  local got = vim.decode(returnval("RetrieveServiceContent", '<news><deep a="1"/>text</news><rootFolder type="Folder">group-d1</rootFolder>'
    .. '<about xsi:type="AboutInfoNewer"><name>x</name><shine>y</shine></about>'))
  t:equal(tostring(got.rootFolder), "Folder:group-d1")
  t:equal(got.about.name, "x")
  t:equal(vim.typeof(got.about), "AboutInfo")
end

tests["numbers keep 64 bits, text its characters"] = function(t)
  t:equal(math.type(through(9007199254740993)), "integer")
  t:equal(through(9007199254740993), 9007199254740993)
  t:equal(through("a<b>&amp;\r\n é"), "a<b>&amp;\r\n é")
  t:equal(through(vim.any("base64Binary", "\0\1\2\3")), "\0\1\2\3")
  t:equal(through { "a", "b" }, { "a", "b" })
  t:equal(vim.decode(returnval("CurrentTime", "<![CDATA[a<b]]>&#65;&lt;")), "a<bA<")
end

tests["a fault keeps its type and fields"] = function(t)
  local xml = response([[<soapenv:Fault><faultcode>ServerFaultCode</faultcode><faultstring>no way</faultstring><detail>
    <NoPermissionFault xsi:type="NoPermission"><object type="Folder">group-v3</object><privilegeId>VirtualMachine.Inventory.Create</privilegeId>
    <faultMessage><key>k</key><message>m</message></faultMessage></NoPermissionFault></detail></soapenv:Fault>]])
  local value, message, code, fault = vim.decode(xml)
  t:equal({ message, code, vim.typeof(fault) }, { "no way", "fault", "NoPermission" })
  t:equal(value, nil)
  t:equal({ fault.privilegeId, tostring(fault.object), fault.faultMessage[1].message }, { "VirtualMachine.Inventory.Create", "Folder:group-v3", "m" })
  -- the type by the element's name, a fault nobody knows, no detail at all
  local function kind(detail)
    return vim.typeof((select(4, vim.decode(response("<soapenv:Fault><faultstring>x</faultstring><detail>" .. detail .. "</detail></soapenv:Fault>")))))
  end
  t:equal(kind "<InvalidLoginFault/>", "InvalidLogin")
  t:equal(kind '<NewFault xsi:type="New"><faultMessage><key>k</key></faultMessage></NewFault>', "MethodFault")
  local generic = select(4, vim.decode(response "<soapenv:Fault><faultcode>c</faultcode><faultstring>s</faultstring></soapenv:Fault>"))
  t:equal(generic, { faultcode = "c", faultstring = "s" })
end

tests["what is no response is refused"] = function(t)
  for _, xml in ipairs { "", "x", "<html></html>", response(""), "<!DOCTYPE a><a/>", response "<FooResponse/>",
    '<!DOCTYPE Envelope [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><Envelope><Body><LogoutResponse>&b;</LogoutResponse></Body></Envelope>',
    returnval("CurrentTime", "&nothing;"), returnval("PutUsbScanCodes", "seven"), "\0\1\2", response "<LogoutResponse/>" .. "x" } do
    t:fails("format", vim.decode(xml))
  end
  t:contains(t:fails("format", vim.decode(response "<LogoutResponse/>", "Login")), "not the response expected: Logout")
end

tests["a table that claims a type which is none has none"] = function(t)
  for _, number in ipairs { 100000000, -1, 0.5 } do
    for _, key in ipairs { "__data", "__array", "__any" } do
      local value = setmetatable({}, { [key] = number })
      t:equal(vim.typeof(value), nil)
      t:raises("a value with a type expected", vim.encode, "SetTaskState", vim.Task("t"), { state = "success", result = { value } })
    end
  end
  local any = vim.any("short", 5)
  any[1] = 100000000
  t:contains(vim.encode("SetTaskState", vim.Task("t"), { state = "success", result = any }), "ArrayOfInt", "then it is a list")
end

tests["a response cut off anywhere is refused"] = function(t)
  local xml = returnval("RetrieveServiceContent", '<rootFolder type="Folder">group-d1</rootFolder><about><name>x &amp; y</name></about>'
    .. "<!-- c --><sessionManager type='SessionManager'><![CDATA[s]]></sessionManager>")
  t:ok(vim.decode(xml))
  for n = 0, #xml - 1 do t:fails("format", vim.decode(xml:sub(1, n))) end
end

tests["a response with any byte changed does no harm"] = function(t)
  local xml = returnval("RetrieveServiceContent", '<rootFolder type="Folder">group-d1</rootFolder><about><name>x</name></about>')
  for n = 1, #xml do
    for _, byte in ipairs { "\0", "<", ">", "&", "\xff", '"' } do
      local value, _, code = vim.decode(xml:sub(1, n - 1) .. byte .. xml:sub(n + 1))
      t:ok(value ~= nil or code == "format" or code == "fault")
    end
  end
end

tests["nesting has a limit"] = function(t)
  local deep = "<faultCause><fault xsi:type='RuntimeFault'>"
  local xml = response("<soapenv:Fault><faultstring>x</faultstring><detail><F xsi:type='RuntimeFault'>" .. deep:rep(5000)
    .. ("</fault></faultCause>"):rep(5000) .. "</F></detail></soapenv:Fault>")
  t:fails("format", vim.decode(xml))
  local fault = vim.MethodFault {}
  fault.faultCause = { fault = fault }
  t:raises("nested too deeply", through, fault)
end

tests["descriptions of types, methods and members"] = function(t)
  local spec = vim.type("VirtualMachineConfigSpec")
  t:equal({ spec.kind, spec.base, spec.fields[2].name, spec.fields[2].type, spec.fields[2].optional }, { "data", "DynamicData", "name", "string", true })
  t:contains(t:fails("notfound", vim.type("VirtualMachineConfigSpek")), "did you mean 'VirtualMachineConfigSpec'?")
  local method = vim.method("CreateVM_Task")
  t:equal({ method.owner, #method.params, method.params[2].reference, method.result.type, method.task.type },
    { "Folder", 3, true, "Task", "VirtualMachine" })
  t:contains(table.concat(method.faults, " "), "DuplicateName")
  local members = vim.members("VirtualMachine")
  t:contains(table.concat(members.methods, " "), "Rename_Task")
  t:contains(table.concat(members.methods, " "), "PowerOnVM_Task")
  t:equal({ vim.member("VirtualMachine", "name"), vim.member("VirtualMachine", "Rename_Task"), vim.member("VirtualMachine", "nam") },
    { "property", "method", nil })
  t:equal({ vim.isa("VirtualDisk", "VirtualDevice"), vim.isa("VirtualDevice", "VirtualDisk"), vim.isa("X", "Y") }, { true, false, false })
  t:equal(vim.versions[1], "2.0")
  t:equal(vim.type("VirtualMachinePowerState").values, { "poweredOff", "poweredOn", "suspended" })
end

tests["secrets are masked by their place in the schema"] = function(t)
  local login = vim.encode("Login", vim.SessionManager("sm"), { userName = "me", password = "p<w" })
  t:contains(vim.mask(login), "<userName>me</userName><password>***</password>")
  t:contains(vim.mask(returnval("AcquireCloneTicket", "cst-1")), "<returnval>***</returnval>")
  local typed = vim.encode("PutUsbScanCodes", vim.VirtualMachine("vm-1"), { spec = { keyEvents = { { usbHidCode = 1376263 } } } })
  t:contains(vim.mask(typed), "<usbHidCode>***</usbHidCode>", "a password may be typed")
  local spec = vim.CustomizationPassword { value = "hidden", plainText = true }
  local xml = vim.encode("SetTaskState", vim.Task("t"), { state = "success", result = spec })
  t:contains(vim.mask(xml), "<value>***</value><plainText>true</plainText>")
  local option = create { extraConfig = { { key = "k", value = "shown" } } }
  t:equal(vim.mask(option), option)
  t:equal(vim.mask("<x><password>abc"), "<x><password>***")
  t:equal(vim.mask("<x><password><![CDATA[abc]]></password>"), "<x><password>***</password>")
  t:equal(vim.mask("<x><password><![CDATA[a>b's]]></password><key>k</key></x>"), "<x><password>***</password><key>k</key></x>")
  t:equal(vim.mask("<x><a><![CDATA[it's]]></a><!-- it's --><password>abc</password></x>"),
    "<x><a><![CDATA[it's]]></a><!-- it's --><password>***</password></x>")
  t:equal(vim.mask("<x><password><b>abc</b>d<c/>e</password><b>f</b></x>"), "<x><password><b>***</b>***<c/>***</password><b>f</b></x>")
  for n = 1, #login do vim.mask(login:sub(n)) end
  t:equal(runtime.live(), {})
end

tests["numbers that do not fit are refused, both ways"] = function(t)
  local function sent(value) vim.encode("SetTaskState", vim.Task("t"), { state = "success", result = value }) end
  t:raises("no type of a single value", sent, vim.any("anyType", 5))
  for _, seconds in ipairs { 1e300, -1e300, 0 / 0, math.huge } do t:raises("not a date", sent, vim.any("dateTime", seconds)) end
  local function long(text)
    return vim.decode(response('<RetrievePropertiesResponse xmlns="urn:vim25"><returnval><obj type="Task">t</obj><propSet><name>n</name>'
      .. '<val xsi:type="xsd:long">' .. text .. "</val></propSet></returnval></RetrievePropertiesResponse>"))
  end
  t:equal(long("-9223372036854775808")[1].propSet[1].val, math.mininteger)
  for _, text in ipairs { "9223372036854775808", "-9223372036854775809", "1x", "" } do t:contains(t:fails("format", long(text)), "bad long") end
end

return tests
