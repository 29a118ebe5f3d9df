-- help [COMMAND]: what there is; or one command
local err = require "core.err"
local options = require "cli.options"
local runtime = require "runtime"

local ORDER = { "build", "check", "plan", "inspect", "keys", "ova", "run", "help", "version" }

local function print_options(declared)
  print "\nOptions:"
  for _, o in ipairs(declared) do
    local argument = o.values and table.concat(o.values, "|") or o.argument
    local left = (o.short and "-" or "--") .. o[1] .. (argument and (o.short and " " or "=") .. argument or "")
    print(string.format("  %-34s %s", left, o.doc))
  end
end

local function overview()
  print "luabuild builds virtual machine images on VMware vSphere from recipes in Lua.\n"
  print "Usage: luabuild RECIPE… [IMAGE…]      build images\n       luabuild COMMAND …\n\nCommands:"
  for _, name in ipairs(ORDER) do print(string.format("  %-10s %s", name, require("cli.command." .. name).doc)) end
  print_options(options.common)
end

local function run(_, words)
  local name = words[1]
  if not name then
    overview()
    return 0
  end
  for _, known in ipairs(ORDER) do
    if known == name then
      local command = require("cli.command." .. name)
      print(command.usage .. "\n\n" .. command.doc .. (command.text and "\n\n" .. command.text or ""))
      if not command.raw then print_options(command.options or options.common) end
      return 0
    end
  end
  local contract = require("cli.contract").find(name)
  if contract then
    print(contract)
    return 0
  end
  local near = runtime.nearest(name, ORDER)
  err.raise("usage", string.format("no help for '%s'", name),
    { hint = near and "did you mean '" .. near .. "'?" or "a command, or a function such as ssh.connect" })
end

return { doc = "show help: of a command, or the contract of a function", usage = "luabuild help [COMMAND | MODULE.FUNCTION]", run = run }
