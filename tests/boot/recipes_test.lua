-- The repository's own recipes, from the guest's installer CD to machines that are used. Nothing is made up here: a boot loader
-- is typed at, a kernel reads the floppy or fetches over HTTP, an installer installs, the result boots from its disk.
local builds = require "tests.builds"
local device = require "vsphere.device"
local lab = require "tests.lab"
local shell = require "guest.shell"
local vim = require "vim"

local PASSWORD = "not the default's"

local function site(t)
  return builds.setup(t, lab.start(t, { boot = true }), { iso_url = lab.GUEST, boot_wait = "4s", memory = "384", ssh_password = PASSWORD,
    ssh_timeout = "20m", http_ip = "10.0.2.2" })
end

-- What is left of the installation in a finished VM.
local function media(vm)
  local found = {}
  for _, d in ipairs(vm:get "config.hardware.device") do
    local kind = vim.typeof(d)
    if kind == "VirtualCdrom" or kind == "VirtualFloppy" then found[#found + 1] = kind end
  end
  return found
end

-- Log in to a VM that was powered on by itself, as its user would.
local function log_in(t, s, vm)
  vm:wait_tools(900)
  local guest = shell.connect { address = vm:get "guest.ipAddress", port = tonumber(s.lab.env.LAB_SSH_PORT), username = "root", password = PASSWORD,
    timeout = 900 }
  t:defer(function() guest:close() end)
  return guest
end

local function check_guest(t, s, vm, hostname)
  local guest = log_in(t, s, vm)
  t:equal(guest:fact "hostname", hostname, "the kickstart's name")
  t:equal(guest:fact "os.id", "luabuild-lab")
  t:contains(guest:run "sshd -T | grep -i permitrootlogin", "yes", "the post-install script ran")
  t:equal(guest:run "rpm -q open-vm-tools >/dev/null && echo there", "there")
  t:equal(guest:run "ls /dev/sr* /dev/fd* 2>/dev/null | grep -v '/dev/fd$' || true", "", "no CD, no floppy")
  t:equal(guest:run "ls /etc/systemd/system/hello.service 2>/dev/null || true", "", "it does not look for its builder any more")
  return guest
end

return {
  ["photon3 over HTTP and centos7 by floppy, side by side: what they make boots, and is what the kickstart says"] = function(t)
    local s = site(t)
    local photon, centos = builds.start(s, "recipes/photon3.lua"), builds.start(s, "recipes/centos7.lua")
    local out, status = photon:wait()
    t:equal(status, 0, out)
    t:match(out, "http 3/ks.json 200")
    t:contains(out, "kickstart fetched")
    out, status = centos:wait()
    t:equal(status, 0, out)
    t:contains(out, "floppy, 1.4 MiB")
    t:equal(builds.state(s), { vms = { "base-os-centos7", "base-os-photon3" }, files = {}, sessions = 0 })

    local vc <close> = s.lab:connect()
    local vms = { photon = s.lab:vm(vc, "base-os-photon3"), centos7 = s.lab:vm(vc, "base-os-centos7") }
    for _, vm in pairs(vms) do
      t:equal(media(vm), {})
      t:ok(device.boot_order_is_clear(vm:get "config.bootOptions"))
      t:equal(vm.snapshot.rootSnapshotList[1].name, "base")
      vm:power_on()
    end
    for hostname, vm in pairs(vms) do
      local guest = check_guest(t, s, vm, hostname)
      if hostname == "centos7" then t:ok(guest:run "test -f /root/kickstart-post.log && echo yes") end
      vm:shutdown_guest()
      t:ok(vm:wait_power("poweredOff", 300), "the power button")
    end

    out, status = builds.run(s, "recipes/photon3.lua", "recipes/centos7.lua")
    t:equal(status, 0, out)
    t:equal(select(2, out:gsub("nothing to do: up to date", "")), 2)
    t:equal(builds.state(s).vms, { "base-os-centos7", "base-os-photon3" })
  end,
}
