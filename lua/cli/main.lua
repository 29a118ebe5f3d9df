-- main: from the arguments to an exit status: 0 done, 1 failed, 2 usage or recipe error, 130 interrupted
local lfs = require "lfs"
local signal = require "signal"
local err = require "core.err"
local commands = require "cli.commands"
local locale = require "cli.locale"

local main = {}

-- Which command, and its arguments: a file or an option first means build.
local function choose(arguments)
  local first = arguments[1]
  if first == nil or first == "--help" or first == "-h" then return commands.find "help", {} end
  if first == "--version" then return commands.find "version", {} end
  local command = commands.find(first)
  if command then return command, table.move(arguments, 2, #arguments, 1, {}) end
  if first:find("[./]") or first:find("^%-") or lfs.attributes(first, "mode") then
    return commands.find "build", table.move(arguments, 1, #arguments, 1, {})
  end
  local near, recipe = commands.nearest(first), require("cli.recipes").path_of(first)
  err.raise("usage", string.format("unknown command '%s'", first),
    { hint = recipe and "a recipe is named by its path: luabuild " .. recipe
      or near and "did you mean '" .. near .. "'?" or "luabuild help lists the commands; a recipe is named by its path, such as recipes/photon3.lua" })
end

local STATUS = { usage = 2, recipe = 2, cancelled = 130 }

-- One message for people; where it comes from only with --debug or LUABUILD_DEBUG.
local function report(e, debugging)
  if not err.is(e) then
    io.stderr:write("luabuild: internal error: ", tostring(e), "\n")
    return 1
  end
  if not e.shown then io.stderr:write("luabuild: ", locale.spell(tostring(e)), "\n") end
  if debugging and e.traceback and not e.shown then io.stderr:write(e.traceback, "\n") end
  return STATUS[e.code] or 1
end

local function handler(e)
  if err.is(e) then
    e.traceback = e.traceback or debug.traceback("", 2)
    return e
  end
  return debug.traceback(tostring(e), 2)
end

--[[
main.main(arguments) -> integer
Run the program: arguments as in C, the program's name at index 0. Returns the exit status.
]]
function main.main(arguments)
  signal.catch()
  local debugging = os.getenv "LUABUILD_DEBUG"
  local ok, result = xpcall(function()
    local chosen, rest = choose(arguments)
    if chosen.raw and rest[1] ~= "--help" then return chosen.run(rest, arguments[0]) end
    local given, words, command = commands.read(chosen, rest)
    debugging = debugging or given.debug
    return command.run(given, words)
  end, handler)
  if ok then return result or 0 end
  return report(result, debugging)
end

return main
