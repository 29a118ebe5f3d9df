local digest = require "digest"

-- FIPS 180-4 examples, as NIST's "SHA_All.pdf" and the CAVP byte vectors have them
local vectors = {
  { "sha1", "", "da39a3ee5e6b4b0d3255bfef95601890afd80709" },
  { "sha1", "abc", "a9993e364706816aba3e25717850c26c9cd0d89d" },
  { "sha256", "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
  { "sha256", "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
  { "sha256", "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
    "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
  { "sha512", "abc", "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a" ..
    "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f" },
}

return {
  ["the vectors of FIPS 180-4"] = function(t)
    for _, v in ipairs(vectors) do t:equal(digest.string(v[1], v[2]), v[3], v[1] .. " of " .. v[2]) end
    -- one million times "a"
    local s <close> = digest.new("sha256")
    for _ = 1, 1000 do s:update(("a"):rep(1000)) end
    t:equal(s:hex(), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
  end,
  ["a stream can be asked in between"] = function(t)
    local s <close> = digest.new("sha1")
    t:equal(s:hex(), digest.string("sha1", ""))
    t:equal(s:update("a"):hex(), digest.string("sha1", "a"))
    t:equal(s:update("bc"):hex(), digest.string("sha1", "abc"))
  end,
  ["a closed stream is refused"] = function(t)
    local s = digest.new("sha256")
    s:close()
    t:raises("closed digest.stream", s.update, s, "x")
    s:close()
  end,
  ["a file has the digest of its bytes, and progress ends at its size"] = function(t)
    local path = t:directory() .. "/f"
    for _, text in ipairs { "", "x", ("0123456789abcdef"):rep(100000) } do
      t:write(path, text)
      local done, total
      local hex, size = digest.file("sha256", path, function(...) done, total = ... end)
      t:equal({ hex, size, done, total }, { digest.string("sha256", text), #text, #text, #text })
    end
  end,
  ["ranges of a file have the digests of their bytes, and the file its own"] = function(t)
    local text = ("0123456789abcdef"):rep(150000) .. "z"
    local path = t:write(t:directory() .. "/f", text)
    local ranges = { { at = 0, size = 0 }, { at = 0, size = 1 }, { at = 5, size = 600000 }, { at = 600005, size = 0 }, { at = 600005, size = 1799995 },
      { at = 2400000, size = 1 }, { at = 2400001, size = 0 } }
    local hex, size, parts = digest.file("sha256", path, nil, ranges)
    t:equal({ hex, size, #parts }, { digest.string("sha256", text), #text, #ranges })
    for i, r in ipairs(ranges) do t:equal(parts[i], digest.string("sha256", text:sub(r.at + 1, r.at + r.size)), i) end
    t:equal(select(3, digest.file("sha1", t:write(path, ""), nil, { { at = 0, size = 0 } })), { digest.string("sha1", "") })
    t:contains(t:fails("io", digest.file("sha1", path, nil, { { at = 0, size = 1 } })), "cut off")
    for _, wrong in ipairs { { { at = -1, size = 1 } }, { { at = 0, size = -1 } }, { { at = 1, size = math.maxinteger } }, { 1 } } do
      t:raises("bad argument #4", digest.file, "sha1", path, nil, wrong)
    end
    t:write(path, "abc")
    t:raises("not in order", digest.file, "sha1", path, nil, { { at = 0, size = 2 }, { at = 1, size = 1 } })
    t:equal(require("runtime").live(), {})
  end,
  ["a file that cannot be read is refused by name"] = function(t)
    local dir = t:directory()
    t:contains(t:fails("notfound", digest.file("sha256", dir .. "/none")), dir .. "/none")
    t:contains(t:fails("io", digest.file("sha256", dir)), "not a regular file")
    t:shell("mkfifo " .. dir .. "/fifo")
    t:fails("io", digest.file("sha256", dir .. "/fifo")) -- at once
  end,
  ["an error in progress closes the file"] = function(t)
    local path = t:write(t:directory() .. "/f", "x")
    t:raises("enough", digest.file, "sha1", path, function() error("enough") end)
    t:equal(require("runtime").live(), {})
  end,
  ["an unknown algorithm is refused"] = function(t)
    t:raises("invalid option 'md5'", digest.string, "md5", "x")
  end,
  ["hex and base64"] = function(t)
    t:equal(digest.hex("\0\255az"), "00ff617a")
    -- RFC 4648 section 10
    for text, want in pairs { [""] = "", f = "Zg==", fo = "Zm8=", foo = "Zm9v", foob = "Zm9vYg==", foobar = "Zm9vYmFy" } do
      t:equal(digest.base64(text), want)
    end
  end,
  ["random bytes come in the asked number and differ"] = function(t)
    t:equal(#digest.random(32), 32)
    t:ok(digest.random(32) ~= digest.random(32))
    t:raises("1 to 65536", digest.random, 0)
  end,
  ["crypt makes what openssl makes of the same salt, and a salt of its own"] = function(t)
    local out = t:shell("openssl passwd -6 -salt saltstring 'Hello world!'")
    t:equal(digest.crypt("Hello world!", "$6$saltstring") .. "\n", out)
    local a, b = digest.crypt("secret"), digest.crypt("secret")
    t:match(a, "^%$6%$[./%w][./%w]+%$[./%w]+$")
    t:ok(a ~= b)
    t:equal(digest.crypt("secret", a), a)
    t:ok(digest.crypt("other", a) ~= a)
    t:fails("format", digest.crypt("a\0b"))
    t:fails("format", digest.crypt("a", "*0"))
  end,
}
