-- ova: an archive whose disk is written before its descriptor is known: luabuild run tests/examples/ova.lua DIRECTORY
local digest = require "digest"
local manifest = require "build.manifest"
local ova = require "ova"

local directory = arg[1] or "."
local path = directory .. "/tiny.ova"

-- room for the descriptor, and for a manifest whose length is known before its digests are
local names = { "tiny.ovf", "tiny-disk-0.vmdk" }
local writer <close> = assert(ova.create(path, {
  head = { { name = "tiny.ovf", room = 64 }, { name = "tiny.mf", room = manifest.length("sha256", names) } },
  mtime = 1700000000,
}))

-- a disk: here a few bytes; else http's request { save = writer:path(), save_at = offset, digest = "sha256" }
local disk = ("disk"):rep(1000)
local offset = assert(writer:place("tiny-disk-0.vmdk"))
do
  local file <close> = assert(io.open(writer:path(), "r+b"))
  file:seek("set", offset)
  file:write(disk)
end
assert(writer:entry_done(#disk))

-- what stands at the front comes last
local descriptor = ("<Envelope/>" .. (" "):rep(64)):sub(1, 64)
assert(writer:put("tiny.ovf", descriptor))
assert(writer:put("tiny.mf", manifest.text("sha256", {
  { name = "tiny.ovf", hex = digest.string("sha256", descriptor) },
  { name = "tiny-disk-0.vmdk", hex = digest.string("sha256", disk) },
})))

-- the digest of the whole, and of the disk in it, before it has its name
print("size", assert(writer:seal()))
--> size	7680
local whole, _, parts = assert(digest.file("sha256", writer:path(), nil, { { at = offset, size = #disk } }))
assert(writer:finish())
print(whole == digest.file("sha256", path), parts[1] == digest.string("sha256", disk))
--> true	true

for _, entry in ipairs(ova.list(path)) do print(entry.name, entry.size, entry.format) end
--> tiny.ovf	64	ustar
--> tiny.mf	174	ustar
--> tiny-disk-0.vmdk	4000	ustar

-- what is wrong with it, by name
for _, problem in ipairs(require("build.verify").package(path).problems) do print(problem) end
--> tiny.ovf: not an OVF descriptor: the document is <Envelope> of no namespace
