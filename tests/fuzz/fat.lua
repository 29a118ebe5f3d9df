-- fat: any bytes as a FAT image: listed and read, or refused by an error object; nothing takes more than the image has
local err = require "core.err"
local fat = require "cli.fat"

local PATH = os.tmpname()

local function refused(ok, e) if not ok and not err.is(e, "format") then error(e, 0) end end

return function(bytes)
  local file <close> = assert(io.open(PATH, "wb"))
  file:write(bytes)
  file:close()
  local ok, image = pcall(fat.open, PATH)
  if not ok then return refused(ok, image) end
  for _, entry in ipairs(image.entries) do
    assert(entry.size >= 0 and entry.kind, "an entry without size or kind")
    local read, content = pcall(image.read, entry)
    refused(read, content)
    assert(not read or #content == entry.size, "another size")
    assert(utf8.len(entry.name), "a name that is no UTF-8")
  end
end
