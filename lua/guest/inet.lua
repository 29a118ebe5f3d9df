-- inet: addresses as the kernel, ifconfig and people write them
local inet = {}

--[[
inet.ipv6(bytes) -> string
Sixteen bytes as an address: the longest run of zeros as "::", an IPv4 address in IPv6 with dots.
Source: RFC 5952 4, 5.
]]
function inet.ipv6(bytes)
  if bytes:sub(1, 12) == ("\0"):rep(10) .. "\255\255" then return "::ffff:" .. table.concat({ bytes:byte(13, 16) }, ".") end
  local groups, best, length = {}, 0, 1
  for i = 1, 8 do groups[i] = string.unpack(">I2", bytes, 2 * i - 1) end
  for i = 1, 8 do
    local n = 0
    while groups[i + n] == 0 do n = n + 1 end
    if n > length then best, length = i, n end
  end
  local function text(from, to)
    local out = {}
    for i = from, to do out[#out + 1] = string.format("%x", groups[i]) end
    return table.concat(out, ":")
  end
  if best == 0 then return text(1, 8) end
  return text(1, best - 1) .. "::" .. text(best + length, 8)
end

--[[
inet.from_kernel(hex) -> string
An address from /proc/net/tcp and its kin: words of 32 bits in the byte order of the guest, taken to be little-endian.
Source: proc(5).
]]
function inet.from_kernel(hex)
  local bytes = hex:gsub("(%x%x)(%x%x)(%x%x)(%x%x)", function(a, b, c, d)
    return string.char(tonumber(d, 16), tonumber(c, 16), tonumber(b, 16), tonumber(a, 16))
  end)
  if #bytes == 4 then return table.concat({ bytes:byte(1, 4) }, ".") end
  return inet.ipv6(bytes)
end

--[[
inet.from_ifconfig(line) -> string|nil
"127.0.0.1/8" from a line of ifconfig's, of net-tools (old and new) and busybox.
]]
function inet.from_ifconfig(line)
  local v6, prefix = line:match("^inet6 addr: *([%x:.]+)/(%d+)")
  if not v6 then v6, prefix = line:match("^inet6 ([%x:.]+) +prefixlen (%d+)") end
  if v6 then return v6 .. "/" .. prefix end
  local address, mask = line:match("^inet addr:([%d.]+).-Mask:([%d.]+)")
  if not address then address, mask = line:match("^inet ([%d.]+) +netmask ([%d.]+)") end
  if not address then return nil end
  local bits = 0
  for byte in mask:gmatch("%d+") do
    local value = tonumber(byte)
    while value & 0x80 ~= 0 do bits, value = bits + 1, value << 1 & 0xff end
  end
  return address .. "/" .. bits
end

return inet
