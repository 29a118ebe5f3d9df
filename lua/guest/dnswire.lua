-- dnswire: DNS questions and answers as bytes, for guests without a tool that asks
local inet = require "guest.inet"

local dnswire = {}

dnswire.TYPES = { A = 1, NS = 2, CNAME = 5, PTR = 12, MX = 15, TXT = 16, AAAA = 28, SRV = 33 }
local CODES = { [0] = "no error", "format error", "server failure", "no such name", "not implemented", "refused" }

--[[
dnswire.question(id, name, kind) -> string
A question that wants recursion.
  id             integer           0 to 65535; the answer has the same
  kind           string            a name of dnswire.TYPES
Source: RFC 1035 4.1.
]]
function dnswire.question(id, name, kind)
  local labels = {}
  for label in name:gmatch("[^.]+") do labels[#labels + 1] = string.pack("s1", label) end
  return string.pack(">I2I2I2I2I2I2", id, 0x0100, 1, 0, 0, 0) .. table.concat(labels) .. "\0" .. string.pack(">I2I2", dnswire.TYPES[kind], 1)
end

-- The name at `at`, and where it ends; pointers lead backwards only, so that they end.
local function read_name(bytes, at)
  local labels, after, limit = {}, nil, at
  while true do
    local n = bytes:byte(at) or error("cut", 0)
    if n == 0 then break end
    if n >= 0xC0 then
      local target = (string.unpack(">I2", bytes, at) & 0x3FFF) + 1
      after = after or at + 2
      if target >= limit then error("a pointer that does not lead back", 0) end
      at, limit = target, target
    else
      labels[#labels + 1] = string.unpack("s1", bytes, at)
      at = at + 1 + n
    end
  end
  return table.concat(labels, "."), after or at + 1
end

local values = {}
values[1] = function(_, data) return #data == 4 and table.concat({ data:byte(1, 4) }, ".") or nil end
values[28] = function(_, data) return #data == 16 and inet.ipv6(data) or nil end
for _, kind in ipairs { 2, 5, 12 } do values[kind] = function(bytes, _, at) return (read_name(bytes, at)) end end
values[15] = function(bytes, data, at) return string.unpack(">I2", data) .. " " .. read_name(bytes, at + 2) end
values[33] = function(bytes, data, at)
  local priority, weight, port = string.unpack(">I2I2I2", data)
  return string.format("%d %d %d %s", priority, weight, port, read_name(bytes, at + 6))
end
values[16] = function(_, data)
  local out, at = {}, 1
  while at <= #data do out[#out + 1], at = string.unpack("s1", data, at) end
  return table.concat(out)
end

local function read_answer(bytes, id, kind)
  local got, flags, questions, answers = string.unpack(">I2I2I2I2", bytes)
  if got ~= id or flags & 0x8000 == 0 then error("not an answer to this question", 0) end
  if flags & 15 ~= 0 then return nil, CODES[flags & 15] or "code " .. (flags & 15) end
  local at, out = 13, {}
  for _ = 1, questions do
    local _, after = read_name(bytes, at)
    at = after + 4
  end
  for _ = 1, answers do
    local _, after = read_name(bytes, at)
    local found, _, _, data = string.unpack(">I2I2I4s2", bytes, after)
    if found == dnswire.TYPES[kind] then out[#out + 1] = values[found](bytes, data, after + 10) end
    at = after + 10 + #data
  end
  return out
end

--[[
dnswire.answer(bytes, id, kind) -> {string, ...}
                                -> nil, message
The records of the asked type in an answer: addresses, names, "10 mail.example" (MX), "0 5 5060 sip.example" (SRV), texts.
Source: RFC 1035 4.1; RFC 3596 2.2; RFC 2782.
]]
function dnswire.answer(bytes, id, kind)
  local ok, out, message = pcall(read_answer, bytes, id, kind)
  if not ok then return nil, "the answer cannot be read: " .. tostring(out) end
  return out, message
end

return dnswire
