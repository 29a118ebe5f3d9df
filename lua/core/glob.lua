-- glob: shell patterns, for names of images and things in the inventory
local glob = {}

--[[
glob.match(name, pattern) -> boolean
Does the whole name fit the pattern? `*` is any text, `?` one character, everything else itself.
]]
function glob.match(name, pattern)
  local lua = pattern:gsub("[%^%$%(%)%%%.%[%]%+%-]", "%%%0"):gsub("%*", ".*"):gsub("%?", ".")
  return name:find("^" .. lua .. "$") ~= nil
end

return glob
