-- fat: reads FAT12 and FAT16 images, such as floppies, with long names. Source: Microsoft, "FAT: General Overview of On-Disk Format" 1.03
local err = require "core.err"

local fat = {}

local MOST = 64 << 20 -- bytes of an image: it is read as a whole
local ENTRY, DELETED, VOLUME, DIRECTORY, LONG = 32, 0xE5, 0x08, 0x10, 0x0F

local function refuse(self, why) err.raise("format", self.path .. ": " .. why) end

local function read_whole(path)
  local file <close>, message = io.open(path, "rb")
  if not file then err.raise("notfound", message) end
  local size = err.check(file:seek("end"))
  if size > MOST then err.raise("format", path .. ": it is no floppy: too big") end
  file:seek("set")
  return file:read("a")
end

-- Where everything is, from the first sector.
local function read_layout(self)
  if #self.bytes < 512 then refuse(self, "it is too short for a FAT image") end
  local sector, cluster, reserved, fats, root, small, fat_size = string.unpack("<I2I1I2I1I2I2xI2", self.bytes, 12)
  local sectors = small ~= 0 and small or string.unpack("<I4", self.bytes, 33)
  local sane = (sector == 512 or sector == 1024 or sector == 2048 or sector == 4096) and cluster > 0 and fats > 0 and fat_size > 0 and root > 0
  if not sane then refuse(self, "it is no FAT12 or FAT16 image") end
  local start = reserved * sector
  self.root, self.root_size = start + fats * fat_size * sector, root * ENTRY
  self.data, self.cluster, self.fat = self.root + (self.root_size + sector - 1) // sector * sector, cluster * sector, start
  self.clusters = (sectors * sector - self.data) // self.cluster
  if self.clusters < 1 or self.clusters >= 65525 then refuse(self, "it is no FAT12 or FAT16 image") end
  self.wide = self.clusters >= 4085
end

local function next_cluster(self, n)
  local at = self.fat + 1 + (self.wide and n * 2 or n + n // 2)
  if at + 1 > #self.bytes then refuse(self, "its allocation table is cut off") end
  local value = string.unpack("<I2", self.bytes, at)
  if not self.wide then value = n % 2 == 1 and value >> 4 or value & 0xFFF end
  return value
end

-- The content of a chain of clusters.
local function chain(self, first)
  local parts, n, count = {}, first, 0
  while n >= 2 and n < self.clusters + 2 do
    count = count + 1
    if count > self.clusters then refuse(self, "a chain of clusters never ends") end
    local at = self.data + (n - 2) * self.cluster
    parts[count] = self.bytes:sub(at + 1, at + self.cluster)
    n = next_cluster(self, n)
  end
  return table.concat(parts)
end

local function from_utf16(units)
  local out, i = {}, 1
  while units[i] and units[i] ~= 0 do
    local unit, low = units[i], units[i + 1]
    if unit & 0xFC00 == 0xD800 and low and low & 0xFC00 == 0xDC00 then
      unit, i = 0x10000 + ((unit & 0x3FF) << 10) + (low & 0x3FF), i + 1
    elseif unit & 0xF800 == 0xD800 then unit = 0xFFFD end
    out[#out + 1], i = utf8.char(unit), i + 1
  end
  return table.concat(out)
end

-- 13 units of a long name, in three pieces.
local function long_piece(entry)
  local units = { string.unpack("<I2I2I2I2I2", entry, 2) }
  units[6] = nil
  table.move({ string.unpack("<I2I2I2I2I2I2", entry, 15) }, 1, 6, 6, units)
  table.move({ string.unpack("<I2I2", entry, 29) }, 1, 2, 12, units)
  return units
end

-- The name in 8.3 form; bits 3 and 4 of byte 12 say which part is in small letters.
local function short_name(entry)
  local base, extension, flags = entry:sub(1, 8):gsub(" +$", ""), entry:sub(9, 11):gsub(" +$", ""), entry:byte(13)
  base = base:gsub("^\5", "\xE5")
  if flags & 0x08 ~= 0 then base = base:lower() end
  if flags & 0x10 ~= 0 then extension = extension:lower() end
  return (base .. (extension ~= "" and "." .. extension or "")):gsub("[\128-\255]", "_")
end

local function time_of(entry)
  local clock, day = string.unpack("<I2I2", entry, 23)
  local stamp = { year = 1980 + (day >> 9), month = math.max(1, day >> 5 & 15), day = math.max(1, day & 31), hour = clock >> 11, min = clock >> 5 & 63,
    sec = (clock & 31) * 2 }
  return string.format("%04d-%02d-%02d %02d:%02d", stamp.year, stamp.month, stamp.day, stamp.hour, stamp.min)
end

local function each_entry(bytes)
  local long, at = {}, 1 - ENTRY
  return function()
    while true do
      at = at + ENTRY
      local entry = bytes:sub(at, at + ENTRY - 1)
      if #entry < ENTRY or entry:byte() == 0 then return nil end
      local attributes = entry:byte(12)
      if entry:byte() == DELETED then long = {}
      elseif attributes & 0x3F == LONG then
        table.move(long, 1, #long, 14, long)
        table.move(long_piece(entry), 1, 13, 1, long)
      else
        local name = long[1] and from_utf16(long) or short_name(entry)
        long = {}
        return name, attributes, entry
      end
    end
  end
end

local function walk(self, bytes, below, depth, out)
  if depth > 32 then refuse(self, "its directories are too deep") end
  for name, attributes, entry in each_entry(bytes) do
    local first, size = string.unpack("<I2I4", entry, 27)
    if attributes & VOLUME ~= 0 then self.label = self.label or entry:sub(1, 11):gsub(" +$", "")
    elseif name ~= "." and name ~= ".." then
      local directory = attributes & DIRECTORY ~= 0
      if #out > 65536 then refuse(self, "it has too many entries") end
      out[#out + 1] = { name = below .. name, kind = directory and "directory" or "file", size = directory and 0 or size, time = time_of(entry), first = first }
      if directory then walk(self, chain(self, first), below .. name .. "/", depth + 1, out) end
    end
  end
  return out
end

--[[
fat.open(path) -> { entries = {entry, ...}, label = string|nil, read = function(entry) -> string }
The entries of an image, directories before what is in them; read returns a file's content.
entry = { name = "a/b.cfg", kind = "file"|"directory", size = integer (bytes), time = "2026-01-02 03:04", as it is written there }
Names are as the image has them: not to be trusted as paths.
Raises: notfound, io, format (it is no such image, or damaged).
Blocks: on disks only.
]]
function fat.open(path)
  local self = { path = path, bytes = read_whole(path) }
  read_layout(self)
  local entries = walk(self, self.bytes:sub(self.root + 1, self.root + self.root_size), "", 1, {})
  return { entries = entries, label = self.label, read = function(entry)
    local content = chain(self, entry.first)
    if #content < entry.size then refuse(self, entry.name .. " is cut off") end
    return content:sub(1, entry.size)
  end }
end

return fat
