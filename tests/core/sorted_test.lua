-- The order of keys
local sorted = require "core.sorted"

return {
  ["numbers, then strings, of one table or several"] = function(t)
    t:equal(sorted.keys { b = 1, a = 2, [10] = 3, [9] = 4 }, { 9, 10, "a", "b" })
    t:equal(sorted.keys({ b = 1 }, {}, { a = 1, b = 1 }), { "a", "b", "b" })
  end,
}
