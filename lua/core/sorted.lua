-- sorted: the keys of a table in an order that does not change from run to run
local sorted = {}

local function before(a, b)
  if type(a) == type(b) then return a < b end
  return type(a) == "number"
end

--[[
sorted.keys(...) -> {key, ...}
The keys of tables, each as often as it is in one of them: numbers, then strings.
]]
function sorted.keys(...)
  local out = {}
  for _, t in ipairs { ... } do
    for key in pairs(t) do out[#out + 1] = key end
  end
  table.sort(out, before)
  return out
end

return sorted
