local floppy = require "floppy"

local TIME = 1700000000 -- 2023-11-14 22:13:20 UTC
local UTF8 = "LC_ALL=C.UTF-8 MTOOLSRC=/dev/null "

-- write an image and let dosfstools and mtools read it back into a directory, which is returned
local function read_back(t, opts)
  local dir = t:directory()
  local image = dir .. "/a.img"
  assert(floppy.write(image, opts))
  local out, status = t:shell("fsck.fat -n " .. image)
  t:equal(status, 0, out)
  t:match(out, "^fsck.fat [^\n]*\n[^\n]*: %d+ files, [^\n]*\n$") -- and no word of complaint
  t:shell("mkdir " .. dir .. "/out")
  out, status = t:shell("cd " .. dir .. " && " .. UTF8 .. "mcopy -n -s -Q -i a.img :: out/ ")
  t:equal(status, 0, out)
  return dir .. "/out", image
end

local function listed(t, dir)
  local out = t:shell("cd '" .. dir .. "' && LC_ALL=C find . -type f | LC_ALL=C sort")
  return out
end

local function names(files)
  local list = {}
  for name in pairs(files) do list[#list + 1] = "./" .. name .. "\n" end
  table.sort(list)
  return table.concat(list)
end

local function same_tree(t, dir, files)
  t:equal(listed(t, dir), names(files))
  for name, content in pairs(files) do
    if t:read(dir .. "/" .. name) ~= content then t:ok(false, name .. " differs") end
  end
end

local function random_name(random)
  local parts = { "a", "B", "ks", " ", ".", "long name ", "é", "界", "~1", "+", "TXT", "_", "7", "'", "#", "[x]", "ﬁ" }
  local name = {}
  for i = 1, random(1, 6) do name[i] = parts[random(#parts)] end
  return (table.concat(name):gsub("[. ]+$", "") .. random(10, 99))
end

-- a random tree without two names that differ only in case
local function random_tree(random)
  local files, seen, dirs, left = {}, {}, { "" }, 1200000
  for _ = 1, random(1, 60) do
    local path = dirs[random(#dirs)] .. random_name(random)
    if not seen[path:lower()] then
      seen[path:lower()] = true
      if random(4) == 1 and select(2, path:gsub("/", "")) < 6 then
        dirs[#dirs + 1] = path .. "/"
      else
        local size = random(3) == 1 and random(0, 3) * 512 or random(0, math.min(60000, left))
        left = math.max(0, left - size)
        files[path] = string.rep(path .. "\n", size // (#path + 1) + 1):sub(1, size)
      end
    end
  end
  return files
end

return {
  ["a kickstart tree is read back by mtools"] = function(t)
    local files = { ["HTTP/7/ks.cfg"] = "text\n", ["HTTP/8/ks.cfg"] = "", ["README"] = ("x"):rep(513) }
    local dir, image = read_back(t, { label = "OEMDRV", time = TIME, files = files })
    same_tree(t, dir, files)
    t:equal(#t:read(image), 1474560)
    t:contains(t:shell(UTF8 .. "mdir -i " .. image .. " ::/HTTP/7"), "KS       CFG         5 2023-11-14  22:13  ks.cfg")
    t:equal(t:shell(UTF8 .. "mtype -i " .. image .. " ::/http/7/KS.CFG"), "text\n")
    t:contains(t:shell("blkid -o export " .. image), "LABEL=OEMDRV\n")
  end,

  ["random trees come back as they were"] = function(t)
    math.randomseed(20231114)
    for _ = 1, 12 do
      local files = random_tree(math.random)
      same_tree(t, read_back(t, { time = TIME, files = files }), files)
    end
  end,

  ["long names have 8.3 aliases, each its own"] = function(t)
    local files = {
      ["kickstart.cfg"] = "1", ["kickstart.conf"] = "2", ["kickstart one.cfg"] = "3", ["KICKST~1.CFG"] = "4",
      [".profile"] = "5", ["a.tar.gz"] = "6", ["+x.TXT"] = "7", ["grub.cfg"] = "8", ["UPPER.TXT"] = "9", ["noext"] = "10",
    }
    local _, image = read_back(t, { files = files, time = TIME })
    local listing = t:shell(UTF8 .. "mdir -i " .. image .. " ::")
    for _, line in ipairs {
      "KICKST~1 CFG         1 2023-11-14  22:13 \n", "KICKST~2 CFG         1 2023-11-14  22:13  kickstart one.cfg",
      "KICKST~3 CFG         1 2023-11-14  22:13  kickstart.cfg", "KICKST~1 CON         1 2023-11-14  22:13  kickstart.conf",
      "PROFIL~1             1 2023-11-14  22:13  .profile", "ATAR~1   GZ          1 2023-11-14  22:13  a.tar.gz",
      "_X~1     TXT         1 2023-11-14  22:13  +x.TXT", "GRUB     CFG         1 2023-11-14  22:13  grub.cfg",
      "UPPER    TXT         1 2023-11-14  22:13 \n", "NOEXT                2 2023-11-14  22:13  noext",
    } do t:contains(listing, line) end
  end,

  ["hundreds of like names keep aliases of their own"] = function(t)
    local files = {}
    for i = 1, 600 do files[("d/kickstart fragment %03d.cfg"):format(i)] = tostring(i) end
    same_tree(t, read_back(t, { files = files, time = TIME }), files)
  end,

  ["names of 255 characters, and beyond the basic plane"] = function(t)
    local files = { [("n"):rep(251) .. ".cfg"] = "1", [("é"):rep(127)] = "2", [("x"):rep(13)] = "3", [("x"):rep(26)] = "4" }
    same_tree(t, read_back(t, { files = files, time = TIME }), files)
    local image = floppy.image { files = { ["😀.cfg"] = "" }, time = TIME }
    -- UTF-16 surrogates (Unicode 15, D91); the first five units of a long name stand together
    t:ok(image:find("\x3d\xd8\x00\xde.\0c\0f\0", 1, true) ~= nil)
    t:ok(floppy.image { files = { [("é"):rep(255)] = "" } }) -- mtools crashes on it, as its target directory would
    t:fails("format", floppy.image { files = { [("é"):rep(256)] = "" } })
  end,

  ["more content makes a 2.88 MB image, and too much an error that says how much"] = function(t)
    local files = { ["a/big.bin"] = ("0123456789abcdef"):rep(91200) }
    local dir, image = read_back(t, { files = files, time = TIME })
    same_tree(t, dir, files)
    t:equal(#t:read(image), 2949120)
    -- 2863 clusters of 1024 bytes (see fat.h); the 1.44 MB image has 2847 of 512
    t:equal(#floppy.image { files = { x = ("x"):rep(2847 * 512) } }, 1474560)
    t:equal(#floppy.image { files = { x = ("x"):rep(2847 * 512 + 1) } }, 2949120)
    same_tree(t, read_back(t, { files = { x = ("x"):rep(2863 * 1024) } }), { x = ("x"):rep(2863 * 1024) })
    local message = t:fails("format", floppy.image { files = { x = ("x"):rep(2863 * 1024 + 1), y = "" } })
    t:contains(message, "1024 too many")
    t:contains(message, "'x'")
  end,

  ["the root directory has an end, other directories have none"] = function(t)
    local flat, deep = {}, {}
    for i = 1, 239 do flat[("F%d"):format(i)] = "" end
    same_tree(t, read_back(t, { files = flat, label = "FULL", time = TIME }), flat)
    flat.ONE = ""
    t:contains(t:fails("format", floppy.image { files = flat }), "use directories")
    for name in pairs(flat) do deep["d/" .. name] = "" end
    same_tree(t, read_back(t, { files = deep, time = TIME }), deep)
  end,

  ["the same options give the same bytes, and the serial number follows the content"] = function(t)
    local function image(content) return floppy.image { files = { ["a/b"] = content, c = "" }, time = TIME, label = "X" } end
    t:ok(image("1") == image("1"))
    t:ok(image("1"):sub(40, 43) ~= image("2"):sub(40, 43))
  end,

  ["times are kept within what FAT can say"] = function(t)
    for time, want in pairs {
      [0] = "1980%-01%-01   0:00", [951782400] = "2000%-02%-29   0:00", [1709251198] = "2024%-02%-29  23:59",
      [5000000000] = "2107%-12%-31  23:59",
    } do
      local _, image = read_back(t, { files = { A = "" }, time = time })
      t:match(t:shell(UTF8 .. "mdir -i " .. image .. " ::"), want)
    end
  end,

  ["files on disk, and what is wrong with them"] = function(t)
    local dir = t:directory()
    t:write(dir .. "/ks.cfg", "from disk\n")
    t:write(dir .. "/empty", "")
    same_tree(t, read_back(t, { files = { a = { file = dir .. "/ks.cfg" }, b = { file = dir .. "/empty" } } }),
      { a = "from disk\n", b = "" })
    local message = t:fails("notfound", floppy.image { files = { ["7/ks.cfg"] = { file = dir .. "/none" } } })
    t:contains(message, dir .. "/none")
    t:contains(message, "7/ks.cfg")
    t:fails("io", floppy.image { files = { a = { file = dir } } })
  end,

  ["names that cannot be are refused by name"] = function(t)
    for _, name in ipairs {
      "a:b", "a*", "what?", "<x>", 'q"', "p|", "back\\slash", "tab\t", "end.", "end ", "dir./x", "...", "\xff", "/a", "a//b",
      "a/", "", "./a", "a/../b", "a\0b",
    } do
      local message = t:fails("format", floppy.image { files = { [name] = "" } })
      t:contains(message, (name:match("^[^%z]*"):gsub("\xff", "?")))
    end
    for _, pair in ipairs { { "a", "A" }, { "d/é", "d/É" }, { "d/x", "D/y" }, { "x", "X/y" } } do
      local message = t:fails("format", floppy.image { files = { [pair[1]] = "", [pair[2]] = "" } })
      t:contains(message, pair[1])
      t:contains(message, pair[2])
    end
    t:contains(t:fails("format", floppy.image { files = { a = "", ["a-"] = "", ["a/b"] = "" } }), "a file and a directory")
    for _, label in ipairs { "TWELVE CHARS", "a/b", "é", " x", "x " } do
      t:fails("format", floppy.image { files = {}, label = label })
    end
  end,

  ["mistakes of the caller raise"] = function(t)
    t:raises("did you mean 'label'", floppy.image, { files = {}, lable = "X" })
    t:raises("files.*table expected", floppy.image, {})
    t:raises("files%['a'%]", floppy.image, { files = { a = 5 } })
    t:raises("files%['a'%]", floppy.image, { files = { a = {} } })
    t:raises("names must be strings", floppy.image, { files = { "a" } })
  end,

  ["a file is complete or not there"] = function(t)
    local dir = t:directory()
    t:fails("notfound", floppy.write(dir .. "/none/a.img", { files = {} }))
    t:fails("format", floppy.write(dir .. "/a.img", { files = { ["a:"] = "" } }))
    t:write(dir .. "/a.img", "old")
    t:equal(floppy.write(dir .. "/a.img", { files = {} }), { size = 1474560 })
    t:equal(t:shell("ls -A " .. dir), "a.img\n")
    t:equal(t:shell("cd " .. dir .. " && touch b && stat -c %a a.img"), t:shell("stat -c %a " .. dir .. "/b"))
    os.remove(dir .. "/b")
    t:shell("mkdir " .. dir .. "/d")
    t:fails("io", floppy.write(dir .. "/d", { files = {} }))
    t:equal(t:shell("ls -A " .. dir), "a.img\nd\n")
  end,

  ["what is no file stays what it is"] = function(t)
    local dir = t:directory()
    t:shell(string.format("mkfifo %s/pipe && ln -s pipe %s/link", dir, dir))
    for _, name in ipairs { "pipe", "link" } do
      t:contains(t:fails("io", floppy.write(dir .. "/" .. name, { files = {} })), "no regular file")
    end
    t:equal(t:shell("cd " .. dir .. " && ls -A && test -p pipe && readlink link"), "link\npipe\npipe\n")
  end,
}
