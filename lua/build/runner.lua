-- runner: runs a list of steps { name, run, undo, when }: says what begins and ends, times it, remembers how to undo it
local signal = require "signal"
local err = require "core.err"

local runner = {}

local function undo_of(step, b)
  return function()
    if not step.undo then return false end
    return step.undo(b)
  end
end

-- A failure gets the step's name, once, and keeps its own words.
local function labelled(step)
  return function(e)
    e = err.caught(e)
    e.step = e.step or step[1]
    return e
  end
end

local function run_step(step, b)
  local started = signal.now()
  b.step = step[1]
  b.emit { event = "step.start", step = step[1] }
  if step.undo or step.makes then
    local entry = b.scope:push(step.undo_name or step[1], undo_of(step, b), step.makes and step.makes(b))
    entry.about = step.about and function() return step.about(b) end
  end
  local ok, detail = xpcall(step.run, labelled(step), b)
  local seconds = signal.now() - started
  if not ok then
    b.emit { event = "step.failed", step = step[1], seconds = seconds, error = tostring(detail) }
    error(detail, 0)
  end
  b.timings[#b.timings + 1] = { step = step[1], seconds = seconds }
  b.emit { event = "step.done", step = step[1], seconds = seconds, detail = detail }
end

--[[
runner.part(b, name, f) -> results of f
Run f as a part of the step under way: an event says that it begins, another how it ended; its detail is f's result, if that is text.
Raises: what f raises.
Blocks: yes.
]]
function runner.part(b, name, f)
  local started, step, parent = signal.now(), b.step, b.parent
  local _ <close> = setmetatable({}, { __close = function() b.step, b.parent = step, parent end })
  b.step, b.parent = name, step
  b.emit { event = "step.start", step = name, parent = step }
  local ok, detail = xpcall(f, err.caught)
  local seconds = signal.now() - started
  if not ok then
    b.emit { event = "step.failed", step = name, parent = step, seconds = seconds, error = tostring(detail) }
    error(detail, 0)
  end
  b.emit { event = "step.done", step = name, parent = step, seconds = seconds, detail = type(detail) == "string" and detail or nil }
  return detail
end

--[[
runner.run(steps, b) -> nothing
Run the steps in order. A step's undo is on the clean-up scope before it starts; the first failure ends the list.
  steps          array of { name, run = function(b) -> detail|nil, undo = function(b)|nil (false: there was nothing), undo_name,
                 about = function(b) -> string|nil (which one the undo is about), when = function(b) -> boolean,
                 makes = function(b) -> record (for the journal) }
  b              table             the build: emit, scope and timings are used here
Raises: what the step raised, with `step` set to its name.
Blocks: yes.
]]
function runner.run(steps, b)
  for _, step in ipairs(steps) do
    if not step.when or step.when(b) then run_step(step, b) end
  end
end

return runner
