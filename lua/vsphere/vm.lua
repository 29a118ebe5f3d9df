-- vm: virtual machines: making, powering, typing at, looking at and publishing them
local keystroke = require "keystroke"
local signal = require "signal"
local err = require "core.err"
local retry = require "core.retry"
local fault = require "vsphere.fault"
local lost = require "vsphere.lost"
local object = require "vsphere.object"
local property = require "vsphere.property"
local task = require "vsphere.task"
local units = require "core.units"

local vm = {}
local Folder = object.class("Folder")
local Machine = object.class("VirtualMachine")

--[[
Folder:create_vm(config, pool [, host]) -> VirtualMachine
Create a virtual machine in this folder.
  config         VirtualMachineConfigSpec
Raises: fault.
Blocks: yes.
]]
function Folder:create_vm(config, pool, host) return task.run(self, "CreateVM_Task", { config = config, pool = pool, host = host }) end

--[[
Folder:find_vm(name) -> VirtualMachine|nil
The VM or template of that name directly in this folder.
Raises: fault.
Blocks: yes, one request.
]]
function Folder:find_vm(name)
  local found = self.session.content.searchIndex:FindChild { entity = self, name = name }
  return object.is(found, "VirtualMachine") and found or nil
end

--[[
Folder:vms() -> {{ object = VirtualMachine, name = string }, ...}
The VMs and templates directly in this folder.
Raises: fault.
Blocks: yes, one request.
]]
function Folder:vms()
  local step = { name = "entries", type = "Folder", path = "childEntity", skip = false }
  local found, order = property.collect(self.session, { { propSet = { { type = "VirtualMachine", all = false, pathSet = { "name" } } },
    objectSet = { { obj = self, skip = true, selectSet = { require("vim").TraversalSpec(step) } } } } })
  local out = {}
  for i, object_ in ipairs(order) do out[i] = { object = object_, name = found[object_].name } end
  return out
end

--[[
VirtualMachine:reconfigure(spec) -> nothing
Change the configuration.
  spec           VirtualMachineConfigSpec
Raises: fault; a device that the server refuses is named.
Blocks: yes.
]]
function Machine:reconfigure(spec) task.run(self, "ReconfigVM_Task", { spec = spec }) end

--[[
VirtualMachine:extra_config() -> {key = value}
The advanced settings.
Blocks: yes, one request.
]]
function Machine:extra_config()
  local out = {}
  for _, o in ipairs(self:get "config.extraConfig" or {}) do out[o.key] = o.value end
  return out
end

-- ---- power ----

--[[
VirtualMachine:power_state() -> "poweredOn"|"poweredOff"|"suspended"
Blocks: yes, one request.
]]
function Machine:power_state() return self:get "runtime.powerState" end

--[[
VirtualMachine:power_on() -> nothing
Raises: fault.
Blocks: yes.
]]
function Machine:power_on() task.run(self, "PowerOnVM_Task", {}) end

--[[
VirtualMachine:power_off() -> nothing
Switch off, hard; no harm when it is off or gone.
Raises: fault.
Blocks: yes.
]]
function Machine:power_off()
  local ok, e = pcall(task.run, self, "PowerOffVM_Task", {})
  if not ok and not fault.is(e, "InvalidPowerState") and not fault.is(e, "ManagedObjectNotFound") then error(e, 0) end
end

--[[
VirtualMachine:shutdown_guest() -> nothing
Ask the guest to shut down, through VMware Tools; wait_power tells when it has.
Raises: fault (no tools).
Blocks: yes.
]]
function Machine:shutdown_guest()
  lost.settle(function() self:ShutdownGuest() end, function() return self:power_state() == "poweredOff" end)
end

--[[
VirtualMachine:wait_power(state, seconds) -> boolean
Wait until the power state is `state`; false when it was not in that time.
Blocks: yes.
]]
function Machine:wait_power(state, seconds)
  local ok, e = pcall(property.wait, self, { "runtime.powerState" }, function(v) return v["runtime.powerState"] == state end, seconds)
  if ok then return true end
  if err.is(e, "timeout") then return false end
  error(e, 0)
end

--[[
VirtualMachine:wait_tools(seconds) -> nothing
Wait until VMware Tools run in the guest.
Raises: timeout.
Blocks: yes.
]]
function Machine:wait_tools(seconds)
  local function run(v) return v["guest.toolsRunningStatus"] == "guestToolsRunning" end
  local ok, e = pcall(property.wait, self, { "guest.toolsRunningStatus" }, run, seconds)
  if ok then return end
  if err.is(e, "timeout") then
    err.raise("timeout", string.format("VMware Tools did not run in the guest within %s", units.format_seconds(seconds)), { target = tostring(self) })
  end
  error(e, 0)
end

-- ---- the console ----

local PAUSE = 0.1 -- seconds between keys: a console that is asked faster loses some

local PATIENCE, PAUSES = 5, { 0.5, 2 } -- seconds for keys that are not taken, and between tries

-- A busy server takes fewer keys than it got, or refuses them with a fault that says nothing ("Invalid fault"): both pass.
local function passes(e) return e.code == "build" or fault.is(e, "SystemError") end

