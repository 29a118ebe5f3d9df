-- Ctrl-C in every step of a build: status 130, undone, nothing left; a second one during the clean-up lists what is left.
local builds = require "tests.builds"
local lab = require "tests.lab"
local signal = require "signal"

local function fault(method, kind, more)
  local f = { method = method, fault = kind }
  for key, value in pairs(more or {}) do f[key] = value end
  return f
end

local SLOW = { delay = 4 }

-- step -> what makes it take long, and when it is at it: the text that is there by then, the request that has come by then
local STEPS = {
  preflight = { fault = fault("FindChild", "slow", SLOW), request = "FindChild" },
  ["log-in"] = { step = "preflight", fault = fault("Login", "slow", { delay = 1 }), request = "Login" },
  ["create's request"] = { step = "create", fault = fault("CreateVM_Task", "slow", { delay = 2 }), request = "CreateVM_Task",
    says = "interrupted: up to 5.0s for the answer to CreateVM_Task" },
  iso = { fault = fault("PUT /folder", "slow", SLOW), request = "PUT /folder" },
  ["iso's name"] = { step = "iso", fault = fault("MoveDatastoreFile_Task", "slow", SLOW), request = "MoveDatastoreFile_Task" },
  kickstart = { fields = 'kickstart = { floppy = "kickstart/centos" },', fault = fault("PUT /folder", "slow", { delay = 4, after = 1 }),
    request = "PUT /folder", times = 2 },
  create = { fault = fault("CreateVM_Task", "slowtask", { delay = 2 }), request = "CreateVM_Task" },
  ["boot order"] = { step = "create", fault = fault("ReconfigVM_Task", "slowtask", SLOW), request = "ReconfigVM_Task" },
  ["power on"] = { fault = fault("PowerOnVM_Task", "slowtask", { delay = 2 }), request = "PowerOnVM_Task" },
  boot = { fields = 'boot = { wait = "30s", "<enter>" },', text = "  power on" },
  ["kickstart not fetched"] = { step = "boot", text = "  power on", request = "PutUsbScanCodes",
    fields = 'kickstart = { files = { ks = "x" } }, boot = "${http}/ks",' },
  address = { fault = fault(nil, "noip"), text = "  boot" },
  ssh = { fields = 'ssh = { password = "some-other-word", timeout = "1m" },', text = "  address" },
  provision = { step = "provision 1 shell", fields = 'provision = { shell "echo at work; sleep 30" },', text = "at work" },
  ["shut down"] = { fields = 'shutdown = "true",', text = "  ssh" },
  detach = { fault = fault("ReconfigVM_Task", "slowtask", { delay = 2, after = 1 }), request = "ReconfigVM_Task", times = 2 },
  ["export's lease"] = { step = "export", fields = 'export = { format = "ova" },', fault = fault("ExportVm", "slow", { delay = 1 }), request = "ExportVm" },
  finish = { fault = fault("CreateSnapshot_Task", "slowtask", { delay = 2 }), request = "CreateSnapshot_Task" },
  publish = { fault = fault("Rename_Task", "slowtask", { delay = 2 }), request = "Rename_Task" },
}

local function interrupt(t, s, name, case)
  if case.fault then s.lab:fault(case.fault) end
  t:shell("head -c 300000 /dev/urandom > " .. s.iso)
  local image = name:gsub("[^%w]+", "-")
  local process = builds.start(s, builds.recipe(s, "\n" .. (case.fields or ""), image), "--var", "iso_checksum=none")
  if case.text then t:ok(process:wait_for(case.text), process.output()) end
  if case.request then t:ok(process:wait_for_request(case.request, case.times), process.output()) end
  signal.sleep(0.1)
  process.interrupt()
  local out, status = process:wait()
  t:equal(status, 130, name .. ": " .. out)
  t:contains(out, image .. ": interrupted at " .. (case.step or name), name)
  t:match(out, "  interrupted\n")
  t:contains(out, case.says or "")
  t:ok(not out:find("  failed\n", 1, true), out)
  t:ok(not out:find("not undone", 1, true), name .. ": " .. out)
  t:equal(t:shell("find " .. s.dir .. "/cache -name '*.part' 2>/dev/null"), "", name)
  t:equal(builds.state(s), { vms = {}, files = {}, sessions = 0 }, name .. ": " .. out)
