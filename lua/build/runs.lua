-- runs: is a run that left its mark somewhere still at work?
-- Of a run of this machine its journal knows. Another machine's is known by its session: each has its run in the user agent, and the
-- server drops one that is idle for half an hour. Whoever may not see the sessions (privilege Sessions.TerminateSession) is left with
-- the age of what is there; gc, which destroys, wants both: no session and an age.
local vim = require "vim"
local err = require "core.err"
local units = require "core.units"
local journal = require "build.journal"

local runs = {}
runs.__index = runs

-- run -> keys of its sessions; nil when they may not be seen.
local function sessions_of(vc)
  local ok, list = pcall(vc.content.sessionManager.get, vc.content.sessionManager, "sessionList")
  if not ok and not err.is(list, "fault") and not err.is(list, "auth") then error(list, 0) end
  if not ok or not list then return nil end
  local out = {}
  for _, s in ipairs(list) do
    local run = (s.userAgent or ""):match("^luabuild/.*%((%x%x%x%x%x%x%x%x)%)$")
    if run then
      out[run] = out[run] or {}
      table.insert(out[run], s.key)
    end
  end
  return out
end

--[[
runs.look(session) -> runs
What is known of runs now: the journals of this machine, the server's sessions and its clock. Fields: journals, sessions (run -> keys, or
nil), now (seconds since 1970, the server's).
Raises: fault, io.
Blocks: yes, two requests.
]]
function runs.look(vc)
  local now = units.time(vc:invoke(vim.ServiceInstance("ServiceInstance"), "CurrentTime"))
  return setmetatable({ journals = journal.all(), sessions = sessions_of(vc), now = now }, runs)
end

--[[
runs:state(run) -> "alive"|"dead"|"away"|"unknown"
alive: its process lives, or it is logged in. dead: it was of this machine, and its process is gone. away: of another machine, and
not logged in. unknown: of another machine, and sessions cannot be seen.
]]
function runs:state(run)
  local own = self.journals[run]
  if own then return own.alive and "alive" or "dead" end
  if not self.sessions then return "unknown" end
  return self.sessions[run] and "alive" or "away"
end

return runs
