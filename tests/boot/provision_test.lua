-- A kickstart on a CD, controllers and nics that are not the usual ones, and the recipe's steps in the living guest.
local builds = require "tests.builds"
local lab = require "tests.lab"
local lfs = require "lfs"
local shell = require "guest.shell"

local PASSWORD = "it's a password"

local function site(t)
  return builds.setup(t, lab.start(t, { boot = true }), { iso_url = lab.GUEST, boot_wait = "4s", memory = "384", disk_size = "600",
    ssh_password = PASSWORD, ssh_timeout = "20m" })
end

-- What the recipes upload: a tree with a mode of its own, a script.
local function sources(t, s)
  local dir = s.dir .. "/sources"
  lfs.mkdir(dir)
  lfs.mkdir(dir .. "/tree")
  lfs.mkdir(dir .. "/tree/deeper")
  t:write(dir .. "/tree/deeper/run.sh", "#!/bin/sh\necho ran from the tree\n")
  os.execute("chmod 750 " .. dir .. "/tree/deeper/run.sh")
  t:write(dir .. "/one.txt", "one\n")
  t:write(dir .. "/script.sh", "test \"$WHO\" = \"it's me\"\necho a script on $(uname -n)\n")
  return dir
end

-- Keys of a boot function go where the screen shows that they are wanted; then every kind of step.
local function everything(s, dir)
  return s.t:write(s.dir .. "/everything.lua", string.format([==[
local v = vars {}
return base {
  name = "everything", guest_id = "otherLinux64Guest",
  iso = { url = v.iso_url, checksum = v.iso_checksum },
  hardware = { cpus = v.cpu, memory = v.memory, controller = { "nvme", "pvscsi", "sata" }, nics = { "vmxnet3", "e1000e" },
    disks = { v.disk_size, { size = "33MiB", controller = 2 }, { size = "34MiB", controller = 3 } } },
  kickstart = { cd = "kickstart/centos", label = "KS" },
  boot = { wait = v.boot_wait, run = function(vm)
    vm:type "<tab>"
    vm:wait_screen { stable = "2s", timeout = "10m" } -- the menu's countdown has stopped: it took the key
    vm:type " text ks=hd:LABEL=KS:/7/ks.cfg<enter>"
    vm:wait_screen { timeout = "10m" } -- the kernel is quiet until its first program runs
    vm:wait_tools "20m"
  end },
  provision = {
    upload { "%s/tree", "%s/one.txt", to = "/root/" },
    upload { content = "made by the recipe\n", to = "/etc/made", mode = 384 },
    shell { "echo 'waiting for a sign'", "until [ -f /tmp/sign ]; do sleep 0.2; done", "echo 'a sign came'", name = "sign" },
    shell { script = "%s/script.sh", env = { WHO = "it's me" } },
    function(guest, vm)
      assert(guest:fact "os.id" == "luabuild-lab" and guest:fact "hostname" == "centos7")
      guest:write("/root/boots", guest:fact "boot_id" .. "\n")
      assert(vm.runtime.powerState == "poweredOn")
    end,
    reboot(),
    function(guest)
      assert(guest:read "/root/boots" ~= guest:fact "boot_id" .. "\n", "the same boot")
      assert(guest:try("exit 3").status == 3)
      guest:run("cat /proc/sys/kernel/random/boot_id >> /root/boots")
    end,
    shell { "/root/tree/deeper/run.sh", "cat /root/one.txt /etc/made", "stat -c %%a /etc/made /root/tree/deeper/run.sh",
      "cat /sys/block/*/size; ls /sys/class/net", name = "look" },
  },
}
]==], dir, dir, dir))
end

-- By EFI with secure boot; the image ends where a step fails.
local FAILS = [==[
local v = vars {}
return base {
  name = "fails", guest_id = "otherLinux64Guest",
  iso = { url = v.iso_url, checksum = v.iso_checksum },
  hardware = { cpus = v.cpu, memory = v.memory, controller = "sata", nics = "e1000", disks = v.disk_size, firmware = "efi-secure" },
  kickstart = { cd = "kickstart/centos" },
  boot = function(vm)
    for _ = 1, 8 do vm:wait_screen { timeout = "10m" } end -- the firmware's few pictures, then the menu's seconds
    vm:type "c<wait2>linux /isolinux/vmlinuz ks=cdrom:/7/ks.cfg quiet<enter><wait2>"
    vm:type "initrd /isolinux/initrd.img<enter><wait5>boot<enter>"
  end,
  provision = { shell { "echo it begins; ls /sys/firmware/efi", "ls /not/there", name = "setup" }, shell "echo never" },
}
]==]

-- The step that waits goes on when a file is there: what it said before was shown while it ran.
local function give_sign(t, s, building)
  t:ok(building:wait_for "sign> waiting for a sign", building:output())
  local address
  for _, vm in ipairs(s.lab:vms()) do if vm.name:find "^everything" then address = vm.address end end
  local guest <close> = shell.connect { address = address, port = tonumber(s.lab.env.LAB_SSH_PORT), username = "root", password = PASSWORD, timeout = 900 }
  t:ok(not building:output():find "a sign came")
  guest:write("/tmp/sign", "")
end

local function check_everything(t, out)
  t:contains(out, "sign> a sign came")
  t:contains(out, "shell> a script on centos7")
  t:match(out, "6 reboot +%d[%d.ms]+ +back as 127")
  for _, line in ipairs { "ran from the tree", "one", "made by the recipe", "600", "750", tostring(33 << 11), tostring(34 << 11), "eth0", "eth1" } do
    t:match(out, "look> " .. line .. "\n")
  end
end

return {
  ["kickstarts on CDs, BIOS and EFI, controllers, every kind of step; a step that fails undoes the machine"] = function(t)
    local s = site(t)
    local everything_ = builds.start(s, everything(s, sources(t, s)))
    local fails = builds.start(s, t:write(s.dir .. "/fails.lua", FAILS))
    give_sign(t, s, everything_)

    local out, status = fails:wait()
    t:equal(status, 1, out)
    t:contains(out, "setup> it begins")
    t:contains(out, "setup> efivars", "it was booted by EFI")
    t:contains(out, "provision 1 setup")
    t:contains(out, "ended with status")
    t:match(out, "fails: failed.*ls: .*/not/there.*No such file or directory", "the last lines are in the message")
    t:ok(not out:find "never")
    t:contains(out, "undone: virtual machine")

    out, status = everything_:wait()
    t:equal(status, 0, out)
    check_everything(t, out)
    t:equal(builds.state(s), { vms = { "everything" }, files = {}, sessions = 0 })
  end,
}
