-- color: whether colours are wanted
local term = require "term"

local color = {}

--[[
color.wanted(given) -> boolean
What --color says; with auto: on a terminal that is not dumb, unless NO_COLOR is set (no-color.org).
  given          table             options: color
]]
function color.wanted(given)
  if given.color ~= "auto" then return given.color == "always" end
  local no_color = os.getenv "NO_COLOR"
  return not (no_color and no_color ~= "") and os.getenv "TERM" ~= "dumb" and term.is_tty(1)
end

return color
