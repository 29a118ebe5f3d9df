-- iso pack|list|unpack: CD images as a recipe's kickstart = { cd = … } makes them, and those of others
local iso = require "iso"
local err = require "core.err"

local function open(path)
  local reader = err.check(iso.open(path))
  local function each()
    local entry = err.check(reader:next())
    if entry then entry.time = os.date("!%Y-%m-%d %H:%M", entry.mtime) end
    return entry or nil
  end
  return setmetatable({ each = each, save = function(_, to) err.check(reader:save(to)) end }, { __close = function() reader:close() end })
end

return require("cli.medium").command(iso.write, open, {
  doc = "make, list and unpack CD images",
  text = "The image is ISO 9660 with Joliet and Rock Ridge names; it is not bootable. A recipe does the same by kickstart = { cd = … }; "
    .. "a label such as OEMDRV or cidata is what installers look for.",
  file = "FILE.iso", pattern = "*.iso", label = "volume label of pack: 16 ASCII characters, or 32 of A-Z 0-9 _",
})
