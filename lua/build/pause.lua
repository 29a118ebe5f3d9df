-- pause: where a build stops between its steps: at the end that was asked for, at breakpoints, at failures
local err = require "core.err"
local glob = require "core.glob"

local pause = {}

--[[
pause.names(name, parent) -> {string, ...}
The names by which people call a step, or a part of one: the part "2 setup" of provision is "provision 2", "setup" and "2 setup" too.
]]
function pause.names(name, parent)
  if not parent then return { name } end
  local number, rest = name:match("^(%d+) (.*)$")
  if not number then return { name, parent .. " " .. name } end
  return { name, rest, parent .. " " .. number, parent .. " " .. name }
end

--[[
pause.matches(pattern, name, parent) -> boolean
Does a pattern (* and ?) mean this step?
]]
function pause.matches(pattern, name, parent)
  for _, known in ipairs(pause.names(name, parent)) do if glob.match(known, pattern) then return true end end
  return false
end

-- Of an image that is only wanted as a parent nobody asked anything.
local function control(b) return not b.options.parent and b.options.control or nil end

-- What is done for a build that failed ends nothing, and nobody is asked about it: that was answered already.
local function is_over(b) return b.options.parent or b.failed end

--[[
pause.before(b, name, parent) -> nothing
A step is about to begin: whoever watches the build may look at it first.
Raises: stopped; cancelled.
Blocks: yes, if somebody is asked.
]]
function pause.before(b, name, parent)
  if control(b) then b.options.control.before(b, name, parent) end
end

--[[
pause.after(b, name, parent) -> nothing
A step is done. The build ends here, its machine kept, if this is the step of options.until_step.
Raises: stopped.
]]
function pause.after(b, name, parent)
  local last = not is_over(b) and b.options.until_step
  if last and pause.matches(last, name, parent) then err.raise("stopped", "stopped after " .. (parent and parent .. " " .. name or name)) end
end

--[[
pause.failed(b, name, parent, e) -> boolean
A step failed: is it to be tried again? The innermost one is asked about, once for each failure.
Raises: cancelled.
Blocks: yes, if somebody is asked.
]]
function pause.failed(b, name, parent, e)
  if is_over(b) or not control(b) or e.answered or err.is(e, "cancelled") or err.is(e, "stopped") then return false end
  local again = b.options.control.failed(b, name, parent, e)
  e.answered = not again
  return again
end

--[[
pause.at(b, message) -> string|nil
A breakpoint of the recipe. Returns what to say when there is nobody to ask.
Raises: stopped; cancelled.
Blocks: yes, if somebody is asked.
]]
function pause.at(b, message)
  if not b.options.control then return "nobody to ask: went on" end
  b.options.control.at(b, message)
end

return pause
