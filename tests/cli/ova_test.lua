-- luabuild ova: packages of any origin, by the command line
local function program(t, arguments) return t:shell(arg[-1] .. " ova " .. arguments) end

-- A package in a folder, its disk made by qemu-img.
local function package(t)
  local dir = t:directory()
  t:shell("mkdir " .. dir .. "/p && qemu-img create -q -f raw " .. dir .. "/d.raw 1M && qemu-img convert -O vmdk -o subformat=streamOptimized "
    .. dir .. "/d.raw " .. dir .. "/p/x-disk-0.vmdk")
  local size = t:shell("stat -c %s " .. dir .. "/p/x-disk-0.vmdk"):match("%d+")
  t:write(dir .. "/p/x.ovf", string.format([[<?xml version="1.0"?>
<Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1" xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1">
  <References><File ovf:id="file1" ovf:href="x-disk-0.vmdk" ovf:size="%s"/></References>
  <DiskSection><Info>disks</Info><Disk ovf:diskId="disk1" ovf:fileRef="file1" ovf:capacity="1048576"
    ovf:format="http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized"/></DiskSection>
  <VirtualSystem ovf:id="x"><Info>a machine</Info></VirtualSystem>
</Envelope>]], size))
  return dir
end

return {
  ["pack, list, verify and unpack go round"] = function(t)
    local dir = package(t)
    local out, status = program(t, "pack " .. dir .. "/x.ova " .. dir .. "/p")
    t:equal(status, 0, out)
    t:match(program(t, "list " .. dir .. "/x.ova"), "x%.ovf\n.*x%.mf\n.*x%-disk%-0%.vmdk\n")
    t:match(program(t, "verify " .. dir .. "/x.ova"), "fine, 1 file named by the descriptor, checked by sha256")
    t:equal(select(2, program(t, "unpack " .. dir .. "/x.ova " .. dir .. "/u")), 0)
    t:equal(t:shell("cmp " .. dir .. "/p/x-disk-0.vmdk " .. dir .. "/u/x-disk-0.vmdk"), "")
    t:equal(select(2, program(t, "pack " .. dir .. "/x.ova " .. dir .. "/p")), 1)
  end,
  ["a damaged archive is named with what is wrong in it"] = function(t)
    local dir = package(t)
    program(t, "pack " .. dir .. "/x.ova " .. dir .. "/p")
    t:shell("printf XX | dd of=" .. dir .. "/x.ova bs=1 seek=600 conv=notrunc")
    local out, status = program(t, "verify " .. dir .. "/x.ova")
    t:equal(status, 1)
    t:contains(out, "x.ovf")
    t:shell("truncate -s 9000 " .. dir .. "/x.ova")
    t:equal(select(2, program(t, "list " .. dir .. "/x.ova")), 1)
    t:shell("head -c 40000 /dev/zero > " .. dir .. "/zeros")
    out, status = program(t, "list " .. dir .. "/zeros")
    t:equal(status, 1, out)
    t:contains(out, "zeros: no OVA, or an empty one")
  end,
  ["what is wrong with an archive is named by verify; unpack leaves nothing of it"] = function(t)
    local dir = package(t)
    t:equal(select(2, program(t, "pack " .. dir .. "/x.ova " .. dir .. "/p")), 0)
    t:equal(select(2, program(t, "unpack " .. dir .. "/x.ova " .. dir .. "/good")), 0)
    for what, case in pairs {
      ["a wrong digest"] = { "printf X | dd of=x-disk-0.vmdk bs=1 seek=700 conv=notrunc status=none", "x-disk-0.vmdk: its sha256 digest is" },
      ["a missing file"] = { "rm x-disk-0.vmdk", "x-disk-0.vmdk is missing", files = "x.ovf x.mf" },
      ["a file too many"] = { "echo more > more", "more: the descriptor does not mention it", files = "x.ovf x.mf x-disk-0.vmdk more" },
      ["a path that climbs"] = { "mkdir d; echo more > d/more", "climbs out of the package", files = "x.ovf x.mf x-disk-0.vmdk ../bad/d/more" },
      ["a broken descriptor"] = { "head -c 500 x.ovf > y && mv y x.ovf", "x.ovf: " },
      ["a cut disk"] = { "truncate -s -1024 x-disk-0.vmdk", "bytes, but 65536 according to the descriptor" },
    } do
      local out, status = t:shell(string.format("cd %s && rm -rf bad bad.ova && cp -r good bad && cd bad && { %s; } && tar --format=ustar -P -cf ../bad.ova %s",
        dir, case[1], case.files or "x.ovf x.mf x-disk-0.vmdk"))
      t:equal(status, 0, out)
      out, status = program(t, "verify " .. dir .. "/bad.ova")
      t:equal(status, 1, what .. ": " .. out)
      t:contains(out, "bad.ova is not right:\n", what)
      t:contains(out, case[2], what)
      out, status = program(t, "unpack " .. dir .. "/bad.ova " .. dir .. "/out")
      if what ~= "a file too many" then t:equal({ status, (t:shell("ls " .. dir .. "/out 2>/dev/null")) }, { 1, "" }, what .. ": " .. out) end
      t:shell("rm -rf " .. dir .. "/out")
    end
  end,
  ["wrong words are a usage error"] = function(t)
    t:equal(select(2, program(t, "")), 2)
    local out, status = program(t, "lst x.ova")
    t:equal({ status, out:match("unknown action '%w+'") }, { 2, "unknown action 'lst'" })
    t:equal(select(2, program(t, "list /nonexistent.ova")), 1)
  end,
}
