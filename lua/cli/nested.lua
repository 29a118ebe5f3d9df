-- nested: values inside of values: data objects in the schema's order, references with names, depth and length bounded
local vim = require "vim"
local humane = require "cli.humane"
local list = require "vsphere.list"
local object = require "vsphere.object"

local nested = {}

nested.SECRET = "••••"
local ITEMS = 20 -- of a list
local LONG = 300 -- bytes of a string

-- ---- single values ----

--[[
nested.number(p, value [, field, owner]) -> string
A number, with its unit when the field tells one.
]]
function nested.number(p, value, field, owner)
  local text = tostring(value)
  local unit = field and humane.unit(field, owner, value)
  return unit and text .. p.paint("dim", " (" .. unit .. ")") or text
end

local function string_text(p, value, field)
  if field and field.type == "dateTime" then
    local time, distance = humane.time(value, p.now)
    if time then return time .. p.paint("dim", " (" .. distance .. ")") end
  end
  local binary = humane.binary(value)
  if binary then return p.paint("dim", "<" .. binary .. ">") end
  if #value > LONG then
    local cut = utf8.offset(value, 0, LONG)
    return p.paint("green", humane.quoted(value:sub(1, cut - 1)) .. "…") .. p.paint("dim", string.format(" (%d bytes)", #value))
  end
  return p.paint("green", humane.quoted(value))
end

--[[
nested.reference(p, value) -> string
"HostSystem:host-12 'esx-1'": a reference, with its name where nested.learn was told it.
]]
function nested.reference(p, value)
  local name = p.names[tostring(value)]
  return tostring(value) .. (name and " " .. p.paint("green", "'" .. humane.harmless(name) .. "'") or "")
end

-- ---- nested values ----

local fields_of = setmetatable({}, { __index = function(known, kind)
  local t = vim.type(kind)
  known[kind] = t and t.fields or {}
  return known[kind]
end })

local function width_of(text) return #text:gsub("\27%[[%d;]*m", "") end

-- Short parts side by side, as many as fit in a line.
local function flowed(parts, room)
  local lines, used = {}, room
  for _, part in ipairs(parts) do
    local wide = width_of(part) + 2
    if used + wide > room then lines[#lines + 1], used = part, wide
    else lines[#lines], used = lines[#lines] .. ", " .. part, used + wide end
  end
  return lines
end

-- On one line if the parts are short, else one line each; `flow`: they are simple values of an array.
local function braces(p, head, parts, indent, flow)
  if #parts == 0 then return head .. "{}" end
  local total = indent + width_of(head) + 4
  local single = true
  for _, part in ipairs(parts) do
    total, single = total + width_of(part) + 2, single and not part:find("\n", 1, true)
  end
  if single and total <= p.width then return head .. "{ " .. table.concat(parts, ", ") .. " }" end
  if flow and single then parts = flowed(parts, p.width - indent - 2) end
  local pad = "\n" .. string.rep(" ", indent + 2)
  return head .. "{" .. pad .. table.concat(parts, "," .. pad) .. "\n" .. string.rep(" ", indent) .. "}"
end

local function data_parts(p, value, kind, indent, depth)
  local parts = {}
  for _, field in ipairs(fields_of[kind]) do
    local inner = rawget(value, field.name)
    if inner ~= nil then
      local text = field.secret and nested.SECRET or nested.text(p, inner, indent + 2, depth + 1, field, field.owner)
      parts[#parts + 1] = field.name .. " = " .. text
    end
  end
  return parts
end

local function by_key(a, b)
  if type(a) == type(b) and (type(a) == "number" or type(a) == "string") then return a < b end
  return type(a) == type(b) and tostring(a) < tostring(b) or type(a) < type(b)
end

local function key_text(p, key)
  if type(key) == "string" and key:find("^[%a_][%w_]*$") then return key end
  return "[" .. nested.text(p, key, 0, p.depth + 1) .. "]"
end

local function table_parts(p, value, indent, depth, field, owner)
  local parts, keys, n = {}, {}, rawlen(value)
  for i = 1, math.min(n, ITEMS) do parts[i] = nested.text(p, rawget(value, i), indent + 2, depth + 1, field, owner) end
  if n > ITEMS then parts[#parts + 1] = p.paint("dim", string.format("… %d more", n - ITEMS)) end
  for key in next, value do
    if not (math.type(key) == "integer" and key >= 1 and key <= n) then keys[#keys + 1] = key end
  end
  table.sort(keys, by_key)
  for _, key in ipairs(keys) do
    parts[#parts + 1] = key_text(p, key) .. " = " .. nested.text(p, rawget(value, key), indent + 2, depth + 1)
  end
  return parts
end

local function table_text(p, value, indent, depth, field, owner)
  local kind, whole, name = vim.typeof(value), value, nil
  if p.open[value] then return p.paint("dim", "(the same again)") end
  local shown = (getmetatable(value) or {}).__shown
  if shown then name, value = shown(value) end
  local head = (kind or name) and p.paint("bold", kind or name) .. " " or ""
  if depth >= p.depth and next(value) ~= nil then
    local count = rawlen(value)
    return head .. p.paint("dim", (kind or count == 0) and "{ … }" or string.format("{ %d … }", count))
  end
  p.open[whole] = true
  local parts = kind and data_parts(p, value, kind, indent, depth) or table_parts(p, value, indent, depth, field, owner)
  p.open[whole] = nil
  return braces(p, head, parts, indent, not kind and type(rawget(value, 1)) ~= "table" and next(value, rawlen(value) > 0 and rawlen(value) or nil) == nil)
end

--[[
nested.text(p, value, indent, depth [, field, owner]) -> string
A value that stands `depth` levels deep, its further lines indented so far. A table whose metatable has __shown is shown as that says:
__shown(value) -> what stands before the braces, a table that is shown in its place.
  p              table             how: width, depth, now, paint, describe, rows: see pretty.show; names and open: empty tables
  field, owner   field, string     what the schema says of the value, and the type this stands in
]]
function nested.text(p, value, indent, depth, field, owner)
  local kind = type(value)
  if kind == "string" then return string_text(p, value, field) end
  if kind == "number" then return nested.number(p, value, field, owner) end
  if kind == "function" then return p.paint("dim", p.describe(value) or "function") end
  if kind ~= "table" then return kind == "userdata" and p.paint("dim", tostring(value)) or tostring(value) end
  if rawget(value, "moid") then return nested.reference(p, value) end
  local meta = getmetatable(value)
  if meta and meta.__tostring and not vim.typeof(value) then return p.paint("dim", tostring(value)) end
  return table_text(p, value, indent, depth, field, owner)
end

-- ---- names of references: asked for together ----

local function gather(value, depth, limit, found, seen)
  if type(value) ~= "table" or #found >= 200 or seen[value] then return end
  seen[value] = true
  if object.is(value) then
    if vim.field(value.kind, "name") then found[#found + 1] = value end
  elseif depth < limit and not list.is(value) then
    for _, inner in next, value do gather(inner, depth + 1, limit, found, seen) end
  end
end

--[[
nested.learn(p, value) -> nothing
Ask for the names of all references in a value, in one request.
]]
function nested.learn(p, value)
  local found = {}
  gather(value, 0, p.depth + 1, found, {})
  for i, row in ipairs(#found > 0 and p.rows(found, { "name" }) or {}) do p.names[tostring(found[i])] = row.name end
end

return nested
