local digest = require "digest"
local ova = require "ova"

local TIME = 1700000000 -- 2023-11-14 22:13:20 UTC
local GIB = 1 << 30

-- Put `bytes` at `offset` of the file of a writer, as http's save_at does.
local function save_at(writer, offset, bytes)
  local f <close> = assert(io.open(writer:path(), "r+b"))
  f:seek("set", offset)
  assert(f:write(bytes))
end

-- Make an archive of { name, bytes } pairs; those of `head` stand at the front.
local function make(path, head, files)
  local rooms = {}
  for i, e in ipairs(head) do rooms[i] = { name = e[1], room = #e[2] } end
  local w <close> = assert(ova.create(path, { head = rooms, mtime = TIME }))
  for _, e in ipairs(files) do
    save_at(w, assert(w:place(e[1])), e[2])
    assert(w:entry_done(#e[2]))
  end
  for i = #head, 1, -1 do assert(w:put(head[i][1], head[i][2])) end
  return assert(w:finish())
end

-- A disk as others make it: path and virtual size in bytes
local function vmdk(t, dir, name, subformat)
  t:write(dir .. "/raw", ("some bytes of a disk "):rep(20000) .. ("\0"):rep(5 << 20) .. digest.random(60000))
  local path = dir .. "/" .. (name or "disk.vmdk")
  local out, status = t:shell("truncate -s 8M " .. dir .. "/raw && qemu-img convert -q -O vmdk -o subformat="
    .. (subformat or "streamOptimized") .. " " .. dir .. "/raw " .. path)
  t:equal(status, 0, out)
  return path, 8 << 20
end

-- A minimal stream-optimised VMDK with a footer, as ESXi sends it: "Virtual Disk Format 5.0". No grains.
local function stream()
  local function header(directory)
    return (string.pack("<I4I4I4I8I8I8I8I4I8I8I8c1c4I2", 0x564d444b, 3, 0x30001, 16384, 128, 1, 1, 512, 0, directory, 128, "\0", "\n \r\n", 1)
      .. ("\0"):rep(512)):sub(1, 512)
  end
  local function marker(sectors, kind) return string.pack("<I8I4I4", sectors, 0, kind) .. ("\0"):rep(496) end
  return header(-1) .. ("\0"):rep(127 * 512) .. marker(1, 2) .. ("\0"):rep(512) .. marker(1, 3) .. header(129) .. marker(0, 0)
end

return {
  ["what is written is read by tar and bsdtar"] = function(t)
    local dir = t:directory()
    local path = dir .. "/a.ova"
    local disk, empty = digest.random(60000):rep(5), ""
    local made = make(path, { { "a.ovf", ("o"):rep(4096) }, { "a.mf", "m" } }, { { "a-disk-0.vmdk", disk }, { "sub/b.nvram", empty } })
    t:equal(t:shell("stat -c %s " .. path), made .. "\n")
    for _, tar in ipairs { "tar", "bsdtar" } do
      t:equal(t:shell(tar .. " -tf " .. path), "a.ovf\na.mf\na-disk-0.vmdk\nsub/b.nvram\n", tar)
      t:shell("rm -rf " .. dir .. "/x && mkdir " .. dir .. "/x && " .. tar .. " -C " .. dir .. "/x -xf " .. path)
      t:ok(t:read(dir .. "/x/a-disk-0.vmdk") == disk)
      t:equal(t:read(dir .. "/x/a.mf"), "m")
      t:equal(t:read(dir .. "/x/sub/b.nvram"), "")
      t:equal(t:shell("cd " .. dir .. "/x && TZ=UTC stat -c '%Y %a %s' a.ovf"), TIME .. " 644 4096\n")
    end
    t:equal(t:read(path):sub(258, 265), "ustar\00000") -- POSIX.1, ustar: magic and version
    t:equal(t:shell("ls -A " .. dir), "a.ova\nx\n")
  end,

  ["the mode is that of a new file, and an older archive is replaced"] = function(t)
    local path = t:directory() .. "/a.ova"
    t:write(path, "old")
    make(path, {}, { { "x", "1" } })
    t:equal(t:shell("touch " .. path .. "2; stat -c %a " .. path .. " " .. path .. "2 | uniq | wc -l"), "1\n")
    t:equal(ova.read(path, "x"), "1")
  end,

  ["an entry over 8 GiB gets a GNU header, others stay USTAR"] = function(t)
    local path = t:directory() .. "/big.ova"
    do
      local w <close> = assert(ova.create(path, { head = { { name = "a.ovf", room = 3 } }, mtime = TIME }))
      for _, size in ipairs { 8 * GIB - 1, 8 * GIB, 70 * GIB } do
        local at = assert(w:place("disk-" .. size))
        t:equal(t:shell("truncate -s " .. at + size .. " " .. w:path()), "") -- sparse
        save_at(w, at + size - 3, "end")
        assert(w:entry_done(size))
      end
      save_at(w, assert(w:place("after")), "behind them all")
      assert(w:entry_done(15))
      assert(w:put("a.ovf", "ovf"))
      assert(w:finish())
    end
    t:equal(t:shell("tar -xOf " .. path .. " after"), "behind them all")
    t:equal(ova.read(path, "after"), "behind them all")
    for _, tar in ipairs { "tar", "bsdtar" } do
      local out = t:shell(tar .. " --utc -tvf " .. path .. " 2>/dev/null || TZ=UTC " .. tar .. " -tvf " .. path)
      t:match(out, "3 .*a%.ovf\n.* 8589934591 .*disk%-8589934591\n.* 8589934592 .*disk%-8589934592\n.* 75161927680 .*disk%-75161927680\n.* 15 .*after\n$")
    end
    local list, about = ova.list(path)
    t:equal({ list[2].format, list[3].format, list[4].format }, { "ustar", "gnu", "gnu" })
    t:equal({ list[4].size, about.ended }, { 70 * GIB, true })
  end,

  ["long names and names that are not ASCII"] = function(t)
    local path = t:directory() .. "/a.ova"
    local names = { ("n"):rep(100), ("n"):rep(101), "dir/" .. ("n"):rep(300), "ünï 界 😀.vmdk", "a (1).vmdk" }
    local files, want = {}, {}
    for i, name in ipairs(names) do files[i], want[i] = { name, "content " .. i }, name .. "\n" end
    make(path, { { ("h"):rep(150), "head" } }, files)
    t:equal(t:shell("tar --quoting-style=literal -tf " .. path), ("h"):rep(150) .. "\n" .. table.concat(want))
    t:equal(t:shell("LC_ALL=C.UTF-8 bsdtar -tf " .. path), ("h"):rep(150) .. "\n" .. table.concat(want))
    local list = ova.list(path)
    for i, name in ipairs(names) do t:equal({ list[i + 1].name, ova.read(path, name) }, { name, "content " .. i }) end
    t:equal(ova.read(path, ("h"):rep(150)), "head")
  end,

  ["names that climb out, or come twice, are refused"] = function(t)
    local path = t:directory() .. "/a.ova"
    local w <close> = assert(ova.create(path, { head = { { name = "a", room = 0 } } }))
    for _, bad in ipairs { "", "/a", "..", "../a", "a/../b", "a//b", "a/", "./a", "a\0b", "a\\b", "C:x", "a\nb", ("n"):rep(1001) } do
      t:fails("format", w:place(bad))
      t:fails("format", ova.create(path .. "2", { head = { { name = bad, room = 1 } } }))
    end
    t:fails("exists", w:place("a"))
    t:fails("exists", ova.create(path .. "2", { head = { { name = "b", room = 1 }, { name = "b", room = 1 } } }))
    assert(w:place("b"))
    assert(w:entry_done(0))
    t:fails("exists", w:place("b"))
  end,

  ["an entry may be begun again, and what a longer attempt left is cut off"] = function(t)
    local path = t:directory() .. "/a.ova"
    local w <close> = assert(ova.create(path))
    save_at(w, assert(w:place("first")), ("x"):rep(5000))
    local at = assert(w:place("second"))
    save_at(w, at, "good")
    t:contains(t:fails("io", w:entry_done(6000)), "5000 of 6000 bytes")
    assert(w:entry_done(4))
    save_at(w, assert(w:place("third")), "3")
    assert(w:entry_done(1))
    assert(w:finish())
    t:equal(t:shell("tar -tf " .. path), "second\nthird\n")
    t:equal(ova.read(path, "second"), "good")
    t:ok(t:read(path):sub(at + 5, at + 512) == ("\0"):rep(508))
  end,

  ["an archive that is not finished leaves nothing"] = function(t)
    local dir = t:directory()
    t:write(dir .. "/a.ova", "old")
    do
      local w <close> = assert(ova.create(dir .. "/a.ova", { head = { { name = "a.ovf", room = 2 } } }))
      t:equal(t:shell("ls -A " .. dir .. " | wc -l"), "2\n")
      t:raises("'a.ovf' was not put", w.finish, w)
      t:contains(t:fails("format", w:put("a.ovf", "abc")), "3 bytes, but 2 are reserved")
      t:raises("no room", w.put, w, "other", "x")
      assert(w:place("b"))
      assert(w:put("a.ovf", "ab"))
      t:raises("'b' is not done", w.finish, w)
      t:raises("not negative", w.entry_done, w, -1)
    end
    t:equal(t:shell("ls -A " .. dir), "a.ova\n")
    t:equal(t:read(dir .. "/a.ova"), "old")
    local w = assert(ova.create(dir .. "/b.ova"))
    w:close()
    w:close()
    t:raises("closed ova.writer", w.place, w, "x")
    t:raises("did you mean 'head'", ova.create, dir .. "/b.ova", { heads = {} })
    t:raises("bad option 'head'", ova.create, dir .. "/b.ova", { head = { { name = "x" } } })
    t:fails("notfound", ova.create(dir .. "/none/b.ova"))
    t:equal(t:shell("ls -A " .. dir), "a.ova\n")
  end,

  ["files are added with their digests"] = function(t)
    local dir = t:directory()
    local bytes = digest.random(60000):rep(20)
    t:write(dir .. "/disk", bytes)
    do
      local w <close> = assert(ova.create(dir .. "/a.ova"))
      local done, total
      local added = assert(w:add("a/disk", dir .. "/disk", { digest = { "sha256", "sha1" }, mtime = 1, progress = function(...) done, total = ... end }))
      t:equal(added, { size = #bytes, digest = { sha256 = digest.string("sha256", bytes), sha1 = digest.string("sha1", bytes) } })
      t:equal({ done, total }, { #bytes, #bytes })
      t:fails("notfound", w:add("none", dir .. "/none"))
      t:fails("io", w:add("dir", dir))
      t:raises("sha256, sha1 or sha512", w.add, w, "x", dir .. "/disk", { digest = "md5" })
      t:raises("enough", w.add, w, "x", dir .. "/disk", { progress = function() error("enough") end })
      assert(w:place("next"))
      assert(w:entry_done(0))
      local size = assert(w:seal())
      local sealed = digest.file("sha256", w:path())
      t:equal({ w:finish(), digest.file("sha256", dir .. "/a.ova") }, { size, sealed, size }, "it was the archive when it was sealed")
    end
    t:equal(ova.digest(dir .. "/a.ova", "a/disk", "sha512"), digest.string("sha512", bytes))
    t:equal(ova.list(dir .. "/a.ova")[1].mtime, 1)
    local copied = assert(ova.extract(dir .. "/a.ova", "a/disk", dir .. "/copy", { digest = "sha256" }))
    t:equal(copied.digest.sha256, digest.string("sha256", bytes))
    t:ok(t:read(dir .. "/copy") == bytes)
    t:fails("notfound", ova.extract(dir .. "/a.ova", "none", dir .. "/copy2"))
    t:fails("notfound", ova.extract(dir .. "/a.ova", "a/disk", dir .. "/none/copy2"))
    t:equal(t:shell("ls -A " .. dir), "a.ova\ncopy\ndisk\n")
  end,

  ["archives of other origin are read"] = function(t)
    local dir = t:directory()
    local long, bytes = ("l"):rep(160) .. ".vmdk", digest.random(60000)
    t:write(dir .. "/a.ovf", "<xml/>")
    t:write(dir .. "/ü界.mf", "mf")
    t:write(dir .. "/" .. long, bytes)
    local tars = {
      gnu = "tar --format=gnu -cf", pax = "tar --format=pax -cf", bsd_ustar = "bsdtar --format=ustar -cf", bsd_pax = "LC_ALL=C.UTF-8 bsdtar --format=pax -cf",
      bsd_gnu = "bsdtar --format=gnutar -cf", v7 = "tar --format=v7 -cf",
    }
    for kind, command in pairs(tars) do
      local path = dir .. "/" .. kind
      local names = { "a.ovf", "ü界.mf" }
      if kind ~= "v7" and kind ~= "bsd_ustar" then names[3] = long end
      local out, status = t:shell("cd " .. dir .. " && " .. command .. " " .. path .. " '" .. table.concat(names, "' '") .. "'")
      t:equal(status, 0, out)
      local list, about = assert(ova.list(path))
      t:equal(#list, #names, kind)
      t:equal(about.ended, true)
      for i, name in ipairs(names) do
        t:equal({ list[i].name, list[i].kind }, { name, "file" }, kind)
        t:ok(ova.read(path, name) == t:read(dir .. "/" .. name), kind .. " " .. name)
      end
      t:equal(list[1].format, kind:match("%w+$"), kind)
    end
  end,

  ["what is no plain file is said and not read"] = function(t)
    local dir = t:directory()
    t:shell("cd " .. dir .. " && echo 1 > f && ln f hard && ln -s /etc/passwd soft && mkdir d && truncate -s 1M sparse && echo x >> sparse"
      .. " && mkfifo pipe && tar -S -cf a.ova f hard soft d sparse pipe")
    local kinds = {}
    for i, e in ipairs(assert(ova.list(dir .. "/a.ova"))) do kinds[i] = e.kind end
    t:equal(kinds, { "file", "hardlink", "symlink", "directory", "sparse", "other" })
    for _, name in ipairs { "hard", "soft", "d/", "sparse", "pipe" } do
      t:fails("format", ova.read(dir .. "/a.ova", name))
      t:fails("format", ova.extract(dir .. "/a.ova", name, dir .. "/out"))
    end
    t:fails("io", ova.list(dir .. "/pipe"))
  end,

  ["what is no archive, or a damaged one"] = function(t)
    local dir = t:directory()
    t:fails("notfound", ova.list(dir .. "/none"))
    t:fails("format", ova.list(t:write(dir .. "/empty", "")))
    t:fails("format", ova.list(t:write(dir .. "/text", ("no tar "):rep(1000))))
    t:shell("cd " .. dir .. " && gzip -k text")
    t:fails("format", ova.list(dir .. "/text.gz"))
    make(dir .. "/a.ova", {}, { { "a", ("a"):rep(3000) }, { "b", ("b"):rep(3000) } })
    local whole = t:read(dir .. "/a.ova")
    for at = 512, #whole - 1, 97 do
      local list, about = ova.list(t:write(dir .. "/cut", whole:sub(1, at)))
      t:ok(list and #list >= 1, "cut at " .. at)
      t:equal(about.ended, false, "cut at " .. at)
      local last = list[#list]
      if at < #whole - 1024 - 4096 then t:ok(last.offset + last.size > about.size or #list < 2, "cut at " .. at) end
    end
    t:contains(t:fails("format", ova.read(t:write(dir .. "/cut", whole:sub(1, 2000)), "a")), "cut off")
    t:fails("format", ova.digest(dir .. "/cut", "a", "sha1"))
    t:fails("format", ova.extract(dir .. "/cut", "a", dir .. "/out"))
    t:equal(io.open(dir .. "/out"), nil)
    local damaged = whole:sub(1, 3584) .. "x" .. whole:sub(3586)
    local list, about = ova.list(t:write(dir .. "/damaged", damaged))
    t:equal({ #list, about.ended }, { 1, false })
    t:ok(about.problem)
    t:contains(t:fails("format", ova.read(dir .. "/a.ova", "a", 2999)), "3000 bytes, more than 2999")
    t:fails("notfound", ova.read(dir .. "/a.ova", "c"))
  end,

  ["random bytes are no archive, and crash nothing"] = function(t)
    local dir = t:directory()
    make(dir .. "/a.ova", {}, { { "a", ("a"):rep(700) }, { ("b"):rep(200), "b" } })
    local whole = t:read(dir .. "/a.ova")
    for _ = 1, 200 do
      local bytes = { whole:byte(1, -1) }
      for _ = 1, 8 do bytes[math.random(#bytes)] = math.random(0, 255) end
      local path = t:write(dir .. "/x", string.char(table.unpack(bytes)))
      local list, _, code = ova.list(path)
      t:ok(list or code == "format")
      for _, e in ipairs(list or {}) do ova.read(path, e.name) end
    end
  end,

  ["random trees go through pack and unpack of tar"] = function(t)
    math.randomseed(7)
    for round = 1, 8 do
      local dir = t:directory()
      local files, seen = {}, {}
      for i = 1, math.random(0, 12) do
        local name = ("xyz "):rep(math.random(0, 40)):sub(1, math.random(1, 150)) .. i
        if math.random() < 0.3 then name = "d" .. math.random(3) .. "/" .. name end
        files[i] = { name, digest.random(1 + math.random(2000)):rep(math.random(0, 40)) }
        seen[name] = files[i][2]
      end
      make(dir .. "/a.ova", { { "head", "h" } }, files)
      local out, status = t:shell("mkdir " .. dir .. "/x && tar -C " .. dir .. "/x -xf " .. dir .. "/a.ova")
      t:equal({ out, status }, { "", 0 }, "round " .. round)
      for name, bytes in pairs(seen) do t:ok(t:read(dir .. "/x/" .. name) == bytes, name) end
      -- and the other way round
      t:shell("cd " .. dir .. "/x && tar -cf ../b.ova *")
      for _, e in ipairs(assert(ova.list(dir .. "/b.ova"))) do
        if e.kind == "file" then t:ok(ova.read(dir .. "/b.ova", e.name) == (seen[e.name] or "h"), e.name) end
      end
    end
  end,

  ["a signal ends adding, and nothing is left"] = function(t)
    local dir = t:directory()
    t:shell("truncate -s 20G " .. dir .. "/big")
    local script = t:write(dir .. "/s.lua", [[
      local w <close> = assert(require("ova").create(arg[1] .. "/out/a.ova"))
      w:add("big", arg[1] .. "/big", { digest = "sha256", progress = function() io.stdout:write("x") io.stdout:flush() end })]])
    local out, status = t:shell("mkdir " .. dir .. "/out; { " .. arg[-1] .. " run " .. script .. " " .. dir
      .. " & echo $! >" .. dir .. "/pid; wait $!; echo \" $?\"; } | { head -c 1 >/dev/null; kill -INT $(cat " .. dir .. "/pid); cat; }")
    t:match(out, "130", "status " .. status)
    t:equal(t:shell("ls -A " .. dir .. "/out"), "")
  end,

  ["a disk without room is an error that leaves nothing"] = function(t)
    local dir = t:directory()
    t:write(dir .. "/f", ("x"):rep(1 << 20))
    local script = t:write(dir .. "/s.lua", [[
      local w <close> = assert(require("ova").create(arg[1] .. "/a.ova"))
      print(w:add("f", arg[1] .. "/f"))]])
    local out = t:shell("ulimit -f 64; " .. arg[-1] .. " run " .. script .. " " .. dir)
    t:match(out, "^nil\t.*File too large\tio\n$")
    t:equal(t:shell("ls -A " .. dir), "f\ns.lua\n")
  end,

  ["whole disks are told from cut off ones"] = function(t)
    local dir = t:directory()
    for _, subformat in ipairs { "streamOptimized", "monolithicSparse" } do
      local path, capacity = vmdk(t, dir, subformat, subformat)
      t:equal(ova.vmdk(path), { kind = subformat, capacity = capacity })
      local bytes = t:read(path)
      -- in an archive
      make(dir .. "/a.ova", {}, { { "x", "1" }, { "d.vmdk", bytes } })
      local entry = ova.list(dir .. "/a.ova")[2]
      t:equal(ova.vmdk(dir .. "/a.ova", entry.offset, entry.size).capacity, capacity)
      t:shell("tar -C " .. dir .. " -xf " .. dir .. "/a.ova d.vmdk")
      t:contains(t:shell("qemu-img info " .. dir .. "/d.vmdk"), "8 MiB (8388608 bytes)")
      for _, part in ipairs { 0.1, 0.4, 0.6 } do -- qemu-img puts zeros behind the last grain
        t:contains(t:fails("format", ova.vmdk(t:write(dir .. "/cut", bytes:sub(1, #bytes * part // 1 | 0)))), "cut off")
      end
    end
    local whole = stream()
    t:equal(ova.vmdk(t:write(dir .. "/s", whole)), { kind = "streamOptimized", capacity = 8 << 20 })
    for _, less in ipairs { 1, 512, 1024, 1536, #whole - 513 } do
      t:contains(t:fails("format", ova.vmdk(t:write(dir .. "/s", whole:sub(1, -less - 1)))), "cut off", less .. " less")
    end
    t:contains(t:fails("format", ova.vmdk(t:write(dir .. "/s", whole .. "\0"))), "no whole sectors")
    t:contains(t:fails("format", ova.vmdk(t:write(dir .. "/s", "# Disk DescriptorFile\n" .. ("\n"):rep(600)))), "text descriptor")
    t:contains(t:fails("format", ova.vmdk(t:write(dir .. "/s", ("x"):rep(600)))), "no VMDK")
    t:fails("format", ova.vmdk(t:write(dir .. "/s", "")))
    t:fails("notfound", ova.vmdk(dir .. "/none"))
    for _ = 1, 300 do -- nonsense is refused or taken, nothing worse
      local at = math.random(80)
      local path = t:write(dir .. "/s", whole:sub(1, at - 1) .. string.char(math.random(0, 255)) .. whole:sub(at + 1))
      local found, _, code = ova.vmdk(path)
      t:ok(found or code == "format")
    end
  end,

  ["a certificate's signature is checked"] = function(t)
    local dir = t:directory()
    t:write(dir .. "/a.mf", "SHA256(a.ovf)= 00\n")
    local out, status = t:shell("cd " .. dir .. " && openssl req -quiet -x509 -newkey rsa:2048 -nodes -subj '/CN=maker of a' -keyout key -out pem 2>/dev/null"
      .. " || openssl req -x509 -newkey rsa:2048 -nodes -subj '/CN=maker of a' -keyout key -out pem"
      .. " && openssl dgst -sha256 -sign key -out sig a.mf"
      .. " && { printf 'SHA256(a.mf)= '; od -An -v -tx1 sig | tr -d ' \\n'; echo; cat pem; } > a.cert")
    t:equal(status, 0, out)
    local manifest, certificate = t:read(dir .. "/a.mf"), t:read(dir .. "/a.cert")
    t:equal(ova.signature(manifest, certificate), { subject = "/CN=maker of a", file = "a.mf" })
    t:contains(t:fails("format", ova.signature(manifest .. "\n", certificate)), "not one of this manifest")
    t:fails("format", ova.signature(manifest, (certificate:gsub("= %x%x", "= zz"))))
    t:fails("format", ova.signature(manifest, (certificate:gsub("BEGIN CERTIFICATE", "BEGIN"))))
    t:fails("format", ova.signature(manifest, ""))
    t:fails("format", ova.signature(manifest, "SHA256(a.mf)= " .. ("0"):rep(5000)))
    local encrypted = certificate:gsub("(BEGIN CERTIFICATE%-+\n)",
      "%1Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00112233445566778899AABBCCDDEEFF\n\n")
    t:fails("format", ova.signature(manifest, encrypted)) -- and nobody is asked for a pass phrase
  end,

  ["a header that claims more than there can be is a cut off entry"] = function(t)
    local path = t:directory() .. "/a.ova"
    make(path, {}, { { "disk", ("x"):rep(600) } })
    local bytes = t:read(path)
    local size = "\128\0\0\0" .. string.pack(">i8", math.maxinteger - 10) -- GNU's base-256 form
    local header = bytes:sub(1, 124) .. size .. bytes:sub(137, 148) .. (" "):rep(8) .. bytes:sub(157, 512)
    local sum = 0
    for i = 1, 512 do sum = sum + header:byte(i) end
    header = header:sub(1, 148) .. ("%06o\0 "):format(sum) .. header:sub(157)
    t:write(path, header .. bytes:sub(513))
    local list, about = assert(ova.list(path))
    t:equal({ #list, list[1].size, about.ended }, { 1, math.maxinteger - 10, false })
    t:contains(t:fails("format", ova.read(path, "disk")), "more than")
    t:contains(t:fails("format", ova.digest(path, "disk", "sha1")), "cut off")
    t:fails("format", ova.vmdk(path, list[1].offset, list[1].size))
    local other = t:write(path .. ".vmdk", stream())
    t:fails("format", ova.vmdk(other, 512, math.maxinteger))
    t:ok(ova.vmdk(other, 0, math.maxinteger))
    t:raises("above 1 PiB", function()
      local w <close> = assert(ova.create(path))
      w:place("x")
      w:entry_done(math.maxinteger)
    end)
    t:raises("'head'", ova.create, path, { head = { { name = "x", room = math.maxinteger } } })
    t:raises("'progress' %(function expected", ova.extract, path, "disk", path .. ".out", { progress = 5 })
  end,
}
