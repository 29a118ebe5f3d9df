-- retry: call again until it works or time is up
local signal = require "signal"
local err = require "core.err"
local units = require "core.units"

local retry = {}

-- The pauses between tries: a constant, or doubling from the first to the longest.
local function pauses(interval)
  if type(interval) == "number" then return function() return interval end end
  local pause, longest = interval[1], interval[2]
  return function()
    local now = pause
    pause = math.min(pause * 2, longest)
    return now
  end
end

local function give_up(e, tries, elapsed)
  e.message = string.format("%s (tried %s in %s)", e.message, tries == 1 and "once" or tries .. " times", units.format_seconds(elapsed))
  e.tries = tries
  error(e, 0)
end

--[[
retry.within(seconds, interval, f [, again]) -> results of f()
Call f until it returns without raising; wait `interval` in between. The last error is raised when time is up, with the number
of tries in its message and in its field `tries`. Raised at once: an interruption, an error that is no error object (a mistake
in the program), and one for which again(e) is false.
  seconds        number            for all tries together; f is called at least once
  interval       number|{first, longest}  seconds; a pair doubles from the first to the longest
  f              function          called with the number of the try, from 1
  again          function|nil      error object -> boolean
Raises: what f raises.
Blocks: yes.
]]
function retry.within(seconds, interval, f, again)
  local started, next_pause = signal.now(), pauses(interval)
  local tries = 0
  while true do
    tries = tries + 1
    local results = table.pack(pcall(f, tries))
    if results[1] then return table.unpack(results, 2, results.n) end
    local e = results[2]
    if not err.is(e) or e.code == "cancelled" or (again and not again(e)) then error(e, 0) end
    local elapsed, pause = signal.now() - started, next_pause()
    if elapsed + pause > seconds then give_up(e, tries, elapsed) end
    signal.sleep(pause)
  end
end

return retry
