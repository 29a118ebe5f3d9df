-- shape: what an expression is, as far as it can be told without running it: by the schema, and by values that are there already
local vim = require "vim"
local lex = require "cli.lex"
local list = require "vsphere.list"
local object = require "vsphere.object"
local session = require "vsphere.session"

local shape = {}

-- A shape is { kind, ... }:
--   object   type, result         a managed object; of a task what its wait gives
--   data     type, value          a data object
--   list     of, value            an array
--   objects  type                 a list of managed objects (vsphere.list)
--   column   field, type          a property of such a list
--   enum, simple   type
--   constructor    type
--   method   method, returns      of the API: what vim.method gives
--   function value, returns, paths_of   the object whose property paths it takes
--   table, value   value          a value of Lua's own
--   session, vim

-- ---- from the schema ----

local function of_field(field)
  local one
  if field.reference then
    one = { kind = "object", type = field.type }
  else
    local t = vim.type(field.type)
    one = { kind = t and t.kind or "simple", type = field.type }
  end
  return field.list and { kind = "list", of = one } or one
end

local function of_method(name)
  local m = vim.method(name)
  local returns = m.result and of_field(m.result)
  if returns and m.task then returns.result = of_field(m.task) end
  return { kind = "method", method = m, returns = returns }
end

-- ---- from values ----

--[[
shape.of(value) -> shape
The shape of a value; nothing of it is called, and no server asked.
]]
function shape.of(value)
  if type(value) == "function" then return { kind = "function", value = value } end
  if type(value) ~= "table" then return { kind = "value", value = value } end
  if object.is(value) then return { kind = "object", type = rawget(value, "kind") } end
  local of_list, typed = list.is(value), vim.typeof(value)
  if of_list == "list" then return { kind = "objects", type = list.kind(value) or "ManagedEntity" } end
  if of_list == "column" then return { kind = "column", field = list.about(value).field } end
  if typed then return { kind = "data", type = typed, value = value } end
  if getmetatable(value) == session then return { kind = "session", value = value } end
  if value == vim then return { kind = "vim" } end
  if rawlen(value) > 0 and type(rawget(value, 1)) == "table" then return { kind = "list", of = shape.of(rawget(value, 1)), value = value } end
  return { kind = "table", value = value }
end

-- ---- one step on ----

-- A field of a table, or of the table that its metatable leads to.
local function raw(value, name)
  for _ = 1, 5 do
    local found = rawget(value, name)
    if found ~= nil then return found end
    local meta = getmetatable(value)
    value = type(meta) == "table" and rawget(meta, "__index") or nil
    if type(value) ~= "table" then return nil end
  end
end

local members = {}

function members.object(self, name)
  local field = vim.field(self.type, name)
  if field then return of_field(field) end
  local own = object.methods(self.type)[name]
  if own then
    return { kind = "function", value = own, returns = name == "wait" and self.result or nil, paths_of = name == "get" and self or nil }
  end
  return vim.member(self.type, name) == "method" and of_method(name) or nil
end

function members.data(self, name)
  local value = self.value and rawget(self.value, name)
  if value ~= nil then
    local found = shape.of(value)
    if found.kind ~= "table" and found.kind ~= "value" then return found end
  end
  local field = vim.field(self.type, name)
  return field and of_field(field)
end

function members.objects(self, name)
  if name == "where" then return { kind = "function", returns = self } end
  if name == "get" then return { kind = "function", paths_of = { kind = "object", type = self.type } } end
  local field = vim.field(self.type, name)
  return field and { kind = "column", field = field }
end

function members.column(self, name)
  local field = self.field and vim.field(self.field.type, name)
  return field and { kind = "column", field = field }
end

local SESSION = { content = { kind = "data", type = "ServiceContent" }, about = { kind = "data", type = "AboutInfo" },
  user = { kind = "data", type = "UserSession" } }

function members.session(_, name)
  return SESSION[name] or session[name] and { kind = "function", value = session[name] } or nil
end

function members.vim(_, name)
  local t = vim.type(name)
  if t and (t.kind == "data" or t.kind == "managed") then return { kind = "constructor", type = name } end
  local value = rawget(vim, name)
  return value ~= nil and shape.of(value) or nil
end

function members.table(self, name)
  local value = raw(self.value, name)
  if value ~= nil then return shape.of(value) end
