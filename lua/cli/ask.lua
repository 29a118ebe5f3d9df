-- ask: questions that a person at the terminal answers
local term = require "term"
local err = require "core.err"

local ask = {}

--[[
ask.somebody() -> boolean
Is there a person to ask: do input and output belong to a terminal?
]]
function ask.somebody() return term.is_tty(0) and (term.is_tty(1) or term.is_tty(2)) end

--[[
ask.secret(variable) -> string|nil
Ask for the value of a secret variable, which is not shown; nil when nothing is typed.
  variable       table             name, doc
Raises: cancelled.
Blocks: yes.
]]
function ask.secret(variable)
  local value, message = term.secret(variable.name .. (variable.doc and " (" .. variable.doc .. ")" or "") .. ": ")
  if not value then err.raise("usage", variable.name .. ": " .. message) end
  return value ~= "" and value or nil
end

--[[
ask.secrets() -> function|nil
How to ask for secret variables that are needed and not set: ask.secret where there is somebody, else not at all.
]]
function ask.secrets() return ask.somebody() and ask.secret or nil end

return ask
