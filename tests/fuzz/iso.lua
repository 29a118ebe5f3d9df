-- iso: any bytes as an ISO 9660 image: listed, read and unpacked; nothing is written outside of the folder, and no directory is endless
local lfs = require "lfs"
local iso = require "iso"
local err = require "core.err"

local SYSTEM_AREA = 32768 -- bytes that no reader looks at
local PLACES = 8192 -- 128 KiB behind it
local DIR = os.tmpname()
os.remove(DIR)
assert(lfs.mkdir(DIR))
local IMAGE, CONTENT, OUT = DIR .. "/image", DIR .. "/content", DIR .. "/out"

local unpack_image
for _, action in ipairs(require("cli.command.iso").actions) do
  if action[1] == "unpack" then unpack_image = action.run end
end

local function remove(path)
  if lfs.symlinkattributes(path, "mode") ~= "directory" then return os.remove(path) end
  for name in lfs.dir(path) do if name ~= "." and name ~= ".." then remove(path .. "/" .. name) end end
  return lfs.rmdir(path)
end

-- The input is what is not zero: pieces of two bytes of place behind the system area, in units of 16 bytes, two of length, and the bytes.
local function write_image(bytes)
  local file <close> = assert(io.open(IMAGE, "wb"))
  local at, size = 1, 0
  while at + 4 <= #bytes do
    local place, length = string.unpack("<I2I2", bytes, at)
    local piece = bytes:sub(at + 4, at + 3 + length)
    place = place % PLACES
    file:seek("set", SYSTEM_AREA + place * 16)
    file:write(piece)
    at, size = at + 4 + length, math.max(size, place * 16 + #piece)
  end
  if size % 2048 > 0 then
    file:seek("set", SYSTEM_AREA + (size // 2048 + 1) * 2048 - 1)
    file:write "\0"
  end
  return file:seek "end"
end

local function read_all(reader, size)
  local count = 0
  for entry, message, code in reader.next, reader do
    if entry == nil then return assert(code == "format" and type(message) == "string", "no triple") end
    if not entry then return end
    count = count + 1
    assert(count <= size / 34, "an endless directory")
    assert(entry.size >= 0 and entry.kind and entry.name, "an entry without size, kind or name")
    assert(math.type(entry.mtime) == "integer" and os.date("!%Y", entry.mtime), "no time")
    if entry.kind == "file" and entry.size < 1 << 20 then
      local saved
      saved, message, code = reader:save(CONTENT)
      assert(saved or (code == "format" and type(message) == "string"), message)
      assert(not saved or lfs.attributes(CONTENT, "size") == entry.size, "another size")
    end
  end
end

local function refused(ok, e) if not ok and not err.is(e) then error(e, 0) end end

local function quietly(f, ...)
  local print_before = print
  print = function() end -- luacheck: ignore
  local ok, e = pcall(f, ...)
  print = print_before -- luacheck: ignore
  refused(ok, e)
end

return function(bytes)
  local size = write_image(bytes)
  local reader, message, code = iso.open(IMAGE)
  if not reader then return assert(code == "format" and type(message) == "string", "no triple") end
  read_all(reader, size)
  reader:close()
  quietly(unpack_image, { force = true }, { IMAGE, OUT })
  remove(OUT)
  os.remove(CONTENT)
  for name in lfs.dir(DIR) do assert(name == "." or name == ".." or name == "image", "left: " .. name) end
end
