-- spec: declared shapes of tables. One declaration drives validation, defaults, help and completion.
-- A type is { name, read = function(self, value, path, problems) -> value }; a problem is { path, message }. For help it also says what
-- it is made of: min, max (integer), values (enum), unit, item and single (list, map), fields and short (record), among (either).
local runtime = require "runtime"
local units = require "core.units"

local spec = {}

local function add(problems, path, message) problems[#problems + 1] = { path = path, message = message } end

local function expected(problems, path, want, value)
  local got = type(value) == "string" and string.format("%q", value) or type(value) == "number" and tostring(value) or "a " .. type(value)
  add(problems, path, string.format("%s expected, got %s", want, got))
end

local function of_lua_type(name, want)
  return { name = name, read = function(_, value, path, problems)
    if type(value) == want then return value end
    expected(problems, path, name, value)
  end }
end

spec.string = of_lua_type("string", "string")
spec.func = of_lua_type("function", "function")
spec.any = { name = "any", read = function(_, value) return value end }
spec.text = { name = "string", read = function(_, value, path, problems) -- a number will do: names and versions
  if type(value) == "string" then return value end
  if math.type(value) == "integer" then return tostring(value) end
  expected(problems, path, "string", value)
end }

spec.boolean = { name = "boolean", read = function(_, value, path, problems)
  if type(value) == "boolean" then return value end
  if value == "true" or value == "1" then return true end
  if value == "false" or value == "0" or value == "" then return false end
  expected(problems, path, "true or false", value)
end }

--[[
spec.integer(min, max) -> type
A whole number between min and max (both may be nil); "4" is taken for 4.
]]
function spec.integer(min, max)
  return { name = "integer", min = min, max = max, read = function(_, value, path, problems)
    local number = math.tointeger(tonumber(value))
    if not number then return expected(problems, path, "a whole number", value) end
    if (min and number < min) or (max and number > max) then
      return add(problems, path, string.format("%d is out of range (%s to %s)", number, min or "any", max or "any"))
    end
    return number
  end }
end

local function by(reader, name, unit)
  return { name = name, unit = unit, read = function(_, value, path, problems)
    local kind = type(value)
    if kind ~= "string" and kind ~= "number" then return expected(problems, path, name, value) end
    local read, message = reader(value)
    if not read then return add(problems, path, message) end
    return read
  end }
end

spec.size = by(units.bytes, "size", "\"4GiB\", or a number of MiB") -- bytes as an integer; a variable of this type stays as it was given
spec.duration = by(units.seconds, "duration", "\"15s\", or a number of seconds") -- seconds as a number

--[[
spec.enum(values) -> type
One of the strings in the array `values`.
]]
function spec.enum(values)
  return { name = table.concat(values, "|"), values = values, read = function(_, value, path, problems)
    for _, known in ipairs(values) do if value == known then return value end end
    local near = runtime.nearest(tostring(value), values)
    add(problems, path, string.format("%q is not one of %s%s", tostring(value), table.concat(values, ", "),
      near and string.format(": did you mean %q?", near) or ""))
  end }
end

--[[
spec.list(item [, options]) -> type
An array of `item`; a single value is taken for an array of one when options.single.
]]
function spec.list(item, options)
  return { name = "list of " .. item.name, item = item, single = options and options.single, read = function(_, value, path, problems)
    if type(value) ~= "table" or (options and options.single and #value == 0 and next(value) ~= nil) then
      if not (options and options.single) then return expected(problems, path, "a list", value) end
      value = { value }
    end
    local out = {}
    for i, element in ipairs(value) do out[i] = item:read(element, path .. "[" .. i .. "]", problems) end
    for key in pairs(value) do
      if not (math.type(key) == "integer" and key >= 1 and key <= #value) then
        add(problems, path .. "." .. tostring(key), "a list has no names, only values in order")
      end
    end
    return out
  end }
end

--[[
spec.map(item) -> type
A table from names (strings) to `item`.
]]
function spec.map(item)
  return { name = "table of " .. item.name, item = item, read = function(_, value, path, problems)
    if type(value) ~= "table" then return expected(problems, path, "a table", value) end
    local out = {}
    for key, element in pairs(value) do
      if type(key) == "string" then out[key] = item:read(element, path .. "." .. key, problems)
      else add(problems, path, "names are expected, not list items") end
    end
    return out
  end }
end

--[[
spec.either(name, choose [, among]) -> type
A value whose type depends on it: choose(value) returns the type to read it by, or nil when none fits; `among` are those types.
]]
function spec.either(name, choose, among)
  return { name = name, among = among, read = function(_, value, path, problems)
    local kind = choose(value)
    if not kind then return expected(problems, path, name, value) end
    return kind:read(value, path, problems)
  end }
end

local function join(path, key) return path == "" and key or path .. "." .. key end

local function read_fields(record, value, path, problems)
  local out = {}
  for _, field in ipairs(record.fields) do
    local key, given = field[1], value[field[1]]
    if given == nil then given = field.default end
    if given ~= nil then
      out[key] = field[2]:read(given, join(path, key), problems)
    elseif field.required then
      add(problems, join(path, key), "is required" .. (field.doc and ": " .. field.doc or ""))
    end
  end
  return out
end

-- Why there is no such option, and where it may belong: into the table of another one, or it is misspelt.
local function unknown(record, key)
  for _, field in ipairs(record.fields) do
    if field[2].byname and field[2].byname[key] then return string.format("unknown option '%s': it belongs in %s = { … }", key, field[1]) end
  end
  local near = runtime.nearest(key, record.names)
  return string.format("unknown option '%s'%s", key, near and string.format(": did you mean '%s'?", near)
    or " (known: " .. table.concat(record.names, ", ") .. ")")
end

local function check_names(record, value, path, problems)
  for key in pairs(value) do
    if type(key) ~= "string" then
      if not record.positional then add(problems, path, "has no place for list items") end
    elseif not record.byname[key] then
      add(problems, join(path, key), unknown(record, key))
    end
  end
end

--[[
spec.record(name, fields) -> type
A table with exactly the declared fields.
  fields         array of { name, type, default=any, required=boolean, doc=string, secret=boolean }
  fields.short   string|nil        a value that is no table is taken for a table with this one field
  fields.positional type|nil       list items are allowed; each is read by this type
]]
function spec.record(name, fields)
  local record = { name = name, fields = fields, names = {}, byname = {}, positional = fields.positional, short = fields.short }
  for i, field in ipairs(fields) do record.names[i], record.byname[field[1]] = field[1], field end
  function record.read(_, value, path, problems)
    if type(value) ~= "table" then
      if not fields.short then return expected(problems, path, "a table", value) end
      value = { [fields.short] = value }
    end
    check_names(record, value, path, problems)
    local out = read_fields(record, value, path, problems)
    for i, element in ipairs(record.positional and value or {}) do
      out[i] = record.positional:read(element, path .. "[" .. i .. "]", problems)
    end
    return out
  end
  return record
end

--[[
spec.read(kind, value [, path]) -> value, problems
Read `value` by a type: the normalized value and the array of problems { path, message }, empty when all is well.
]]
function spec.read(kind, value, path)
  local problems = {}
  return kind:read(value, path or "", problems), problems
end

return spec
