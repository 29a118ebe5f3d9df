-- virt-v2v, which is not ours, as a reader of our OVAs: what it takes from the descriptor and the archive
local builds = require "tests.builds"
local lab = require "tests.lab"

-- It needs no appliance of libguestfs to tell what it found.
local function source(t, path)
  if select(2, t:shell "command -v virt-v2v") ~= 0 then t:skip "no virt-v2v here" end
  local out, status = t:shell("LIBGUESTFS_BACKEND=direct virt-v2v -i ova " .. path .. " --print-source")
  t:equal(status, 0, out)
  return out
end

return {
  ["an export is the machine that was built: name, memory, processors, firmware, disks, cards"] = function(t)
    local s = builds.setup(t, lab.start(t))
    builds.recipe(s, [[hardware = { cpus = 4, cores = 2, memory = "768MiB", firmware = "efi", nics = { "vmxnet3", "e1000e" }, disks = { "1GiB", "33MiB" } },]])
    local out, status = builds.run(s, t:write(s.dir .. "/copy.lua",
      'return clone { name = "copy", from = import "small", linked = true, shutdown = "poweroff", export = {} }'))
    t:equal(status, 0, out)
    local found = source(t, s.dir .. "/output/copy.ova")
    t:match(found, "source name: copy\n")
    t:match(found, "memory: " .. (768 << 20) .. " %(bytes%)\n")
    t:match(found, "nr vCPUs: 4\n")
    t:contains(found, "sockets: 2 cores/socket: 2")
    t:match(found, "firmware: uefi\n")
    t:match(found, "disks:\n%s+0 %[scsi%]\n%s+1 %[scsi%]\n")
    t:contains(found, '"VM Network" [vmxnet3]')
    t:contains(found, '"VM Network" [e1000e]')
  end,

  ["what `ova pack` makes of an unpacked one reads the same"] = function(t)
    local s = builds.setup(t, lab.start(t))
    t:equal(select(2, builds.run(s, builds.recipe(s, "export = {},"))), 0)
    local dir = s.dir .. "/output"
    t:shell(("mkdir %s/x && tar xf %s/small.ova -C %s/x && %s ova pack %s/again.ova %s/x/small.ovf"):format(dir, dir, dir, arg[-1], dir, dir))
    local before, after = source(t, dir .. "/small.ova"), source(t, dir .. "/again.ova")
    t:equal(after:match("source name.*"), before:match("source name.*"))
  end,
}
