-- convert: plain values of a template, where "4096" and "true" are text, as people write them in a recipe
local convert = {}

--[[
convert.numeric(value) -> integer|nil
A whole number, also one that is text.
]]
function convert.numeric(value)
  local number = type(value) == "string" and value:find "^%d+$" and tonumber(value) or value
  return type(number) == "number" and math.tointeger(number) or nil
end

--[[
convert.shown(value) -> string
A plain value for messages: 8192.0 is 8192.
]]
function convert.shown(value) return tostring(convert.numeric(value) or value) end

local kinds = {}

function kinds.integer(value) return convert.numeric(value) or value end

function kinds.boolean(value)
  if value == true or value == "true" or value == "1" or value == "yes" then return true end
  if value == false or value == "false" or value == "0" or value == "no" or value == "" then return false end
  return value
end

function kinds.size(value) -- of MiB
  local mib = convert.numeric(value)
  if not mib then return value end
  return mib % 1024 == 0 and mib > 0 and mib // 1024 .. "GiB" or mib .. "MiB"
end

function kinds.duration(value) return convert.numeric(value) == 0 and "0s" or value end

function kinds.text(value) return type(value) ~= "string" and convert.shown(value) or value end

--[[
convert.literal(value, kind) -> string|number|boolean
A plain value in the form that people write: a size as "4GiB". What is none of the kind stays as it is.
  kind           string = "text"   "text", "size" (MiB), "duration", "boolean", "integer"
]]
function convert.literal(value, kind) return (kinds[kind] or kinds.text)(value) end

return convert
