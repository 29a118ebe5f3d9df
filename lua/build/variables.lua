-- variables: recipe default < environment < var-files in order < --var
local runtime = require "runtime"
local err = require "core.err"
local secret = require "core.secret"
local sorted = require "core.sorted"
local spec = require "core.spec"
local standard = require "build.standard"
local varfile = require "build.varfile"

local variables = {}
variables.__index = variables

local STANDARD = {}
for _, declared in ipairs(standard) do STANDARD[declared[1]] = declared end

-- What a recipe may say of a variable instead of just its default.
variables.declaration = spec.record("variable", {
  { "default", spec.any, doc = "when nobody says otherwise" },
  { "type", spec.enum { "string", "integer", "number", "boolean", "size", "duration" }, doc = "that of the default, when it is not said" },
  { "secret", spec.boolean, doc = "it is masked wherever it would be shown" },
  { "required", spec.boolean, doc = "without a value nothing is done" },
  { "description", spec.string, doc = "for people who have to give one" },
  { "check", spec.func, doc = "value -> true, or false and why not" },
})

local number = { name = "number", read = function(_, value, path, problems)
  local read = tonumber(value)
  if not read then problems[#problems + 1] = { path = path, message = "a number expected, got " .. tostring(value) } end
  return read
end }
local TYPES = { string = spec.text, integer = spec.integer(), number = number, boolean = spec.boolean, size = spec.size, duration = spec.duration }

local function type_of(default)
  if math.type(default) == "integer" then return TYPES.integer end
  return TYPES[type(default)] or spec.any
end

-- GOVC_URL may carry everything: https://user:password@host:port/sdk
local function from_govc_url(url)
  if not url then return {} end
  local rest = url:gsub("^%a+://", ""):gsub("/.*$", "")
  local userinfo, server = rest:match("^(.*)@([^@]*)$")
  local unescape = function(s) return s and (s:gsub("%%(%x%x)", function(h) return string.char(tonumber(h, 16)) end)) end
  local user, password = (userinfo or ""):match("^([^:]*):?(.*)$")
  return { vcenter_server = server or rest, username = user ~= "" and unescape(user) or nil, password = password ~= "" and unescape(password) or nil }
end

-- Packer's names may have dashes; those of a recipe are Lua's.
local function lua_name(name) return (name:gsub("-", "_")) end

local function assignment(text)
  local name, value = text:match("^([%w_-]+)=(.*)$")
  if not name then
    err.raise("usage", string.format("--var %s: NAME=VALUE is expected", (text:gsub("=.*", "=…"))))
  end
  return lua_name(name), value
end

-- As it was typed: no template.
local function asked(value) return { value = value, origin = "asked for", literal = true } end

--[[
variables.new(options) -> variables
Collect what the user gave, before any recipe is read.
  options.getenv function          name -> string|nil
  options.files  {string, ...} = {}    var-files, later ones win
  options.assignments {string, ...} = {} "name=value", later ones win
  options.secrets secrets|nil      learns the values of secret variables
  options.ask    function|nil      asks the user for a secret that is needed and not set: { name, doc } -> string|nil
  options.asked  {name = string} = {}   what was asked for by the process that started this one
Raises: usage (a file that cannot be read, an assignment without "=").
]]
function variables.new(options)
  local self = setmetatable({ getenv = options.getenv or os.getenv, given = {}, declared = {}, notes = {},
                              secrets = options.secrets or secret.new(), short = {}, ask = options.ask, asked = {}, unknown_to_user = {} }, variables)
  self.govc = from_govc_url(self.getenv "GOVC_URL")
  for _, path in ipairs(options.files or {}) do
    for name, value in pairs(varfile.read(path)) do self.given[lua_name(name)] = { value = value, origin = path } end
  end
  for _, text in ipairs(options.assignments or {}) do
    local name, value = assignment(text)
    self.given[name] = { value = value, origin = "--var", strict = true }
  end
  for name, value in pairs(options.asked or {}) do self.given[name] = asked(value) end
  return self
end

-- The raw value of a name and where it comes from; env: further environment variables.
local function raw(self, name)
  local given = self.given[name]
  if given then return given.value, given.origin end
  local own = self.getenv("LUABUILD_VAR_" .. name)
  if own then return own, "LUABUILD_VAR_" .. name end
  -- govc's variables count only without VCENTER_SERVER: their password belongs to their server
  local govc = not self.getenv "VCENTER_SERVER"
  for _, env in ipairs((STANDARD[name] or {}).env or {}) do
    local value = (govc or not env:find "^GOVC_") and self.getenv(env)
    if value and value ~= "" then return value, env end
  end
  if govc and self.govc[name] ~= nil then return self.govc[name], "GOVC_URL" end
end

-- Expand Packer's {{user `x`}} through the variables themselves; `seen` stops a circle.
local function expanded(self, name, seen)
  local value, origin = raw(self, name)
  local literal = self.given[name] and self.given[name].literal
  if literal or type(value) ~= "string" or not value:find("{{", 1, true) then return value, origin end
  if seen[name] then return nil, origin, "it refers to itself" end
  seen[name] = true
  local filled, message = varfile.expand(value, function(other)
    other = lua_name(other)
    local found, _, why = expanded(self, other, seen)
    if found ~= nil or why then return found, why end
    local declared = self.declared[other] or STANDARD[other]
    return declared and (declared.default or declared[3])
  end)
  seen[name] = nil
  return filled, origin, message
end

-- Every name that some given value refers to counts as known.
local function referenced(self)
  local names = {}
  for _, given in pairs(self.given) do
    if type(given.value) == "string" then
      for name in given.value:gmatch("{{%s*user%s+[`\"]([^`\"]*)[`\"]%s*}}") do names[lua_name(name)] = true end
    end
  end
  return names
end

local function describe(name, value)
  local known = STANDARD[name]
  local described = { name = name, default = value, type = known and known[2], secret = known and known.secret, doc = known and known.doc }
  local problems = {}
  if type(value) == "table" and #value == 0 and next(value) ~= nil then
    local read
    read, problems = spec.read(variables.declaration, value, name)
    described.default, described.secret, described.required = read.default, read.secret or described.secret, read.required
    described.doc, described.check = read.description or described.doc, read.check
    described.type = read.type and TYPES[read.type] or described.type
  end
  described.type = described.type or type_of(described.default)
  return described, problems
end

-- A secret that is needed and not set, if there is somebody who knows it. Who does not is not asked again.
local function ask_for(self, described)
  if self.unknown_to_user[described.name] then return nil end
  local value = self.ask and self.ask(described)
  self.unknown_to_user[described.name] = value == nil
  if value == nil then return nil end
  self.asked[described.name] = value
  self.given[described.name] = asked(value)
  return value, "asked for"
end

local function value_of(self, described, problems)
  local name = described.name
  local value, origin, why = expanded(self, name, {})
  if value == nil and described.default == nil and described.required and described.secret then value, origin = ask_for(self, described) end
  local function problem(message)
    problems[#problems + 1] = { path = name, message = message, variable = true, origin = origin }
  end
  if why then return problem(why) end
  if value == nil then value, origin = described.default, self.declared[name] and "the recipe" or "default" end
  if value == nil or (value == "" and described.default == nil and (STANDARD[name] or origin ~= "--var")) then
    if described.required then
      problem(string.format("has no value%s: set it with --var %s=…, a var-file or LUABUILD_VAR_%s",
        described.doc and " (" .. described.doc .. ")" or "", name, name))
    end
    return nil
  end
  local before = #problems
  local read = described.type:read(value, name, problems)
  for i = before + 1, #problems do
    local p = problems[i]
    p.variable, p.origin = true, origin
    if described.secret then p.message = "the value has the wrong form" end
  end
  if #problems > before then return nil end
  if described.type == spec.size then read = value end -- "4GiB" goes on as it is: a number would be MiB again
  if described.check then
    local ok, message = described.check(read)
    if not ok then return problem(message or "is refused by the recipe's check") end
  end
  if type(read) == "string" then self.secrets:add_urls(read) end
  if described.secret and read and not self.secrets:add(tostring(read)) then self.short[name] = true end
  return read, origin
end

--[[
variables:short_secrets() -> {string, ...}
The names of the secret variables read so far whose values are too short to be hidden everywhere, sorted.
]]
function variables:short_secrets()
  return sorted.keys(self.short)
end

--[[
variables:scope(declarations, problems) -> values
The variables of one recipe: the standard ones and those that it declares. A value is worked out when it is read;
what is wrong with one it declares is added to problems at once. Reading an unknown name raises and names the nearest.
  declarations   {name = default or { default, type, secret, required, description, check }}
The metatable of values has try(name) -> value|nil and ask(name) -> value|nil: the value of a secret that is needed, asked for if
it is not set.
]]
function variables:scope(declarations, problems)
  local described, names, values, origins = {}, {}, {}, {}
  local function add(name, value)
    local wrong
    described[name], wrong = describe(name, value)
    for _, p in ipairs(wrong) do problems[#problems + 1] = p end
  end
  for name, known in pairs(STANDARD) do add(name, known[3]) names[#names + 1] = name end
  for name, value in pairs(declarations) do
    if type(name) ~= "string" or not name:find "^[%a_][%w_]*$" then
      local wrong = type(name) == "string" and "'" .. name .. "' is no name: it has letters, digits and _" or "variables have names: vars { name = default }"
      problems[#problems + 1] = { path = "vars", message = wrong }
    else
      add(name, value)
      self.declared[name] = described[name]
      if not STANDARD[name] then names[#names + 1] = name end
    end
  end
  local scope = {}
  local function get(_, name)
    local d = described[name]
    if not d then
      local near = runtime.nearest(tostring(name), names)
      error(string.format("no variable '%s'%s", tostring(name), near and string.format(": did you mean '%s'?", near) or ": declare it in vars { … }"), 2)
    end
    if values[name] == nil then values[name], origins[name] = value_of(self, d, problems) end
    return values[name]
  end
  for name in pairs(declarations) do if type(name) == "string" then get(nil, name) end end
  self.scopes = self.scopes or {}
  table.insert(self.scopes, { described = described, get = get, origins = origins, names = names })
  -- a value that nobody asked for by name: what cannot be filled in counts as not given
  local function try(name)
    local passed = {}
    local value = value_of(self, described[name], passed)
    return #passed == 0 and value or nil
  end
  local function ask(name)
    if get(nil, name) == nil then ask_for(self, described[name]) end
    return get(nil, name)
  end
  return setmetatable(scope, { __index = get, try = try, ask = ask, __newindex = function() error("variables are set from outside, not assigned", 2) end,
    __name = "variables", described = described, origins = origins })
end

--[[
variables:unknown() -> {string, ...}, {string, ...}
After the recipes are loaded: names given with --var, and names in var-files, that no recipe knows, sorted.
]]
function variables:unknown()
  local strict, passed, used = {}, {}, referenced(self)
  for name, given in pairs(self.given) do
    if not (STANDARD[name] or self.declared[name] or used[name]) then table.insert(given.strict and strict or passed, name) end
  end
  table.sort(strict)
  table.sort(passed)
  return strict, passed
end

--[[
variables:nearest(name) -> string|nil
The known variable with the nearest name.
]]
function variables:nearest(name)
  return runtime.nearest(name, sorted.keys(STANDARD, self.declared))
end

return variables
