-- floppy pack|list|unpack: floppy images as a recipe's kickstart = { floppy = … } makes them, and those of others
local err = require "core.err"
local fat = require "cli.fat"

local function save(path, bytes)
  local file <close>, message = io.open(path, "wb")
  if not file then err.raise("io", message) end
  err.check(file:write(bytes))
end

local function open(path)
  local image, at = fat.open(path), 0
  local function each()
    at = at + 1
    return image.entries[at]
  end
  return setmetatable({ each = each, save = function(entry, to) save(to, image.read(entry)) end }, { __close = function() end })
end

return require("cli.medium").command(require("floppy").write, open, {
  doc = "make, list and unpack floppy images",
  text = "The image is FAT12, 1.44 MB, or 2.88 MB when the files need that; long names are kept. A recipe does the same by kickstart = { floppy = … }.",
  file = "FILE.img", pattern = "*.img *.flp", label = "volume label of pack, up to 11 characters",
})
