-- options: the command line, from declarations
local runtime = require "runtime"
local err = require "core.err"

local options = {}

-- { name, argument = what it takes (nil: a flag), many = boolean, values, default, doc }
options.common = {
  { "var", argument = "NAME=VALUE", many = true, doc = "set a variable" },
  { "var-file", argument = "FILE", many = true, doc = "variables from a JSON or Lua file" },
  { "force", doc = "build also what is up to date, replace what is not ours" },
  { "on-error", argument = "WHAT", values = { "cleanup", "abort" }, default = "cleanup", doc = "cleanup: remove what was made; abort: keep it for a look" },
  { "jobs", argument = "N", default = "4", doc = "how many images to build side by side" },
  { "only", argument = "IMAGE", many = true, doc = "only these images (globs)" },
  { "except", argument = "IMAGE", many = true, doc = "all but these images (globs)" },
  { "json", doc = "one JSON object per event on stdout" },
  { "timestamps", doc = "begin each line with the time" },
  { "color", argument = "WHEN", values = { "auto", "always", "never" }, default = "auto", doc = "colours" },
  { "debug", doc = "show requests and where errors come from" },
  { "help", doc = "show help" },
}

local function names(declared)
  local out = {}
  for i, o in ipairs(declared) do out[i] = "--" .. o[1] end
  return out
end

local function find(declared, name, given)
  for _, o in ipairs(declared) do if o[1] == name then return o end end
  local near = runtime.nearest("--" .. name, names(declared))
  err.raise("usage", "unknown option " .. given, { hint = near and "did you mean " .. near .. "?" or "luabuild help lists the options" })
end

local function store(out, option, value)
  local key = option[1]:gsub("-", "_")
  if option.values then
    if value == "ask" and key == "on_error" then
      err.raise("usage", "--on-error=ask is not there yet", { hint = "--on-error=abort keeps what was made, for a look" })
    end
    local ok
    for _, known in ipairs(option.values) do ok = ok or known == value end
    if not ok then err.raise("usage", string.format("--%s: '%s' is not one of %s", option[1], value, table.concat(option.values, ", "))) end
  end
  if option.many then
    out[key] = out[key] or {}
    table.insert(out[key], value)
  else
    out[key] = value
  end
end

--[[
options.parse(arguments [, declared]) -> {name = value}, {string, ...}
Split arguments into options (--name value, --name=value, -name too; "--" ends them) and the rest.
Raises: usage.
]]
function options.parse(arguments, declared)
  declared = declared or options.common
  local out, rest, i = {}, {}, 1
  for _, o in ipairs(declared) do if o.default ~= nil then out[o[1]:gsub("-", "_")] = o.default end end
  while i <= #arguments do
    local argument = arguments[i]
    local name, value = argument:match("^%-%-?([%a][%w-]*)=(.*)$")
    name = name or argument:match("^%-%-?([%a][%w-]*)$")
    if argument == "--" then
      table.move(arguments, i + 1, #arguments, #rest + 1, rest)
      break
    elseif name then
      local option = find(declared, name == "h" and "help" or name, argument:match("^[^=]*"))
      if option.argument and value == nil then
        i = i + 1
        value = arguments[i] or err.raise("usage", string.format("%s wants a value: %s=%s", argument, argument, option.argument))
      elseif not option.argument and value ~= nil then
        err.raise("usage", string.format("--%s takes no value", name))
      end
      store(out, option, option.argument and value or true)
    else
      rest[#rest + 1] = argument
    end
    i = i + 1
  end
  return out, rest
end

return options
