-- recipes/centos7.lua — CentOS 7, installed from its ISO with a kickstart on a floppy.
-- Makes base-os-centos7. Needs ssh_password, which becomes root's password.
local common = require "common"

local v = vars {
  iso_url          = "https://mirrors.edge.kernel.org/centos/7.9.2009/isos/x86_64/CentOS-7-x86_64-Minimal-2009.iso",
  iso_checksum     = "sha256:07b94e6b1a0b0260b94c83d6bb76b26bf7a310dc78d7a9c7432809fb9bc6194a",
  shutdown_command = "shutdown -h now",
}

return base(common(v, {
  name      = "base-os-centos7",
  guest_id  = "centos7_64Guest",
  kickstart = { floppy = "kickstart/centos" },
  boot      = { wait = v.boot_wait,
                "<tab><wait> text ks=hd:fd0:/7/ks.cfg<enter>" },
  shutdown  = v.shutdown_command,
}))
