-- units: sizes and durations as people write them
local units = {}

local SIZES = { b = 1, kib = 1 << 10, mib = 1 << 20, gib = 1 << 30, tib = 1 << 40,
                kb = 10 ^ 3 // 1 | 0, mb = 10 ^ 6 // 1 | 0, gb = 10 ^ 9 // 1 | 0, tb = 10 ^ 12 // 1 | 0,
                k = 1 << 10, m = 1 << 20, g = 1 << 30, t = 1 << 40 }
local SECONDS = { ms = 0.001, s = 1, m = 60, h = 3600 }

--[[
units.bytes(value) -> integer
                   -> nil, message
Read a size. "4GiB" is binary, "4GB" decimal, "4G" binary; a bare number, also as text, is MiB.
  value          string|number
]]
function units.bytes(value)
  local number, unit = tostring(value):match("^%s*(%d+%.?%d*)%s*(%a*)%s*$")
  local factor = number and SIZES[unit == "" and "mib" or unit:lower()]
  if not factor then
    return nil, string.format("%q is not a size: write 4GiB, 512MiB, or a number of MiB", tostring(value))
  end
  return math.floor(tonumber(number) * factor)
end

--[[
units.seconds(value) -> number
                     -> nil, message
Read a duration: "15s", "1m30s", "500ms", "2h"; a bare number, also as text, is seconds.
  value          string|number
]]
function units.seconds(value)
  local text = tostring(value)
  local bare = tonumber(text)
  if bare and bare >= 0 then return bare end
  local total, rest = 0, text
  while rest ~= "" do
    local number, unit, after = rest:match("^(%d+%.?%d*)(%a+)(.*)$")
    if not (number and SECONDS[unit]) then
      return nil, string.format("%q is not a duration: write 15s, 1m30s, 500ms, or a number of seconds", text)
    end
    total, rest = total + tonumber(number) * SECONDS[unit], after
  end
  if text == "" then return nil, '"" is not a duration: write 15s, 1m30s, 500ms, or a number of seconds' end
  return total
end

--[[
units.format_bytes(bytes) -> string
"1.4 MiB": a size for people.
]]
function units.format_bytes(bytes)
  local names, i, value = { "B", "KiB", "MiB", "GiB", "TiB" }, 1, bytes
  while value >= 1024 and i < #names do value, i = value / 1024, i + 1 end
  return string.format(i == 1 and "%d %s" or "%.1f %s", value, names[i])
end

--[[
units.time(text) -> number
                 -> nil
Seconds since 1970 of a time as vSphere writes it: "2026-11-22T17:20:00.5Z", or with "+02:00"; nil for anything else, nil too.
Source: XML Schema Part 2, 3.2.7 dateTime; the days are counted as in POSIX, 4.16.
]]
function units.time(text)
  local y, mo, d, h, mi, s, zone = (text or ""):match("^(%d%d%d%d)-(%d%d)-(%d%d)T(%d%d):(%d%d):(%d%d%.?%d*)(.*)$")
  local sign, zh, zm = (zone or ""):match("^([+-])(%d%d):(%d%d)$")
  if not y or not (zone == "" or zone == "Z" or sign) then return nil end
  y, mo = math.tointeger(y), math.tointeger(mo)
  local shifted = mo <= 2 and y - 1 or y -- years that begin in March: the leap day is their last
  local day = (153 * ((mo + 9) % 12) + 2) // 5 + d - 1
  local days = shifted * 365 + shifted // 4 - shifted // 100 + shifted // 400 + day - 719468
  local offset = sign and (zh * 3600 + zm * 60) * (sign == "-" and -1 or 1) or 0
  return days * 86400 + h * 3600 + mi * 60 + s - offset
end

--[[
units.format_seconds(seconds) -> string
"0.4s", "12s", "3m05s", "1h02m": a duration for people.
]]
function units.format_seconds(seconds)
  if seconds < 9.95 then return string.format("%.1fs", seconds) end
  local whole = math.floor(seconds + 0.5)
  if whole < 60 then return whole .. "s" end
  if whole < 3600 then return string.format("%dm%02ds", whole // 60, whole % 60) end
  return string.format("%dh%02dm", whole // 3600, whole % 3600 // 60)
end

return units
