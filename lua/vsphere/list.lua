-- list: several managed objects at once: a property of all of them is one request
local vim = require "vim"
local runtime = require "runtime"
local err = require "core.err"
local glob = require "core.glob"
local property = require "vsphere.property"

local list = {}
local methods = {}  -- of lists
local columns = {}  -- methods of columns
local List, Column = { __name = "list" }, { __name = "column" }

-- ---- what a name is ----

local function names_of(kind)
  local names = {}
  for i, field in ipairs(vim.type(kind).fields or {}) do names[i] = field.name end
  return names
end

local function no_property(kind, name, level)
  if vim.member(kind, name) == "method" then
    error(string.format("%s is a method of one %s: for _, o in ipairs(list) do o:%s { … } end", name, kind, name), level + 1)
  end
  local near = runtime.nearest(name, names_of(kind))
  error(string.format("%s has no property '%s'%s", kind, name, near and ": did you mean '" .. near .. "'?" or ""), level + 1)
end

-- A property's description, of the first of these types that has it: folders are among the machines of vm/*, and have no runtime.
local function field_of(kinds, name, level)
  local like -- the type that has something like it
  for _, kind in ipairs(kinds) do
    local found = vim.field(kind, name)
    if found then return found end
    like = like or (vim.member(kind, name) or runtime.nearest(name, names_of(kind))) and kind
  end
  if kinds[1] then no_property(like or kinds[1], name, level + 1) end
end

-- ---- columns ----

-- A property of each of `sources`: objects, lists of objects, or false where there is none.
local function column(list_, sources, field, path)
  return setmetatable({ list = list_, sources = sources, field = field or false, path = path }, Column)
end

local function is_reference(value) return type(value) == "table" and rawget(value, "moid") ~= nil end

-- Each object among the sources, once.
local function each_source(sources)
  local out, seen = {}, {}
  for i = 1, #sources do
    local source = sources[i]
    for _, object in ipairs(is_reference(source) and { source } or source or {}) do
      if not seen[object] then out[#out + 1] = object end
      seen[object] = true
    end
  end
  return out
end

local function fetch(self)
  local known = rawget(self, "values")
  if known then return known end
  local by_object, values = {}, { n = #self.sources }
  for _, row in ipairs(property.get_many(self.list.session, each_source(self.sources), { self.path })) do by_object[row.object] = row[self.path] end
  for i, source in ipairs(self.sources) do
    if is_reference(source) then
      values[i] = by_object[source]
    elseif source then
      values[i] = {}
      for j, object in ipairs(source) do values[i][j] = by_object[object] end
    end
  end
  rawset(self, "values", values)
  return values
end

-- What the references of a column point to: sources of a column further on.
local function follow(self)
  local out = {}
  for i = 1, #self.sources do out[i] = fetch(self)[i] or false end
  return out
end

local function deeper(self, name)
  local field = self.field
  if not field then return column(self.list, self.sources, nil, self.path .. "." .. name) end -- of an empty list
  if field.reference then
    return column(self.list, follow(self), field_of({ field.type }, name, 3), name)
  end
  local inner = vim.field(field.type, name)
  if field.list then error(string.format("%s is a list in each of them: take it out first, list.%s[1][1]", self.path, self.path), 3) end
  if not inner then no_property(field.type, name, 3) end
  return column(self.list, self.sources, inner, self.path .. "." .. name)
end

function Column.__index(self, name)
  if math.type(name) == "integer" then return fetch(self)[name] end
  if columns[name] then return columns[name] end
  return type(name) == "string" and deeper(self, name) or nil
end

function Column.__len(self) return #rawget(self, "sources") end
function Column.__tostring(self) return string.format("%s of %s", self.path, tostring(self.list)) end

--[[
column:each() -> iterator of object, value
Go through a column: for vm, state in list.runtime.powerState:each() do … end. The value is nil where it is not set.
Raises: error objects.
Blocks: yes, one request.
]]
function columns:each()
  local values, i = fetch(self), 0
  return function()
    i = i + 1
    return self.list[i], values[i]
  end
end

-- ---- lists ----

function List.__index(self, name)
  if methods[name] then return methods[name] end
  if type(name) ~= "string" then return nil end
  local kinds, sources = {}, {}
  for i, object in ipairs(self) do
    if not kinds[object.kind] then kinds[#kinds + 1], kinds[object.kind] = object.kind, true end
    sources[i] = object
  end
  return column(self, sources, field_of(kinds, name, 2), name)
end

--[[
list.kind(objects) -> string|nil
The one kind of managed object that they all are; nil when they are of several, or none.
Blocks: no.
]]
function list.kind(objects)
  local kind
  for _, object in ipairs(objects) do
    if kind and kind ~= object.kind then return nil end
    kind = object.kind
  end
  return kind
end

function List.__tostring(self) return string.format("%d %s%s", #self, list.kind(self) or "object", #self == 1 and "" or "s") end

--[[
list.new(session, objects) -> list
A list of managed objects. list[1], #list and ipairs as in every table. A property's name gives a column of it: list.name[1],
list.runtime.powerState, list.runtime.host.name; it is empty where the object is of a type without it. Nothing is asked until a column
is used: then one request for all of the objects, and one more for each reference on the way.
Blocks: no.
]]
function list.new(session, objects)
  local self = table.move(objects, 1, #objects, 1, {})
  self.session = session
  return setmetatable(self, List)
end

--[[
list.is(value) -> "list"|"column"|nil
Blocks: no.
]]
function list.is(value)
  local meta = getmetatable(value)
  return meta == List and "list" or meta == Column and "column" or nil
end

--[[
list.about(column) -> { list, path, field, follows }
What a column is made of: the list, the path of the property, its field as vim.field describes it, and whether it is one of what the
list's objects refer to.
Blocks: no.
]]
function list.about(self)
  return { list = self.list, path = self.path, field = self.field, follows = self.sources[1] ~= self.list[1] }
end

--[[
list:get(paths) -> {{object = object, [path] = value}, ...}
Several properties of all objects in one request: see property.get_many.
  paths          array of property paths
Raises: error objects.
Blocks: yes, one request.
]]
function methods:get(paths) return property.get_many(self.session, { table.unpack(self) }, paths) end

local function fits(value, wanted)
  if type(wanted) == "function" then return wanted(value) end
  if type(wanted) == "string" and type(value) == "string" then return value == wanted or glob.match(value, wanted) end
  return value == wanted
end

--[[
list:where(wanted) -> list
Those objects whose properties fit: list:where { name = "web-*", ["runtime.powerState"] = "poweredOn" }.
  wanted         table             property path -> a value, a glob, or a function: value -> boolean
Raises: error objects.
Blocks: yes, one request.
]]
function methods:where(wanted)
  local paths, out = {}, {}
  if type(wanted) ~= "table" then err.raise("usage", "where wants a table: list:where { name = \"web-*\" }") end
  for path in pairs(wanted) do paths[#paths + 1] = path end
  for _, row in ipairs(self:get(paths)) do
    local fine = true
    for _, path in ipairs(paths) do fine = fine and fits(row[path], wanted[path]) end
    if fine then out[#out + 1] = row.object end
  end
  return list.new(self.session, out)
end

return list
