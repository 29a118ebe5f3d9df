-- scope: the clean-up stack. Push the undo before the deed; everything is undone in reverse order unless kept.
local signal = require "signal"
local err = require "core.err"

local scope = {}
scope.__index = scope

--[[
scope.new(options) -> scope
Make a clean-up stack; `local s <close> = scope.new()` unwinds it at the end of the block.
  options.report function|nil      report(name, error or nil) is called after each undo
  options.deadline number = 60     seconds for the whole clean-up; what is left then is reported as not undone
]]
function scope.new(options)
  options = options or {}
  return setmetatable({ report = options.report or function() end, deadline = options.deadline or 60 }, scope)
end

--[[
scope:push(name, undo) -> entry
Remember how to undo what is about to be done. undo() must do no harm when the deed never happened, and returns false then:
that is not reported. With entry.quiet set it is something short that is always done, and only reported when it fails;
with entry.about, a function, reports and what unwind returns have the name and what it returns then: which one it is.
]]
function scope:push(name, undo)
  local entry = { name = name, undo = undo }
  self[#self + 1] = entry
  return entry
end

--[[
scope:forget(entry) -> nothing
The deed became permanent, or was undone already.
]]
function scope:forget(entry)
  for i = #self, 1, -1 do if self[i] == entry then table.remove(self, i) end end
end

--[[
scope:forget_named(name) -> nothing
Forget every entry of that name.
]]
function scope:forget_named(name)
  for i = #self, 1, -1 do if self[i].name == name then table.remove(self, i) end end
end

--[[
scope:unwind([stopped]) -> {name, ...}
Undo everything, last first, also after a signal (a second one stops it). Returns the names of what could not be undone.
  stopped        boolean = false   the second signal came already: undo nothing, name everything
Raises: nothing.
Blocks: yes, for about `deadline` seconds at most.
]]
function scope:unwind(stopped)
  signal.acknowledge()
  local left, interrupted, until_ = {}, stopped or false, signal.now() + self.deadline
  for i = #self, 1, -1 do
    local entry = self[i]
    self[i] = nil
    local stop = interrupted or signal.now() > until_
    local about = entry.about and entry.about()
    local name = about and entry.name .. " " .. about or entry.name
    local ok, e = not stop or entry.quiet, nil
    if ok then
      ok, e = pcall(entry.undo)
      interrupted = interrupted or err.is(e, "cancelled")
    end
    if not ok then left[#left + 1] = name end
    if not ok or not (entry.quiet or e == false) then
      -- whoever listens may be gone: that stops no clean-up
      pcall(self.report, name, not ok and (e or err.new { code = "timeout", message = interrupted and "interrupted" or "no time left to clean up" }) or nil)
    end
  end
  return left
end

scope.__close = function(self) self:unwind() end

return scope
