-- modules: what scripts and recipes can require, for editors: functions and methods with their contracts
local load = require "load"
local sorted = require "core.sorted"
local contract = require "cli.contract"
local api = require "cli.editor.api"

local modules = {}

local SIMPLE = { string = "string", number = "number", integer = "integer", boolean = "boolean", table = "table", ["nil"] = "nil", any = "any",
  ["function"] = "function", array = "table", object = "vim.ManagedObject", reference = "vim.ManagedObject", path = "string", text = "string" }

local function directory(file) return file:match("^(.*)/") end

-- The methods of C handles that are functions of their module, too: { session = { exec = "ssh.exec" } }. A handle's metatable is in the
-- registry by the name "ssh.session"; see src/lb.h.
local function shared_methods()
  local out = {}
  for _, group in ipairs(contract.groups()) do
    if load.source("src/" .. group.name .. ".c") then pcall(require, group.name) end
  end
  for key, meta in pairs(debug.getregistry()) do
    local methods = type(key) == "string" and type(meta) == "table" and rawget(meta, "live") and rawget(meta, "__index")
    for member in pairs(methods or {}) do
      local module, handle = key:match("^([%w_]+)%.([%w_]+)$")
      local full = module and module .. "." .. member
      if full and contract.exact(full) and not contract.exact(handle .. ":" .. member) then
        out[handle] = out[handle] or {}
        out[handle][member] = full
      end
    end
  end
  return out
end

-- Kinds of objects by the directory that their methods are in: { src = { session = true } }.
local function objects()
  local out = { src = {} }
  for handle in pairs(shared_methods()) do out.src[handle] = true end
  for _, group in ipairs(contract.groups()) do
    for _, one in ipairs(group) do
      if one.name:find(":", 1, true) then
        local dir = directory(one.file)
        out[dir] = out[dir] or {}
        out[dir][group.name] = true
      end
    end
  end
  return out
end

-- What annotations call a kind of object, and the table of a module that is one: types of the API are extended.
local function class_of(group, dir) return api.type(group) and "vim." .. group or dir:gsub("/", ".") .. "." .. group end

