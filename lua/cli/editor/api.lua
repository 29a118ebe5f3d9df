-- api: the vSphere API for editors: every type, field, enumeration and method as annotations of the Lua language server
local vim = require "vim"
local lex = require "cli.lex"

local api = {}

local SIMPLE = { string = "string", boolean = "boolean", byte = "integer", short = "integer", int = "integer", long = "integer", float = "number",
  double = "number", dateTime = "string", base64Binary = "string", anyType = "any", ManagedObjectReference = "vim.ManagedObject" }

-- What means something to the server before the name of a field.
local MODIFIERS = { package = true, private = true, protected = true, public = true }

--[[
api.name(name) -> string
The name of a field as annotations write it: in brackets when it is a word of Lua, or of theirs.
]]
function api.name(name) return (lex.KEYWORDS[name] or MODIFIERS[name]) and string.format("[%q]", name) or name end

--[[
api.type(name) -> string|nil
What annotations call a type of the API: "vim.VirtualDisk", "integer" for int; nil when there is none.
]]
function api.type(name)
  if SIMPLE[name] then return SIMPLE[name] end
  return vim.type(name) and "vim." .. name or nil
end

local function of_field(f) return (SIMPLE[f.type] or "vim." .. f.type) .. (f.list and "[]" or "") end

local function field(f)
  return string.format("---@field %s%s %s since %s", api.name(f.name), f.optional and "?" or "", of_field(f), f.version)
end

local function method(name)
  local m, parameters, needed = vim.method(name), {}, false
  for i, p in ipairs(m.params) do
    parameters[i] = string.format("%s%s: %s", p.name, p.optional and "?" or "", of_field(p))
    needed = needed or not p.optional
  end
  local arguments = #parameters > 0 and string.format(", arguments%s: { %s }", needed and "" or "?", table.concat(parameters, ", ")) or ""
  return string.format("---@field %s fun(self: vim.%s%s)%s since %s", name, m.owner, arguments, m.result and ": " .. of_field(m.result) or "", m.version)
end

local function add_own(description, add)
  local own = description.kind == "managed" and vim.members(description.name).methods or {}
  for _, f in ipairs(description.fields) do if f.owner == description.name then add(field(f)) end end
  for _, name in ipairs(own) do if vim.method(name).owner == description.name then add(method(name)) end end
end

local function class(name, add)
  local description = vim.type(name)
  add(string.format("---@class vim.%s%s", name, description.base and ": vim." .. description.base or ""))
  add_own(description, add)
  add ""
end

local function alias(name, add)
  add("---@alias vim." .. name)
  for _, value in ipairs(vim.type(name).values) do add(string.format("---| %q", value)) end
  add ""
end

--[[
api.constructors(add) -> nothing
The constructors of module vim as lines: ---@field VirtualDisk fun(fields: vim.VirtualDisk): vim.VirtualDisk
  add            function(line)
]]
function api.constructors(add)
  for _, name in ipairs(vim.complete "") do
    add(string.format("---@field %s fun(fields?: vim.%s): vim.%s", name, name, name))
  end
end

--[[
api.files(size) -> { {line, ...}, ... }
All types as lines, in portions of about `size` bytes, since the language server passes over files that are too big.
]]
function api.files(size)
  local out, at = { {} }, 0
  local function add(line)
    at = at + #line + 1
    table.insert(out[#out], line)
  end
  local function each(kind, write)
    for _, name in ipairs(vim.types(kind)) do
      if at > size then out[#out + 1], at = {}, 0 end
      write(name, add)
    end
  end
  each("enum", alias)
  each("data", class)
  each("managed", class)
  return out
end

return api
