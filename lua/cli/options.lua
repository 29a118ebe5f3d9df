-- options: the command line, from declarations
local runtime = require "runtime"
local err = require "core.err"

local options = {}

-- An option is { name, argument = what it takes (nil: a flag), many = boolean, values = {string, ...}, kind = what completion
-- offers (see cli.completion), default, short = boolean (shown with one dash), doc }. The sets are for commands to choose from.
options.sets = {
  variables = {
    { "var", argument = "NAME=VALUE", many = true, kind = "variable", doc = "set a variable" },
    { "var-file", argument = "FILE", many = true, kind = "varfile", doc = "variables from a JSON or Lua file" },
  },
  selection = {
    { "only", argument = "IMAGE", many = true, kind = "image", doc = "only these images (globs)" },
    { "except", argument = "IMAGE", many = true, kind = "image", doc = "all but these images (globs)" },
  },
  building = {
    { "force", doc = "build also what is up to date, replace what is not ours" },
    { "fresh", doc = "begin anew, whatever checkpoints a failed build has left" },
    { "on-error", argument = "WHAT", values = { "cleanup", "abort", "ask" }, default = "cleanup",
      doc = "cleanup: remove what was made; abort: keep it for a look; ask: what you want then" },
    { "until", argument = "STEP", kind = "step", doc = "end after this step and keep the machine: boot, provision, 'provision 2', its name" },
    { "from", argument = "STEP", doc = "go on with this provisioning step on the machine that was kept" },
    { "debug-step", doc = "stop before each step, to go on, to look around in a REPL, or to end" },
    { "cleanup-timeout", argument = "TIME", default = "60s", doc = "how long undoing may take after a failure or Ctrl-C" },
    { "jobs", argument = "N", default = "4", doc = "how many images to build side by side, 64 at most" },
  },
  force = { { "force", doc = "as if nothing were up to date, and replace what is not ours" } },
  output = {
    { "json", doc = "one JSON object per event on stdout: luabuild help events" },
    { "quiet", doc = "only warnings, failures and what was made, or asked for" },
    { "timestamps", doc = "begin each line with the time" },
    { "color", argument = "WHEN", values = { "auto", "always", "never" }, default = "auto", doc = "colours" },
  },
  debug = { { "debug", doc = "show requests and where errors come from; what they sent is in the log" } },
  help = { { "help", doc = "show help" } },
}

--[[
options.of(...) -> {option, ...}
The declarations of several sets, by name, and of single options, as one list; debug and help come last by themselves.
]]
function options.of(...)
  local out = {}
  for _, set in ipairs { ... } do
    if type(set) == "string" then table.move(options.sets[set], 1, #options.sets[set], #out + 1, out) else out[#out + 1] = set end
  end
  out[#out + 1], out[#out + 2] = options.sets.debug[1], options.sets.help[1]
  return out
end

-- What a command takes that names no options of its own.
options.common = options.of("variables", "selection", "building", "output")

--[[
options.key(option) -> string
The name under which an option's value is kept: "on_error" for --on-error.
]]
function options.key(option) return (option[1]:gsub("-", "_")) end

-- An option as it is typed, without a value.
local function dashed(option) return (option.short and "-" or "--") .. option[1] end

--[[
options.shown(option) -> string
An option as help writes it: "--on-error=cleanup|abort", "-s TEXT".
]]
function options.shown(option)
  local argument = option.values and #option.values <= 4 and table.concat(option.values, "|") or option.argument
  return dashed(option) .. (argument and (option.short and " " or "=") .. argument or "")
end

local function find(declared, name, given, command)
  local names, written = {}, { version = "--version" } -- that one stands in the place of a command
  for i, o in ipairs(declared) do
    if o[1] == name then return o end
    names[i], written[o[1]] = o[1], dashed(o)
  end
  if command == "build" then names[#names + 1] = "version" end
  local near = runtime.nearest(name, names)
  err.raise("usage", "unknown option " .. given, { hint = near and "did you mean " .. written[near] .. "?"
    or "luabuild help" .. (command and " " .. command or "") .. " lists the options" })
end

local function store(out, option, value)
  local key = options.key(option)
  if option.values then
    local ok
    for _, known in ipairs(option.values) do ok = ok or known == value end
    if not ok then
      local near = runtime.nearest(value, option.values)
      err.raise("usage", string.format("--%s: '%s' is not one of %s", option[1], value, table.concat(option.values, ", ")),
        { hint = near and "did you mean " .. near .. "?" or nil })
    end
  end
  if option.many then
    out[key] = out[key] or {}
    table.insert(out[key], value)
  else
    out[key] = value
  end
end

--[[
options.parse(arguments [, declared, command]) -> {name = value}, {string, ...}
Split arguments into options (--name value, --name=value, -name too; "--" ends them) and the rest.
  declared       array = options.common   from options.of
  command        string|nil        whose help is named in what is said of a mistake
Raises: usage.
]]
function options.parse(arguments, declared, command)
  declared = declared or options.common
  local out, rest, i = {}, {}, 1
  for _, o in ipairs(declared) do if o.default ~= nil then out[options.key(o)] = o.default end end
  while i <= #arguments do
    local argument = arguments[i]
    local name, value = argument:match("^%-%-?([%a][%w-]*)=(.*)$")
    name = name or argument:match("^%-%-?([%a][%w-]*)$")
    if argument == "--" then
      table.move(arguments, i + 1, #arguments, #rest + 1, rest)
      break
    elseif name then
      local option = find(declared, name == "h" and "help" or name, argument:match("^[^=]*"), command)
      if option.argument and value == nil then
        i = i + 1
        value = arguments[i] or err.raise("usage", string.format("%s wants a value: %s", argument, options.shown(option)))
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
