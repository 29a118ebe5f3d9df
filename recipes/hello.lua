-- recipes/hello.lua — the smallest appliance: photon3 with a file, a command and a check, handed over as an OVA.
-- Makes hello-photon3-<release_version>. Needs ssh_password, as the image it is made from.
local photon3 = import "photon3"

local v = vars {
  release_version  = git.describe(),
  greeting         = { default = "hello", description = "what the appliance says at login" },
  shutdown_command = "shutdown now",
}

return clone {
  name      = "hello-photon3-" .. v.release_version,
  from      = photon3,
  linked    = true,
  provision = {
    upload { "recipes/hello/install.sh", to = "/root/install.sh" },
    shell  { "sh /root/install.sh", "rm /root/install.sh", env = { GREETING = v.greeting }, name = "install" },
    check  { file = { ["/etc/motd"] = { contains = { v.greeting } } }, port = { "tcp:22" }, timeout = "30s" },
    function(guest) guest:zero_free_space() end, -- so that the exported disk is small
  },
  shutdown  = v.shutdown_command,
  export    = { format = "ova", product = { name = "hello", version = v.release_version } },
}
