-- names: what can be written at the REPL: its own names, some that are made when they are looked at, modules, types of the API
local vim = require "vim"
local runtime = require "runtime"
local contract = require "cli.contract"
local shape = require "cli.shape"

local names = {}

-- C modules and the like, which need no require there.
local MODULES = { cjson = "cjson", lfs = "lfs", finder = "vsphere.finder", device = "vsphere.device", inventory = "vsphere.inventory",
  property = "vsphere.property", datastore = "vsphere.datastore", session = "vsphere.session", err = "core.err", units = "core.units" }
for name in ("digest floppy http httpd iso keystroke ova process regex signal sftp ssh term vim xml"):gmatch("%w+") do MODULES[name] = name end

local function constructor(name)
  local t = name:find("^%u") and vim.type(name)
  return t and (t.kind == "data" or t.kind == "managed") and vim[name] or nil
end

--[[
names.new(options) -> environment
The names of a REPL.
  options.names  {name = value} = {}
  options.made   {name = function} = {}    called each time that the name is read; what is assigned to the name stands instead
  options.shapes {name = shape} = {}       what the made ones are, for completion: see cli.shape
environment = { table = the environment for load; constructors = {function = name} }
]]
function names.new(options)
  local own, made, constructors = {}, options.made or {}, {}
  for name, value in pairs(options.names or {}) do own[name] = value end
  local self = { table = own, made = made, shapes = options.shapes or {}, constructors = constructors }
  local function unknown(name)
    local all = names.all(self)
    table.sort(all)
    local near = runtime.nearest(tostring(name), all)
    error(string.format("undefined name '%s'%s", tostring(name), near and ": did you mean '" .. near .. "'?" or ""), 3)
  end
  setmetatable(own, { __index = function(_, name)
    if made[name] then return made[name]() end
    local value = rawget(_G, name)
    if value ~= nil then return value end
    if MODULES[name] then return require(MODULES[name]) end
    value = type(name) == "string" and constructor(name) or unknown(name)
    constructors[value] = name
    return value
  end })
  return self
end

--[[
names.all(environment) -> {string, ...}
The names that have a value, in no order; not the API's types.
]]
function names.all(self)
  local out, seen = {}, {}
  for _, from in ipairs { self.table, self.made, MODULES, _G } do
    for name in next, from do
      if type(name) == "string" and not seen[name] and not name:find("^_[%u_]") then out[#out + 1] = name end
      seen[name] = true
    end
  end
  return out
end

--[[
names.shape(environment, name) -> shape|nil
What a name stands for, as far as it can be told without making it.
]]
function names.shape(self, name)
  local value = rawget(self.table, name)
  if value ~= nil then return shape.of(value) end
  if self.shapes[name] then return self.shapes[name] end
  value = rawget(_G, name)
  if value ~= nil then return shape.of(value) end
  if MODULES[name] then return shape.of(require(MODULES[name])) end
  return constructor(name) and { kind = "constructor", type = name }
end

--[[
names.modules() -> {string, ...}
What require takes: the modules that have a name here, by their full names.
]]
function names.modules()
  local out = {}
  for _, path in pairs(MODULES) do out[#out + 1] = path end
  return out
end

--[[
names.fields(topic) -> {{ name = string }, ...}|nil
The fields of the options table that a function takes, as its contract lists them: lines such as "opts.timeout number = 600 …".
]]
function names.fields(topic)
  local out = {}
  for name in ("\n" .. (contract.find(topic) or "")):gmatch("\n%s+%a+%.([%a_][%w_]*)%s") do out[#out + 1] = { name = name } end
  return #out > 0 and out or nil
end

return names
