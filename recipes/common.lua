-- recipes/common.lua — what the base images here have in common. A module of the recipes: require "common".

--[[
common(v, fields) -> fields
Fill in what the recipe of a base image does not say: the hardware, and ssh as the installed system offers it.
]]
return function(v, fields)
  fields.iso = fields.iso or { url = v.iso_url, checksum = v.iso_checksum, checksum_type = v.iso_checksum_type }
  fields.hardware = fields.hardware or {
    cpus       = v.cpu,
    cores      = v.cpu_cores,
    memory     = v.memory,
    disks      = { v.disk_size },
    nics       = { v.network_card },
    controller = v.disk_controller_type,
    firmware   = v.firmware,
    version    = v.vmx_version,
  }
  fields.ssh = fields.ssh or {
    username = v.ssh_username,
    password = v.ssh_password,
    port     = v.ssh_port,
    timeout  = v.ssh_timeout,
  }
  return fields
end
