-- floppy: a kickstart on a floppy image: luabuild run tests/examples/floppy.lua DIRECTORY
local floppy = require "floppy"

local directory = arg[1] or "."
local files = {
  ["7/ks.cfg"] = "text\nreboot\n",                -- from a string
  ["scripts/floppy.lua"] = { file = arg[0] },     -- from a file here
}

local made = assert(floppy.write(directory .. "/kickstart.flp", { label = "KICKSTART", files = files }))
print("kickstart.flp: " .. made.size .. " bytes")
--> kickstart.flp: 1474560 bytes

-- the same as a string, to send somewhere; the same time gives the same bytes
local image = assert(floppy.image { label = "KICKSTART", files = files, time = 1700000000 })
print(image == floppy.image { label = "KICKSTART", files = files, time = 1700000000 })
--> true

local _, message, code = floppy.image { files = { ["big.iso"] = string.rep("x", 3000000) } }
print(code .. ": " .. message)
--> format: floppy: the files need 3000320 bytes, the largest image (2.88 MB) has room for 2931712: 68608 too many; the largest is 'big.iso' with 3000000
