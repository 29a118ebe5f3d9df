-- ovf: any bytes as a descriptor, read and changed; a change made twice is the same as once
local ovf = require "build.ovf"

local CHANGES = { name = "new", eula = "text & <more>", annotation = "a", drop = { "boot_order", "nvram", "cdrom", "floppy", "extra_config" },
  product = { name = "P", version = "1", properties = { a = "b" }, transport = "com.vmware.guestInfo" } }

return function(bytes)
  local about = ovf.read(bytes)
  assert(about.version == 1 or about.version == 2, "no version")
  for _, file in ipairs(about.files) do assert(not file.size or math.type(file.size) == "integer", "no size") end
  local once = ovf.edit(bytes, CHANGES)
  ovf.read(once)
  local twice = ovf.edit(once, CHANGES)
  assert(ovf.edit(twice, CHANGES) == twice, "never at rest")
  ovf.pad(once, #once + 9)
end
