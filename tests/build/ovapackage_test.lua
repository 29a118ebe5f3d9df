-- verify, pack, unpack: OVF packages as archives and as folders, ours and others', good and bad
local digest = require "digest"
local lfs = require "lfs"
local manifest = require "build.manifest"
local ova = require "ova"
local pack = require "build.pack"
local unpack_ = require "build.unpack"
local verify = require "build.verify"

local tests = {}

local SIZE = 8 << 20 -- of the disks, bytes

-- A descriptor for files { href = , size =, [disk = capacity] }.
local function descriptor(files)
  local references, disks = {}, {}
  for i, f in ipairs(files) do
    references[i] = string.format('<File ovf:href="%s" ovf:id="file%d"%s%s/>', f.href, f.id or i, f.size and ' ovf:size="' .. f.size .. '"' or "",
      f.chunk and ' ovf:chunkSize="' .. f.chunk .. '"' or "")
    if f.disk then
      disks[#disks + 1] = string.format('<Disk ovf:capacity="%d" ovf:diskId="d%d" ovf:fileRef="%s" ovf:format="%s"/>', f.disk, i, f.ref or "file" .. i,
        "http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized")
    end
  end
  return string.format([[<?xml version="1.0" encoding="UTF-8"?>
<Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1" xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1">
  <References>%s</References>
  <DiskSection><Info>Disks</Info>%s</DiskSection>
  <VirtualSystem ovf:id="vm"><Info>A machine</Info><Name>vm</Name></VirtualSystem>
</Envelope>
]], table.concat(references), table.concat(disks))
end

-- A package in a folder: a.ovf, a.mf, a-disk-0.vmdk, a.nvram. Returns the folder.
local function folder(t, algorithm)
  local dir = t:directory()
  t:write(dir .. "/raw", digest.random(60000) .. ("\0"):rep(100000))
  local out, status = t:shell(string.format("cd %s && truncate -s %d raw && "
    .. "qemu-img convert -q -O vmdk -o subformat=streamOptimized raw a-disk-0.vmdk && rm raw", dir, SIZE))
  t:equal(status, 0, out)
  t:write(dir .. "/a.nvram", digest.random(8684))
  t:write(dir .. "/a.ovf", descriptor {
    { href = "a-disk-0.vmdk", size = lfs.attributes(dir .. "/a-disk-0.vmdk", "size"), disk = SIZE }, { href = "a.nvram", size = 8684 } })
  local lines = {}
  for i, name in ipairs { "a.ovf", "a-disk-0.vmdk", "a.nvram" } do
    lines[i] = { name = name, hex = digest.file(algorithm or "sha256", dir .. "/" .. name) }
  end
  t:write(dir .. "/a.mf", manifest.text(algorithm or "sha256", lines))
  return dir
end

local FILES = "a.ovf a.mf a-disk-0.vmdk a.nvram"

local function tar(t, dir, files, options)
  local out, status = t:shell(string.format("cd %s && rm -f x.ova && tar %s -cf x.ova %s", dir, options or "--format=ustar", files or FILES))
  t:equal(status, 0, out)
  return dir .. "/x.ova"
end

-- The one problem found (or all, in one text).
local function problems(path) return table.concat(verify.package(path).problems, "\n") end

tests["packages without fault, of every origin, have no problems"] = function(t)
  for _, algorithm in ipairs { "sha1", "sha256", "sha512" } do
    local dir = folder(t, algorithm)
    t:equal(verify.package(dir .. "/a.ovf"), { problems = {}, notes = {}, algorithm = algorithm, files = 2 })
    t:equal(verify.package(dir).problems, {})
    for _, options in ipairs { "--format=ustar", "--format=gnu", "--format=v7" } do
      t:equal(verify.package(tar(t, dir, nil, options)), { problems = {}, notes = {}, algorithm = algorithm, files = 2 })
    end
    local pax = verify.package(tar(t, dir, nil, "--format=pax --pax-option=exthdr.name=x"))
    t:equal(pax.problems, {})
    t:equal(problems(tar(t, dir, "a.ovf a-disk-0.vmdk a.nvram a.mf")), "", "the manifest at the end")
  end
  local dir = folder(t)
  t:shell("cd " .. dir .. " && bsdtar --format=pax --options pax:xattrheader=ALL -cf x.ova " .. FILES .. " && rm a.mf")
  t:contains(table.concat(verify.package(dir .. "/a.ovf").notes), "no manifest")
end

