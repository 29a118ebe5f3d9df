-- task: waiting for the tasks of the API
local signal = require "signal"
local aside = require "core.aside"
local err = require "core.err"
local lost = require "vsphere.lost"
local object = require "vsphere.object"
local property = require "vsphere.property"

local task = {}
local Task = object.class("Task")

local PATHS = { "info.state", "info.progress", "info.error", "info.result" }
local ALONE = { "info.entity", table.unpack(PATHS) } -- of a task whose call is not at hand

-- Is this an error after which the same question may be asked again: the connection, not the task?
local function connection_lost(e) return err.is(e, "net") or (err.is(e, "timeout") and not e.values) or err.is(e, "http") end

local function failure(self, values)
  local e, sent = values["info.error"], rawget(self, "sent") or {}
  local target = sent.target or values["info.entity"] or self
  local o = self.session:explain(e and e.fault, e and e.localizedMessage or "the task failed without saying why", sent.method, target, sent.args)
  o.task = self
  return o
end

local GRACE = 20 -- seconds that a task which cannot be stopped gets to end

local function has_ended(values) return values["info.state"] == "success" or values["info.state"] == "error" end

-- After a signal: ask the server to stop the task. It may refuse; whoever undoes what the task makes has to wait for its end, but
-- not when he is interrupted again: returns whether that was so.
local function stop(self)
  local session = self.session
  local _ <close> = aside()
  pcall(session.invoke, session, self, "CancelTask", {}, { timeout = 10 })
  if session.interrupted then return true end
  session.interrupted = true
  local _, e = pcall(property.wait, self, { "info.state" }, has_ended, GRACE)
  return err.is(e, "cancelled")
end

--[[
Task:wait([options]) -> result
Wait for the end of a task: its result (an object for a task that makes one), true when it has none. A connection that
breaks is no reason to give up: the task is asked for again by its reference.
  options.timeout  number = 3600   seconds
  options.progress function|nil    called with the percentage when it changes
  options.meanwhile function|nil   called when it takes long: after 2 seconds, then less and less often, every 30 at last
Raises: what meanwhile raises; error objects: for the fault that the task ended with, timeout (the task goes on), cancelled
(the task is cancelled; `again`: a second signal came while that was waited for).
Blocks: yes.
]]
function Task:wait(options)
  options = options or {}
  local until_, shown = signal.now() + (options.timeout or 3600), nil
  local pause = options.meanwhile and 2 or math.huge
  local function ended(values)
    local percent = values["info.progress"]
    if options.progress and percent and percent ~= shown then
      shown = percent
      options.progress(percent)
    end
    return has_ended(values)
  end
  while true do
    local ok, done, values = pcall(property.wait, self, rawget(self, "sent") and PATHS or ALONE, ended, math.min(pause, until_ - signal.now()))
    if ok then
      if values["info.state"] == "error" then error(failure(self, values), 0) end
      local result = values["info.result"]
      return result == nil and true or result
    end
    if err.is(done, "cancelled") then done.again = stop(self) end
    if options.meanwhile and err.is(done, "timeout") and done.values and signal.now() < until_ then
      options.meanwhile()
      pause = math.min(pause * 2, 30)
    else
      if not connection_lost(done) or signal.now() + 5 > until_ then error(done, 0) end
      signal.sleep(5)
    end
  end
end

-- A virtual machine that asks something holds up its task: whoever knows answers is told.
local function listen(target, options)
  local session = target.session
  if not session.on_question or target.kind ~= "VirtualMachine" then return options end
  local out = { meanwhile = function()
    local question = target:get "runtime.question"
    if question then session.on_question(target, question) end
  end }
  for key, value in pairs(options or {}) do out[key] = value end
  return out
end

-- Make the call. When the answer was lost with the connection, its task is looked for among the server's; when there is none nothing was
-- done, and the call is made again.
local function begin(target, method, args)
  local session, since = target.session, signal.now()
  local ok, running = pcall(session.invoke, session, target, method, args)
  if not ok and err.is(running) and running.unknown then
    ok, running = true, lost.find(target, method, args, since) or session:invoke(target, method, args)
  end
  if ok then session.begun[running.moid] = true end
  return ok, running
end

--[[
task.run(object, method, args [, options]) -> result
Call a method that returns a task and wait for its end: object:method(args):wait(options), with the arguments at hand to explain
a fault. A call whose answer is lost is found again by its task, and made again only when there is none. When it takes long and
the object is a virtual machine with a pending question, session.on_question(vm, question) is called.
Raises: as Task:wait.
Blocks: yes.
]]
function task.run(target, method, args, options)
  local ok, running = begin(target, method, args)
  if not ok then
    local begun = err.is(running, "cancelled") and running.answer
    if begun and not running.again then running.again = stop(begun) end
    error(running, 0)
  end
  rawset(running, "sent", { method = method, args = args, target = target })
  return running:wait(listen(target, options))
end

return task
