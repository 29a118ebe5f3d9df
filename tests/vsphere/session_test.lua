-- session: log in, call, lose the session, log out; against the lab
local signal = require "signal"
local vim = require "vim"
local err = require "core.err"
local fault = require "vsphere.fault"
local session = require "vsphere.session"
local stay = require "vsphere.stay"
local lab = require "tests.lab"
local peer = require "tests.peer"

local tests = {}

tests["a session knows whom it talks to and logs out"] = function(t)
  local server = lab.start(t)
  do
    local vc <close> = session.connect(server:options())
    t:ok(vc.is_vcenter)
    t:equal(vc.version, vc.about.apiVersion)
    t:equal(server:control("GET", "/sessions"):match("%d+"), "1")
    t:equal(vc.requests, 2)
  end
  t:equal(server:control("GET", "/sessions"):match("%d+"), "0")
end

tests["an ESXi host serves as well"] = function(t)
  local host = lab.start(t, { model = "esx" })
  local vc = host:connect()
  t:equal(vc.is_vcenter, false)
  t:equal(vc.content.rootFolder.name, "ha-folder-root")
  t:ok(not t:raises("refused", session.connect, host:options { username = "root", password = "wrong" }).hint:find("domain"), "a host's own users have none")
end

tests["a wrong password, server, certificate: one message that says what to do"] = function(t)
  local server = lab.start(t)
  local function failure(more) return select(2, pcall(session.connect, server:options(more))) end
  local e = failure { password = "wrong" }
  t:ok(fault.is(e, "InvalidLogin"))
  t:match(e, "^log in as .*: .*the user name or the password is refused")
  t:equal({ e.code, e.hint }, { "auth", "are VCENTER_USERNAME and VCENTER_PASSWORD right?" }, "the name has its domain")
  t:contains(failure({ username = "administrator" }).hint, "have a domain")
  e = failure { ca_file = "/etc/ssl/certs/ca-certificates.crt" }
  t:equal(e.code, "tls")
  t:contains(e, server.env.VCENTER_THUMBPRINT)
  t:contains(e, "VCENTER_THUMBPRINT")
  e = failure { server = "127.0.0.1:1", patience = 0 }
  t:equal(e.code, "net")
  t:contains(e, "127.0.0.1:1")
  t:raises("no server", session.connect, {})
  local vc <close> = session.connect(server:options { ca_file = false or nil, thumbprint = server.env.VCENTER_THUMBPRINT })
  t:ok(vc.user)
end

tests["properties are fields, methods are methods"] = function(t)
  local vc = lab.start(t):connect()
  local root = vc.content.rootFolder
  t:equal(tostring(root), "Folder:" .. root.moid)
  t:equal(root.name, "Datacenters")
  t:equal(root:get { "name", "parent", "childType" }.childType[1], "Folder")
  t:equal(root.parent, nil)
  local made = root:CreateFolder { name = "sub" }
  t:equal(made.parent, root)
  t:ok(rawequal(made.parent, root))
  t:equal(made:Destroy_Task():wait(), true)
  t:raises("Folder has no property or method 'nam': did you mean 'name'?", function() return root.nam end)
  t:raises("session_test.lua:%d+: CreateFolder: name: string expected, got number", function() root:CreateFolder { name = 5 } end)
end

tests["a fault is an error object with the fault in it"] = function(t)
  local vc = lab.start(t):connect()
  local root = vc.content.rootFolder
  root:CreateFolder { name = "sub" }
  local ok, e = pcall(root.CreateFolder, root, { name = "sub" })
  t:equal(ok, false)
  t:equal({ e.code, e.kind, vim.typeof(e.fault) }, { "exists", "DuplicateName", "DuplicateName" })
  t:contains(tostring(e), "the name 'sub' is taken, by 'Datacenters'")
  ok, e = pcall(function() return vc:object("VirtualMachine", "vm-none").name end)
  t:equal(ok, false)
  t:ok(fault.is(e, "ManagedObjectNotFound"))
