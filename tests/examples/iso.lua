-- iso: the same files for an installer without a floppy driver: luabuild run tests/examples/iso.lua DIRECTORY
local iso = require "iso"

local directory = arg[1] or "."
local path = directory .. "/kickstart.iso"

-- anaconda looks for ks.cfg on a volume called OEMDRV by itself; cloud-init for user-data on one called cidata
local made = assert(iso.write(path, {
  label = "OEMDRV",
  files = { ["ks.cfg"] = "text\nreboot\n", ["scripts/a long name.lua"] = { file = arg[0] } },
}))
local f <close> = assert(io.open(path, "rb"))
print("size as said", f:seek "end" == made.size)
--> size as said	true
f:seek("set", 0x8001)
print(f:read(5)) -- ECMA-119, 8.4: the standard identifier of the first volume descriptor
--> CD001

local _, message, code = iso.write(path, { label = "a label that is too long", files = {} })
print(code .. ": " .. message)
--> format: iso: 'a label that is too long' cannot be a volume label (16 ASCII characters, or 32 of A-Z 0-9 _)
