-- values: what a template says of an option, as a value of a recipe: {{user `x`}} as v.x, 4096 as "4GiB", "true" as true
local cjson = require "cjson"
local standard = require "build.standard"
local convert = require "cli.packer.convert"
local text = require "cli.packer.text"
local writer = require "cli.packer.writer"

local values = {}
values.__index = values

local STANDARD = {}
for _, declared in ipairs(standard) do STANDARD[declared[1]] = { name = declared[1], default = declared[3], secret = declared.secret, type = declared[2] } end

-- Standard variables about the place where something is built, not about what is built.
local SITE = { vcenter_server = true, username = true, password = true, insecure_connection = true, datacenter = true, cluster = true,
  host = true, resource_pool = true, datastore = true, folder = true, network = true }
local KINDS = { size = "size", duration = "duration", boolean = "boolean", ["true or false"] = "boolean" }

--[[
values.new(template) -> values
The values of one template; it keeps what of the variables is used, and what could not be said.
values = { template, used = {name = kind}, inlined = {name = true}, lost = {string, ...} }
]]
function values.new(template)
  return setmetatable({ template = template, used = {}, inlined = {}, renamed = {}, lost = {} }, values)
end

-- ---- variables ----

local function is_secret(self, name)
  local variable = self.template.variables[name]
  return variable and variable.secret or (STANDARD[name] or {}).secret or name:find "password" ~= nil or name:find "secret" ~= nil
    or name:find "token" ~= nil
end

local function plain_value(self, name)
  local variable = self.template.variables[name]
  return variable and variable.value
end

-- {{env `X`}} alone: what the variable is when nobody gives it.
local function environment_of(value)
  local parts = type(value) == "string" and text.parse(value) or {}
  if #parts == 1 and type(parts[1]) == "table" and parts[1].name == "env" then return parts[1].arguments[1] end
end

-- The kind of a variable that nobody declared a type for: what it is used as.
local function note_use(self, name, kind)
  if not self.used[name] or self.used[name] == "text" then self.used[name] = kind or "text" end
end

