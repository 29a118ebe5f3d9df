-- aside: undoing something in peace after a signal, without losing one that nobody has heard of yet
local signal = require "signal"
local err = require "core.err"

local guard = { __name = "aside" }

function guard:__close()
  if self.count > 0 then signal.restore(self.count) end
end

--[[
aside([failure]) -> guard
The signals that came so far do not end the waits until the guard is closed; one that comes meanwhile does. Then they count again: whoever
catches the error that tells of them, and goes on all the same, is interrupted at his next wait.
  failure        error object|nil  given by whoever undoes all that there is: the signals that this error tells of are done with
Blocks: no.
]]
return function(failure)
  local count = signal.acknowledge()
  return setmetatable({ count = err.is(failure, "cancelled") and 0 or count }, guard)
end
