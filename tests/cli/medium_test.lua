-- floppy and iso on the command line: what other tools read of the images they make
local PROGRAM = arg[-1]

local function folder(t)
  local dir = t:directory()
  t:shell(string.format("mkdir -p %s/in/sub; printf hello > %s/in/ks.cfg; printf deep > '%s/in/sub/a long name.txt'", dir, dir, dir))
  return dir
end

local function run(t, arguments) return t:shell(PROGRAM .. " " .. arguments) end

return {
  ["floppy pack: mtools finds files, directories and the label"] = function(t)
    local dir = folder(t)
    t:equal((run(t, string.format("floppy pack %s/a.img %s/in/ --label=OEMDRV", dir, dir))), dir .. "/a.img: 2 files, 1.4 MiB\n")
    t:equal((t:shell(string.format("mtype -i %s/a.img '::sub/a long name.txt'", dir))), "deep")
    t:contains((t:shell(string.format("mlabel -s -i %s/a.img ::", dir))), "OEMDRV")
  end,
  ["iso pack: another reader finds files, directories and the label"] = function(t)
    local dir = folder(t)
    t:match((run(t, string.format("iso pack %s/a.iso %s/in --label cidata", dir, dir))), "a.iso: 2 files, ")
    t:equal((t:shell(string.format("bsdtar -xOf %s/a.iso 'sub/a long name.txt'", dir))), "deep")
    t:contains((t:shell(string.format("xorriso -indev %s/a.iso -pvd_info", dir))), "CIDATA")
  end,
  ["nothing is replaced unasked, and what cannot be packed is said"] = function(t)
    local dir = folder(t)
    t:write(dir .. "/a.img", "mine")
    local out, status = run(t, string.format("floppy pack %s/a.img %s/in", dir, dir))
    t:equal(out, "luabuild: " .. dir .. "/a.img is there already\n  --force replaces it\n")
    t:equal({ status, t:read(dir .. "/a.img") }, { 1, "mine" })
    out, status = run(t, string.format("floppy pack --force %s/a.img %s/in", dir, dir))
    t:equal(status, 0, out)
    out, status = run(t, string.format("iso pack %s/b.iso %s/nothing", dir, dir))
    t:equal(status, 2)
    t:contains(out, "nothing: no such directory")
    t:shell("ln -s nowhere " .. dir .. "/in/link")
    t:contains((run(t, string.format("iso pack %s/b.iso %s/in", dir, dir))), "link is a link to nothing")
    os.remove(dir .. "/in/link")
    t:contains((run(t, string.format("floppy pack %s/c.img %s/in --label=MUCHTOOLONGALABEL", dir, dir))), "label")
  end,

  ["list and unpack give back what was packed, and what other tools made"] = function(t)
    local dir = folder(t)
    t:shell(string.format("printf 日本 > '%s/in/ünï 界.txt'; head -c 30000 /dev/urandom > %s/in/sub/big; : > %s/in/empty", dir, dir, dir))
    for tool, made in pairs {
      floppy = "mformat -C -f 1440 -i %s/b :: && mcopy -s -i %s/b %s/in/* ::",
      iso = "bsdtar -c --format iso9660 -f %s/b -C %s/in . #%s",
    } do
      local out, status = run(t, string.format("%s pack %s/a %s/in", tool, dir, dir))
      t:equal(status, 0, out)
      t:equal(select(2, t:shell("LC_ALL=C.UTF-8; export LC_ALL; " .. made:format(dir, dir, dir))), 0)
      for _, image in ipairs { "a", "b" } do
        local listed = run(t, string.format("%s list %s/%s", tool, dir, image))
        t:match(listed, "\n? +30000  20%d%d%-%d%d%-%d%d %d%d:%d%d  sub/big\n")
        t:contains(listed, "  sub/\n")
        t:contains(listed, "ünï 界.txt")
        out, status = run(t, string.format("%s unpack %s/%s %s/%s-out-%s", tool, dir, image, dir, tool, image))
        t:equal(status, 0, out)
        t:equal((t:shell(string.format("diff -r %s/in %s/%s-out-%s", dir, dir, tool, image))), "")
      end
      out, status = run(t, string.format("%s unpack %s/a %s/%s-out-a", tool, dir, dir, tool))
      t:equal(status, 1)
      t:contains(out, "is there already\n  --force replaces it")
      t:equal(select(2, run(t, string.format("%s unpack --force %s/a %s/%s-out-a", tool, dir, dir, tool))), 0)
      os.remove(dir .. "/a")
    end
  end,
  ["what is no image, or leads elsewhere, is refused"] = function(t)
    local dir = folder(t)
    t:write(dir .. "/text", ("no image\n"):rep(1000))
    t:write(dir .. "/zeros", ("\0"):rep(4096))
    for _, tool in ipairs { "floppy", "iso" } do
      t:match((run(t, tool .. " list " .. dir .. "/zeros")), "/zeros: it is no [FI]")
      local out, status = run(t, tool .. " list " .. dir .. "/text")
      t:equal(status, 1)
      t:match(out, "^luabuild: " .. dir .. "/text: ")
      t:equal(select(2, run(t, tool .. " list " .. dir .. "/nothing")), 1)
    end
    t:shell(string.format("mkdir %s/out %s/safe; ln -s %s/safe %s/out/sub", dir, dir, dir, dir))
    run(t, string.format("iso pack %s/a.iso %s/in", dir, dir))
    local out, status = run(t, string.format("iso unpack %s/a.iso %s/out", dir, dir))
    t:equal(status, 1, out)
    t:contains(out, "sub is a link")
    t:equal(t:shell("ls " .. dir .. "/safe"), "")
    run(t, string.format("floppy pack %s/a.img %s/in", dir, dir))
    local image = t:read(dir .. "/a.img")
    t:write(dir .. "/cut.img", image:sub(1, 3000))
    out, status = run(t, string.format("floppy list %s/cut.img", dir))
    t:ok(status == 0 or out:find("^luabuild: "), out)
  end,
}
