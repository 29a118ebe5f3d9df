-- terminal: a command on a pseudo-terminal, driven key by key
local cjson = require "cjson"

local terminal = {}

local here = debug.getinfo(1, "S").source:match("^@(.*)/")

-- What a screen would show of the bytes: without sequences that colour and move.
local function plain(text) return (text:gsub("\27%[[%d;?]*[%a]", ""):gsub("\27[%(%)][%w]", ""):gsub("[\r\7\1]", "")) end

--[[
terminal.run(t, command, steps) -> output, status
Run a shell command on a terminal; output is what it wrote, without colours and cursor movements.
  steps          array of { wait = text|nil, send = keys|nil, hangup = boolean }   each waits for its text and then types, or hangs up
]]
function terminal.run(t, command, steps)
  local path = t:write(t:directory() .. "/steps.json", cjson.encode(steps))
  local out, status = t:shell(string.format("TERM=xterm python3 %s/terminal.py %s sh -c 'exec %s'", here, path, command:gsub("'", "'\\''")))
  return plain(out), status
end

return terminal
