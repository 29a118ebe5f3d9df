-- options: the options of the builders vsphere-iso and vsphere-clone, one by one: what each becomes in a recipe
local writer = require "cli.packer.writer"

local options = {}

--[[
options.put(image, path, node) -> nothing
Set a field of an image; tables on the way are made. Nothing for nil.
  path           string            "hardware.memory"
]]
local function put(image, path, node)
  if node == nil then return end
  local at = image.fields
  for key, more in path:gmatch("([%w_]+)(%.?)") do
    if more == "" then return at:set(key, node) end
    if not at:get(key) then at:set(key, writer.fields()) end
    at = at:get(key)
  end
end
options.put = put

-- An option that is one field.
local function field(path, kind)
  return function(image, raw) put(image, path, image.values:get(raw, kind)) end
end

-- The same, for what an image cannot be without.
local function needed(path)
  return function(image, raw)
    image.values:need(raw)
    put(image, path, image.values:get(raw))
  end
end

-- A field that the standard variable of this name gives anyway.
local function standard(path, variable, kind)
  return function(image, raw)
    if image.values:is_variable(raw) == variable then return image.values.variables:touch(variable, kind) end
    put(image, path, image.values:get(raw, kind))
  end
end

local function lost(why, harmless)
  return function(image, raw, name)
    local known = image.values:known(raw)
    if raw == "" or known == "" or raw == false or known == "false" or known == "0" or known == harmless then return end
    image:lose(name, raw, why)
  end
end

local function nothing() end

-- The vCenter comes from the standard variables, whatever the template called them.
local function connection(image, raw, name)
  local variable = image.values:is_variable(raw)
  if variable then
    if image.values.variables:connects(variable, name) then
      image.values:lose("connection", string.format("%s is called %s now: only so does it say which vCenter", variable, name))
    end
    return
  end
  if name == "insecure_connection" then
    if image.values:known(raw) ~= "true" then return end
    return image.values:lose("connection",
      "insecure_connection: certificates are verified: give VCENTER_CA_FILE or VCENTER_THUMBPRINT, or VCENTER_INSECURE=true")
  end
  image.values:lose("connection", string.format("%s does not stand in recipes: VCENTER_%s, or a var-file", name, (name:upper():gsub("^VCENTER_", ""))))
end

-- Fields of the API's VirtualMachineConfigSpec: a flag or a number that is off is no wish.
local function config(path, kind, value)
  return function(image, raw)
    local known = image.values:known(raw)
    if raw == false or known == "false" or known == "0" or known == "" then return end
    put(image, "config." .. path, value or image.values:get(raw, kind))
  end
end

local function each(raw) return type(raw) == "table" and (raw[1] ~= nil and raw or next(raw) and { raw } or {}) or { raw } end

