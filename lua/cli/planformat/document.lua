-- document: a tree of ordered fields as JSON or as YAML, for people to read as well
local cjson = require "cjson"

local document = {}

local OBJECT, LIST = {}, {}

--[[
document.object(pairs) -> object
An object whose fields keep their order; a pair whose value is nil is left out.
  pairs          {{name, value}, ...}
]]
function document.object(pairs) return setmetatable(pairs, OBJECT) end

--[[
document.list(values) -> list
A list, which may be empty.
]]
function document.list(values) return setmetatable(values, LIST) end

local function scalar(value)
  if math.type(value) == "integer" then return tostring(value) end
  return (cjson.encode(value):gsub("\\/", "/"))
end

local json

local function lines_of(open, parts, close, indent)
  if #parts == 0 then return open .. close end
  return open .. "\n" .. indent .. "  " .. table.concat(parts, ",\n" .. indent .. "  ") .. "\n" .. indent .. close
end

function json(value, indent)
  local kind, parts = getmetatable(value), {}
  if kind == OBJECT then
    for _, pair in ipairs(value) do
      if pair[2] ~= nil then parts[#parts + 1] = scalar(pair[1]) .. ": " .. json(pair[2], indent .. "  ") end
    end
    return lines_of("{", parts, "}", indent)
  elseif kind == LIST then
    for i, one in ipairs(value) do parts[i] = json(one, indent .. "  ") end
    return lines_of("[", parts, "]", indent)
  end
  return scalar(value)
end

--[[
document.json(value) -> string
An object, list, string, number or boolean as JSON with indents, without a line break at the end.
Source: RFC 8259.
]]
function document.json(value) return json(value, "") end

-- Plain where YAML takes it for nothing but text; else in JSON's quotes, which YAML reads.
local function yaml_scalar(value)
  local word = type(value) == "string" and value:find "^[%a/][%w_./-]*$" and value:lower()
  local special = { ["true"] = true, ["false"] = true, null = true, yes = true, no = true, on = true, off = true, y = true, n = true }
  return word and not special[word] and value or scalar(value)
end

local yaml

-- What stands after "key:" or "- ", with its own line break where it needs one.
local function nested(value, indent, in_list)
  local kind = getmetatable(value)
  if kind ~= OBJECT and kind ~= LIST then return " " .. yaml_scalar(value) end
  local text = yaml(value, indent)
  if text == "" then return kind == OBJECT and " {}" or " []" end
  return in_list and kind == OBJECT and " " .. text:sub(#indent + 1) or "\n" .. text
end

function yaml(value, indent)
  local out = {}
  if getmetatable(value) == OBJECT then
    for _, pair in ipairs(value) do
      if pair[2] ~= nil then out[#out + 1] = indent .. yaml_scalar(pair[1]) .. ":" .. nested(pair[2], indent .. "  ") end
    end
  else
    for _, one in ipairs(value) do out[#out + 1] = indent .. "-" .. nested(one, indent .. "  ", true) end
  end
  return table.concat(out, "\n")
end

--[[
document.yaml(value) -> string
An object or list as YAML, without a line break at the end. Strings that could be anything else stand in quotes.
Source: YAML 1.2, 6 and 7; its quoted strings are a superset of JSON's.
]]
function document.yaml(value) return yaml(value, "") end

return document
