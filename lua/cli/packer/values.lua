-- values: what a template says of an option, as a value of a recipe: {{user `x`}} as v.x, 4096 as "4GiB", "true" as true
local cjson = require "cjson"
local convert = require "cli.packer.convert"
local declarations = require "cli.packer.declarations"
local text = require "cli.packer.text"
local writer = require "cli.packer.writer"

local values = {}
values.__index = values

--[[
values.new(template) -> values
The values of one template; it keeps what could not be said.
values = { template, variables = declarations, lost = {string, ...}, environments = {node, ...} (of steps, to be written once) }
]]
function values.new(template)
  return setmetatable({ template = template, variables = declarations.new(template), lost = {}, environments = {} }, values)
end

--[[
values:lose(where, what) -> string
Keep something for the list of what has no counterpart; returns it as a comment for the recipe.
]]
function values:lose(where, what)
  local line = string.format("%s: %s", where, what)
  if not self.lost[line] then
    self.lost[line] = true
    table.insert(self.lost, line)
  end
  return "packer: " .. what
end

-- ---- template strings ----

local functions = {}
function functions.timestamp() return { lua = "os.time()" } end
function functions.isotime(call)
  local layout = call.arguments[1]
  return { lua = string.format("os.date(%s)", writer.scalar("!" .. text.layout(layout or "2006-01-02T15:04:05Z07:00"))) }
end
functions.template_dir = function() return "." end
functions.pwd = functions.template_dir
function functions.build_type(_, self) return self.builder and self.builder.type or "" end
function functions.build_name(_, self) return self.builder and self.builder.name or "" end
function functions.env(call) return { lua = string.format("(os.getenv %s or \"\")", writer.scalar(call.arguments[1] or "")) } end
function functions.lower(call, self) return { lua = "(" .. self:expression(call.arguments[1] or "") .. "):lower()" } end
function functions.upper(call, self) return { lua = "(" .. self:expression(call.arguments[1] or "") .. "):upper()" } end

local expand

local function expand_user(self, name, out, seen)
  local value = self.variables:value(name)
  local inner = type(value) == "string" and value:find("{{", 1, true) and not declarations.environment(value)
  if inner and not seen[name] then
    seen[name] = true
    expand(self, value, out, seen)
    seen[name] = nil
  else
    out[#out + 1] = { variable = name }
  end
end

function expand(self, template, out, seen)
  for _, part in ipairs(text.parse(template)) do
    if type(part) == "string" then out[#out + 1] = part
    elseif part.name == "user" and part.arguments[1] and part.arguments[1] ~= "" then expand_user(self, part.arguments[1], out, seen)
    elseif functions[part.name] and (not part.pipe or part.pipe == "clean_resource_name") then
      out[#out + 1] = functions[part.name](part, self)
    else out[#out + 1] = { unknown = part.source, name = part.name } end
  end
end

--[[
values:expand(template) -> {part, ...}
As values:parts, with the parts as they come.
]]
function values:expand(template)
  local out = {}
  expand(self, template, out, {})
  return out
end

--[[
values:parts(template) -> {part, ...}
A template string with the variables that are themselves made of templates resolved; neighbouring text is joined.
part = string | { variable = name } | { lua = expression } | { unknown = "{{…}}", name = string }
]]
function values:parts(template)
  local joined = {}
  for _, part in ipairs(self:expand(template)) do
    if type(part) == "string" and type(joined[#joined]) == "string" then joined[#joined] = joined[#joined] .. part
    elseif part ~= "" then joined[#joined + 1] = part end
  end
  return joined
end

-- What a part is now, when that may stand in a recipe.
local function plain(self, part)
  if type(part) == "string" then return part end
  local name = part.variable
  if not name or self.variables:is_secret(name) then return nil end
  self.variables.inlined[name] = true
  return self.variables:value(name)
end

--[[
values:known(raw) -> string|nil
The text of an option when every variable in it has a plain value now, secrets apart; nil otherwise.
]]
function values:known(raw)
  if type(raw) ~= "string" then return raw ~= nil and tostring(convert.numeric(raw) or raw) or nil end
  local out = {}
  for i, part in ipairs(self:parts(raw)) do
    local value = plain(self, part)
    if value == nil or declarations.environment(value) then return nil end
    out[i] = tostring(convert.numeric(value) or value)
  end
  return table.concat(out)
end

--[[
values:is_variable(raw) -> string|nil
The name of the variable that an option is exactly.
]]
function values:is_variable(raw)
  local parts = type(raw) == "string" and self:parts(raw) or {}
  return #parts == 1 and type(parts[1]) == "table" and parts[1].variable or nil
end

-- One of several parts of a text, or the only one, as Lua source.
local function source(self, part, raw, kind, filled)
  if type(part) == "string" then return writer.scalar(part) end
  if part.variable then return self.variables:use(part.variable, kind, filled) end
  if part.unknown then
    self:lose("template string", part.unknown .. " cannot be said here; it stands as it is")
    return writer.scalar(part.unknown)
  end
  if part.lua:find "^os%.%l+%(" then
    self:lose("template string", raw .. ": the time is another one at each build, and so the image never up to date")
  end
  return part.lua
end

--[[
values:get(raw [, kind, filled]) -> node|nil
An option's value for the recipe; nil when it says nothing.
  kind           string = "text"   "text", "size" (MiB), "duration", "boolean", "integer"
  filled         boolean           something has to stand there: a variable is not passed over for want of a value
]]
function values:get(raw, kind, filled)
  if raw == nil or raw == "" then return nil end
  if type(raw) == "table" then
    if #raw == 1 and type(raw[1]) ~= "table" then return self:get(raw[1], kind, filled) end
    if next(raw) then self:lose("template", cjson.encode(raw):gsub("\\/", "/") .. ": one value is expected there") end
    return nil
  end
  if type(raw) ~= "string" then return convert.literal(raw, kind) end
  local parts = self:parts(raw)
  local only = #parts == 1 and parts[1]
  if #parts == 0 or only and not filled and only.variable and self.variables:is_absent(only.variable) then return nil end
  if type(only) == "string" then return convert.literal(only, kind) end
  local out = {}
  for i, part in ipairs(parts) do out[i] = source(self, part, raw, only and kind or "text", filled or not only) end
  return writer.lua(table.concat(out, " .. "))
end

--[[
values:expression(raw) -> string
As values:get, as Lua source.
]]
function values:expression(raw)
  local node = self:get(raw, "text", true)
  return node == nil and '""' or writer.text(node)
end

--[[
values:need(raw) -> nothing
The option is required: a variable that it is, and that has no value, is asked for.
]]
function values:need(raw)
  local name = self:is_variable(raw)
  if name then self.variables:need(name) end
end

return values