-- The tables of a list, or the one that stands for it.
local function tables(image, raw, name)
  local out = {}
  for _, one in ipairs(each(raw)) do
    if type(one) == "table" then out[#out + 1] = one else image:lose(name, one, "a table is expected there") end
  end
  return out
end

-- A table of options, strictly: what is not in `known` is lost.
local function read(image, raw, name, known)
  local node = writer.fields()
  for _, key in ipairs(image.values.template.in_order(raw)) do
    local how = known[key]
    if type(how) == "table" then
      local value = image.values:get(raw[key], how[2])
      if value ~= nil then node:set(how[1], value) end
    elseif not how then image:lose(name .. "." .. key, raw[key], "no counterpart")
    elseif how ~= true then how(node, raw[key]) end
  end
  return node
end

-- { size = "64GiB" } alone is written "64GiB"
local function short(node, key)
  if #node.fields == 1 and node.fields[1].key == key then return node.fields[1].value end
  return node
end

local function storage(image, raw, name)
  local disks = {}
  for i, one in ipairs(tables(image, raw, name)) do
    image.values:need(one.disk_size)
    local eager = image.values:known(one.disk_eagerly_scrub) == "true"
    local node = read(image, one, name .. "[" .. i .. "]", {
      disk_size = { "size", "size" }, disk_controller_index = true, disk_eagerly_scrub = true, disk_thin_provisioned = true })
    local thin = image.values:known(one.disk_thin_provisioned)
    if eager then node:set("provisioning", "eager")
    elseif image.values:is_variable(one.disk_thin_provisioned) == "disk_thin_provisioned" then image.values:get(one.disk_thin_provisioned, "boolean")
    elseif thin == "true" then node:set("provisioning", "thin")
    else node:set("provisioning", "thick") end -- Packer's default
    local index = tonumber(image.values:known(one.disk_controller_index) or 0)
    if index and index > 0 then node:set("controller", math.tointeger(index) + 1) end
    disks[i] = short(node, "size")
  end
  put(image, "hardware.disks", writer.list(disks))
end

local function network_adapters(image, raw, name)
  local nics = {}
  for i, one in ipairs(tables(image, raw, name)) do
    local node = read(image, one, name .. "[" .. i .. "]", { network = true, network_card = { "card" }, mac_address = { "mac" },
      passthrough = function(_, value) if value == true or value == "true" then image:lose(name .. ".passthrough", value, "no counterpart") end end })
    if image.values:is_variable(one.network) ~= "network" then
      local network = image.values:get(one.network)
      if network ~= nil then node:set("network", network) end
    end
    nics[i] = short(node, "card")
  end
  put(image, "hardware.nics", writer.list(nics))
end

local function mac_address(image, raw)
  local node = writer.fields()
  node:set("mac", image.values:get(raw))
  put(image, "hardware.nics", writer.list { node })
end

local function controllers(image, raw)
  local list = {}
  for i, one in ipairs(each(raw)) do
    local value = image.values:get(one)
    list[i] = ({ ["lsilogic-sas"] = "lsilogic-sas", scsi = "lsilogic" })[value] or value
  end
  put(image, "hardware.controller", #list == 1 and list[1] or #list > 0 and writer.list(list) or nil)
end

local function snapshot_name(image, raw)
  if image.values:known(image.raw.create_snapshot) == "false" then return end
  put(image, "snapshot", image.values:get(raw))
end

local function create_snapshot(image, raw)
  if image.raw.snapshot_name then return end
  standard("snapshot", "create_snapshot", "boolean")(image, raw)
end

local function parameters(image, raw)
  local node = writer.fields()
  for _, key in ipairs(image.values.template.in_order(raw)) do node:set(key, image.values:get(raw[key]) or "") end
  put(image, "extra_config", node)
end

local function communicator(image, raw, name)
  local known = image.values:known(raw)
  if known ~= "ssh" then image:lose(name, raw, "only ssh is spoken") end
end

local function settle(image, raw)
  if image.values:known(raw) ~= "0.0.0.0/0" then put(image, "address.within", image.values:get(raw)) end
end

-- A clone's disk grows; an image that is installed had one disk and one card so in old templates.
local function disk_size(image, raw, name)
  if image.kind == "base" then return storage(image, { disk_size = raw, disk_thin_provisioned = image.raw.disk_thin_provisioned }, name) end
  if image.values:known(raw) ~= "0" then put(image, "hardware.disk", image.values:get(raw, "size")) end
end

local function network_card(image, raw, name)
  network_adapters(image, { network_card = raw, network = image.raw.network }, name)
end

local function network(image, raw, name)
  if image.raw.network_card and image.kind == "base" then return end -- read with it
  standard("placement.network", "network")(image, raw, name)
end

local NO_DEVICE = "recipes do not have this device"
local NO_TUNNEL = "ssh goes straight to the guest"
local NO_WINDOWS = "only ssh is spoken"

-- Option -> function(image, raw, name). Those of media, provisioning and export have files of their own.
-- Source: Packer 1.6.6 and packer-plugin-vsphere, documentation of the builders vsphere-iso and vsphere-clone.
options.known = {
  type = nothing, name = nothing,
  vcenter_server = connection, username = connection, password = connection, insecure_connection = connection,
  datacenter = standard("placement.datacenter", "datacenter"), cluster = standard("placement.cluster", "cluster"),
  host = standard("placement.host", "host"), resource_pool = standard("placement.resource_pool", "resource_pool"),
  datastore = standard("placement.datastore", "datastore"), folder = standard("placement.folder", "folder"),
  network = network, network_card = network_card, disk_thin_provisioned = nothing, datastore_cluster = standard("placement.datastore", "datastore"),
  set_host_for_datastore_uploads = nothing,

  guest_os_type = needed "guest_id", notes = field "annotation", vm_version = field("hardware.version", "integer"),
  CPUs = field("hardware.cpus", "integer"), cpu_cores = field("hardware.cores", "integer"), RAM = field("hardware.memory", "size"),
  firmware = field "hardware.firmware", storage = storage, disk_size = disk_size, disk_controller_type = controllers,
  network_adapters = network_adapters, mac_address = mac_address, configuration_parameters = parameters,
  CPU_hot_plug = config("cpuHotAddEnabled", "boolean"), RAM_hot_plug = config("memoryHotAddEnabled", "boolean"),
  CPU_reservation = config("cpuAllocation.reservation", "integer"), CPU_limit = config("cpuAllocation.limit", "integer"),
  RAM_reservation = config("memoryAllocation.reservation", "integer"), RAM_reserve_all = config("memoryReservationLockedToMax", "boolean"),
  NestedHV = config("nestedHVEnabled", "boolean"), vbs_enabled = config("flags.vbsEnabled", "boolean"),
  vvtd_enabled = config("flags.vvtdEnabled", "boolean"), tools_sync_time = config("tools.syncTimeWithHost", "boolean"),
  tools_upgrade_policy = config("tools.toolsUpgradePolicy", "text", "upgradeAtPowerCycle"),
  tools_sync_time_periodically = config("tools.syncTimeWithHost", "boolean"),
  video_ram = lost(NO_DEVICE), displays = lost(NO_DEVICE), usb_controller = lost(NO_DEVICE), vTPM = lost(NO_DEVICE),
  vgpu_profile = lost(NO_DEVICE), pci_passthrough_allowed_device = lost(NO_DEVICE), precision_clock = lost(NO_DEVICE),
  force_bios_setup = lost "the machine would wait there for a person", boot_order = lost("the disk comes before the CD", "disk,cdrom"),

  convert_to_template = standard("template", "convert_to_template", "boolean"), create_snapshot = create_snapshot,
  snapshot_name = snapshot_name, linked_clone = standard("linked", "linked_clone", "boolean"), vapp = lost "set the values with extra_config",
  customize = lost "let the guest do it with a step", content_library_destination = lost "import the OVA into the library",
  destroy = lost "the machine stays in the vCenter, as the image", remove_cdrom = nothing, reattach_cdroms = lost "images have no CD drive",
  remove_network_adapter = lost "images keep their cards",

  http_ip = field "http.ip", http_bind_address = field "http.bind", http_port_min = field("http.port_min", "integer"),
  http_port_max = field("http.port_max", "integer"), http_interface = lost "say http = { ip = … }", http_network_protocol = nothing,
  ip_wait_timeout = field("address.timeout", "duration"), ip_settle_timeout = field("address.settle", "duration"), ip_wait_address = settle,

  communicator = communicator, ssh_username = field "ssh.username", ssh_port = field("ssh.port", "integer"), ssh_host = field "address.static",
  ssh_timeout = field("ssh.timeout", "duration"), ssh_wait_timeout = field("ssh.timeout", "duration"),
  ssh_private_key_file = field "ssh.key_file", ssh_agent_auth = field("ssh.agent", "boolean"),
  pause_before_connecting = lost "a step wait \"…\" comes after the log-in",
  ssh_handshake_attempts = nothing, ssh_pty = lost "commands have no terminal; sudo does not need one", ssh_clear_authorized_keys = nothing,
  ssh_disable_agent_forwarding = nothing, ssh_file_transfer_method = nothing, ssh_keep_alive_interval = nothing, ssh_read_write_timeout = nothing,
  ssh_keypair_name = lost "see ssh = { temporary_key = true }", temporary_key_pair_name = lost "see ssh = { temporary_key = true }",
  temporary_key_pair_type = lost "see ssh = { temporary_key = true }", temporary_key_pair_bits = lost "see ssh = { temporary_key = true }",
  ssh_ciphers = nothing, ssh_key_exchange_algorithms = nothing, ssh_certificate_file = lost "keys without certificates",
  ssh_remote_tunnels = lost(NO_TUNNEL), ssh_local_tunnels = lost(NO_TUNNEL), ssh_public_key = nothing,
  ssh_private_key = lost "give a file: ssh = { key_file = … }",
  shutdown_timeout = field("shutdown.timeout", "duration"), disable_shutdown = lost "the build powers the machine off itself",
}
for _, name in ipairs { "host", "port", "agent_auth", "username", "password", "interactive", "private_key_file", "certificate_file" } do
  options.known["ssh_bastion_" .. name] = lost(NO_TUNNEL)
end
for _, name in ipairs { "host", "port", "username", "password" } do options.known["ssh_proxy_" .. name] = lost(NO_TUNNEL) end
for _, name in ipairs { "username", "password", "host", "no_proxy", "port", "timeout", "use_ssl", "insecure", "use_ntlm" } do
  options.known["winrm_" .. name] = lost(NO_WINDOWS)
end
for _, name in ipairs { "iso_target_path", "iso_target_extension", "local_cache_overwrite", "remote_cache_cleanup", "remote_cache_overwrite",
  "remote_cache_datastore", "remote_cache_path" } do
  options.known[name] = nothing -- the ISO is cached by its checksum
end

return options
