-- digest: checksums and what installers want of them: luabuild run tests/examples/digest.lua DIRECTORY
local digest = require "digest"

print(digest.string("sha256", "abc")) -- FIPS 180-4's own example
--> ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad

local path = (arg[1] or ".") .. "/abc"
local f <close> = assert(io.open(path, "wb"))
f:write("abc"):flush()
print(digest.file("sha1", path))
--> a9993e364706816aba3e25717850c26c9cd0d89d	3

-- of a stream: as much as there is of it so far
local stream <close> = digest.new "sha256"
print(stream:update("a"):update("bc"):hex() == digest.string("sha256", "abc"))
--> true

-- a kickstart's root password; the hash itself is the salt of the check
local hash = assert(digest.crypt "secret")
print(hash:sub(1, 3), digest.crypt("secret", hash) == hash, digest.crypt("Secret", hash) == hash)
--> $6$	true	false

print(digest.hex "\1\xff", digest.base64 "user:password", #digest.random(16))
--> 01ff	dXNlcjpwYXNzd29yZA==	16

print(digest.file("sha256", "/nonexistent"))
--> nil	open /nonexistent: No such file or directory	notfound
