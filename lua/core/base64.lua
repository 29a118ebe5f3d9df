-- base64: bytes as text (RFC 4648, section 4)
local base64 = {}

local ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
local PAIR = {} -- 12 bits -> two characters
for i = 0, 4095 do PAIR[i] = ALPHABET:sub((i >> 6) + 1, (i >> 6) + 1) .. ALPHABET:sub((i & 63) + 1, (i & 63) + 1) end

local function group(a, b, c)
  local bits = a:byte() << 16 | (b:byte() or 0) << 8 | (c:byte() or 0)
  return PAIR[bits >> 12] .. (c ~= "" and PAIR[bits & 4095] or b ~= "" and PAIR[bits & 4095]:sub(1, 1) .. "=" or "==")
end

--[[
base64.encode(bytes) -> string
The bytes in base64, padded, without line breaks.
Blocks: no.  Source: RFC 4648, section 4.
]]
function base64.encode(bytes) return (bytes:gsub("(.)(.?)(.?)", group)) end

return base64
