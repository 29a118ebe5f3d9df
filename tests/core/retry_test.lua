local retry = require "core.retry"
local signal = require "signal"
local err = require "core.err"

-- A function that fails `n` times with these fields, then returns "done" and the number of the try.
local function failing(n, code)
  return function(try)
    if try <= n then err.raise(code or "net", "failure " .. try) end
    return "done", try
  end
end

return {
  ["it is called until it works"] = function(t)
    t:equal({ retry.within(5, 0.01, failing(3)) }, { "done", 4 })
    t:equal({ retry.within(0, 1, failing(0)) }, { "done", 1 })
  end,
  ["when time is up, the last error says how often it was tried"] = function(t)
    local e = t:raises("^failure %d+ %(tried %d+ times in .*s%)$", retry.within, 0.1, 0.02, failing(100))
    t:equal(e.code, "net")
    t:ok(e.tries > 1)
    t:raises("tried once", retry.within, 0, 1, failing(100))
  end,
  ["pauses double up to the longest"] = function(t)
    local slept, sleep = {}, signal.sleep
    signal.sleep = function(seconds) slept[#slept + 1] = seconds end
    t:defer(function() signal.sleep = sleep end)
    retry.within(60, { 1, 5 }, failing(5))
    t:equal(slept, { 1, 2, 4, 5, 5 })
    slept = {}
    retry.within(60, 3, failing(2))
    t:equal(slept, { 3, 3 })
  end,
  ["an interruption, a mistake and a hopeless error end it at once"] = function(t)
    t:equal(t:raises("failure 1$", retry.within, 5, 0.01, failing(9, "cancelled")).code, "cancelled")
    t:raises("arithmetic", retry.within, 5, 0.01, function() return nil + 1 end)
    t:raises("failure 1$", retry.within, 5, 0.01, failing(9), function() return false end)
    t:raises("failure 2$", retry.within, 5, 0.01, function(try) err.raise(try == 2 and "ssh" or "net", "failure " .. try) end,
      function(e) return e.code == "net" end)
  end,
}
