-- aside: undoing something in peace after a signal, without losing one that nobody has heard of yet
local signal = require "signal"
local err = require "core.err"

local guard = { __name = "aside" }

function guard:__close()
  if self.count > 0 then signal.restore(self.count) end
end

--[[
aside(failure) -> guard
The signals that came so far do not end the waits until the guard is closed; one that comes meanwhile does. Then they count again,
but for those that `failure` tells of: that error is on its way already, and what comes after it is to go on.
  failure        error object|nil  what __close was given, or led to the undoing
Blocks: no.
]]
return function(failure)
  local count = signal.acknowledge()
  return setmetatable({ count = err.is(failure, "cancelled") and 0 or count }, guard)
end
