-- object: managed objects as Lua objects: properties are fields, API methods are methods, and so are ours
local runtime = require "runtime"
local vim = require "vim"

local object = {}
local classes = {} -- managed type -> table of our own methods
local callers = {} -- API method -> function

--[[
object.class(kind) -> table
The table of our own methods for a managed type and those derived from it: object.class("Task").wait = function(task) ... end.
]]
function object.class(kind)
  classes[kind] = classes[kind] or {}
  return classes[kind]
end

local common = object.class("ManagedObject")

local function own_method(kind, name)
  while kind do
    local method = classes[kind] and classes[kind][name]
    if method then return method end
    local description = vim.type(kind)
    kind = description and description.base
  end
  return common[name]
end

--[[
object.methods(kind) -> {name = function}
Our own methods of a managed type, with those of its bases.
Blocks: no.
]]
function object.methods(kind)
  local out = {}
  while kind do
    for name, method in pairs(classes[kind] or {}) do out[name] = out[name] or method end
    local description = vim.type(kind)
    kind = description and description.base
  end
  for name, method in pairs(common) do out[name] = out[name] or method end
  return out
end

local function caller(name)
  callers[name] = callers[name] or function(self, args, options) return self.session:invoke(self, name, args, options) end
  return callers[name]
end

--[[
object.method_name(f) -> string|nil
The API method that a function calls, which came as object.METHOD: "PowerOnVM_Task".
Blocks: no.
]]
function object.method_name(f)
  for name, known in pairs(callers) do if known == f then return name end end
end

local function unknown(self, name)
  local members = vim.members(self.kind)
  local names = members and members.methods or {}
  for _, field in ipairs(members and members.properties or {}) do names[#names + 1] = field.name end
  for own in pairs(object.methods(self.kind)) do names[#names + 1] = own end
  table.sort(names)
  local near = runtime.nearest(name, names)
  error(string.format("%s has no property or method '%s'%s", self.kind, name, near and ": did you mean '" .. near .. "'?" or ""), 3)
end

-- Found once per type and name: reading a property asks the server every time, but looking up what a name is must not.
local found = {}

-- fields of our own that an object may lack
local OPTIONAL = { session = true, known = true, sent = true }

local function index(self, name)
  if type(name) ~= "string" then return nil end
  local key = self.kind .. "." .. name
  local what = found[key]
  if what == nil then
    what = own_method(self.kind, name)
    if not what then
      local member = vim.member(self.kind, name)
      what = member == "method" and caller(name) or member
    end
    found[key] = what
  end
  if what == "property" then return self:get(name) end
  if what == nil and not OPTIONAL[name] then unknown(self, name) end
  return what
end

local meta = { __reference = true, __index = index, __name = "managed object" }

function meta.__tostring(self) return rawget(self, "kind") .. ":" .. rawget(self, "moid") end

function meta.__eq(a, b)
  return rawget(a, "kind") == rawget(b, "kind") and rawget(a, "moid") == rawget(b, "moid")
end

--[[
object.space(session) -> table
Where the objects of a session live: what vim.decode takes as its space.
]]
function object.space(session) return setmetatable({}, { __mode = "v", object = meta, session = session }) end

--[[
object.of(space, kind, moid) -> object
The object of a type's name and an id; always the same one while it is in use. Fields: kind, moid, session, known (what was
learnt about it that does not change, a table or nil).
]]
function object.of(space, kind, moid)
  local key = kind .. ":" .. moid
  local found_object = space[key]
  if not found_object then
    found_object = setmetatable({ kind = kind, moid = moid, session = getmetatable(space).session }, meta)
    space[key] = found_object
  end
  return found_object
end

--[[
object.is(value [, kind]) -> boolean
Is it a managed object (of that type or one derived from it)?
]]
function object.is(value, kind)
  return getmetatable(value) == meta and (kind == nil or vim.isa(value.kind, kind))
end

--[[
ManagedObject:get(paths) -> value|table
Read properties in one request: for a string its value (nil when it is not set), for an array of property paths a table
path -> value. `vm.config` is vm:get("config").
Raises: error objects; code fault, kind ManagedObjectNotFound, when the object is gone.
Blocks: yes.
]]
function common.get(self, paths)
  local property = require "vsphere.property"
  local one = type(paths) == "string"
  local values = property.get_many(self.session, { self }, one and { paths } or paths)[1]
  if one then return values[paths] end
  values.object = nil
  return values
end

return object
