-- declarations: which of a template's variables its recipe declares, under which names, with which values
local standard = require "build.standard"
local convert = require "cli.packer.convert"
local text = require "cli.packer.text"
local writer = require "cli.packer.writer"

local declarations = {}
declarations.__index = declarations

local STANDARD = {}
for _, declared in ipairs(standard) do
  STANDARD[declared[1]] = { name = declared[1], default = declared[3], env = declared.env, secret = declared.secret, type = declared[2] }
end

-- Standard variables about the place where something is built, not about what is built.
local SITE = { vcenter_server = true, username = true, password = true, insecure_connection = true, datacenter = true, cluster = true,
  host = true, resource_pool = true, datastore = true, folder = true, network = true }
local KINDS = { size = "size", duration = "duration", boolean = "boolean", ["true or false"] = "boolean" }

--[[
declarations.new(template) -> declarations
What a recipe of this template has to declare; it fills as the template's options are read.
declarations = { renamed = {name = name}, inlined = {name = true} (read while the recipe is written, or written out) }
]]
function declarations.new(template)
  return setmetatable({ template = template, used = {}, inlined = {}, renamed = {}, needed = {}, filled = {}, hidden = {}, dashed = {} }, declarations)
end

local function given(self, name) return self.template.variables[name] or {} end

-- The variable of the recipe that this one becomes, if it is one of the standard variables.
local function known(self, name) return STANDARD[self.renamed[name] or name] end

--[[
declarations:value(name) -> string|nil
What the template or the var-files say.
]]
function declarations:value(name) return given(self, name).value end

--[[
declarations.environment(value) -> string|nil
The X of a value that is {{env `X`}} and nothing else.
]]
function declarations.environment(value)
  local parts = type(value) == "string" and text.parse(value) or {}
  if #parts == 1 and type(parts[1]) == "table" and parts[1].name == "env" then return parts[1].arguments[1] end
end

--[[
declarations:is_secret(name) -> boolean
The value does not stand in a recipe.
]]
function declarations:is_secret(name)
  return self.hidden[name] or given(self, name).secret or (known(self, name) or {}).secret or name:find "password" ~= nil or name:find "secret" ~= nil
    or name:find "token" ~= nil
end

--[[
declarations:hide(name) -> nothing
It is a secret, whatever it is called: an option says so.
]]
function declarations:hide(name) self.hidden[name] = true end

--[[
declarations:is_absent(name) -> boolean
Nobody gives it a value, though others are given: Packer takes it for "".
]]
function declarations:is_absent(name)
  local value = self:value(name)
  return value == "" or value == nil and self.template.given and not STANDARD[name] and not given(self, name).required
end

--[[
declarations:use(name [, kind, filled]) -> string
A variable as the recipe reads it: "v.cpu". One whose name Lua does not take gets another.
  kind           string|nil = "text"  what it is used as, which types it when nobody else does
  filled         boolean|nil       it stands in a text or a list, where nil cannot
]]
function declarations:use(name, kind, filled)
  if not self.used[name] or self.used[name] == "text" then self.used[name] = kind or "text" end
  self.filled[name] = self.filled[name] or filled
  if not (self.renamed[name] or name:find "^[%a_][%w_]*$" and load("return v." .. name)) then
    local plain = name:gsub("[^%w_]", "_")
    if not load("return v." .. plain) then plain = "_" .. plain end
    while self.template.variables[plain] do plain = plain .. "_" end
    self.renamed[name] = plain
    table.insert(self.dashed, plain)
  end
  return "v." .. (self.renamed[name] or name)
end

--[[
declarations:touch(name, kind) -> nothing
A standard variable that the image takes by itself is in use: a value of its own is declared.
]]
function declarations:touch(name, kind)
  if not SITE[name] then self:use(name, kind) end
end

--[[
declarations:connects(name, to) -> boolean
The connection is given by this variable: it becomes the standard one, which alone says which vCenter. Whether that is another name.
]]
function declarations:connects(name, to)
  self.used[name] = to == "insecure_connection" and "boolean" or "text"
  local other = name ~= to and not self.renamed[name]
  if other then self.renamed[name] = to end
  return other
end

--[[
declarations:need(name) -> nothing
The option that it is cannot be left out: without a value it is asked for.
]]
function declarations:need(name)
  if self:value(name) == nil or self:value(name) == "" then self.needed[name] = true end
end

-- ---- vars { … } ----

local function required() -- another table for each
  local node = writer.fields()
  node:set("required", true)
  return node
end

local function hidden(self, name, env)
  if known(self, name) and not env then return self.filled[name] and required() or nil end
  local node, value = writer.fields(), self:value(name)
  if env then node:set("default", writer.lua("os.getenv " .. writer.scalar(env))) end
  node:set("secret", true)
  if value == "" then node:set("default", "") elseif not env then node:set("required", true) end
  return node
end

-- A variable without a value: where it may be left out it has none, elsewhere it is "" as in Packer, or has to be given.
local function unset(self, name)
  local its, filled = known(self, name), self.filled[name]
  if self.needed[name] or given(self, name).required then return required() end
  if filled and self:value(name) == "" then return "" end
  if its then return filled and its.default == nil and required() or nil end
  if filled then return self.template.given and "" or required() end
  local node = writer.fields()
  node:set("type", "string")
  return node
end

local function declared(self, name)
  local its, value = known(self, name), self:value(name)
  local env = declarations.environment(value)
  if self:is_secret(name) then return hidden(self, name, env) end
  if env then return writer.lua("os.getenv " .. writer.scalar(env) .. (its and "" or ' or ""')) end
  if its and SITE[its.name] and given(self, name).origin ~= "template" then return nil end
  if value == nil or value == "" and (its or self.needed[name]) then return unset(self, name) end
  value = convert.literal(value, its and (KINDS[its.type.name] or its.type.name) or self.used[name])
  if its and its.default == value then return nil end
  return value
end

-- The environment variable that sets it anyway.
local function is_builtin(self, name)
  for _, env in ipairs((known(self, name) or {}).env or {}) do
    if env == declarations.environment(self:value(name)) then return true end
  end
  return false
end

--[[
declarations:vars() -> node|nil, {string, ...}, {string, ...}
What stands in vars { … }: the variables in use, in the template's order, with their values as defaults, those of the place and
secrets apart; the names of variables that nothing uses; the names of those that have to be given. nil when nothing has to be declared.
]]
function declarations:vars()
  local node, unused, asked, seen = writer.fields(), {}, {}, {}
  node.block = true
  local function declare(name)
    if seen[name] then return end
    seen[name] = true
    local to = self.renamed[name] or name
    if is_builtin(self, name) then return end
    local value = declared(self, name)
    if value == nil then return end
    node:set(to, value)
    if type(value) == "table" and value.fields and value:get "required" then table.insert(asked, to == "ssh_password" and 1 or #asked + 1, to) end
  end
  for _, name in ipairs(self.template.order) do
    if self.used[name] then declare(name)
    elseif not (STANDARD[name] or self.inlined[name] or tostring(self:value(name)):find("{{", 1, true)) then unused[#unused + 1] = name end
  end
  local rest = {}
  for name in pairs(self.used) do if not seen[name] then rest[#rest + 1] = name end end
  table.sort(rest)
  for _, name in ipairs(rest) do declare(name) end
  return #node.fields > 0 and node or nil, unused, asked
end

return declarations