tests["progress counts every byte"] = function(t)
  local dir = folder(t)
  local done, total
  verify.package(tar(t, dir), { progress = function(...) done, total = ... end })
  t:equal({ done, done }, { total, lfs.attributes(dir .. "/a.ovf", "size") + lfs.attributes(dir .. "/a-disk-0.vmdk", "size") + 8684 })
end

-- What is done to the folder (as shell commands), what is put in the archive, and the words that must be found.
local FAULTS = {
  { "the descriptor is not the first", "", "a.mf a.ovf a-disk-0.vmdk a.nvram", "a.mf is the first entry: the descriptor a.ovf must be" },
  { "a file is missing", "", "a.ovf a.mf a-disk-0.vmdk", "a.nvram is missing" },
  { "an extra file", "echo > b.txt", FILES .. " b.txt", "b.txt: the descriptor does not mention it" },
  { "a second descriptor", "cp a.ovf b.ovf", FILES .. " b.ovf", "b.ovf: the descriptor does not mention it" },
  { "no descriptor", "", "a.mf a-disk-0.vmdk a.nvram", "no OVF descriptor" },
  { "a changed file", "printf x | dd of=a.nvram conv=notrunc bs=1 seek=77 status=none", FILES, "a.nvram: its sha256 digest is" },
  { "an edited descriptor", "echo >> a.ovf", FILES, "a.ovf: its sha256 digest is" },
  { "a longer file", "echo >> a.nvram", FILES, "a.nvram: it has 8685 bytes, but 8684 according to the descriptor" },
  { "a line for a file not there", "sed 's/a.nvram/b.nvram/' -i a.mf", FILES, "a.mf: it has a line for b.nvram, which is not there" },
  { "no line for a file", "sed /nvram/d -i a.mf", FILES, "a.mf: it has no line for a.nvram" },
  { "two lines for a file", "cat a.mf a.mf > b && mv b a.mf", FILES, "a.mf: it has two lines for a.ovf" },
  { "a line that is none", "echo nonsense >> a.mf", FILES, "a.mf: this line is not understood: nonsense" },
  { "two entries of a name", "", FILES .. " a.nvram", "a.nvram: there are two entries of that name", "--hard-dereference" },
  { "a folder", "mkdir d", FILES .. " d", "d/: a directory has no place in a package" },
  { "a link", "ln -s /etc/passwd l", FILES .. " l", "l: a symlink has no place in a package" },
  { "names with ./", "", "./a.ovf ./a.mf ./a-disk-0.vmdk ./a.nvram", "./a.ovf: the name is not the 'a.ovf' that the descriptor means" },
  { "an absolute name", "", FILES .. " /etc/hostname", "'/etc/hostname' cannot be a file's name: it is absolute", "-P" },
  { "a name that climbs", "mkdir e && cp a.nvram b.nvram", FILES .. " e/../b.nvram", "it climbs out of the package", "-P" },
  { "a cut off disk", "truncate -s 70000 a-disk-0.vmdk", FILES, "a-disk-0.vmdk: it is cut off" },
  { "a disk that is none", "head -c 4096 /dev/zero > a-disk-0.vmdk", FILES, "a-disk-0.vmdk: it is no VMDK" },
  { "another capacity", "sed 's/capacity=\"8388608\"/capacity=\"99\"/' -i a.ovf", FILES, "is a disk of 8388608 bytes, but of 99 according to the descriptor" },
  { "a disk without file", "sed 's/fileRef=\"file1\"/fileRef=\"file9\"/' -i a.ovf", FILES, "disk d1 refers to a file 'file9'" },
  { "an id twice", "sed 's/\"file2\"/\"file1\"/' -i a.ovf", FILES, "two files with the id 'file1'" },
  { "a href that climbs", "sed 's/href=\"a.nvram\"/href=\"..\\/a.nvram\"/' -i a.ovf", FILES, "'../a.nvram' cannot be a file's name" },
  { "broken XML", "sed 's/<References>/<Reference>/' -i a.ovf", FILES, "a.ovf: bad XML, line" },
  { "no descriptor inside", "echo '<a/>' > a.ovf", FILES, "a.ovf: not an OVF descriptor" },
  { "a certificate alone", "echo > a.cert", "a.ovf a.cert a-disk-0.vmdk a.nvram", "a.cert: it signs a manifest that is not there" },
  { "a bad certificate", "echo > a.cert", "a.ovf a.mf a.cert a-disk-0.vmdk a.nvram", "a.cert: the certificate does not begin with a signature" },
}