end

local tests = {}

for name, case in pairs(STEPS) do
  tests["interrupted at " .. name] = function(t) interrupt(t, builds.setup(t, lab.start(t)), name, case) end
end

tests["a task that cannot be stopped is waited for, and what it made is undone"] = function(t)
  local s = builds.setup(t, lab.start(t))
  s.lab:fault(fault("CancelTask", "fault", { type = "NotSupported" }))
  interrupt(t, s, "create", STEPS.create)
  signal.sleep(2) -- what would be made now has nobody
  t:equal(builds.state(s).vms, {})
end

tests["a snapshot of the source that was taken while the signal came is undone"] = function(t)
  local s = builds.setup(t, lab.start(t))
  local vc = s.lab:connect()
  local source = s.lab:create_vm(vc, "source")
  local recipe = t:write(s.dir .. "/copy.lua", [[return clone { name = "copy", from = "source", linked = true, make_snapshot = true }]])
  s.lab:fault(fault("CreateSnapshot_Task", "slow", { delay = 1 }))
  local process = builds.start(s, recipe)
  t:ok(process:wait_for_request "CreateSnapshot_Task", process.output())
  process.interrupt()
  local out, status = process:wait()
  t:equal(status, 130, out)
  t:contains(out, "undone: snapshot of the source")
  t:equal(source:get "snapshot", nil, out)
end

tests["an interrupted wait leaves nothing at the server that fails the clean-up"] = function(t)
  local s = builds.setup(t, lab.start(t))
  s.lab:fault(fault("CreateFilter", "slow", { delay = 1, after = 5 })) -- of the wait for the machine's end
  local process = builds.start(s, builds.recipe(s, 'kickstart = { floppy = "kickstart/centos" },'))
  t:ok(process:wait_for_request("CreateFilter", 6), process.output())
  process.interrupt()
  local out, status = process:wait()
  t:equal(status, 130, out)
  t:ok(not out:find("not undone", 1, true), out)
  t:equal(builds.state(s), { vms = {}, files = {}, sessions = 0 }, out)
end

tests["interrupted while a failure looks at the console"] = function(t)
  local s = builds.setup(t, lab.start(t))
  local process = builds.start(s, builds.recipe(s, 'provision = { shell "echo at work; sleep 1; exit 3" },'))
  t:ok(process:wait_for("at work"))
  s.lab:fault(fault("GET /screen", "slow", { delay = 4 }))
  t:ok(process:wait_for("failed"))
  signal.sleep(0.2)
  process.interrupt()
  local out, status = process:wait()
  t:equal(status, 130, out)
  t:contains(out, "undone: virtual machine small.build-")
  t:equal(builds.state(s), { vms = {}, files = {}, sessions = 0 })
end

tests["a second Ctrl-C stops the clean-up and lists what is left"] = function(t)
  local s = builds.setup(t, lab.start(t))
  local process = builds.start(s, builds.recipe(s, 'kickstart = { floppy = "kickstart/centos" }, boot = { wait = "30s", "<enter>" },'))
  t:ok(process:wait_for("  power on"))
  s.lab:fault(fault("Destroy_Task", "slowtask", { delay = 10 }))
  process.interrupt()
  t:ok(process:wait_for_request "Destroy_Task")
  process.interrupt()
  local out, status = process:wait()
  t:equal(status, 130, out)
  local state = builds.state(s)
  t:equal({ #state.vms, #state.files, state.sessions }, { 1, 1, 0 }, out)
  t:contains(out, "left behind: virtual machine " .. state.vms[1] .. " in the folder Packer, kickstart medium [LocalDS_0] " .. state.files[1])
end

return tests
