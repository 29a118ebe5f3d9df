-- text: Packer's template strings, "a-{{user `b`}}", taken apart
local text = {}

-- `x` or "x", and bare words
local function arguments(source)
  local out = {}
  local rest = source:gsub("^%s+", "")
  while rest ~= "" do
    local value, after = rest:match("^`([^`]*)`%s*(.*)$")
    if not value then value, after = rest:match('^"([^"]*)"%s*(.*)$') end
    if not value then value, after = rest:match("^(%S+)%s*(.*)$") end
    out[#out + 1], rest = value, after
  end
  return out
end

local function call_of(source)
  local inner = source:match("^{{%-?%s*(.-)%s*%-?}}$")
  local first, pipe = inner:match("^(.-)%s*|%s*(.*)$")
  local words = arguments(first or inner)
  return { name = table.remove(words, 1) or "", arguments = words, pipe = pipe, source = source }
end

--[[
text.parse(template) -> {part, ...}
The parts of a template string: plain text as strings, and what stands in {{ }}.
part = string | { name = string ("user", "isotime", ".HTTPIP"), arguments = {string, ...}, pipe = string|nil, source = string }
Source: Packer's documentation, "Template Engine" (JSON templates).
]]
function text.parse(template)
  local parts, at = {}, 1
  template = tostring(template)
  while true do
    local from, to = template:find("{{.-}}", at)
    if not from then break end
    if from > at then parts[#parts + 1] = template:sub(at, from - 1) end
    parts[#parts + 1] = call_of(template:sub(from, to))
    at = to + 1
  end
  if at <= #template then parts[#parts + 1] = template:sub(at) end
  return parts
end

-- Go's reference time, Mon Jan 2 15:04:05 MST 2006, piece by piece; longer pieces first
local LAYOUT = { { "January", "%B" }, { "Monday", "%A" }, { "Z07:00", "Z" }, { "2006", "%Y" }, { "Jan", "%b" }, { "Mon", "%a" },
  { "MST", "UTC" }, { "01", "%m" }, { "02", "%d" }, { "03", "%I" }, { "04", "%M" }, { "05", "%S" }, { "06", "%y" }, { "15", "%H" },
  { "PM", "%p" } }

--[[
text.layout(layout) -> string
A layout of Go's time package as a format of os.date.
Source: Go, package time, "Constants".
]]
function text.layout(layout)
  local out, at = {}, 1
  while at <= #layout do
    local piece
    for _, known in ipairs(LAYOUT) do
      if layout:sub(at, at + #known[1] - 1) == known[1] then piece = known break end
    end
    out[#out + 1] = piece and piece[2] or layout:sub(at, at):gsub("%%", "%%%%")
    at = at + (piece and #piece[1] or 1)
  end
  return table.concat(out)
end

return text
