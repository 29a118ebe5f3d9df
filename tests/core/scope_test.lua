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
}
