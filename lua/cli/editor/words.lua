-- words: the words of recipes for editors: globals with the options they take
local check = require "guest.check"
local standard = require "build.standard"
local vocabulary = require "build.vocabulary"
local api = require "cli.editor.api"

local words = {}

local SIMPLE = { string = "string", boolean = "boolean", integer = "integer", number = "number", size = "luabuild.size",
  duration = "luabuild.duration", ["function"] = "function", any = "any", step = "luabuild.step", comparison = "luabuild.comparison",
  pattern = "string", value = "any", checks = "luabuild.check", ["property name"] = "string", ["hardware version"] = "string|integer",
  ["fields of VirtualMachineConfigSpec"] = "vim.VirtualMachineConfigSpec" }

-- Classes that were begun, so that a shape that stands in several places is written once.
local function writer(add) return { add = add, done = {} } end

local class

local function type_text(self, kind, name)
  if kind.called then return SIMPLE[kind.called] end
  if kind.values then
    local out = {}
    for i, value in ipairs(kind.values) do out[i] = string.format("%q", value) end
    return table.concat(out, "|")
  end
  if kind.item then
    local inner = type_text(self, kind.item, name)
    local list = kind.name:find "^list"
    return list and "(" .. inner .. ")[]" .. (kind.single and "|" .. inner or "") or "table<string, " .. inner .. ">"
  end
  if kind.fields then
    local short
    for _, f in ipairs(kind.fields) do short = short or (f[1] == kind.short and type_text(self, f[2], name)) end
    return class(self, kind, name) .. (short and "|" .. short or "")
  end
  local out = {}
  for i, one in ipairs(kind.among or {}) do out[i] = type_text(self, one, name) end
  return #out > 0 and table.concat(out, "|") or SIMPLE[kind.name] or "any"
end

local function one_line(text) return (text or ""):gsub("%s+", " ") end

-- Write the class of a record, after those inside it; returns its name.
function class(self, record, name)
  if self.done[record] then return self.done[record] end
  self.done[record] = name
  local lines = { "---@class " .. name }
  for _, f in ipairs(record.fields) do
    local said = type_text(self, f[2], name .. "." .. f[1])
    lines[#lines + 1] = string.format("---@field %s%s %s %s", api.name(f[1]), f.required and "" or "?", said, one_line(f.doc))
  end
  if record.positional then lines[#lines + 1] = "---@field [integer] " .. type_text(self, record.positional, name) end
  for _, line in ipairs(lines) do self.add(line) end
  self.add ""
  return name
end

local TYPES = [[
---@alias luabuild.size string|integer "4GiB", or a number of MiB
---@alias luabuild.duration string|number "15s", or a number of seconds
---@alias luabuild.comparison any a value, a pattern, a list of patterns, or comparisons: luabuild help matcher.type
---@alias luabuild.step table|fun(guest: guest.guest, vm: vim.VirtualMachine): string?
---@class luabuild.image
---@field name string
]]

local RETURNS = { image = "luabuild.image", step = "luabuild.step", string = "string", values = "luabuild.values" }

local function values(add)
  add "---@class luabuild.values"
  for _, declared in ipairs(standard) do
    add(string.format("---@field %s %s %s", declared[1], SIMPLE[declared[2].name] or "any", one_line(declared.doc)))
  end
  add "---@field [string] any\n"
end

-- What the parenthesis of a word holds that takes no table of options.
local PARAMETERS = { vars = "table<string, any>", import = "string", ["git.describe"] = "string?" }

local function word_lines(self, word)
  local parameter = PARAMETERS[word[1]]
  if not parameter then parameter = type_text(self, word.spec, "luabuild." .. word[1]) .. (word.spec.positional and "|string" or "") end
  self.add("---" .. word.doc)
  self.add("---```lua\n---" .. word.example:gsub("\n", "\n---") .. "\n---```")
  self.add("---@param given " .. parameter)
  self.add("---@return " .. RETURNS[word.returns])
  self.add(string.format("function %s(given) end\n", word[1]))
end

--[[
words.lines(add) -> nothing
The words of recipes as annotated globals, with classes for their options: luabuild.base, luabuild.base.hardware, …; the standard
variables are fields of luabuild.values.
  add            function(line)
]]
function words.lines(add)
  local self = writer(add)
  add(TYPES)
  values(add)
  for _, kind in ipairs(check.kinds) do class(self, { fields = kind.fields }, "luabuild.check." .. kind.name) end
  add "git = {}\n"
  for _, word in ipairs(vocabulary) do word_lines(self, word) end
end

return words
