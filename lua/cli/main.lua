-- main: from the arguments to an exit status: 0 done, 1 failed, 2 usage or recipe error, 130 interrupted
local lfs = require "lfs"
local runtime = require "runtime"
local signal = require "signal"
local err = require "core.err"
local options = require "cli.options"

local main = {}

-- command -> module below cli.command; build is what a recipe alone means
local COMMANDS = { "build", "check", "plan", "inspect", "run", "keys", "ova", "help", "version" }

local function known_command(name)
  for _, command in ipairs(COMMANDS) do if command == name then return true end end
  return false
end

-- Which command, and its arguments: a file or an option first means build.
local function choose(arguments)
  local first = arguments[1]
  if first == nil then return "help", {} end
  if first == "--help" or first == "-h" then return "help", {} end
  if first == "--version" then return "version", {} end
  if known_command(first) or first == "child" then return first, table.move(arguments, 2, #arguments, 1, {}) end
  if first:find("[./]") or first:find("^%-") or lfs.attributes(first, "mode") then return "build", table.move(arguments, 1, #arguments, 1, {}) end
  local near, recipe = runtime.nearest(first, COMMANDS), "recipes/" .. first .. ".lua"
  err.raise("usage", string.format("unknown command '%s'", first),
    { hint = lfs.attributes(recipe, "mode") and "a recipe is named by its path: luabuild " .. recipe
      or near and "did you mean '" .. near .. "'?" or "luabuild help lists the commands; a recipe is named by its path, such as recipes/photon3.lua" })
end

local STATUS = { usage = 2, recipe = 2, cancelled = 130 }

-- One message for people; where it comes from only with --debug or LUABUILD_DEBUG.
local function report(e, debugging)
  if not err.is(e) then
    io.stderr:write("luabuild: internal error: ", tostring(e), "\n")
    return 1
  end
  if not e.shown then io.stderr:write("luabuild: ", tostring(e), "\n") end
  if debugging and e.traceback then io.stderr:write(e.traceback, "\n") end
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
    local name, rest = choose(arguments)
    local command = require("cli.command." .. name)
    if command.raw then return command.run(rest, arguments[0]) end
    local given, words = options.parse(rest, command.options or options.common)
    debugging = debugging or given.debug
    if given.help then return require("cli.command.help").run({}, { name }) end
    return command.run(given, words)
  end, handler)
  if ok then return result or 0 end
  return report(result, debugging)
end

return main
