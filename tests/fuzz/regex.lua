-- regex: expressions of a recipe on any text; and any short expression, which must be refused or be over soon
local regex = require "regex"

local EXPRESSIONS = { "^k3s version v1\\.", "(^| )root( |$)", "[0-9]+(\\.[0-9]+){3}", "\\<up\\>|\\bdown\\b", "[^[:space:]]*\\W$", "^$" }

return function(bytes)
  local choice, rest = bytes:byte() or 0, bytes:sub(2)
  local expression = EXPRESSIONS[choice % 8 + 1]
  if expression then return assert(regex.match(rest, expression, choice >= 128) ~= nil, "refused") end
  local own, text = rest:match("^([^%z]*)%z?(.*)$")
  if #own > 12 or own:find("{", 1, true) then return end -- glibc's {n,m} copies: its own limits are not what is tested
  local found, message, code = regex.match(text:sub(1, 200), own, choice >= 128)
  assert(type(found) == "boolean" or (type(message) == "string" and code == "format"), "no triple")
end
