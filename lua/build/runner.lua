-- runner: runs a list of steps { name, run, undo, when }: says what begins and ends, times it, remembers how to undo it
local signal = require "signal"
local err = require "core.err"
local pause = require "build.pause"

local runner = {}

local function undo_of(step, b)
  return function()
    if not step.undo then return false end
    return step.undo(b)
  end
end

-- A failure gets the step's name, and its part's, once, and keeps its own words.
local function labelled(step, part)
  return function(e)
    e = err.caught(e)
    if not e.step then e.step, e.part = step, part end
    return e
  end
end

-- One try of a step or a part, as events; `parent` is the step that a part belongs to.
local function try(b, name, parent, f)
  local started = signal.now()
  b.emit { event = "step.start", step = name, parent = parent }
  local ok, detail = xpcall(f, labelled(parent or name, parent and name), b)
  local seconds = signal.now() - started
  if not ok then
    b.emit { event = "step.failed", step = name, parent = parent, seconds = seconds, error = tostring(detail), code = detail.code }
    return false, detail
  end
  if not parent then b.timings[#b.timings + 1] = { step = name, seconds = seconds } end
  b.emit { event = "step.done", step = name, parent = parent, seconds = seconds, detail = type(detail) == "string" and detail or nil }
  return true, detail
end

-- Try until it goes well, or nobody wants to try again.
local function attempt(b, name, parent, f, before_again)
  pause.before(b, name, parent)
  while true do
    local ok, detail = try(b, name, parent, f)
    if ok then
      pause.after(b, name, parent)
      return detail
    end
    if not pause.failed(b, name, parent, detail) then error(detail, 0) end
    if before_again then before_again() end
  end
end

local function run_step(step, b)
  b.step = step[1]
  if step.undo or step.makes then
    local entry = b.scope:push(step.undo_name or step[1], undo_of(step, b), step.makes and step.makes(b))
    entry.about = step.about and function() return step.about(b) end
  end
  attempt(b, step[1], nil, step.run, function() -- what the step has made does not stand in the way of the next try
    local undo = step.again or step.undo
    if undo then undo(b) end
  end)
end

--[[
runner.part(b, name, f) -> results of f
Run f as a part of the step under way: an event says that it begins, another how it ended; its detail is f's result, if that is text.
Raises: what f raises.
Blocks: yes.
]]
function runner.part(b, name, f)
  local step, parent = b.step, b.parent
  local _ <close> = setmetatable({}, { __close = function() b.step, b.parent = step, parent end })
  b.step, b.parent = name, step
  return attempt(b, name, step, f)
end

--[[
runner.run(steps, b) -> nothing
Run the steps in order. A step's undo is on the clean-up scope before it starts; the first failure ends the list.
  steps          array of { name, run = function(b) -> detail|nil, undo = function(b)|nil (false: there was nothing), undo_name,
                 about = function(b) -> string|nil (which one the undo is about), when = function(b) -> boolean,
                 makes = function(b) -> record (for the journal),
                 again = undo: function(b) to be called before the step is tried again }
  b              table             the build: emit, scope and timings are used here
Raises: what the step raised, with `step` set to its name, and `part` to that of the part it was at.
Blocks: yes.
]]
function runner.run(steps, b)
  for _, step in ipairs(steps) do
    if not step.when or step.when(b) then run_step(step, b) end
  end
end

return runner
