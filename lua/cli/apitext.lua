-- apitext: types, properties and methods of the vSphere API, as help prints them
local vim = require "vim"
local contract = require "cli.contract"

local apitext = {}

local function type_name(f)
  local name = f.reference and f.type .. " (reference)" or f.type
  return f.list and "array of " .. name or name
end

-- { left, middle, right } in columns.
local function columns(rows)
  local wide, middle, out = 0, 0, {}
  for _, row in ipairs(rows) do wide, middle = math.max(wide, #row[1]), math.max(middle, #row[2]) end
  for i, row in ipairs(rows) do
    out[i] = (string.format("  %-" .. math.min(wide, 40) .. "s  %-" .. math.min(middle, 48) .. "s  %s", row[1], row[2], row[3] or ""):gsub("%s+$", ""))
  end
  return table.concat(out, "\n")
end

local function field_rows(fields, since)
  local rows = {}
  for i, f in ipairs(fields) do
    local notes = {}
    if f.optional then notes[#notes + 1] = "optional" end
    if f.secret then notes[#notes + 1] = "secret" end
    if f.version ~= since then notes[#notes + 1] = "since " .. f.version end
    rows[i] = { f.name, type_name(f), table.concat(notes, ", ") }
  end
  return rows
end

-- Words in lines of 100 columns.
local function wrapped(words)
  local lines, line = {}, " "
  for _, word in ipairs(words) do
    if #line + #word > 98 then
      lines[#lines + 1] = line
      line = " "
    end
    line = line .. " " .. word
  end
  lines[#lines + 1] = line
  return table.concat(lines, "\n")
end

local function bases(t)
  local chain = {}
  while t and t.base do
    chain[#chain + 1] = t.base
    t = vim.type(t.base)
  end
  return #chain > 0 and "a " .. table.concat(chain, ", a ") or nil
end

local function own_methods(kind)
  local out = {}
  for name, text in pairs(contract.all()) do
    local owner = name:match("^(%u%w+):")
    if owner and vim.isa(kind, owner) then out[#out + 1] = "  " .. text:match("^[^\n]*") end
  end
  table.sort(out)
  return out
end

local describe = {}

function describe.simple(t) return t.name .. ": a simple type of the API" end

function describe.enum(t) return string.format("%s: one of these strings (since %s)\n%s", t.name, t.version, wrapped(t.values)) end

function describe.data(t)
  local head = string.format("%s { … }: a data object (since %s)%s", t.name, t.version, bases(t) and "\n" .. bases(t) or "")
  local derived = {}
  for _, name in ipairs(vim.complete("", t.name)) do if name ~= t.name then derived[#derived + 1] = name end end
  return head .. (#t.fields > 0 and "\n" .. columns(field_rows(t.fields, t.version)) or "\n  no fields")
    .. (#derived > 0 and "\nTypes derived from it:\n" .. wrapped(derived) or "")
end

function describe.managed(t)
  local own, methods = own_methods(t.name), vim.members(t.name).methods
  table.sort(methods)
  return string.format("%s: a managed object (since %s)%s", t.name, t.version, bases(t) and "\n" .. bases(t) or "")
    .. (#t.fields > 0 and "\nProperties:\n" .. columns(field_rows(t.fields, t.version)) or "")
    .. (#own > 0 and "\nMethods of luabuild's own:\n" .. table.concat(own, "\n") or "")
    .. (#methods > 0 and "\nMethods of the API:\n" .. wrapped(methods) or "")
end

local function method_text(m)
  local names, rows = {}, field_rows(m.params, m.version)
  for i, p in ipairs(m.params) do names[i] = p.name .. " = …" end
  local result = m.result and type_name(m.result) or "nothing"
  if m.task then result = result .. string.format("; its wait gives %s", type_name(m.task)) end
  return string.format("%s:%s%s -> %s\nA method of the API (since %s).%s%s", m.owner, m.name,
    #names > 0 and " { " .. table.concat(names, ", ") .. " }" or "()", result, m.version,
    #rows > 0 and "\n" .. columns(rows) or "", #m.faults > 0 and "\nFaults:\n" .. wrapped(m.faults) or "")
end

local function property_text(kind, name)
  local f = vim.field(kind, name)
  if not f then return nil end
  local text = string.format("%s.%s: %s%s (since %s)", kind, name, type_name(f), f.optional and ", optional" or "", f.version)
  local t = vim.type(f.type)
  return t and t.kind ~= "simple" and text .. "\n\n" .. describe[t.kind](t) or text
end

--[[
apitext.find(topic) -> string|nil
What there is to say about a type of the API ("VirtualMachineConfigSpec"), a property or field ("VirtualMachine.config") or a method
("PowerOnVM_Task", "VirtualMachine:PowerOnVM_Task").
]]
function apitext.find(topic)
  local kind, name = topic:match("^([%w_]+)[.:]([%w_]+)$")
  local t, m = vim.type(topic), vim.method(name or topic)
  if t then return describe[t.kind](t) end
  if m and (not kind or vim.isa(kind, m.owner)) then return method_text(m) end
  return kind and property_text(kind, name)
end

--[[
apitext.nearest(topic) -> string|nil
The type or method of the API with the nearest name.
]]
function apitext.nearest(topic)
  for _, look in ipairs { vim.type, vim.method } do
    local _, message = look(topic)
    local near = message and message:match("did you mean '(.-)'")
    if near then return near end
  end
end

return apitext
