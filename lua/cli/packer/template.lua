-- template: a JSON template of Packer and the values given to it
local cjson = require "cjson.safe"
local lfs = require "lfs"
local err = require "core.err"
local varfile = require "build.varfile"

local template = {}

local KNOWN = { variables = true, builders = true, provisioners = true, description = true, min_packer_version = true,
  ["post-processors"] = true, ["sensitive-variables"] = true, ["error-cleanup-provisioner"] = true, push = true }

-- null is as good as nothing, but for a variable, which it makes required.
local function without_null(value, depth)
  if value == cjson.null then return nil end
  if type(value) ~= "table" or depth > 100 then return value end
  local out = {}
  for key, inner in pairs(value) do
    local kept = without_null(inner, depth + 1)
    if type(key) == "number" and kept ~= nil then out[#out + 1] = kept else out[key] = kept end
  end
  return out
end

-- Lists of objects, and objects, where a template has them.
local function check_shape(object, path)
  local function objects(name, depth)
    local list = object[name]
    for i, one in pairs(type(list) == "table" and list or { list }) do
      local fine = type(list) == "table" and type(i) == "number" and (type(one) == "table" or depth and type(one) == "string")
      if not fine then err.raise("usage", string.format("%s: %s is no list of objects", path, name)) end
    end
  end
  objects "builders"
  objects "provisioners"
  objects("post-processors", true)
  for _, name in ipairs { "variables", "error-cleanup-provisioner" } do
    local value = object[name]
    if value ~= nil and (type(value) ~= "table" or value[1] ~= nil) then err.raise("usage", string.format("%s: %s is no object", path, name)) end
  end
  for name, value in pairs(object.variables or {}) do
    if type(value) == "table" then err.raise("usage", string.format("%s: variable %s is no text", path, name)) end
  end
end

local HCL = { hint = "begin with luabuild init; luabuild help base and the README's table say what Packer's words are here" }

local function decode(path)
  if lfs.attributes(path, "mode") == "directory" then
    err.raise("usage", path .. ": a directory; name the JSON template", { op = "read the template" })
  end
  local file <close>, message = io.open(path, "rb")
  if not file then err.raise("usage", message, { op = "read the template" }) end
  local source = file:read "a" or ""
  if path:find "%.hcl$" and not source:find "^%s*{" then err.raise("usage", path .. ": an HCL template; JSON ones are read", HCL) end
  local value = varfile.decode(path, source)
  if type(value) ~= "table" then err.raise("usage", path .. ": not an object", { op = "read the template" }) end
  local variables = value.variables
  value = without_null(value, 0)
  value.variables = variables ~= cjson.null and variables or nil
  check_shape(value, path)
  return value, source
end

-- The end of the string that begins at `from`: the place after its quote.
local function after_string(source, from)
  local at = from + 1
  while true do
    local stop, _, mark = source:find('(["\\])', at)
    if not stop then return #source + 1 end
    at = stop + (mark == "\\" and 2 or 1)
    if mark == '"' then return at end
  end
end

-- JSON objects have no order; people have. The names of every object of the text, in their order, by the set of them.
local function orders(source)
  local found, stack, at = {}, {}, 1
  while true do
    local from, _, mark = source:find('([{}"])', at)
    if not from then return found end
    at = from + 1
    if mark == "{" then
      stack[#stack + 1] = {}
    elseif mark == "}" and #stack > 0 then
      local names = table.remove(stack)
      local sorted = table.move(names, 1, #names, 1, {})
      table.sort(sorted)
      found[table.concat(sorted, "\0")] = names
    elseif mark == '"' then
      at = after_string(source, from)
      if #stack > 0 and source:find("^%s*:", at) then table.insert(stack[#stack], source:sub(from + 1, at - 2)) end
    end
  end
end

local function in_order(object, known)
  local names = {}
  for name in pairs(type(object) == "table" and object or {}) do
    if type(name) == "string" then names[#names + 1] = name end
  end
  table.sort(names)
  return known[table.concat(names, "\0")] or names
end

local function plain(value) return value ~= cjson.null and (type(value) == "boolean" and tostring(value) or value) or nil end

-- name -> { value, origin = "template"|"given", required, secret }, and their order
local function read_variables(object, known, given)
  local variables, order = {}, {}
  local function add(name)
    if variables[name] then return variables[name] end
    order[#order + 1], variables[name] = name, { name = name }
    return variables[name]
  end
  for _, name in ipairs(in_order(object.variables or {}, known)) do
    local value, one = object.variables[name], add(name)
    one.value, one.origin, one.required = plain(value), "template", value == cjson.null
  end
  for _, pair in ipairs(given) do
    local one = add(pair[1])
    one.value, one.origin = plain(pair[2]), "given"
  end
  for _, name in ipairs(type(object["sensitive-variables"]) == "table" and object["sensitive-variables"] or {}) do
    if type(name) == "string" then add(name).secret = true end
  end
  return variables, order
end

-- What --var-file and --var say, later ones last.
local function read_given(options)
  local given = {}
  for _, path in ipairs(options.files or {}) do
    local file <close> = io.open(path, "rb")
    local values = varfile.read(path)
    for _, name in ipairs(in_order(values, orders(file and file:read "a" or ""))) do given[#given + 1] = { name, values[name] } end
  end
  for _, assignment in ipairs(options.assignments or {}) do
    local name, value = assignment:match("^([%w_-]+)=(.*)$")
    if not name then err.raise("usage", "--var: NAME=VALUE is expected") end
    given[#given + 1] = { name, value }
  end
  return given
end

-- A post-processor is an object, a name, or a list of such; the list is a sequence.
local function flat(list, out)
  for _, one in ipairs(list or {}) do
    if type(one) == "string" then out[#out + 1] = { type = one }
    elseif one[1] then flat(one, out)
    else out[#out + 1] = one end
  end
  return out
end

local function one_line(value) return (tostring(value):gsub("%c", " ")) end

--[[
template.read(path, options) -> template
Read a JSON template and the values for its variables.
  options.files  {string, ...} = {}       var-files
  options.assignments {string, ...} = {}  "name=value"
template = { path, description, builders, provisioners, post_processors, cleanup = provisioner|nil, unknown = {string, ...},
  variables = {name = { name, value, origin = "template"|"given"|nil, required, secret }}, order = {name, ...}, given = boolean,
  in_order = function(object) -> {name, ...} (as in the text) }
Raises: usage.
]]
function template.read(path, options)
  local object, source = decode(path)
  if object.source and object.build then err.raise("usage", path .. ": HCL written as JSON; templates with builders are read", HCL) end
  if type(object.builders) ~= "table" or not object.builders[1] then
    err.raise("usage", path .. ": no builders: it is no template of Packer", { hint = "var-files are given with --var-file" })
  end
  local given, known = read_given(options), orders(source)
  local variables, order = read_variables(object, known, given)
  local unknown = {}
  for _, name in ipairs(in_order(object, known)) do
    if not KNOWN[name] and name:sub(1, 1) ~= "_" then unknown[#unknown + 1] = name end
  end
  for _, builder in ipairs(object.builders) do builder.name = one_line(builder.name or builder.type or "builder") end
  return { path = path, description = type(object.description) == "string" and object.description or nil, builders = object.builders,
    provisioners = object.provisioners or {}, post_processors = flat(object["post-processors"], {}),
    cleanup = object["error-cleanup-provisioner"], unknown = unknown, variables = variables, order = order, given = #given > 0,
    in_order = function(value) return in_order(value, known) end }
end

return template
