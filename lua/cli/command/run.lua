-- run SCRIPT.lua [ARG...]: the modules of luabuild as a script runtime; the script's options are its own
local err = require "core.err"

-- A mistake in a script is shown with the way to it, as lua does.
local function with_traceback(e)
  if err.is(e) then return err.caught(e) end
  return err.new { code = "build", message = debug.traceback(tostring(e), 2) }
end

local function run(arguments, program)
  local path = arguments[1] or err.raise("usage", "run: which script?", { hint = "luabuild run SCRIPT.lua [ARG…]" })
  local script = table.move(arguments, 2, #arguments, 1, { [0] = path, [-1] = program })
  rawset(_G, "arg", script)
  local chunk, message = loadfile(path, "t")
  if not chunk then err.raise("usage", message, { op = "run" }) end
  local ok, status = xpcall(chunk, with_traceback, table.unpack(script))
  if not ok then error(status, 0) end
  return math.type(status) == "integer" and status or 0
end

return {
  doc = "run a Lua script with luabuild's modules",
  text = "The script's arguments are in arg and in ..., its options are its own; what it returns is the exit status, if it is a whole number.",
  words = { { "SCRIPT.lua", kind = "files *.lua" }, { "ARG", kind = "files *", many = true, optional = true } },
  raw = true,
  run = run,
}
