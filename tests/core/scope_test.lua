local signal = require "signal"
local err = require "core.err"
local scope = require "core.scope"

return {
  ["undo runs in reverse, and a failing one does not stop the others"] = function(t)
    local order, reports = {}, {}
    do
      local s <close> = scope.new { report = function(name, e) reports[#reports + 1] = name .. (e and "!" or "") end }
      s:push("first", function() order[#order + 1] = "first" end)
      s:push("second", function() error("no") end)
      s:push("third", function() order[#order + 1] = "third" end)
    end
    t:equal(order, { "third", "first" })
    t:equal(reports, { "third", "second!", "first" })
  end,
  ["what is forgotten is not undone"] = function(t)
    local undone = {}
    local s = scope.new()
    local keep = s:push("keep", function() undone[#undone + 1] = "keep" end)
    s:push("drop", function() undone[#undone + 1] = "drop" end)
    s:forget(keep)
    t:equal(s:unwind(), {})
    t:equal(undone, { "drop" })
  end,
  ["the deadline ends an undo that takes too long, and those after it; what is short is still done"] = function(t)
    local done, reports = {}, {}
    local s = scope.new { deadline = 0.05, report = function(name, e) reports[#reports + 1] = name .. ": " .. tostring(e) end }
    s:push("close", function() signal.sleep(0.01) done[#done + 1] = "close" end).quiet = true
    s:push("second", function() done[#done + 1] = "second" end)
    s:push("first", function() signal.sleep(30) end)
    local left, interrupted = s:unwind()
    t:equal({ left, interrupted }, { { "first", "second" }, false })
    t:equal(done, { "close" })
    t:equal(reports, { "first: no time left to clean up", "second: no time left to clean up" })
    t:equal(signal.sleep(0.01), true, "the limit is lifted")
  end,
  ["a signal that nobody has heard of yet lets everything be undone, and ends the next wait"] = function(t)
    for _, case in ipairs { { nil, 1 }, { err.new { code = "net" }, 1 }, { err.new { code = "cancelled" }, 0 } } do
      local s = scope.new()
      s:push("a", function() signal.sleep(0.01) end)
      signal.restore(1)
      local left = s:unwind(case[1])
      t:equal({ left, signal.acknowledge() }, { {}, case[2] })
    end
  end,
  ["what is to be made is told before, and when it is gone"] = function(t)
    local told = {}
    local s = scope.new { begun = function(e) told[#told + 1] = "+" .. (e.record or "-") end, ended = function(e) told[#told + 1] = "-" .. e.name end }
    s:push("a", function() end, "A")
    s:push("b", function() end)
    s:push("c", function() error("no") end, "C")
    s:forget_named "b"
    t:equal(s:unwind(), { "c" })
    t:equal(told, { "+A", "+-", "+C", "-b", "-a" })
  end,
  ["what cannot be told is not begun"] = function(t)
    local s = scope.new { begun = function() error("disk full", 0) end }
    t:raises("disk full", s.push, s, "a", function() end, {})
    t:equal(s:unwind(), {})
  end,
}