end

tests["a session the server has forgotten is opened again"] = function(t)
  local server = lab.start(t)
  local vc = server:connect()
  server:control("POST", "/expire")
  t:equal(vc.content.rootFolder.name, "Datacenters")
  server:control("POST", "/expire")
  t:ok(vc.content.rootFolder:CreateFolder { name = "after" })
end

tests["read calls survive a server that is away, others do not repeat"] = function(t)
  local server = lab.start(t)
  local vc = server:connect { patience = 20 }
  for _, kind in ipairs { "503", "cut" } do
    server:fault { fault = kind, count = 2, method = "RetrievePropertiesEx" }
    t:equal(vc.content.rootFolder.name, "Datacenters")
  end
  server:fault { fault = "lost", method = "CreateFolder" }
  local ok, e = pcall(vc.content.rootFolder.CreateFolder, vc.content.rootFolder, { name = "once" })
  t:equal({ ok, e.code }, { false, "net" })
end

-- How often the lab was asked to do something.
local function count(server, method)
  local n = 0
  for _, r in ipairs(server:log()) do n = n + (r.method == method and 1 or 0) end
  return n
end

tests["a call whose answer is lost is done once: its task is found, or it is made again when there is none"] = function(t)
  local server = lab.start(t)
  local vc = server:connect { patience = 20 }
  local vm = server:create_vm(vc, "one")
  for _, kind in ipairs { "lost", "cut" } do
    server:control("DELETE", "/log")
    server:fault { fault = kind, method = "CreateVM_Task" }
    local made = server:create_vm(vc, "made-" .. kind)
    t:equal(made.name, "made-" .. kind)
    t:equal(count(server, "CreateVM_Task"), kind == "cut" and 2 or 1, kind)
    server:fault { fault = kind, method = "CreateSnapshot_Task" }
    t:equal(made:take_snapshot("s").kind, "VirtualMachineSnapshot")
    t:equal(#made.snapshot.rootSnapshotList, 1)
    server:fault { fault = kind, method = "Rename_Task" }
    made:rename("renamed-" .. kind)
    t:equal(made.name, "renamed-" .. kind)
    server:fault { fault = kind, method = "PowerOnVM_Task" }
    made:power_on()
    made:power_off()
    server:fault { fault = kind, method = "MarkAsTemplate" }
    made:mark_template()
    t:equal(made:get "config.template", true)
    server:fault { fault = kind, method = "MarkAsVirtualMachine" }
    made:mark_vm(made.session:object("ResourcePool", vm.resourcePool.moid))
    server:fault { fault = kind, method = "Destroy_Task" }
    made:destroy()
    t:equal(#server:vms(), 1, kind)
  end
end

tests["what was done just before is not taken for what was lost"] = function(t)
  local server = lab.start(t)
  local other, vc = server:connect(), server:connect { patience = 20 }
  local vm = server:create_vm(vc, "one")
  local same = other:object("VirtualMachine", vm.moid)
  same:rename("two")
  server:fault { fault = "cut", method = "Rename_Task" }
  vm:rename("three")
  t:equal(vm.name, "three")
  same:take_snapshot("theirs")
  require("signal").sleep(0.3)
  server:fault { fault = "cut", method = "CreateSnapshot_Task" }
  vm:take_snapshot("ours")
  t:equal(count(server, "CreateSnapshot_Task"), 3)
end

tests["a task whose call was lost ends with its own fault"] = function(t)
  local server = lab.start(t)
  local vc = server:connect { patience = 20 }
  local vm = server:create_vm(vc, "one")
  server:fault { fault = "lost", method = "PowerOnVM_Task" }
  server:fault { fault = "task", method = "PowerOnVM_Task", type = "InvalidState", message = "not now" }
  t:contains(t:raises("not now", vm.power_on, vm), "not now")
  t:equal(count(server, "PowerOnVM_Task"), 1)
end

tests["a session is kept alive while something else is waited for"] = function(t)
  local server, traced = lab.start(t), {}
  local vc <close> = server:connect { trace = function(request) if request.method == "CurrentTime" then traced[#traced + 1] = request end end }
  local function asked()
    local times = 0
    for _, r in ipairs(server:log()) do if r.method == "CurrentTime" then times = times + 1 end end
    return times
  end
  do
    local kept <close> = stay.open(vc, 0.2)
    t:ok(kept)
    for _ = 1, 500 do -- waits for nothing that the server does
      if asked() >= 2 then break end
      signal.sleep(0.02)
    end
    t:ok(asked() >= 2)
  end
  t:ok(asked() <= #traced, "requests like others")
  t:equal({ traced[1].status, traced[1].object }, { 200, "ServiceInstance ServiceInstance" })
  signal.sleep(0.1)
  local before = asked()
  signal.sleep(0.5)
  t:equal(asked(), before, "no more when it is closed")
  local kept <close> = stay.open(vc, 600)
  t:ok(kept)
  signal.sleep(0.1)
  t:equal(asked(), before, "nor while it is not idle")
end

tests["a server that restarts and forgets every session is waited for, whatever is asked"] = function(t)
  local server = lab.start(t)
  local vc = server:connect { patience = 30 }
  local vm, said = server:create_vm(vc, "one"), {}
  function vc.on_away(message) said[#said + 1] = message and "away" or "back" end
  for _, method in ipairs { "RetrievePropertiesEx", "ReconfigVM_Task", "CreateFilter", "WaitForUpdatesEx" } do
    server:fault { fault = "away", method = method, delay = 1 }
    vm:reconfigure { annotation = method }
    t:equal(vm:get "config.annotation", method)
    t:equal(require("vsphere.property").wait(vm, { "name" }, function(v) return v.name end, 20), "one")
  end
  t:equal(said, {}, "a second is not worth a word")
  server:fault { fault = "away", method = "RetrievePropertiesEx", delay = 5 }
  t:equal(vm.name, "one")
  t:equal(said, { "away", "back" })
end

tests["every call is traced with its secrets masked"] = function(t)
  local seen = {}
  local vc = lab.start(t):connect { trace = function(request) seen[#seen + 1] = request end }
  local first, login = seen[1], seen[2]
  t:equal({ first.method, first.object, first.status }, { "RetrieveServiceContent", "ServiceInstance ServiceInstance", 200 })
  t:ok(first.sent > 300 and first.received > 1000 and first.seconds > 0)
  t:contains(login.text(), "<password>***</password>")
  t:equal(vc.requests, #seen)
end

tests["tasks end with their result, or the fault they ended with"] = function(t)
  local server = lab.start(t)
  local vc = server:connect()
  local folder = vc.content.rootFolder:CreateFolder { name = "sub" }
  t:equal(folder:Rename_Task { newName = "new" }:wait(), true)
  t:equal(folder.name, "new")
  local vm = server:create_vm(vc, "one")
  server:fault { fault = "task", method = "PowerOnVM_Task", type = "InvalidState", message = "not now" }
  local ok, e = pcall(function() vm:PowerOnVM_Task():wait() end)
  t:equal({ ok, e and e.code, e and e.kind }, { false, "fault", "InvalidState" })
  t:contains(e, "not now")
  server:fault { fault = "slowtask", method = "PowerOnVM_Task", delay = 20 }
  ok, e = pcall(function() vm:PowerOnVM_Task():wait { timeout = 0.5 } end)
  t:equal({ ok, e and e.code }, { false, "timeout" })
  server:fault { fault = "slowtask", method = "ReconfigVM_Task", delay = 1 }
  local seen = {}
  t:equal(vm:ReconfigVM_Task { spec = { annotation = "x" } }:wait { progress = function(percent) seen[#seen + 1] = percent end }, true)
  t:ok(#seen > 0)
end

tests["what a wait needs on the server is removed"] = function(t)
  local vc = lab.start(t):connect()
  local property = require "vsphere.property"
  local root = vc.content.rootFolder
  t:equal(property.wait(root, { "name" }, function(v) return v.name end, 5), "Datacenters")
  local ok, e = pcall(property.wait, root, { "name" }, function() return false end, 0.2)
  t:equal({ ok, e.code, e.values.name }, { false, "timeout", "Datacenters" })
  t:raises("mine", property.wait, root, { "name" }, function() error("mine") end, 5)
  t:equal(vc.content.propertyCollector.filter or {}, {})
  local folder = root:CreateFolder { name = "sub" }
  folder:Destroy_Task():wait()
  ok, e = pcall(property.wait, folder, { "name" }, function() return false end, 5)
  t:equal({ ok, e.code, e.vanished }, { false, "notfound", true })
end

tests["a signal that comes when a wait has its result ends the next one"] = function(t)
  local vc = lab.start(t):connect()
  local function found(values)
    signal.restore(1)
    return values.name
  end
  t:equal(require("vsphere.property").wait(vc.content.rootFolder, { "name" }, found, 5), "Datacenters")
  local ok, e = pcall(signal.sleep, 5)
  t:equal(signal.acknowledge(), 1)
  t:equal({ ok, e and e.code }, { false, "cancelled" })
  t:equal(vc.content.propertyCollector.filter or {}, {})
end

tests["a wait that was interrupted takes nothing from the one after it"] = function(t)
  local server = lab.start(t)
  local vc = server:connect()
  local vm = server:create_vm(vc, "one")
  local property = require "vsphere.property"
  local function never() return false end
  for _ = 1, 10 do
    signal.limit(0.05)
    t:raises("out of time", property.wait, vm, { "name" }, never, 60)
    signal.limit(0)
    signal.acknowledge()
  end
  server:fault { method = "Rename_Task", fault = "slowtask", delay = 1 }
  local renaming = vm:Rename_Task { newName = "two" }
  t:equal(property.wait(vm, { "name" }, function(v) return v.name == "two" end, 20), true)
  t:equal(renaming:wait(), true)
end

tests["a signal ends the next wait, too, when its error is swallowed"] = function(t)
  local server = lab.start(t)
  local vc = server:connect()
  local vm = server:create_vm(vc, "one")
  local function create() vc.content.rootFolder:CreateFolder { name = "sub" } end
  local function look() vc.content.rootFolder:get "name" end
  for _, f in ipairs { create, look, function() vm:rename "two" end } do
    signal.restore(1)
    local ok, e = pcall(f)
    local again, later = pcall(signal.sleep, 5)
    t:equal(signal.acknowledge(), 1)
    t:equal({ ok, e.code, again, later.code }, { false, "cancelled", false, "cancelled" })
  end
end

tests["a signal ends a wait and the session still logs out"] = function(t)
  local server = lab.start(t)
  local dir = t:directory()
  local script = t:write(dir .. "/s.lua", string.format([[
    local vc <close> = require("vsphere.session").connect { server = %q, username = %q, password = %q, ca_file = %q }
    io.stdout:write("ready\n") io.stdout:flush()
    require("vsphere.property").wait(vc.content.rootFolder, { "name" }, function() return false end, 60)]],
    server.env.VCENTER_SERVER, server.env.VCENTER_USERNAME, server.env.VCENTER_PASSWORD, server.env.VCENTER_CA_FILE))
  local status, out = peer.interrupt(t, arg[-1] .. " run " .. script, "ready", 0.3)
  t:equal(status, 130, out)
  t:equal(server:control("GET", "/sessions"):match("%d+"), "0")
  t:ok(signal.pending() == 0 and err)
end

return tests