local function send(self, events)
  local keys, sent = {}, 0
  for i, e in ipairs(events) do keys[i] = { usbHidCode = e.hid, modifiers = e.modifiers } end
  retry.within(PATIENCE, PAUSES, function()
    sent = sent + self:PutUsbScanCodes { spec = { keyEvents = table.move(keys, sent + 1, #keys, 1, {}) } }
    if sent < #keys then err.raise("build", string.format("the server took %d of %d keys", sent, #keys)) end
  end, passes)
  return #keys
end

--[[
VirtualMachine:type(keys [, options]) -> integer
Type at the console: a boot command ("<esc><wait>linux<enter>"), key by key with its waits; or key events, all in one call. Keys that
the server does not take are sent again, for 5 s. Returns how many it has accepted.
  keys           string|array      see keystroke.parse; of events { hid = integer, modifiers = table|nil } without waits
  options.layout string = "us"     the guest's keyboard, for a string
Raises: usage (a tag that is not known), build (not all were accepted), fault.
Blocks: yes.  Source: UsbScanCodeSpecKeyEvent.
]]
function Machine:type(keys, options)
  if type(keys) ~= "string" then return send(self, keys) end
  local events, message = keystroke.parse(keys, { layout = options and options.layout })
  local count = 0
  for _, event in ipairs(events or err.raise("usage", message)) do
    if not event.wait then count = count + send(self, { event }) end
    signal.sleep(event.wait or PAUSE)
  end
  return count
end

--[[
VirtualMachine:screenshot([path]) -> string
A picture of the console, PNG: its bytes, or the path of the file that it was written to.
Raises: http (the VM is off, no privilege), io.
Blocks: yes.  Source: GET /screen?id= with the session's cookie.
]]
function Machine:screenshot(path)
  local bytes = self.session:request { path = "/screen?id=" .. self.moid, stall = 30 }.body
  if not path then return bytes end
  local file, message = io.open(path, "wb")
  if not file then err.raise("io", message) end
  local written, why = file:write(bytes)
  local closed, late = file:close()
  if not (written and closed) then err.raise("io", path .. ": " .. (why or late)) end
  return path
end

-- ---- questions ----

-- id of a question's message -> a word of the choice that lets a build go on, as servers write it: "I Copied It", "button.uuid.copiedTheVM"
local ANSWERS = {
  ["msg.cdromdisconnect.locked"] = "yes", -- the guest has locked the CD-ROM: disconnect anyway
  ["msg.uuid.altered"] = "copied",
}

local function find_choice(question)
  local wanted
  for _, m in ipairs(question.message or {}) do wanted = wanted or ANSWERS[m.id] end
  for _, choice in ipairs(wanted and question.choice.choiceInfo or {}) do
    for _, text in ipairs { choice.label or "", choice.summary or "" } do
      if text:gsub("_", ""):lower():find(wanted, 1, true) then return choice end
    end
  end
end

--[[
VirtualMachine:answer(question, say) -> nothing
Answer a pending question by rule.
  question       VirtualMachineQuestionInfo   runtime.question
  say            function(text)    told what was answered
Raises: build (no rule for it; the text and the choices are in the message), fault.
Blocks: yes.
]]
function Machine:answer(question, say)
  local choice = find_choice(question)
  if not choice then
    local labels = {}
    for i, c in ipairs(question.choice.choiceInfo or {}) do labels[i] = string.format("%s (%s)", c.label, c.key) end
    err.raise("build", string.format("the virtual machine asks: %s", question.text), {
      hint = "choices: " .. table.concat(labels, ", ") .. "; there is no rule for it, so the build does not choose" })
  end
  lost.settle(function() self:AnswerVM { questionId = question.id, answerChoice = choice.key } end, function()
    local now = self:get "runtime.question"
    return not now or now.id ~= question.id
  end)
  say(string.format("answered '%s' to: %s", choice.label, question.text))
end

-- ---- the finished image ----

--[[
VirtualMachine:rename(name) -> nothing
Raises: fault (the name is taken).
Blocks: yes.
]]
function Machine:rename(name) task.run(self, "Rename_Task", { newName = name }) end

--[[
VirtualMachine:destroy() -> nothing
Delete it with its files; no harm when it is gone.
Raises: fault (it is on).
Blocks: yes.
]]
function Machine:destroy()
  local ok, e = pcall(task.run, self, "Destroy_Task", {})
  if not ok and not fault.is(e, "ManagedObjectNotFound") then error(e, 0) end
end

--[[
VirtualMachine:take_snapshot(name [, description]) -> VirtualMachineSnapshot
Take a snapshot, without memory.
Raises: fault.
Blocks: yes.
]]
function Machine:take_snapshot(name, description)
  return task.run(self, "CreateSnapshot_Task", { name = name, description = description, memory = false, quiesce = false })
end

--[[
VirtualMachine:mark_template() -> nothing
Raises: fault (it is on).
Blocks: yes.
]]
function Machine:mark_template()
  lost.settle(function() self:MarkAsTemplate() end, function() return self:get "config.template" end)
end

--[[
VirtualMachine:mark_vm(pool [, host]) -> nothing
Make a template a virtual machine again.
Raises: fault.
Blocks: yes.
]]
function Machine:mark_vm(pool, host)
  lost.settle(function() self:MarkAsVirtualMachine { pool = pool, host = host } end, function() return not self:get "config.template" end)
end

return vm
