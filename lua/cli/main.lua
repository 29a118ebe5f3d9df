-- main: from the arguments to an exit status
local runtime = require "runtime"
local signal = require "signal"
local err = require "core.err"

local main = {}
local commands = {}

function commands.version()
  print("luabuild " .. runtime.version)
  return 0
end

-- run SCRIPT.lua [ARG...]: the script sees its arguments in `arg` and `...`
function commands.run(arguments)
  local path = arguments[2]
  if not path then
    io.stderr:write("luabuild run: which script? Usage: luabuild run SCRIPT.lua [ARG…]\n")
    return 2
  end
  local script = table.move(arguments, 3, #arguments, 1, { [0] = path, [-1] = arguments[0] })
  rawset(_G, "arg", script)
  local chunk, message = loadfile(path, "t")
  if not chunk then
    io.stderr:write("luabuild run: ", message, "\n")
    return 2
  end
  local status = chunk(table.unpack(script))
  return math.type(status) == "integer" and status or 0
end

local function report(e)
  if err.is(e, "cancelled") then
    io.stderr:write("luabuild: ", tostring(e), "\n")
    return 130
  end
  io.stderr:write("luabuild: ", tostring(e), "\n")
  return 1
end

--[[
main.main(arguments) -> integer
Run the program: arguments as in C, the program's name at index 0. Returns the exit status.
]]
function main.main(arguments)
  signal.catch()
  local name = arguments[1] or "help"
  local command = rawget(commands, name)
  if not command then
    io.stderr:write("luabuild: unknown command '", name, "'\n")
    return 2
  end
  local function handler(e)
    if type(e) == "string" then return debug.traceback(e, 2) end
    return e
  end
  local ok, result = xpcall(command, handler, arguments)
  if ok then return result end
  return report(result)
end

return main
