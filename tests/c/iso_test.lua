local lfs = require "lfs"
local iso = require "iso"
local signal = require "signal"
local peer = require "tests.peer"

local TIME = 1700000000 -- 2023-11-14 22:13:20 UTC

-- write an image and let xorriso read it back into a directory, which is returned
local function read_back(t, opts)
  local dir = t:directory()
  local image = dir .. "/a.iso"
  assert(iso.write(image, opts))
  local out, status = t:shell("LC_ALL=C.UTF-8 xorriso -abort_on WARNING -osirrox on -indev " .. image
    .. " -extract / " .. dir .. "/out -- && chmod -R u+w " .. dir .. "/out")
  t:equal(status, 0, out)
  return dir .. "/out", image
end

local function same_tree(t, dir, files)
  local names = {}
  for name in pairs(files) do names[#names + 1] = "./" .. name .. "\n" end
  table.sort(names)
  t:equal(t:shell("cd '" .. dir .. "' && LC_ALL=C find . -type f | LC_ALL=C sort"), table.concat(names))
  for name, content in pairs(files) do t:ok(t:read(dir .. "/" .. name) == content, name) end
end

local function utf16be(text)
  local out = {}
  for _, c in utf8.codes(text) do out[#out + 1] = string.pack(">I2", c) end
  return table.concat(out)
end

return {
  ["a tree is read back by xorriso, names as they were"] = function(t)
    local files = {
      ["ks.cfg"] = "text\n", ["7/ks.cfg"] = ("x"):rep(100000), ["7/empty"] = "", ["a-b/c"] = "1", ["a/b"] = "2",
      ["Mixed Case and a long name.with.dots.conf"] = "3", ["ünï 界 😀.txt"] = "4", ["grub.cfg"] = "5", ["GRUB.CFG"] = "6",
      ["1/2/3/4/5/6/deep"] = "7", [("n"):rep(200)] = "8",
    }
    local dir, image = read_back(t, { label = "OEMDRV", time = TIME, files = files })
    same_tree(t, dir, files)
    t:contains(t:shell("blkid -o export " .. image), "LABEL=OEMDRV\n")
    local bytes = t:read(image)
    t:ok(bytes:find(utf16be "ünï 界", 1, true) ~= nil, "the Joliet name")
    t:ok(bytes:find("MIXED_CASE", 1, true) ~= nil, "the plain name")
    t:equal(#bytes % 2048, 0)
    t:equal(t:shell("cd " .. dir .. " && TZ=UTC stat -c '%Y %a' 7/ks.cfg 7"), TIME .. " 644\n" .. TIME .. " 755\n")
  end,

  ["labels are kept as they are given"] = function(t)
    for _, label in ipairs { "cidata", "A B-c", "exactly16chars-x", "UPPER_CASE_WITH_32_CHARACTERS_01" } do
      local image = t:directory() .. "/a.iso"
      assert(iso.write(image, { label = label, files = {} }))
      t:equal(t:shell("blkid -s LABEL -o value " .. image), label .. "\n")
    end
    for _, label in ipairs { "seventeen-chars-x", "é", "a/b", ("A"):rep(33) } do
      t:contains(t:fails("format", iso.write(t:directory() .. "/a.iso", { label = label, files = {} })), label)
    end
  end,

  ["files on disk are copied, larger ones too"] = function(t)
    local dir = t:directory()
    t:write(dir .. "/big", ("0123456789abcdef"):rep(20000) .. "end")
    local files = { ["a/big"] = { file = dir .. "/big" }, b = "" }
    same_tree(t, read_back(t, { files = files }), { ["a/big"] = t:read(dir .. "/big"), b = "" })
  end,

  ["what cannot be read or written leaves nothing"] = function(t)
    local dir = t:directory()
    local message = t:fails("notfound", iso.write(dir .. "/a.iso", { files = { ["7/ks.cfg"] = { file = dir .. "/none" } } }))
    t:contains(message, dir .. "/none")
    t:fails("io", iso.write(dir .. "/a.iso", { files = { a = { file = dir } } }))
    t:fails("format", iso.write(dir .. "/a.iso", { files = { ["../a"] = "" } }))
    t:fails("format", iso.write(dir .. "/a.iso", { files = { ["\xff"] = "" } }))
    t:fails("notfound", iso.write(dir .. "/none/a.iso", { files = {} }))
    t:equal(t:shell("ls -A " .. dir), "")
    t:raises("did you mean 'label'", iso.write, dir .. "/a.iso", { files = {}, labl = "X" })
    t:equal(t:shell("ls -A " .. dir), "")
  end,

  ["a disk without room is an error that leaves nothing"] = function(t)
    if not io.open("/dev/full") then t:skip("no /dev/full") end
    local dir = t:directory()
    local script = t:write(dir .. "/s.lua", [[
      local ok, message, code = require("iso").write(arg[1] .. "/a.iso", { files = { a = ("x"):rep(1000000) } })
      print(ok, message, code)]])
    -- files of this process and its children stay below 64 KiB
    local out = t:shell("ulimit -f 64; " .. arg[-1] .. " run " .. script .. " " .. dir)
    t:match(out, "^nil\t.*\tio\n$")
    t:equal(t:shell("ls -A " .. dir), "s.lua\n")
  end,

  ["a signal ends it, and nothing is left"] = function(t)
    local dir = t:directory()
    local script = t:write(dir .. "/s.lua", [[
      local files = {}
      for i = 1, 40 do files["f" .. i] = ("x"):rep(1 << 20) end
      print("ready") io.stdout:flush()
      while true do require("iso").write(arg[1] .. "/a.iso", { files = files }) end]])
    local status, out = peer.interrupt(t, "TMPDIR=" .. dir .. " " .. arg[-1] .. " run " .. script .. " " .. dir, "ready", 0.2)
    t:equal(status, 130, out)
    t:contains("a.iso\ns.lua\n", t:shell("ls -A " .. dir)) -- perhaps a complete one of an earlier turn
  end,

  ["a signal ends it whenever it comes"] = function(t)
    local path, files = t:directory() .. "/a.iso", {}
    for i = 1, 40 do files["f" .. i] = ("x"):rep(1 << 20) end
    t:defer(function() signal.limit(0) signal.acknowledge() end)
    local from = signal.now()
    iso.write(path, { files = files })
    local whole, late = signal.now() - from, 0
    for i = 1, 15 do
      os.remove(path)
      signal.limit(whole * i / 16)
      local done = pcall(iso.write, path, { files = files })
      if done and signal.pending() > 0 then late = late + 1 end -- it went on regardless
      signal.limit(0)
      signal.acknowledge()
    end
    t:ok(late < 2, late .. " of 15 took no note of it")
  end,

  ["what was written is read back entry by entry"] = function(t)
    local dir = t:directory()
    local files = { ["ks.cfg"] = "text\n", ["ünï 界/deep"] = ("x"):rep(200000), empty = "" }
    assert(iso.write(dir .. "/a.iso", { files = files, time = TIME }))
    local r <close> = assert(iso.open(dir .. "/a.iso"))
    local entry = r:next()
    while entry do
      if entry.kind == "file" then
        t:equal({ entry.size, entry.mtime }, { #files[entry.name], TIME }, entry.name)
        t:equal(r:save(dir .. "/out"), true)
        t:ok(t:read(dir .. "/out") == files[entry.name], entry.name)
        files[entry.name] = nil
      end
      entry = r:next()
    end
    t:equal(entry, false)
    t:equal(next(files), nil)
  end,

  ["a compressed entry that becomes longer or shorter than it says is refused"] = function(t)
    local dir = t:directory()
    t:write(dir .. "/a", ("a"):rep(40000))
    t:shell(string.format("cd %s && xorriso -outdev a.iso -zisofs level=9 -map a /a -set_filter_r --zisofs /a -- -commit", dir))
    local image = t:read(dir .. "/a.iso")
    for size, ok in pairs { [39999] = false, [40000] = true, [40001] = false } do
      local little = string.pack("<I4", size) -- of Rock Ridge's entry ZF, in both orders of bytes, and of the compressed file's head
      local says = image:gsub("(ZF\x10\x01pz\x04\x0f)........", "%1" .. (little .. little:reverse()):gsub("%%", "%%%%"))
        :gsub("(\x37\xe4\x53\x96\xc9\xdb\xd6\x07)....", "%1" .. little:gsub("%%", "%%%%"))
      local r <close> = assert(iso.open(t:write(dir .. "/b.iso", says)))
      local entry
      repeat entry = assert(r:next()) until entry.name == "a"
      t:equal(entry.size, size)
      if ok then t:equal(r:save(dir .. "/out"), true)
      else t:contains(t:fails("format", r:save(dir .. "/out")), "has not the size that it says") end
      os.remove(dir .. "/out")
    end
  end,

  ["a directory has no content to save"] = function(t)
    local dir = t:directory()
    assert(iso.write(dir .. "/a.iso", { files = {} }))
    local r <close> = assert(iso.open(dir .. "/a.iso"))
    t:equal(r:next().kind, "directory")
    t:contains(t:fails("format", r:save(dir .. "/out")), "there is no file to save")
  end,

  ["what cannot be read is refused, and a closed reader, too"] = function(t)
    local dir = t:directory()
    t:fails("notfound", iso.open(dir .. "/nothing"))
    t:match(t:fails("format", iso.open(t:write(dir .. "/text", ("text"):rep(20000)))), "/text: it is no ISO 9660 image")
    assert(iso.write(dir .. "/a.iso", { files = { a = ("y"):rep(300000) } }))
    local whole = t:read(dir .. "/a.iso")
    local r = assert(iso.open(t:write(dir .. "/cut.iso", whole:sub(1, #whole // 2))))
    local entry
    repeat entry = assert(r:next()) until entry.kind == "file"
    t:fails("format", r:save(dir .. "/out"))
    t:equal(lfs.attributes(dir .. "/out"), nil)
    t:fails("format", r:save(dir .. "/out"))
    r:close()
    t:raises("closed", r.next, r)
    t:shell("mkfifo " .. dir .. "/pipe")
    for _, name in ipairs { "", "/pipe" } do t:contains(t:fails("io", iso.open(dir .. name)), "not a regular file") end
  end,
}