end
members.list = function(self, name) return self.value and members.table(self, name) end

--[[
shape.member(of, name) -> shape|nil
What of.name or of:name is.
]]
function shape.member(of, name)
  local step = of and members[of.kind]
  return step and step(of, name) or nil
end

local function index(of, token)
  if not of then return nil end
  if of.kind == "objects" then return { kind = "object", type = of.type } end
  if of.kind == "column" and of.field then return of_field(of.field) end
  if of.kind == "list" then
    local value = of.value and token and token.kind == "number" and rawget(of.value, tonumber(token.text))
    return value and shape.of(value) or of.of
  end
  if of.kind == "table" and token and token.kind == "string" then return shape.member(of, token.text) end
end

local FOLDERS = { vm = "VirtualMachine", datastore = "Datastore", network = "Network" }

-- find("vm/*"): by what is asked for.
local function found_by(tokens, from, to)
  local strings = {}
  for i = from, to do if tokens[i].kind == "string" then strings[#strings + 1] = tokens[i].text end end
  local pattern, kind = strings[1] or "", strings[2]
  kind = kind or FOLDERS[pattern:match("^(%w+)/") or pattern:match("^/[^/]+/(%w+)/")] or (not pattern:find("/", 1, true) and "VirtualMachine")
  return kind and vim.type(kind) and { kind = pattern:find("[*?]") and "objects" or "object", type = kind } or nil
end

local function call(of, env, tokens, from, to)
  if not of then return nil end
  if of.kind == "constructor" then
    return { kind = vim.type(of.type).kind == "managed" and "object" or "data", type = of.type }
  end
  if of.value and env.finders and env.finders[of.value] then return found_by(tokens, from, to) end
  return of.returns
end

-- ---- expressions ----

local function is_op(token, text) return token and token.kind == "op" and token.text == text end

-- Where the postfix expression begins that ends with token i: a.b[1]:c(…){…}"…"
local function beginning(tokens, closers, i)
  while i >= 1 do
    local token, before = tokens[i], tokens[i - 1]
    local callable = before and (before.kind == "name" and not lex.KEYWORDS[before.text] or is_op(before, ")") or is_op(before, "]"))
    if closers[i] then
      local opener = closers[i]
      before = tokens[opener - 1]
      callable = before and (before.kind == "name" and not lex.KEYWORDS[before.text] or is_op(before, ")") or is_op(before, "]")
        or (before.kind == "string" and not is_op(tokens[opener], "{")))
      if not callable then return opener end
      i = opener - 1
    elseif token.kind == "name" then
      if not (is_op(before, ".") or is_op(before, ":")) then return i end
      i = i - 2
    elseif token.kind == "string" and callable then
      i = i - 1
    else
      return i
    end
  end
end

local function closer_of(closers, i)
  for closer, opener in pairs(closers) do if opener == i then return closer end end
end

local function primary(tokens, closers, i, env)
  local token = tokens[i]
  if token.kind == "name" then return env.shape(token.text), i + 1 end
  local closer = is_op(token, "(") and closer_of(closers, i)
  if closer then return shape.expression(tokens, closers, closer - 1, env), closer + 1 end
  return nil, i + 1
end

--[[
shape.expression(tokens, closers, last, env) -> shape|nil
The shape of the expression that ends with token `last`.
  tokens, closers                  from lex
  env.shape      function          name of a variable -> shape|nil
  env.finders    {function = true}|nil     functions that find things by path, as session.find does
]]
function shape.expression(tokens, closers, last, env)
  local i = beginning(tokens, closers, last)
  if not i or i < 1 then return nil end
  local of
  of, i = primary(tokens, closers, i, env)
  while of and i <= last do
    local token = tokens[i]
    if is_op(token, ".") or is_op(token, ":") then
      of, i = shape.member(of, tokens[i + 1].text), i + 2
    elseif token.kind == "string" then
      of, i = call(of, env, tokens, i, i), i + 1
    else
      local closer = closer_of(closers, i)
      if not closer then return nil end
      of = is_op(token, "[") and index(of, tokens[i + 1]) or not is_op(token, "[") and call(of, env, tokens, i + 1, closer - 1) or nil
      i = closer + 1
    end
  end
  return of
end

return shape
