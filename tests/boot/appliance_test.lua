-- An appliance from the installer CD to an OVA whose disk boots by itself, outside of the lab
local builds = require "tests.builds"
local lab = require "tests.lab"
local peer = require "tests.peer"
local process = require "process"
local shell = require "guest.shell"

local PASSWORD = "not the default's"

-- The archive's disk in a machine of its own: as whoever imports the OVA has it.
local function boot(t, dir)
  local out, status = t:shell("cd " .. dir .. " && tar xf *.ova && qemu-img convert -O qcow2 *-disk-0.vmdk disk.qcow2")
  t:equal(status, 0, out)
  local port = peer.free_port()
  local machine = assert(process.start { command = { "qemu-system-x86_64", "-nodefaults", "-display", "none", "-accel", "tcg,tb-size=64",
    "-cpu", "max", "-m", "384", "-device", "lsi53c895a", "-drive", "file=" .. dir .. "/disk.qcow2,if=none,id=disk", "-device", "scsi-hd,drive=disk",
    "-device", "vmxnet3,netdev=net", "-netdev", "user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:" .. port .. "-:22" } })
  t:defer(function() machine:close() end)
  return port
end

return {
  ["photon3 is cloned, provisioned, checked and exported; the OVA is whole, and its disk boots and greets"] = function(t)
    local s = builds.setup(t, lab.start(t, { boot = true }), { iso_url = lab.GUEST, boot_wait = "4s", memory = "384", ssh_password = PASSWORD,
      ssh_timeout = "20m", http_ip = "10.0.2.2", release_version = "1" })
    local out, status = builds.run(s, "recipes/hello.lua", "--var", "greeting=good day")
    t:equal(status, 0, out)
    t:contains(out, "install> the greeting is in place")
    t:match(out, "ok +file +/etc/motd")
    local dir = s.dir .. "/output"
    t:equal(t:shell("cd " .. dir .. " && sha256sum -c hello-photon3-1.ova.sha256"), "hello-photon3-1.ova: OK\n")
    t:contains(t:shell(arg[-1] .. " ova verify " .. dir .. "/hello-photon3-1.ova"), ": fine")
    local guest <close> = shell.connect { address = "127.0.0.1", port = boot(t, dir), username = "root", password = PASSWORD, timeout = 900 }
    t:equal(guest:read "/etc/motd", "good day, from the appliance\n")
    t:equal(guest:run "ls /root/install.sh 2>/dev/null || echo gone", "gone")
  end,
}
