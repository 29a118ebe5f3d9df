-- screen: what the console shows, watched for a change or for rest. A blinking cursor is neither.
local digest = require "digest"
local signal = require "signal"
local err = require "core.err"
local units = require "core.units"

local screen = {}

local POLL = 0.3   -- seconds between two looks
local BLINK = 1.2  -- seconds within which a blinking cursor's screen is again what it was

local function look(vm) return digest.string("sha256", vm:screenshot()) end

local function too_late(what, limit)
  err.raise("timeout", string.format("the console did not %s within %s", what, units.format_seconds(limit)))
end

--[[
screen.wait_change(vm, limit) -> nothing
Wait until the console shows something else, and does not go back to what it was.
  vm             VirtualMachine
  limit          number            seconds
Raises: timeout; http (the VM is off).
Blocks: yes.
]]
function screen.wait_change(vm, limit)
  local started, known = signal.now(), { [look(vm)] = true }
  local fresh, since
  repeat
    signal.sleep(POLL)
    local now = look(vm)
    if known[now] then
      if fresh then known[fresh] = true end
      fresh = nil
    elseif not fresh then fresh, since = now, signal.now()
    elseif now ~= fresh or signal.now() - since >= BLINK then return end
  until signal.now() - started > limit
  too_late("change", limit)
end

--[[
screen.wait_rest(vm, stable, limit) -> nothing
Wait until the console has shown nothing new for some time.
  stable         number            seconds
  limit          number            seconds
Raises: timeout; http (the VM is off).
Blocks: yes.
]]
function screen.wait_rest(vm, stable, limit)
  local started, known = signal.now(), {}
  local since
  repeat
    local now = look(vm)
    if not known[now] then known[now], since = true, signal.now() end
    if signal.now() - since >= stable then return end
    signal.sleep(POLL)
  until signal.now() - started > limit
  too_late("come to rest", limit)
end

return screen
