-- run SCRIPT.lua [ARG...]: the modules of luabuild as a script runtime; the script's options are its own
local err = require "core.err"

local function run(arguments, program)
  local path = arguments[1] or err.raise("usage", "run: which script?", { hint = "luabuild run SCRIPT.lua [ARG…]" })
  local script = table.move(arguments, 2, #arguments, 1, { [0] = path, [-1] = program })
  rawset(_G, "arg", script)
  local chunk, message = loadfile(path, "t")
  if not chunk then err.raise("usage", message, { op = "run" }) end
  local status = chunk(table.unpack(script))
  return math.type(status) == "integer" and status or 0
end

return { doc = "run a Lua script with luabuild's modules", usage = "luabuild run SCRIPT.lua [ARG…]", raw = true, run = run }
