-- template: ${name} in a text, filled in; everything else that looks like a shell's is left alone
local runtime = require "runtime"
local err = require "core.err"

local template = {}

-- "ks.cfg:12" for the byte at `at`; a text of one line needs no number.
local function place(text, at, where)
  where = where or "template"
  if not text:find("\n", 1, true) then return where end
  local _, before = text:sub(1, at - 1):gsub("\n", "")
  return where .. ":" .. before + 1
end

local function unknown(name, values)
  local names = {}
  for known in pairs(values) do
    if known == name then return "${" .. name .. "} has no value" end
    if type(known) == "string" then names[#names + 1] = known end
  end
  table.sort(names)
  local near = runtime.nearest(name, names)
  return "nothing is known as ${" .. name .. "}"
    .. (near and ": did you mean ${" .. near .. "}?" or "; a literal ${ is written $${")
end

-- A value as text, or nil and why not.
local function written(name, value, values)
  local kind = type(value)
  if kind == "string" then return value end
  if kind == "nil" then return nil, unknown(name, values) end
  if kind == "number" then return tostring(math.tointeger(value) or value) end
  if kind == "boolean" then return tostring(value) end
  return nil, "${" .. name .. "} is a " .. kind .. ", not text"
end

--[[
template.fill(text, values [, where]) -> string
Put values in the place of every ${name}. $${ gives a literal ${; $name, $(…) and all else stay as they are. Numbers and
booleans are written out; nothing is quoted or escaped for the language of the text.
  values         table             name -> string|number|boolean; read through __index and __pairs
  where          string = "template"  what the text is, for messages ("ks.cfg"); with its line when it has several
Raises: recipe, with all problems: a name without a value (and the nearest known one), a value that is no text, ${ without a
name and }.
]]
function template.fill(text, values, where)
  local problems = {}
  local filled = text:gsub("()(%$*)%${([^}\n]*)(}?)", function(at, dollars, name, brace)
    if dollars ~= "" then return dollars .. "{" .. name .. brace end
    local value, why
    if brace == "}" and name:find "^[%a_][%w_]*$" then
      value, why = written(name, values[name], values)
    else
      why = string.format("'${%s%s' is not a name in braces; a literal ${ is written $${", name, brace)
    end
    if not value then problems[#problems + 1] = place(text, at, where) .. ": " .. why end
    return value
  end)
  if #problems > 0 then err.raise("recipe", table.concat(problems, "\n")) end
  return filled
end

return template
