-- ova: any bytes as an archive: listed, read, verified and unpacked; nothing is written outside of the folder
local lfs = require "lfs"
local ova = require "ova"
local err = require "core.err"
local unpack = require "build.unpack"
local verify = require "build.verify"

local DIR = os.tmpname()
os.remove(DIR)
assert(lfs.mkdir(DIR))
local PATH = DIR .. "/archive"

local function remove(path)
  if lfs.symlinkattributes(path, "mode") ~= "directory" then return os.remove(path) end
  for name in lfs.dir(path) do if name ~= "." and name ~= ".." then remove(path .. "/" .. name) end end
  return lfs.rmdir(path)
end

local function read_all(entries, size)
  for _, entry in ipairs(entries) do
    assert(entry.size >= 0 and entry.offset >= 0 and entry.offset <= size, "outside of the archive")
    local text = ova.read(PATH, entry.name, 4096)
    local first
    for _, other in ipairs(entries) do first = first or (other.name == entry.name and other) end
    if text then assert(#text == first.size, "another size") end
  end
end

local function refused(ok, e) if not ok and not err.is(e) then error(e, 0) end end

return function(bytes)
  local file <close> = assert(io.open(PATH, "wb"))
  file:write(bytes)
  file:close()
  local entries, about = ova.list(PATH)
  if not entries then return assert(type(about) == "string", "no triple") end
  assert(about.size == #bytes, "another size")
  read_all(entries, #bytes)
  refused(pcall(verify.package, PATH))
  refused(pcall(unpack.ova, PATH, DIR .. "/in/out"))
  refused(pcall(unpack.ova, PATH, DIR .. "/out"))
  remove(DIR .. "/out")
  for name in lfs.dir(DIR) do assert(name == "." or name == ".." or name == "archive", "left: " .. name) end
end
