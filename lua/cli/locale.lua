-- locale: what can be read where our text goes: UTF-8, or ASCII alone
local style = require "cli.view.style"

local locale = {}

--[[
locale.utf8() -> boolean
Is it UTF-8, by the locale of the environment? Source: POSIX, "Environment Variables": LC_ALL, LC_CTYPE, LANG in this order.
]]
function locale.utf8()
  local name = ""
  for _, variable in ipairs { "LC_ALL", "LC_CTYPE", "LANG" } do
    if name == "" then name = os.getenv(variable) or "" end
  end
  return name:lower():find("utf%-?8") ~= nil
end

--[[
locale.spell(text) -> string
A text of ours with its marks, such as … and →, as they can be read there.
]]
function locale.spell(text) return style.new({ unicode = locale.utf8() }):spell(text) end

return locale
