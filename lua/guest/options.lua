-- options: what the methods of a guest take, read strictly: a misspelt one is no option that was left out
local spec = require "core.spec"

local options = {}

local COMMAND = { { "stdin", spec.string }, { "env", spec.map(spec.text) }, { "sudo", spec.boolean, default = false },
  { "timeout", spec.duration, default = 3600 }, { "limit", spec.integer(0) }, { "on_output", spec.func } }

local shapes = {
  ["shell.connect"] = spec.record("options", { { "address", spec.any, required = true }, { "port", spec.integer(1, 65535), default = 22 },
    { "username", spec.text, required = true }, { "password", spec.text }, { "key_file", spec.text }, { "key", spec.string },
    { "passphrase", spec.text }, { "agent", spec.boolean, default = false }, { "known", spec.text }, { "timeout", spec.duration, default = 1800 },
    { "note", spec.func }, { "hide", spec.func } }),
  ["guest:try"] = spec.record("options", COMMAND),
  ["guest:run"] = spec.record("options", table.move(COMMAND, 1, #COMMAND, 2,
    { { "valid", spec.list(spec.integer(0, 255), { single = true }), default = { 0 } } })),
  ["guest:write"] = spec.record("options", { { "mode", spec.integer(0, 4095) } }),
  ["guest:upload"] = spec.record("options", { { "mode", spec.integer(0, 4095) }, { "progress", spec.func } }),
  ["guest:download"] = spec.record("options", { { "progress", spec.func } }),
  ["guest:zero_free_space"] = spec.record("options", { { "timeout", spec.duration, default = 3600 }, { "trim", spec.boolean, default = true },
    { "only", spec.list(spec.text, { single = true }) }, { "note", spec.func } }),
  ["guest:reboot"] = spec.record("options", { { "timeout", spec.duration, default = 600 }, { "command", spec.text, default = "reboot" } }),
}

--[[
options.read(call, given) -> table
The options of a call, with their defaults; durations as seconds.
  call           string            "guest:run", "shell.connect"
  given          table|nil
Raises: what is wrong in them, at the line of the call.
]]
function options.read(call, given)
  local read, problems = spec.read(shapes[call], given or {}, "")
  if #problems == 0 then return read end
  local lines = {}
  for i, p in ipairs(problems) do
    local about = p.message:find "^unknown option" and "" or p.path .. " "
    lines[i] = call .. ": " .. about .. p.message
  end
  error(table.concat(lines, "\n"), 3)
end

return options