-- An annotation's type for what a contract says: "string|nil", "{string, ...}", "session"; any when it is not one of ours.
local function type_text(said, dir, known)
  local out = {}
  said = said:gsub(" =.*$", ""):gsub("^(%b{})|nil$", "%1")
  if said:find("^{") then
    local item = said:match("^{(%w+), %.%.%.}$")
    return item and item ~= "table" and type_text(item, dir, known) .. "[]" or "table"
  end
  for one in said:gmatch("[^|]+") do
    local word = one:match("^function") and "function" or one:match("^array") and "array" or one:match("^[%w_]+$")
    out[#out + 1] = word and (SIMPLE[word] or (known[dir] or {})[word] and class_of(word, dir) or word:find("^%u") and api.type(word)) or "any"
  end
  return #out > 0 and table.concat(out, "|") or "any"
end

-- The names between the parentheses of a signature; those after the first bracket may be left out.
local function parameters(signature)
  local inside, out = signature:match("^[%w_.:]+(%b())"), {}
  local first = inside and inside:find("[", 1, true) or math.huge
  for at, name in (inside or ""):gmatch("()([%a_.][%w_.]*)") do
    if name == "..." or not name:find(".", 1, true) then out[#out + 1] = { name = name, optional = at > first } end
  end
  return out
end

local function described(text, name)
  return text:match("\n  " .. name:gsub("%.", "%%.") .. " +([%w_{][^\n]-)  ") or text:match("\n  " .. name:gsub("%.", "%%.") .. " +([%w_]+[^\n ]*)")
end

local function add_options(one, name, class, known, add)
  local lines = {}
  for field, rest in one.text:gmatch("\n  " .. name .. "%.([%w_]+) +([^\n]+)") do
    local said, doc = rest:match("^(.-)  +(.*)$")
    lines[#lines + 1] = string.format("---@field %s? %s %s", field, type_text(said or rest, directory(one.file), known), doc or "")
  end
  if #lines == 0 then return nil end
  add("---@class " .. class)
  for _, line in ipairs(lines) do add(line) end
  add ""
  return class
end

local WORDS = { ["end"] = "end_", ["repeat"] = "repeat_", ["function"] = "function_", ["in"] = "in_" }

-- One function or method: `owner` is the local table it is a field of.
local function add_function(one, owner, member, known, add)
  local signature, dir = one.text:match("^[^\n]*"), directory(one.file)
  if not signature:find("^[%w_.:]+%(") then
    add("---" .. one.text:gsub("\n", "\n---"))
    return add(string.format("---@type any\n%s.%s = nil\n", owner, member))
  end
  local names, lines = {}, {}
  for _, p in ipairs(parameters(signature)) do
    local name = WORDS[p.name] or p.name
    local class = add_options(one, p.name, one.name:gsub(":", ".") .. "." .. name, known, add)
    names[#names + 1] = name
    local said = class or type_text(described(one.text, p.name) or p.name, dir, known)
    lines[#lines + 1] = string.format("---@param %s%s %s", name, p.optional and "?" or "", said)
  end
  add("---```text\n---" .. one.text:gsub("\n", "\n---") .. "\n---```")
  for _, line in ipairs(lines) do add(line) end
  local result = signature:match("%-> (.*)$")
  local fails = one.text:find("^[^\n]*\n +%-> nil, message")
  if result and result ~= "nothing" then
    add("---@return " .. type_text(result:gsub(",.*$", function(rest) return result:find("^{") and rest or "" end), dir, known) .. (fails and "|nil" or ""))
    if fails then add "---@return string? message\n---@return string? code" end
  end
  add(string.format("function %s%s%s(%s) end\n", owner, one.name:match("[.:]"), member, table.concat(names, ", ")))
end

-- The contracts of one name in one file: a module, if it has functions, else a kind of object.
local function add_group(name, list, module, known, add)
  local dir = directory(list[1].file)
  local object = name ~= module or (known[dir] or {})[name]
  add("---@class " .. (object and class_of(name, dir) or dir == "src" and module or dir:gsub("/", ".") .. "." .. module .. ".module"))
  if name == "vim" then api.constructors(add) end
  add(string.format("local %s = {}\n", name))
  for _, one in ipairs(list) do add_function(one, name, one.name:match("[.:](.*)$"), known, add) end
end

-- file -> the lists of its contracts by name; C modules are one file each, after the name of the module.
local function by_module()
  local out, order = {}, {}
  for _, group in ipairs(contract.groups()) do
    for _, one in ipairs(group) do
      local target = one.file:match("^(.*)%.lua$")
      if not target then target = load.source("src/" .. group.name .. ".c") and group.name or "objects" end
      if not out[target] then out[target], order[#order + 1] = {}, target end
      out[target][group.name] = out[target][group.name] or {}
      table.insert(out[target][group.name], one)
    end
  end
  return out, order
end

-- What the module's own page says of these is enough: a method is the function with the handle as its first argument.
local function add_shared(add, known)
  local shared = shared_methods()
  for _, handle in ipairs(sorted.keys(shared)) do
    local members = shared[handle]
    add("---@class src." .. handle)
    for _, member in ipairs(sorted.keys(members)) do
      local text, arguments = contract.exact(members[member]), {}
      for i, p in ipairs(parameters(text:match("^[^\n]*"))) do
        local said = i > 1 and type_text(described(text, p.name) or p.name, "src", known)
        if said then arguments[#arguments + 1] = string.format(", %s%s: %s", WORDS[p.name] or p.name, p.optional and "?" or "", said) end
      end
      add(string.format("---@field %s fun(self: src.%s%s): any, string?, string? as %s", member, handle, table.concat(arguments), members[member]))
    end
    add ""
  end
end

--[[
modules.files() -> { { path = "vsphere/session.lua", lines = {line, ...} }, ... }
A file for each module, by the name that require takes, and one for the objects of C modules.
]]
function modules.files()
  local known, out = objects(), {}
  local found, order = by_module()
  for _, target in ipairs(order) do
    local lines, module = {}, target:match("[^/]+$")
    local function add(line) lines[#lines + 1] = line end
    add("---@meta " .. target:gsub("/", ".") .. "\n")
    for _, name in ipairs(sorted.keys(found[target])) do add_group(name, found[target][name], module, known, add) end
    if target == "objects" then add_shared(add, known) end
    if found[target][module] then add("return " .. module) end
    out[#out + 1] = { path = target .. ".lua", lines = lines }
  end
  return out
end

return modules
