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
  end,
  ["wrong words are a usage error"] = function(t)
    t:equal(select(2, program(t, "")), 2)
    local out, status = program(t, "lst x.ova")
    t:equal({ status, out:match("unknown action '%w+'") }, { 2, "unknown action 'lst'" })
    t:equal(select(2, program(t, "list /nonexistent.ova")), 1)
  end,
}