tests["every fault is named"] = function(t)
  local template = folder(t)
  for _, fault in ipairs(FAULTS) do
    local dir = t:directory()
    local out, status = t:shell("cp -p " .. template .. "/* " .. dir .. " && cd " .. dir .. " && { :\n" .. fault[2] .. "\n}")
    t:equal(status, 0, out)
    local path = tar(t, dir, fault[3], "--format=ustar " .. (fault[5] or "") .. " 2>/dev/null")
    t:contains(problems(path), fault[4], fault[1])
  end
end

tests["notes are no problems"] = function(t)
  local dir = folder(t)
  t:shell("cd " .. dir .. " && sed 's/ ovf:size=\"8684\"//' -i a.ovf && rm a.mf")
  local found = verify.package(tar(t, dir, "a.ovf a.nvram a-disk-0.vmdk"))
  t:equal(found.problems, {})
  local notes = table.concat(found.notes, "\n")
  t:contains(notes, "a.nvram: the descriptor does not say its size")
  t:contains(notes, "a.nvram stands before a-disk-0.vmdk, but comes after it")
  t:contains(notes, "there is no manifest")
end

tests["a cut off archive is named wherever it is cut"] = function(t)
  local dir = folder(t)
  local path = tar(t, dir)
  local whole, entries = t:read(path), ova.list(path)
  local last = entries[#entries]
  local content = last.offset + (last.size + 511) // 512 * 512
  for _, at in ipairs { 513, 600, entries[2].offset + 10, entries[3].offset - 1, entries[3].offset + 1000, last.offset - 512, last.offset + 100,
    content, content + 512 } do
    t:match(problems(t:write(dir .. "/cut.ova", whole:sub(1, at))):gsub("Truncated", "cut off"), "cut off", "at " .. at)
  end
  t:equal(problems(t:write(dir .. "/cut.ova", whole:sub(1, content + 1024))), "")
  t:raises("not a tar archive", verify.package, t:write(dir .. "/cut.ova", whole:sub(1, 100)))
  t:raises("a%-disk%-0.vmdk", function() error(problems(t:write(dir .. "/cut.ova", whole:sub(1, entries[3].offset + 1000)))) end)
end

tests["a signature is checked"] = function(t)
  local dir = folder(t)
  local out, status = t:shell("cd " .. dir .. " && openssl req -x509 -newkey rsa:2048 -nodes -subj '/CN=maker of a' -keyout key -out pem 2>/dev/null"
    .. " && openssl dgst -sha256 -sign key -out sig a.mf"
    .. " && { printf 'SHA256(a.mf)= '; od -An -v -tx1 sig | tr -d ' \\n'; echo; cat pem; } > a.cert && rm key pem sig")
  t:equal(status, 0, out)
  local found = verify.package(tar(t, dir, "a.ovf a.mf a.cert a-disk-0.vmdk a.nvram"))
  t:equal(found.problems, {})
  t:contains(found.notes[1], "CN=maker of a")
  t:equal(verify.package(dir).problems, {})
  t:shell("cd " .. dir .. " && sed '1{h;d};$G' -i a.mf")
  t:contains(problems(tar(t, dir, "a.ovf a.mf a.cert a-disk-0.vmdk a.nvram")), "a.cert: the signature is not one of this manifest")
end

tests["chunks of a file are put together"] = function(t)
  local dir = folder(t)
  t:shell("cd " .. dir .. " && rm a.mf a.nvram && head -c 250 /dev/urandom > c && split -b 100 -d -a 9 c c. && rm c")
  t:write(dir .. "/a.ovf", descriptor { { href = "c", size = 250, chunk = 100 } })
  t:equal(problems(dir), "")
  t:equal(problems(tar(t, dir, "a.ovf c.*")), "")
  t:equal(pack.ova(dir .. "/p.ova", dir).files, 3)
  t:equal(problems(dir .. "/p.ova"), "")
  os.remove(dir .. "/c.000000001")
  t:contains(problems(dir), "c.000000001 is missing")
  t:contains(t:raises("missing", pack.ova, dir .. "/q.ova", dir).code, "notfound")
end

tests["a folder is packed into what verify and tar like, and unpacked again"] = function(t)
  for _, algorithm in ipairs { "sha256", "sha1", "sha512", "none" } do
    local dir = folder(t)
    local done, total
    local made = pack.ova(dir .. "/p.ova", dir .. "/a.ovf", { manifest = algorithm, progress = function(...) done, total = ... end })
    t:equal({ made.files, made.notes, made.size }, { 2, {}, lfs.attributes(dir .. "/p.ova", "size") })
    t:equal(done, total)
    local found = verify.package(dir .. "/p.ova")
    t:equal({ found.problems, found.algorithm }, { {}, algorithm ~= "none" and algorithm or nil })
    t:equal(t:shell("tar -tf " .. dir .. "/p.ova"), "a.ovf\n" .. (algorithm ~= "none" and "a.mf\n" or "") .. "a-disk-0.vmdk\na.nvram\n")
    local names = unpack_.ova(dir .. "/p.ova", dir .. "/out").files
    t:equal(names[1], "a.ovf")
    t:equal(t:shell("cd " .. dir .. " && for f in a.ovf a-disk-0.vmdk a.nvram; do cmp $f out/$f; done; ls out | wc -l"), #names .. "\n")
    if algorithm ~= "none" then
      t:equal(t:shell("cd " .. dir .. "/out && sed 's/^[A-Z0-9]*(\\(.*\\))= \\(.*\\)/\\2  \\1/' a.mf | " .. algorithm .. "sum -c --quiet"), "")
    end
    t:contains(t:shell("qemu-img info " .. dir .. "/out/a-disk-0.vmdk"), "8 MiB")
  end
end

tests["packing refuses what would make a bad archive"] = function(t)
  local dir = folder(t)
  t:write(dir .. "/p.ova", "old")
  t:equal(t:raises("is there already", pack.ova, dir .. "/p.ova", dir).code, "exists")
  t:shell("cd " .. dir .. " && mkdir x && cp a-disk-0.vmdk x && truncate -s 70000 a-disk-0.vmdk")
  t:raises("a%-disk%-0.vmdk: it is cut off", pack.ova, dir .. "/p.ova", dir, { force = true })
  t:shell("cd " .. dir .. " && cp x/a-disk-0.vmdk . && printf x | dd of=a.nvram conv=notrunc bs=1 seek=77 status=none")
  t:raises("a.nvram: its sha256 digest is .* according to the manifest beside it", pack.ova, dir .. "/p.ova", dir, { force = true, manifest = "sha1" })
  os.remove(dir .. "/a.nvram")
  t:raises("file a.nvram is missing", pack.ova, dir .. "/p.ova", dir, { force = true })
  for _, href in ipairs { "../x", "/etc/passwd", "http://x/y" } do
    t:write(dir .. "/a.ovf", descriptor { { href = href, size = 1 } })
    t:raises("a.ovf: ", pack.ova, dir .. "/p.ova", dir, { force = true })
  end
  t:write(dir .. "/b.ovf", "")
  t:raises("more than one", pack.ova, dir .. "/p.ova", dir, { force = true })
  t:raises("no .ovf file", pack.ova, dir .. "/p.ova", dir .. "/x", { force = true })
  t:raises("no such file", pack.ova, dir .. "/p.ova", dir .. "/none.ovf", { force = true })
  t:raises("not the .ovf file", pack.ova, dir .. "/q.ova", tar(t, dir, "a.mf"))
  t:equal(t:read(dir .. "/p.ova"), "old")
  t:equal(t:shell("ls -A " .. dir .. " | grep part"), "")
end

tests["wrong sizes in the descriptor are corrected, and said"] = function(t)
  local dir = folder(t)
  t:shell("cd " .. dir .. " && rm a.mf && sed 's/ovf:size=\"[0-9]*\"/ovf:size=\"8388608\"/g' -i a.ovf") -- capacity for size, as govc has it
  local made = pack.ova(dir .. "/p.ova", dir)
  t:equal(#made.notes, 2)
  t:contains(made.notes[2], "a.nvram: corrected its size in the descriptor: 8684 bytes, not 8388608")
  t:equal(problems(dir .. "/p.ova"), "")
end

tests["disks stream from a server straight into their places"] = function(t)
  local http, httpd, ovf = require "http", require "httpd", require "build.ovf"
  local dir = folder(t)
  local sizes, names = {}, { "a-disk-0.vmdk", "a.nvram" }
  for i, name in ipairs(names) do sizes[i] = lfs.attributes(dir .. "/" .. name, "size") end
  local server <close> = assert(httpd.start { bind = "127.0.0.1", files = { disk = t:read(dir .. "/" .. names[1]), nvram = t:read(dir .. "/" .. names[2]) } })
  local client <close> = assert(http.client { proxy = "" })
  local room = 4096
  do
    local writer <close> = assert(ova.create(dir .. "/x.ova", { head = {
      { name = "a.ovf", room = room }, { name = "a.mf", room = manifest.length("sha256", { "a.ovf", names[1], names[2] }) } } }))
    local lines, files = { false }, {}
    for i, from in ipairs { "disk", "nvram" } do
      local request = { url = "http://127.0.0.1:" .. server:port() .. "/" .. from, save = writer:path(), digest = "sha256" }
      request.save_at = assert(writer:place(names[i]))
      request.url = request.url .. "x"
      t:equal(client:request(request).status, 404) -- a first attempt fails; another one is made
      request.url, request.save_at = request.url:sub(1, -2), assert(writer:place(names[i]))
      local result = assert(client:request(request))
      assert(writer:entry_done(result.size))
      lines[i + 1], files[names[i]] = { name = names[i], hex = result.digest.sha256 }, { size = result.size }
    end
    local text = ovf.pad(ovf.edit(descriptor { { href = names[1], size = 1, disk = SIZE }, { href = names[2] } }, { files = files }), room)
    lines[1] = { name = "a.ovf", hex = digest.string("sha256", text) }
    assert(writer:put("a.ovf", text))
    assert(writer:put("a.mf", manifest.text("sha256", lines)))
    assert(writer:finish())
  end
  t:equal(verify.package(dir .. "/x.ova"), { problems = {}, notes = {}, algorithm = "sha256", files = 2 })
  t:equal(ova.list(dir .. "/x.ova")[3].size, sizes[1])
  t:equal(t:shell("cd " .. dir .. " && mkdir x && tar -C x -xf x.ova && cmp x/a.nvram a.nvram && qemu-img compare -q x/a-disk-0.vmdk a-disk-0.vmdk"), "")
end

local function tree(t, dir) return (t:shell("cd " .. dir .. " && find . | LC_ALL=C sort")) end

tests["unpacking never leaves the folder, nor half of a package"] = function(t)
  local template = folder(t)
  local function case(commands, files, options)
    local dir = t:directory()
    t:shell("cp -p " .. template .. "/* " .. dir .. " && cd " .. dir .. " && mkdir out && { :\n" .. commands .. "\n}")
    tar(t, dir, files, "--format=ustar " .. (options or "") .. " 2>/dev/null")
    return dir
  end
  for _, c in ipairs {
    { "", FILES .. " /etc/hostname", "absolute", "-P" }, { "mkdir e; cp a.nvram b", FILES .. " e/../b", "climbs out", "-P" },
    { "ln -s /etc/passwd l", FILES .. " l", "symlink" }, { "ln a.nvram l", FILES .. " l", "hardlink" },
    { "", FILES .. " a.nvram", "two entries", "--hard-dereference" },
    { "printf x | dd of=a.nvram conv=notrunc bs=1 seek=77 status=none", FILES, "digest of a.nvram" },
    { "", "a.ovf a.mf a-disk-0.vmdk", "a.nvram is missing" }, { "mkdir s; cp a.nvram s/x; ln -s /tmp out/s", FILES .. " s/x", "no folder" },
    { "echo mine > out/a.nvram", FILES, "is there already" }, { "mkdir out/a.nvram", FILES, "is a folder" },
  } do
    local dir = case(c[1], c[2], c[4])
    local before = tree(t, dir .. "/out")
    t:raises(c[3], unpack_.ova, dir .. "/x.ova", dir .. "/out")
    t:equal(tree(t, dir .. "/out"), before, c[3])
    if not c[1]:find("out/", 1, true) then
      t:raises(c[3], unpack_.ova, dir .. "/x.ova", dir .. "/new")
      t:equal(lfs.attributes(dir .. "/new"), nil)
    end
  end
  -- what is there is replaced when asked for; folders in the archive are made
  local dir = case("echo mine > out/a.nvram; mkdir -p d/e; cp a.nvram d/e/f", FILES .. " d")
  unpack_.ova(dir .. "/x.ova", dir .. "/out", { force = true })
  t:equal(t:shell("cd " .. dir .. " && cmp a.nvram out/a.nvram && cmp a.nvram out/d/e/f"), "")
  -- "./" names, and the folder itself as an entry
  dir = case("rm -rf out", "-C . .", "--exclude=x.ova")
  unpack_.ova(dir .. "/x.ova", dir .. "/out")
  t:equal(t:shell("cd " .. dir .. " && ls out"), "a-disk-0.vmdk\na.mf\na.nvram\na.ovf\n")
  -- cut off
  local whole = t:read(dir .. "/x.ova")
  t:raises("cut off", unpack_.ova, t:write(dir .. "/cut.ova", whole:sub(1, #whole // 2)), dir .. "/cut")
  t:equal(lfs.attributes(dir .. "/cut"), nil)
end

return tests
