-- keystroke: any bytes as a boot command, on each layout
local keystroke = require "keystroke"

local LAYOUTS = { "us", "uk", "de", "fr" }

local function check(event, last)
  assert(math.type(event.column) == "integer" and event.column >= last, "columns go back")
  assert(#event.text > 0, "an event out of nothing")
  if event.wait then return assert(event.wait >= 0 and event.wait < math.huge, "a wait that is none") end
  assert(event.code >= 0 and event.code <= 0xff and event.hid == event.code << 16 | 7, "no usage code")
  for name in pairs(event.modifiers or {}) do assert(name:find("^left%u") or name:find("^right%u"), name) end
end

return function(bytes)
  local text = bytes:sub(2)
  local events, message, code = keystroke.parse(text, { layout = LAYOUTS[(bytes:byte() or 0) % 4 + 1] })
  if not events then
    assert(code == "format" and (utf8.len(message) or not utf8.len(text)), message)
    return
  end
  local last = 1
  for _, event in ipairs(events) do
    check(event, last)
    last = event.column
  end
  assert(#events > 0 or #text == 0 or not text:find("^[%w]"), "nothing typed")
end
