-- stay: keeps a session alive while something else is waited for, such as a command in a guest
local signal = require "signal"
local vim = require "vim"
local post = require "vsphere.post"

local stay = {}
stay.__index = stay

-- The answer of the request before is looked at, not waited for.
local function ask_when_idle(self)
  if self.asked and self.asked:answer() == false then return end
  if self.asked then self.asked = self.asked:close() end
  local session = self.session
  if session.closed or signal.now() - session.last < self.idle then return end
  session.last = signal.now()
  self.asked = post.start(session, "CurrentTime", self.body, session.version)
end

--[[
stay.open(session [, seconds]) -> stay
Until it is closed, whenever nothing was asked of the session's server for so long and something else is waited for, one request is
sent, and nobody waits for its answer. A session that is gone is opened by the next call.
  seconds        number = 600      the server forgets a session after 1800
Blocks: no.
]]
function stay.open(session, seconds)
  local self = setmetatable({ session = session, idle = seconds or 600 }, stay)
  self.body = vim.encode("CurrentTime", vim.ServiceInstance("ServiceInstance"), {}, session.version)
  self.tick = signal.tick(self.idle / 10, function() ask_when_idle(self) end)
  return self
end

--[[
stay:close() -> nothing
Ask no more. Safe to call again.
Blocks: no.
]]
function stay:close()
  self.tick:close()
  if self.asked then self.asked:close() end
end

stay.__close = stay.close

return stay
