-- floppy: files of any names and sizes; the image is read back by a reader of its own, and now and then judged by fsck.fat
local floppy = require "floppy"

local PATH = os.tmpname()
local EVERY = 512 -- images between two that fsck.fat sees

local inputs = 0

-- "label\0" then, for each file, "name\0" and two bytes of size
local function read_input(bytes)
  local label, at = string.unpack("z", bytes .. "\0")
  local files, count = {}, 0
  while at < #bytes and count < 600 do
    local name, after = string.unpack("z", bytes .. "\0\0\0", at)
    local size = string.unpack("<I2", bytes .. "\0\0\0", after)
    files[name] = string.rep(name .. "\n", size // (#name + 1) * (size % 7 == 0 and 30 or 1))
    at, count = after + 2, count + 1
  end
  return label, files
end

-- A reader of FAT12: what FAT: General Overview of On-Disk Format says of the boot sector, the table and the entries
local function volume(image)
  local sector, per_cluster, reserved, copies, root, sectors, _, fat = string.unpack("<I2BI2BI2I2BI2", image, 12)
  assert(sector == 512 and copies == 2 and sectors * 512 == #image, "boot sector")
  local start = reserved + copies * fat
  local v = { image = image, cluster = per_cluster * 512, root = start * 512, entries = root, data = start * 512 + root * 32, used = {} }
  local tables = image:sub(reserved * 512 + 1, (reserved + fat) * 512)
  assert(tables == image:sub((reserved + fat) * 512 + 1, (reserved + 2 * fat) * 512), "the two tables differ")
  function v.next(cluster)
    local pair = string.unpack("<I2", tables, cluster + cluster // 2 + 1)
    return cluster % 2 == 0 and pair & 0xfff or pair >> 4
  end
  return v
end

local function chain(v, cluster)
  local out = {}
  while cluster >= 2 and cluster < 0xff8 do
    assert(not v.used[cluster], "a cluster is used twice")
    v.used[cluster] = true
    local from = v.data + (cluster - 2) * v.cluster
    assert(from + v.cluster <= #v.image, "outside of the volume")
    out[#out + 1] = v.image:sub(from + 1, from + v.cluster)
    cluster = v.next(cluster)
  end
  return table.concat(out)
end

local function from_utf16(text)
  local out, at = {}, 1
  while at < #text do
    local unit = string.unpack("<I2", text, at)
    at = at + 2
    if unit == 0 then break end
    if unit >= 0xd800 and unit < 0xdc00 then
      unit = 0x10000 + ((unit - 0xd800) << 10) + string.unpack("<I2", text, at) - 0xdc00
      at = at + 2
    end
    out[#out + 1] = utf8.char(unit)
  end
  return table.concat(out)
end

local function short_name(entry)
  local base, extension = entry:sub(1, 8):gsub(" +$", ""), entry:sub(9, 11):gsub(" +$", "")
  return extension == "" and base or base .. "." .. extension
end

local function walk(v, bytes, prefix, found)
  local long, aliases = "", {}
  for at = 1, #bytes, 32 do
    local entry = bytes:sub(at, at + 31)
    local attributes = entry:byte(12)
    if entry:byte() == 0 then break end
    if attributes == 0x0f then
      long = entry:sub(2, 11) .. entry:sub(15, 26) .. entry:sub(29, 32) .. long
    elseif attributes & 8 == 0 and entry:byte() ~= 0x2e then
      local alias = short_name(entry)
      assert(not aliases[alias], "an alias is there twice")
      aliases[alias] = true
      local name = prefix .. (long ~= "" and from_utf16(long) or alias)
      local cluster, size = string.unpack("<I2I4", entry, 27)
      local content = chain(v, cluster)
      if attributes & 16 ~= 0 then walk(v, content, name .. "/", found)
      else found[name] = content:sub(1, size) end
      long = ""
    end
  end
end

local function check_with_fsck(image)
  local file <close> = assert(io.open(PATH, "wb"))
  file:write(image)
  file:close()
  local pipe = assert(io.popen("/usr/sbin/fsck.fat -n " .. PATH .. " 2>&1"))
  local said = pipe:read("a")
  assert(pipe:close(), said)
end

return function(bytes)
  local label, files = read_input(bytes)
  local image, message, code = floppy.image { files = files, label = label, time = #bytes * 86400 }
  if not image then return assert(code == "format" and type(message) == "string", "no triple") end
  local found = {}
  local v = volume(image)
  walk(v, image:sub(v.root + 1, v.root + v.entries * 32), "", found)
  for name, content in pairs(files) do assert(found[name] == content, name .. " is not in the image as it was given") end
  for name in pairs(found) do assert(files[name], name .. " is in the image, but was not given") end
  inputs = inputs + 1
  if inputs % EVERY == 1 then check_with_fsck(image) end
end
