-- natural: the order in which a person expects names: vm2 before vm10, capitals beside small letters
local natural = {}

local function key(text) return (text:lower():gsub("%d+", function(digits) return ("0"):rep(12 - #digits) .. digits end)) end

--[[
natural.sort(list [, name_of]) -> list
Sort in place.
  name_of        function|nil      item -> string, when the items are no strings
]]
function natural.sort(list, name_of)
  local keys = {}
  for _, item in ipairs(list) do keys[item] = key(name_of and name_of(item) or item) end
  local function plain(item) return name_of and name_of(item) or item end
  table.sort(list, function(a, b)
    if keys[a] ~= keys[b] then return keys[a] < keys[b] end
    return plain(a) < plain(b)
  end)
  return list
end

return natural