--[[
values:rename(from, to) -> nothing
A variable is called `to` in the recipe: the connection comes from the standard variables alone.
]]
function values:rename(from, to)
  if from == to or self.renamed[from] then return end
  self.renamed[from] = to
  self:lose("variables", string.format("%s is called %s now: only so does it say which vCenter", from, to))
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
  local value = plain_value(self, name)
  local inner = type(value) == "string" and value:find("{{", 1, true) and not environment_of(value)
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
values:parts(template) -> {part, ...}
A template string with the variables that are themselves made of templates resolved; neighbouring text is joined.
part = string | { variable = name } | { lua = expression } | { unknown = "{{…}}", name = string }
]]
function values:parts(template)
  local out, joined = {}, {}
  expand(self, template, out, {})
  for _, part in ipairs(out) do
    if type(part) == "string" and type(joined[#joined]) == "string" then joined[#joined] = joined[#joined] .. part
    elseif part ~= "" then joined[#joined + 1] = part end
  end
  return joined
end

--[[
values:known(raw) -> string|nil
The text of an option when every variable in it has a plain value now, secrets apart; nil otherwise.
]]
function values:known(raw)
  if type(raw) ~= "string" then return raw ~= nil and tostring(convert.numeric(raw) or raw) or nil end
  local out = {}
  for i, part in ipairs(self:parts(raw)) do
    local value = part
    if type(part) == "table" then value = part.variable and not is_secret(self, part.variable) and plain_value(self, part.variable) or nil end
    if value == nil or environment_of(value) then return nil end
    out[i] = tostring(convert.numeric(value) or value)
  end
  return table.concat(out)
end

--[[
values:variable(name, kind) -> string
A variable as the recipe reads it: "v.cpu". One whose name Lua does not take gets another.
]]
function values:variable(name, kind)
  note_use(self, name, kind)
  if not self.renamed[name] and not load("return v." .. name) then
    local plain = "_" .. name:gsub("[^%w_]", "_")
    self.renamed[name] = plain:gsub("^_(%a)", "%1")
    if not load("return v." .. self.renamed[name]) then self.renamed[name] = plain end
    self:lose("variables", string.format("%s is called %s now", name, self.renamed[name]))
  end
  return "v." .. (self.renamed[name] or name)
end

-- A variable nobody gives a value, with others given: Packer takes it for "".
local function is_absent(self, part)
  if type(part) ~= "table" or not part.variable then return false end
  local value = plain_value(self, part.variable)
  if value == "" then return true end
  return value == nil and self.template.given and not STANDARD[part.variable] and not (self.template.variables[part.variable] or {}).required
end

--[[
values:is_variable(raw) -> string|nil
The name of the variable that an option is exactly.
]]
function values:is_variable(raw)
  local parts = type(raw) == "string" and self:parts(raw) or {}
  return #parts == 1 and type(parts[1]) == "table" and parts[1].variable or nil
end

--[[
values:get(raw [, kind, required]) -> node|nil
An option's value for the recipe; nil when it says nothing.
  kind           string = "text"   "text", "size" (MiB), "duration", "boolean", "integer"
  required       boolean           a variable without a value is asked for instead of passed over
]]
function values:get(raw, kind, required)
  if raw == nil or raw == "" then return nil end
  if type(raw) == "table" then
    if #raw == 1 and type(raw[1]) ~= "table" then return self:get(raw[1], kind, required) end
    if next(raw) then self:lose("template", cjson.encode(raw):gsub("\\/", "/") .. ": one value is expected there") end
    return nil
  end
  if type(raw) ~= "string" then return convert.literal(raw, kind) end
  local parts = self:parts(raw)
  if #parts == 0 or (#parts == 1 and not required and is_absent(self, parts[1])) then return nil end
  if #parts == 1 and type(parts[1]) == "string" then return convert.literal(parts[1], kind) end
  local out = {}
  for i, part in ipairs(parts) do
    if type(part) == "string" then out[i] = writer.scalar(part)
    elseif part.variable then out[i] = self:variable(part.variable, #parts == 1 and kind or "text")
    elseif part.lua then
      if part.lua:find "^os%." then self:lose("template string", raw .. ": the time is another one at each build, and so the image never up to date") end
      out[i] = part.lua
    else
      self:lose("template string", part.unknown .. " cannot be said here; it stands as it is")
      out[i] = writer.scalar(part.unknown)
    end
  end
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

-- ---- vars { … } ----

local function declared(self, name)
  local variable = self.template.variables[name] or {}
  local known, value = STANDARD[name], variable.value
  local kind = known and (KINDS[known.type.name] or known.type.name) or self.used[name]
  local env = environment_of(value)
  local node = writer.fields()
  if is_secret(self, name) then
    if env then node:set("default", writer.lua("os.getenv " .. writer.scalar(env))) end
    if known and not env then return nil end
    node:set("secret", true)
    if value == "" then node:set("default", "") elseif not env then node:set("required", true) end
    return node
  end
  if env then return writer.lua("os.getenv " .. writer.scalar(env) .. (known and "" or ' or ""')) end
  if SITE[name] and variable.origin ~= "template" then return nil end
  if value == nil or (value == "" and known) then
    if known and not (variable.required or self.needed and self.needed[name]) then return nil end
    node:set(known and "required" or variable.required and "required" or "type", (known or variable.required) and true or "string")
    return node
  end
  value = convert.literal(value, kind)
  if known and known.default == value then return nil end
  return value
end

-- The environment variable that sets it anyway.
local function is_builtin(self, name)
  for _, one in ipairs(standard) do
    for _, env in ipairs(one[1] == name and one.env or {}) do
      if env == environment_of(plain_value(self, name)) then return true end
    end
  end
  return false
end

--[[
values:declarations() -> node|nil, {string, ...}
What stands in vars { … }: the variables in use, in the template's order, with their values as defaults, those of the place and
secrets apart; and the names of variables that nothing uses. nil when nothing has to be declared.
]]
function values:declarations()
  local node, unused, seen = writer.fields(), {}, {}
  node.block = true
  local function declare(name)
    if seen[name] then return end
    seen[name] = true
    local to = self.renamed[name] or name
    local value = not is_builtin(self, name) and declared(self, name)
    if value ~= nil and value ~= false or value == false and self.used[name] == "boolean" and not STANDARD[name] then node:set(to, value) end
  end
  for _, name in ipairs(self.template.order) do
    if self.used[name] then declare(name)
    elseif not (STANDARD[name] or self.inlined[name] or tostring(plain_value(self, name)):find("{{", 1, true)) then unused[#unused + 1] = name end
  end
  local rest = {}
  for name in pairs(self.used) do if not seen[name] then rest[#rest + 1] = name end end
  table.sort(rest)
  for _, name in ipairs(rest) do declare(name) end
  return #node.fields > 0 and node or nil, unused
end

--[[
values:touch(name, kind) -> nothing
A standard variable that the image takes by itself is in use: a value of its own is declared.
]]
function values:touch(name, kind)
  if not SITE[name] then note_use(self, name, kind) end
end

--[[
values:need(raw) -> nothing
The option is required: a standard variable that it is, and that has no value, is asked for.
]]
function values:need(raw)
  local name = self:is_variable(raw)
  if not name or plain_value(self, name) ~= nil then return end
  self.needed = self.needed or {}
  self.needed[name] = true
  if not STANDARD[name] then
    local variable = self.template.variables[name] or { name = name }
    self.template.variables[name], variable.required = variable, true
  end
end

return values
