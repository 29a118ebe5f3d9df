-- tail: the last of what a command said: the head of a long output tells nothing about why it failed
local tail = {}

local LINES, BYTES = 20, 16 * 1024

--[[
tail.lines(text [, count]) -> string|nil
The last lines of a text that have something in them; nil when there is none.
  count            integer = 20
]]
function tail.lines(text, count)
  local lines = {}
  for line in text:gmatch("[^\r\n]+") do lines[#lines + 1] = line end
  if #lines == 0 then return nil end
  return table.concat(lines, "\n", math.max(1, #lines - (count or LINES) + 1))
end

--[[
tail.keeper([listener]) -> function(stream, bytes), function() -> string|nil
A listener that keeps the last 16 KiB of what it hears and tells it on, and what gives tail.lines of that.
]]
function tail.keeper(listener)
  local kept = ""
  local function listen(stream, bytes)
    kept = (kept .. bytes):sub(-BYTES)
    if listener then listener(stream, bytes) end
  end
  return listen, function() return tail.lines(kept) end
end

return tail
