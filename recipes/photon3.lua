-- recipes/photon3.lua — Photon OS 3, installed from its ISO with a kickstart over HTTP.
-- Makes base-os-photon3. Needs ssh_password, which becomes root's password.
local common = require "common"

local v = vars {
  iso_url          = "https://packages.vmware.com/photon/3.0/Rev3/iso/photon-minimal-3.0-a383732.iso",
  iso_checksum     = "sha1:c2883a42e402a2330d9c39b4d1e071cf9b3b5898",
  shutdown_command = "shutdown now",
}

return base(common(v, {
  name      = "base-os-photon3",
  guest_id  = "vmwarePhoton64Guest",
  kickstart = { http = "kickstart/photon" },
  boot      = { wait = v.boot_wait,
                "<esc><wait>",
                "vmlinuz initrd=initrd.img root=/dev/ram0 loglevel=3 photon.media=cdrom ks=${http}/3/ks.json<enter>" },
  shutdown  = v.shutdown_command,
}))
