-- vm and datastore: a virtual machine's life and its files, against the lab
local signal = require "signal"
local err = require "core.err"
local device = require "vsphere.device"
local finder = require "vsphere.finder"
local lab = require "tests.lab"
local peer = require "tests.peer"

local tests = {}

tests["from creation to destruction"] = function(t)
  local server = lab.start(t)
  local vc = server:connect()
  local vm = server:create_vm(vc, "one", { extraConfig = { { key = "luabuild.run", value = "1" } } })
  t:equal(vm.name, "one")
  t:equal({ vm.config.hardware.numCPU, vm.config.hardware.memoryMB }, { 1, 64 })
  t:equal(#device.disks(vm.config.hardware.device), 1)
  t:equal(vm:extra_config()["luabuild.run"], "1")
  t:equal(vm:power_state(), "poweredOff")
  vm:power_off() -- no harm
  vm:power_on()
  t:equal(vm:power_state(), "poweredOn")
  t:equal(vm:wait_power("poweredOn", 5), true)
  t:equal(vm:wait_power("poweredOff", 0.2), false)
  vm:wait_tools(20)
  vm:shutdown_guest()
  t:equal(vm:wait_power("poweredOff", 20), true)
  t:equal(vm:take_snapshot("base", "first").kind, "VirtualMachineSnapshot")
  vm:rename("two")
  t:equal(vm.parent:find_vm("two"), vm)
  t:equal(vm.parent:find_vm("one"), nil)
  vm:mark_template()
  t:equal(vm.config.template, true)
  vm:destroy()
  vm:destroy() -- no harm
  t:raises("not there any more", function() return vm.name end)
end

local function typed(server) return server:vms()[1].typed end

tests["keys that are not taken are sent again: those, and no others"] = function(t)
  local server = lab.start(t)
  local vm = server:create_vm(server:connect(), "one")
  vm:power_on()
  server:fault { fault = "dropkeys", method = "PutUsbScanCodes", at = 2 }
  t:equal({ vm:type(require("keystroke").parse("abc")), typed(server) }, { 3, "abc" })
  server:fault { fault = "fault", method = "PutUsbScanCodes", message = "A general system error occurred: Invalid fault" }
  t:equal({ vm:type "d", typed(server) }, { 1, "abcd" })
  server:fault { fault = "dropkeys", method = "PutUsbScanCodes", at = 1, count = -1 }
  local ok, e = pcall(vm.type, vm, require("keystroke").parse("ef"))
  t:equal({ ok, e and e.code, typed(server) }, { false, "build", "abcde" })
  t:contains(tostring(e), "took 1 of 2 keys (tried ")
  server:control("DELETE", "/fault")
  server:fault { fault = "fault", method = "PutUsbScanCodes", type = "NoPermission", count = -1 }
  ok, e = pcall(vm.type, vm, "g")
  t:equal({ ok, e and e.tries }, { false, nil })
end

tests["a device the server refuses is named"] = function(t)
  local server = lab.start(t)
  local vm = server:create_vm(server:connect(), "one")
  server:fault { fault = "task", method = "ReconfigVM_Task", type = "InvalidDeviceSpec", message = "Invalid configuration for device '0'." }
  local ok, e = pcall(vm.reconfigure, vm, { deviceChange = device.create { cdroms = { "[LocalDS_0] x.iso" }, devices = vm.config.hardware.device } })
  t:equal({ ok, e and e.kind }, { false, "InvalidDeviceSpec" })
  t:contains(tostring(e), "x.iso")
end

tests["a question is answered by rule"] = function(t)
  local server = lab.start(t)
  local vm = server:create_vm(server:connect(), "one")
  server:fault { fault = "question", method = "PowerOnVM_Task", message = "shall I?" }
  local running = vm:PowerOnVM_Task()
  local property = require "vsphere.property"
  local question = property.wait(vm, { "runtime.question" }, function(v) return v["runtime.question"] end, 10)
  local ok, e = pcall(vm.answer, vm, question, function() end)
  if not ok then
    t:equal(e.code, "build")
    t:contains(tostring(e), "shall I?")
    vm:AnswerVM { questionId = question.id, answerChoice = question.choice.choiceInfo[1].key }
  end
  pcall(running.wait, running, { timeout = 10 })
  t:equal(vm:get "runtime.question", nil)
end

tests["the choices of a question are known however the server writes them"] = function(t)
  local server = lab.start(t)
  local vc, property = server:connect(), require "vsphere.property"
  local vm, said = server:create_vm(vc, "one"), {}
  local login
  for _, r in ipairs(server:log()) do login = r.method == "Login" and r.xml or login end
  t:match(login, "locale>en_US<")
  for _, text in ipairs { "msg.uuid.altered:This virtual machine might have been moved or copied.", "msg.cdromdisconnect.locked:Locked." } do
    server:fault { fault = "question", method = "ReconfigVM_Task", message = text }
    local running = vm:ReconfigVM_Task { spec = { annotation = text } }
    local question = property.wait(vm, { "runtime.question" }, function(v) return v["runtime.question"] end, 10)
    vm:answer(question, function(line) said[#said + 1] = line:match "^answered '(.-)'" end)
    t:equal(running:wait { timeout = 10 }, true)
  end
  t:equal(said, { "button.uuid.copiedTheVM", "button.yes" })
end

tests["a directory at the top of a vSAN datastore is made as such"] = function(t)
  local server = lab.start(t)
  server:control("POST", "/property", require("cjson").encode { type = "Datastore", name = "LocalDS_0", path = "summary.type", value = "vsan" })
  local vc = server:connect()
  local find = finder.new(vc)
  local store = find:datastore(find:datacenter(), "LocalDS_0")
  store:mkdir "cache"
  store:mkdir "cache"
  store:mkdir "cache/deeper"
  store:upload("cache/deeper/file", { body = "x" })
  t:equal(store:size "cache/deeper/file", 1)
end

local function store_of(vc)
  local find = finder.new(vc)
  return find:datastore(find:datacenter(), "LocalDS_0")
end

tests["files go to the datastore and come back"] = function(t)
  for _, model in ipairs { "vpx", "esx" } do
    local server = lab.start(t, { model = model })
    local vc = server:connect()
    local find = finder.new(vc)
    local store = find:datastore(find:datacenter(), server.env.LAB_DATASTORE)
    local dir = t:directory()
    store:mkdir("cache/a b")
    store:mkdir("cache/a b") -- no harm
    t:equal(store:size("cache/a b/x.iso"), nil)
    local result = store:upload("cache/a b/x.iso", { file = t:write(dir .. "/x", "hello"), digest = "sha256" })
    t:equal(result.digest.sha256, "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824")
    t:equal(store:size("cache/a b/x.iso"), 5)
    t:equal(store:move("cache/a b/x.iso", "cache/y.iso"), true)
    store:upload("cache/z.iso", { body = "another" })
    t:equal(store:move("cache/z.iso", "cache/y.iso"), false, "what is there stays")
    t:ok(store:size("cache/y.iso") ~= 7)
    store:delete("cache/z.iso")
    t:equal({ store:size("cache/a b/x.iso"), store:size("cache/y.iso") }, { nil, 5 })
    store:download("cache/y.iso", dir .. "/y")
    t:equal(t:read(dir .. "/y"), "hello")
    local list = store:list("cache", "*.iso")
    t:equal({ #list, list[1].path, list[1].size }, { 1, "y.iso", 5 })
    t:equal(store:list("nowhere"), {})
    store:delete("cache/y.iso")
    store:delete("cache/y.iso") -- no harm
    t:equal(store:size("cache/y.iso"), nil)
    t:equal(store:path("dir/x"), "[" .. server.env.LAB_DATASTORE .. "] dir/x")
    t:raises("", store.download, store, "none", dir .. "/none")
    server:stop()
  end
end

tests["an upload survives the end of its session"] = function(t)
  local server = lab.start(t)
  local store = store_of(server:connect())
  server:control("POST", "/expire")
  store:upload("x", { body = "hello" })
  t:equal(store:size("x"), 5)
end

tests["an upload that was interrupted when all was sent has its file, for whoever deletes it"] = function(t)
  local server = lab.start(t)
  local store = store_of(server:connect())
  store:upload("before", { body = "x" }) -- the session's connection is there
  server:fault { fault = "slow", method = "PUT /folder", delay = 1 }
  signal.limit(0.3)
  t:raises("out of time", store.upload, store, "x", { body = "hello" })
  signal.limit(0)
  signal.acknowledge()
  t:equal(store:size("x"), 5)
end

tests["a task outlives the connection and the session it was asked for on"] = function(t)
  local server = lab.start(t)
  local vc = server:connect()
  local vm = server:create_vm(vc, "one")
  server:fault { fault = "slowtask", method = "PowerOnVM_Task", delay = 2 }
  server:fault { fault = "cut", method = "WaitForUpdatesEx", after = 1 }
  t:equal(vm:PowerOnVM_Task():wait { timeout = 30 }, true)
  server:fault { fault = "slowtask", method = "PowerOffVM_Task", delay = 2 }
  server:fault { fault = "expire", method = "WaitForUpdatesEx", after = 1 }
  t:equal(vm:PowerOffVM_Task():wait { timeout = 30 }, true)
end

tests["a signal cancels the task it waits for"] = function(t)
  local server = lab.start(t)
  local vc = server:connect()
  local vm = server:create_vm(vc, "one")
  server:fault { fault = "slowtask", method = "PowerOnVM_Task", delay = 30 }
  local dir = t:directory()
  local script = t:write(dir .. "/s.lua", string.format([[
    local vc <close> = require("vsphere.session").connect { server = %q, username = %q, password = %q, ca_file = %q }
    local task = vc:object("VirtualMachine", %q):PowerOnVM_Task()
    io.stdout:write("ready\n") io.stdout:flush()
    task:wait()]], server.env.VCENTER_SERVER, server.env.VCENTER_USERNAME, server.env.VCENTER_PASSWORD, server.env.VCENTER_CA_FILE, vm.moid))
  t:equal(peer.interrupt(t, arg[-1] .. " run " .. script, "ready", 0.5), 130)
  local cancelled = false
  for _, request in ipairs(server:log()) do cancelled = cancelled or request.method == "CancelTask" end
  t:ok(cancelled)
  t:ok(err)
end

return tests
