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
}
