-- humane: single values of the API for people: sizes and times said in words, strings that cannot steer the terminal
local printable = require "core.printable"
local units = require "core.units"

local humane = {}

-- Fields whose bytes their name does not tell, by the type they stand in ("" for any).
local BYTES = { capacity = "^Datastore", freeSpace = "^Datastore", uncommitted = "", committed = "", unshared = "", memorySize = "^Host",
  maxFileSize = "", fileSize = "", totalMemory = "", effectiveMemory = "^Host" }

local function size(name, owner, value)
  if name:find("MB$") or name:find("InMb$") then return units.format_bytes(value * 1048576) end
  if name:find("KB$") then return units.format_bytes(value * 1024) end
  if name:find("[bB]ytes$") or (BYTES[name] and (owner or ""):find(BYTES[name])) then return units.format_bytes(value) end
  if name:find("Seconds$") then return units.format_seconds(value) end
  if name:find("Mhz$") or name == "overallCpuUsage" then return value .. " MHz" end
end

-- Seconds since 1970 of an XML Schema dateTime; one without a zone counts as UTC.
local function seconds_of(text)
  local y, m, d, h, min, s, rest = text:match("^(%d%d%d%d)%-(%d%d)%-(%d%d)T(%d%d):(%d%d):(%d%d)%.?%d*(.*)$")
  if not y then return nil end
  y, m = tonumber(y), tonumber(m)
  local shifted = m > 2 and y or y - 1 -- the year begins in March: the leap day is its last
  local days = 365 * shifted + shifted // 4 - shifted // 100 + shifted // 400 + (153 * ((m + 9) % 12) + 2) // 5 + tonumber(d) - 719469
  local sign, zh, zm = rest:match("^([+-])(%d%d):(%d%d)$")
  local zone = sign and (sign == "-" and -1 or 1) * (zh * 60 + zm) or 0
  return days * 86400 + h * 3600 + (min - zone) * 60 + s
end

local function distance(seconds)
  local s = math.abs(seconds)
  local text = s < 86400 and units.format_seconds(s) or string.format("%d day%s", s // 86400, s // 86400 == 1 and "" or "s")
  return seconds >= 0 and text .. " ago" or "in " .. text
end

--[[
humane.time(text, now) -> string, string
                       -> nil
A time of the API: "2026-11-22 17:19:26 UTC", and how far it is from now ("3m05s ago"). nil when the text is no time.
  now            integer           seconds since 1970
]]
function humane.time(text, now)
  local at = seconds_of(text)
  if at then return os.date("!%Y-%m-%d %H:%M:%S UTC", math.floor(at)), distance(math.floor(now - at)) end
end

--[[
humane.unit(field, owner, value) -> string|nil
What a number means, by the name of its field and the type it stands in: "4.0 GiB" for 4096 of memoryMB.
]]
function humane.unit(field, owner, value)
  if math.type(value) ~= "integer" then return nil end
  return size(field.name, owner, value)
end

local ESCAPES = { ["\n"] = "\\n", ["\t"] = "\\t", ["\r"] = "\\r", ['"'] = '\\"', ["\\"] = "\\\\", ["\27"] = "\\27" }

--[[
humane.quoted(text) -> string
A text as Lua would write it, without anything that steers a terminal.
]]
function humane.quoted(text)
  local escaped = text:gsub('[%c"\\]', function(c) return ESCAPES[c] or string.format("\\%03d", c:byte()) end)
  return '"' .. printable.clean(escaped) .. '"'
end

--[[
humane.harmless(text) -> string
A text of one line that cannot steer the terminal.
]]
function humane.harmless(text) return (printable.clean(text):gsub("[\n\t]", " ")) end

local function pixels(bytes)
  if bytes:sub(1, 8) ~= "\137PNG\r\n\26\n" or #bytes < 24 then return nil end
  return string.unpack(">I4I4", bytes, 17)
end

--[[
humane.binary(text) -> string|nil
What bytes that are no text are: "a PNG picture, 720 × 400, 4.1 KiB". nil for text.
]]
function humane.binary(text)
  local width, height = pixels(text)
  if width then return string.format("a PNG picture, %d × %d, %s", width, height, units.format_bytes(#text)) end
  if utf8.len(text) and not text:find("[%z\1-\8\14-\26]") then return nil end
  return string.format("%s of binary data", units.format_bytes(#text))
end

return humane
