-- A checkpoint of a living guest, and an image that is replaced while a clone stands on its disk: the clone still boots.
local builds = require "tests.builds"
local lab = require "tests.lab"
local shell = require "guest.shell"

local PASSWORD = "secret"

-- The image, whose last step is `last`.
local function recipe(s, last)
  return s.t:write(s.dir .. "/small.lua", string.format([[
local v = vars {}
return base {
  name = "small", guest_id = "otherLinux64Guest",
  iso = { url = v.iso_url, checksum = v.iso_checksum },
  kickstart = { http = "kickstart/photon" },
  boot = { "<esc><wait>vmlinuz initrd=initrd.img photon.media=cdrom ks=${http}/3/ks.json<enter>" },
  ssh = { password = v.ssh_password, temporary_key = true },
  provision = { shell "echo before > /root/before", checkpoint "installed", shell %q },
}]], last))
end

local function clone(s, fields)
  return s.t:write(s.dir .. "/clone.lua", "return clone { " .. fields .. " }")
end

-- Somebody starts a machine and logs in.
local function log_in(t, s, name)
  local vc <close> = s.lab:connect()
  s.lab:vm(vc, name):power_on()
  local address
  for _, vm in ipairs(s.lab:vms()) do if vm.name == name then address = vm.address end end
  local guest = shell.connect { address = address, port = tonumber(s.lab.env.LAB_SSH_PORT), username = "root", password = PASSWORD, timeout = 900 }
  t:defer(function() guest:close() end)
  return guest
end

return {
  ["a build goes on from a checkpoint; a replaced image stays for its linked clone, which boots"] = function(t)
    local s = builds.setup(t, lab.start(t, { boot = true }), { iso_url = lab.GUEST, boot_wait = "4s", memory = "384", disk_size = "600",
      ssh_password = PASSWORD, ssh_timeout = "20m", http_ip = "10.0.2.2" })
    local out, status = builds.run(s, recipe(s, "exit 3"))
    t:equal(status, 1, out)
    t:contains(out, "is kept with its checkpoint 'installed'")
    out, status = builds.run(s, recipe(s, "test \"$(cat /root/before)\" = before && echo after > /root/after"))
    t:equal(status, 0, out)
    t:contains(out, "goes on from the checkpoint 'installed'")

    out, status = builds.run(s, clone(s, 'name = "copy", from = import "small", linked = true, provision = { shell "echo mine > /root/mine" }'))
    t:equal(status, 0, out)
    out, status = builds.run(s, clone(s, 'name = "small", from = "copy", linked = false')) -- another image takes the name
    t:equal(status, 0, out)
    local old = out:match("kept the image before as (small%.old%-%x+): disks of copy stand on it")
    t:contains(builds.run(s, "gc", "--older-than=0"), "stays    image before " .. old .. ": disks of copy stand on it")
    t:equal(builds.state(s), { vms = { "copy", "small", old }, files = {}, sessions = 0 })

    local guest = log_in(t, s, "copy")
    t:equal(guest:run "cat /root/before /root/after /root/mine", "before\nafter\nmine")
    t:equal(guest:run "cat /root/.ssh/authorized_keys 2>/dev/null | grep -c luabuild || true", "0", "no key of a build is left")
  end,
}
