-- api: the vSphere API's types and methods as pages of help, from the tables that the program talks by
local vim = require "vim"
local contract = require "cli.contract"

local api = {}

-- "VirtualDevice list, optional": a field's type and how often it is there.
local function type_text(f)
  local text = (f.reference and "reference to " or "") .. f.type
  if f.list then text = "list of " .. text end
  return text .. (f.optional and ", optional" or "") .. (f.secret and ", secret" or "")
end

local function since(version) return version ~= vim.versions[1] and "since " .. version or "" end

local function field_rows(fields, own)
  local out = {}
  for i, f in ipairs(fields) do
    local from = f.owner and f.owner ~= own and "of " .. f.owner or ""
    local new = since(f.version)
    out[i] = { f.name, type_text(f), from .. (from ~= "" and new ~= "" and ", " or "") .. new, link = f.type }
  end
  return out
end

local MOST = 100 -- derived types that are named

local KINDS = { simple = "a value", enum = "an enumeration", data = "a data object", managed = "a managed object" }

local function chain(description)
  local out = {}
  while description and description.base do
    out[#out + 1] = description.base
    description = vim.type(description.base)
  end
  return out
end

local function add_enum(parts, description)
  local out = {}
  for i, value in ipairs(description.values) do out[i] = '"' .. value .. '"' end
  table.insert(parts, { "text", "One of " .. table.concat(out, ", ") .. "." })
end

-- What luabuild adds to a managed type and its bases.
local function own_rows(kind)
  local out = {}
  for _, name in ipairs(contract.names()) do
    local owner = name:match("^(%u%w+):")
    if owner and vim.isa(kind, owner) then
      local signature = contract.exact(name):match("^[^\n]*")
      out[#out + 1] = { name:match(":(.*)$"), signature:match(":[%w_]+(.*)$"), owner ~= kind and "of " .. owner or "", link = name }
    end
  end
  return out
end

local function add_rows(parts, heading, rows)
  if #rows == 0 then return end
  table.insert(parts, { "heading", heading })
  table.insert(parts, { "rows", rows })
end

local function add_managed(parts, name)
  local members, methods = vim.members(name), {}
  add_rows(parts, "Properties", field_rows(members.properties, name))
  add_rows(parts, "Methods of luabuild's own", own_rows(name))
  for i, method in ipairs(members.methods) do
    local m = vim.method(method)
    local names = {}
    for k, p in ipairs(m.params) do names[k] = p.name .. (p.optional and "?" or "") end
    local form = #names > 0 and "{ " .. table.concat(names, ", ") .. " }" or "{}"
    methods[i] = { method, form, m.owner ~= name and "of " .. m.owner or since(m.version), link = method }
  end
  add_rows(parts, "Methods of the API", methods)
end

local function derived_from(name)
  local out = {}
  for _, one in ipairs(vim.complete("", name)) do if one ~= name then out[#out + 1] = one end end
  return out
end

local function type_page(description)
  local name, bases = description.name, chain(description)
  local new = since(description.version)
  local parts = { { "text", string.format("%s is %s of the vSphere API%s%s.", name, KINDS[description.kind],
    #bases > 0 and ", derived from " .. table.concat(bases, ", ") or "", new ~= "" and ", " .. new or "") } }
  if description.kind == "enum" then add_enum(parts, description)
  elseif description.kind == "managed" then add_managed(parts, name)
  elseif description.fields then
    table.insert(parts, { "text", string.format("Made by vim.%s { … }, or by a plain table where this type is expected.", name) })
    add_rows(parts, "Fields", field_rows(description.fields, name))
    local derived = derived_from(name)
    if #derived > 0 then
      local named = #derived > MOST and #derived .. " types are derived from it" or "Derived from it: " .. table.concat(derived, ", ")
      table.insert(parts, { "text", named .. "." })
    end
  end
  return { name = name, kind = "API type", title = name, parts = parts }
end

local function method_page(m)
  local parts = { { "text", string.format("%s is a method of %s%s. Called as object:%s { … }.", m.name, m.owner,
    since(m.version) ~= "" and ", " .. since(m.version) or "", m.name) } }
  add_rows(parts, "Parameters", field_rows(m.params))
  local results = {}
  if m.result then results[1] = { "returns", type_text(m.result), "", link = m.result.type } end
  if m.task then results[2] = { "the task's result", type_text(m.task), "", link = m.task.type } end
  if #results > 0 then table.insert(parts, { "rows", results }) end
  if #m.faults > 0 then table.insert(parts, { "text", "Faults: " .. table.concat(m.faults, ", ") .. "; any RuntimeFault can come as well." }) end
  return { name = m.name, kind = "API method", title = m.owner .. ":" .. m.name, parts = parts }
end

local function field_page(owner, name)
  local f = vim.field(owner, name)
  if not f then return nil end
  local parts, description = { { "rows", field_rows({ f }, owner) } }, vim.type(f.type)
  if description.kind ~= "simple" then table.move(type_page(description).parts, 1, 100, 2, parts) end
  return { name = owner .. "." .. name, kind = vim.type(owner).kind == "managed" and "API property" or "API field",
    title = owner .. "." .. name, parts = parts }
end

--[[
api.find(topic) -> page|nil
A page about a type ("VirtualMachineConfigSpec"), a method ("PowerOnVM_Task", "VirtualMachine:PowerOnVM_Task"), or a field or
property ("VirtualMachine.runtime") of the API. For page see cli.help.pages.
]]
function api.find(topic)
  local description = vim.type(topic)
  if description then return type_page(description) end
  local owner, separator, name = topic:match("^(%w+)([.:])([%w_]+)$")
  local method = vim.method(name or topic)
  if method and (not owner or vim.isa(owner, method.owner)) then return method_page(method) end
  return separator == "." and field_page(owner, name) or nil
end

--[[
api.methods() -> {string, ...}
The names of all methods, sorted.
]]
function api.methods()
  local seen, out = {}, {}
  for _, kind in ipairs(vim.types "managed") do
    for _, name in ipairs(vim.members(kind).methods) do
      if not seen[name] then seen[name], out[#out + 1] = true, name end
    end
  end
  table.sort(out)
  return out
end

return api
