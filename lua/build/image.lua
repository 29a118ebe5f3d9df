-- image: what base { … } says, as declared shapes; and the checks across fields
local spec = require "core.spec"
local configspec = require "build.configspec"

local image = {}

local disk = spec.record("disk", { short = "size",
  { "size", spec.size, required = true, doc = "\"64GiB\"" },
  { "provisioning", spec.enum { "thin", "thick", "eager" }, doc = "thin unless the variable disk_thin_provisioned is false" },
  { "controller", spec.integer(1), doc = "which of the controllers, from 1" },
})

local nic = spec.record("nic", { short = "card",
  { "card", spec.enum { "vmxnet3", "e1000", "e1000e" }, default = "vmxnet3", doc = "the emulated card" },
  { "network", spec.text, doc = "name or path; the variable network by default" },
  { "mac", spec.string, doc = "a fixed MAC address" },
})

local CONTROLLERS = { "lsilogic", "lsilogic-sas", "pvscsi", "sata", "nvme" }

image.hardware = spec.record("hardware", {
  { "cpus", spec.integer(1, 768), doc = "virtual processors; the variable cpu by default" },
  { "cores", spec.integer(1, 768), doc = "cores per socket; the variable cpu_cores by default" },
  { "memory", spec.size, doc = "the variable memory by default" },
  { "disks", spec.list(disk, { single = true }), doc = "one of the size of the variable disk_size by default" },
  { "nics", spec.list(nic, { single = true }), doc = "one by the variables network_card and network by default" },
  { "controller", spec.list(spec.enum(CONTROLLERS), { single = true }), doc = "of the disks, in order; the variable disk_controller_type by default" },
  { "firmware", spec.enum { "bios", "efi", "efi-secure" }, doc = "the variable firmware by default" },
  { "version", spec.integer(3), doc = "virtual hardware version: 14; the variable vmx_version, or the newest of the host, by default" },
})

image.iso = spec.record("iso", { short = "url",
  { "url", spec.text, doc = "http(s) URL or file" },
  { "checksum", spec.text, doc = "\"sha256:…\", a bare digest, or \"none\"" },
  { "checksum_type", spec.text, doc = "the algorithm of a bare checksum" },
  { "path", spec.text, doc = "\"[datastore] dir/x.iso\": an ISO that is on a datastore already" },
})

local text_or_function = spec.either("text or a function", function(value)
  return ({ ["function"] = spec.func, string = spec.string })[type(value)]
end, { spec.string, spec.func })

local paths = spec.either("a directory, or a list of files and directories", function(value)
  return type(value) == "table" and spec.list(spec.text) or type(value) == "string" and spec.text or nil
end, { spec.text, spec.list(spec.text) })

image.kickstart = spec.record("kickstart", {
  { "http", paths, doc = "directory served over HTTP; or a list of files and directories" },
  { "floppy", paths, doc = "directory put on a floppy; or a list" },
  { "cd", paths, doc = "directory put on a second CD; or a list" },
  { "files", spec.map(text_or_function), doc = "further files by name" },
  { "label", spec.string, doc = "of the floppy or CD" },
  { "values", spec.map(spec.any), doc = "for ${name} in the files" },
})

local boot_list = spec.record("boot", { positional = spec.string,
  { "wait", spec.duration, doc = "from power on to the first key; the variable boot_wait by default" },
  { "interval", spec.duration, default = 0.1, doc = "between keys" },
  { "layout", spec.string, default = "us", doc = "of the guest's keyboard" },
  { "run", spec.func, doc = "the boot command as a function of the live vm" },
  { "fetch_timeout", spec.duration, default = "5m", doc = "until the guest has fetched the kickstart" },
})
image.boot = spec.either("boot command", function(value)
  if type(value) == "function" then
    return { name = "function", read = function(_, f) return { run = f, wait = 0, interval = 0.1, layout = "us", fetch_timeout = 300 } end }
  end
  if type(value) == "string" then
    return { name = "string", read = function(_, s) return { s, interval = 0.1, layout = "us", fetch_timeout = 300 } end }
  end
  return type(value) == "table" and boot_list or nil
end, { spec.string, boot_list, spec.func })

image.ssh = spec.record("ssh", {
  { "username", spec.text, default = "root", doc = "who logs in" },
  { "password", spec.text, secret = true, doc = "the variable ssh_password by default" },
  { "key_file", spec.text, doc = "private key" },
  { "agent", spec.boolean, default = false, doc = "use the ssh agent" },
  { "temporary_key", spec.boolean, default = false, doc = "a key pair for this build, let in over the first login, taken out at the end" },
  { "port", spec.integer(1, 65535), default = 22, doc = "of the guest's ssh server" },
  { "timeout", spec.duration, default = "30m", doc = "until ssh answers, once the address is known" },
})

image.address = spec.record("address", {
  { "static", spec.text, doc = "the guest's address, when nothing can tell it" },
  { "within", spec.text, doc = "CIDR: only an address in it is taken" },
  { "settle", spec.duration, default = 0, doc = "how long an address must stay the same" },
  { "timeout", spec.duration, default = "30m", doc = "until the guest has an address, the installation included" },
})

image.shutdown = spec.record("shutdown", { short = "command",
  { "command", spec.text, doc = "run in the guest; VMware Tools when absent" },
  { "timeout", spec.duration, default = "5m", doc = "until the power is off" },
})

local step = spec.either("step", function(value)
  if type(value) == "function" then return spec.func end
  if type(value) == "table" and value.step then return spec.any end
end)

local flag_or_name = spec.either("true, false or a name", function(value)
  return ({ boolean = spec.boolean, string = spec.string })[type(value)]
end, { spec.boolean, spec.string })

image.export = require("build.ovfoptions").export

local common = {
  { "name", spec.text, required = true, doc = "of the image in the vCenter" },
  { "hardware", image.hardware, default = {}, doc = "of the virtual machine" },
  { "ssh", image.ssh, doc = "how to log in to the guest" },
  { "address", image.address, default = {}, doc = "how its address is known" },
  { "provision", spec.list(step), default = {}, doc = "steps: upload, shell, local_shell, check, reboot, wait, checkpoint, breakpoint, functions" },
  { "on_error", spec.list(step), default = {}, doc = "steps to run in the guest when the build fails, before it is cleaned up" },
  { "after", spec.list(step), default = {}, doc = "local_shell and functions: run here when the image is complete, before it gets its name" },
  { "shutdown", image.shutdown, default = {}, doc = "how the guest is shut down" },
  { "annotation", spec.string, doc = "notes of the VM" },
  { "extra_config", spec.map(spec.text), default = {}, doc = "advanced settings by key" },
  { "config", configspec.type, doc = "further fields of the API's VirtualMachineConfigSpec" },
  { "snapshot", flag_or_name, doc = "take one of the finished image, for linked clones; the variable create_snapshot by default" },
  { "template", spec.boolean, doc = "convert to a template; the variable convert_to_template by default" },
  { "keep", spec.integer(0, 100), default = 0, doc = "how many of the images that it replaces stay, as NAME.old-RUN" },
  { "export", image.export, doc = "hand over an OVA, or OVF files" },
  { "placement", spec.record("placement", {
    { "datacenter", spec.text, doc = "name or path" }, { "cluster", spec.text, doc = "name or path" }, { "host", spec.text, doc = "name or path" },
    { "resource_pool", spec.text, doc = "name or path" }, { "datastore", spec.text, doc = "name" },
    { "folder", spec.text, doc = "VM folder, below the datacenter's vm folder" }, { "network", spec.text, doc = "name or path" } }),
    default = {}, doc = "where in the vCenter; each is the variable of its name by default" },
  { "http", spec.record("http", { { "ip", spec.text, doc = "as the guest sees it" },
    { "bind", spec.text, doc = "to listen at; what the guest is told, if that is ours" },
    { "random_path", spec.boolean, default = false, doc = "16 random characters at the end of ${http}: nobody finds the files who was not told" },
    { "port_min", spec.integer(1, 65535), doc = "the variable http_port_min by default" },
    { "port_max", spec.integer(1, 65535), doc = "the variable http_port_max by default" } }), default = {}, doc = "the kickstart server" },
  { "output_dir", spec.text, doc = "for exports and reports; output/<name> by default" },
}

-- The common fields and further ones; with another shape for hardware, if given.
local function with(fields, hardware)
  local out = table.move(common, 1, #common, 1, {})
  if hardware then out[2] = { "hardware", hardware, default = {}, doc = "what is not said stays as in the source" } end
  return table.move(fields, 1, #fields, #out + 1, out)
end

image.base = spec.record("base", with {
  { "guest_id", spec.text, required = true, doc = "vSphere's name of the guest system: vmwarePhoton64Guest" },
  { "iso", image.iso, required = true, doc = "the installer" },
  { "kickstart", image.kickstart, doc = "what the installer reads" },
  { "boot", image.boot, doc = "what is typed at the boot menu" },
})

-- Hardware of a clone: what is not said stays as it is in the source.
image.clone_hardware = spec.record("hardware", {
  { "cpus", spec.integer(1, 768), doc = "virtual processors" },
  { "cores", spec.integer(1, 768), doc = "cores per socket" },
  { "memory", spec.size, doc = "\"4GiB\"" },
  { "disk", spec.size, doc = "new size of the first disk; it can only grow, and not in a linked clone" },
  { "nics", spec.list(nic, { single = true }), doc = "instead of the source's" },
})

image.clone = spec.record("clone", with({
  { "from", spec.any, required = true, doc = "an image of a recipe, or the name of a VM or template" },
  { "linked", spec.boolean, doc = "share the source's disks, on a snapshot" },
  { "from_snapshot", spec.text, doc = "the source's snapshot to start from; its current one by default" },
  { "make_snapshot", flag_or_name, default = false, doc = "take a snapshot of the source when a linked clone finds none" },
}, image.clone_hardware))

local DIGESTS = { [32] = "md5", [40] = "sha1", [64] = "sha256", [128] = "sha512" }

-- "sha256:ABC…" or a bare digest, its algorithm said by checksum_type or known by its length.
local function read_checksum(iso, add)
  if not iso.checksum or iso.checksum == "none" then return end
  local algorithm, hex = iso.checksum:match("^(%w+):(%x+)$")
  if not hex then
    hex = iso.checksum:match("^%x+$")
    algorithm = hex and (iso.checksum_type or DIGESTS[#hex])
  end
  local known = { sha1 = 40, sha256 = 64, sha512 = 128 }
  if not hex then return add("iso.checksum", string.format("%q is no digest: write sha256:<hex>", iso.checksum)) end
  if not known[algorithm] then return add("iso.checksum", string.format("%s is no algorithm of ours: sha256, sha512 or sha1", algorithm or "its length")) end
  if #hex ~= known[algorithm] then
    return add("iso.checksum", string.format("a %s digest has %d hexadecimal digits, this has %d", algorithm, known[algorithm], #hex))
  end
  iso.algorithm, iso.digest = algorithm, hex:lower()
end

local MEDIA = { "http", "floppy", "cd" }

local function check_base(self, add)
  if self.iso then
    if not (self.iso.url or self.iso.path) then add("iso", "needs a url, or the path of an ISO on a datastore") end
    if self.iso.url and not self.iso.checksum then
      add("iso.checksum", "is required: \"sha256:…\", or \"none\" to take whatever comes")
    end
    read_checksum(self.iso, add)
  end
  local media = {}
  for _, kind in ipairs(MEDIA) do
    if self.kickstart and self.kickstart[kind] then media[#media + 1] = kind end
  end
  if #media > 1 then add("kickstart", "has " .. table.concat(media, " and ") .. ": choose one") end
end

local LONGEST = 65 -- 80 without ".build-" and a run

local function check_common(self, add)
  if self.ssh and not (self.ssh.password or self.ssh.key_file or self.ssh.agent) then
    add("ssh.password", "is missing: set ssh_password (--var, a var-file, LUABUILD_VAR_ssh_password), or use key_file or agent")
  end
  if self.name and self.name:find("[/\\%c]") then add("name", "may not contain / or \\") end
  if self.name and #self.name > LONGEST then
    add("name", string.format("is longer than %d bytes: vSphere takes 80, and the name while building has 15 more", LONGEST))
  end
end

local function merged(given, defaults)
  if given ~= nil and type(given) ~= "table" then return given end
  local out = {}
  for key, value in pairs(defaults) do out[key] = value end
  for key, value in pairs(given or {}) do out[key] = value end
  return out
end

-- What neither kind of image says comes from the standard variables: the fields, filled in before they are read.
local function with_common(fields, v)
  local out = merged(fields, { snapshot = v.create_snapshot, template = v.convert_to_template,
    output_dir = getmetatable(v).try "output_dir" })
  out.placement = merged(fields.placement, { datacenter = v.datacenter, cluster = v.cluster, host = v.host,
    resource_pool = v.resource_pool, datastore = v.datastore, folder = v.folder, network = v.network })
  out.http = merged(fields.http, { ip = v.http_ip, port_min = v.http_port_min, port_max = v.http_port_max })
  local from = type(fields.from) == "table" and fields.from.ssh or {}
  out.ssh = merged(fields.ssh, { username = from.username or v.ssh_username, password = from.password or v.ssh_password,
    port = from.port or v.ssh_port, timeout = from.timeout or v.ssh_timeout, key_file = from.key_file, agent = from.agent })
  if fields.shutdown == nil then out.shutdown = { command = v.shutdown_command } end
  return out
end

local function with_defaults(fields, v)
  local out = with_common(fields, v)
  out.hardware = merged(fields.hardware, { cpus = v.cpu, cores = v.cpu_cores, memory = v.memory, disks = { v.disk_size },
    nics = { v.network_card }, controller = v.disk_controller_type, firmware = v.firmware, version = v.vmx_version })
  if type(fields.boot) == "string" then out.boot = { fields.boot } end
  if type(out.boot) == "table" then out.boot = merged(out.boot, { wait = v.boot_wait }) end
  return out
end

-- What one field leaves open and another one says.
local function complete(self, v)
  for _, d in ipairs(self.hardware.disks) do d.provisioning = d.provisioning or (v.disk_thin_provisioned and "thin" or "thick") end
  for _, n in ipairs(self.hardware.nics) do n.network = n.network or self.placement.network end
  if self.boot then self.boot.wait = self.boot.wait or v.boot_wait end
end

-- The secrets that a build cannot do without.
local function ask_secrets(self, v)
  local ssh, c = self.ssh, self.connection
  local ask = getmetatable(v).ask
  if not (ssh.password or ssh.key_file or ssh.agent) then ssh.password = ask "ssh_password" end
  if c.server and c.username and not c.password then c.password = ask "password" end
end

local function read(kind, fields, v, problems, fill, check)
  local function add(path, message) problems[#problems + 1] = { path = path, message = message } end
  if type(fields) ~= "table" then
    add(kind, "a table is expected: " .. kind .. " { name = …, … }")
    return {}
  end
  local before = #problems
  local self = image[kind]:read(fill(fields, v), "", problems)
  if #problems > before then return self end
  self.kind, self.variables = kind, v
  self.connection = { server = v.vcenter_server, username = v.username, password = v.password,
    insecure = v.insecure_connection, ca_file = v.ca_file, thumbprint = v.thumbprint }
  ask_secrets(self, v)
  check(self, add)
  check_common(self, add)
  return self
end

--[[
image.read_base(fields, v, problems, locate) -> image
Read what a recipe gave to base { … }: normalized, standard variables filled in, checked across fields. What is wrong
is added to problems as { path, message }.
  v              values            the recipe's variables
  locate         function          a path as the recipe gives it -> where the file is
]]
function image.read_base(fields, v, problems, locate)
  return read("base", fields, v, problems, with_defaults, function(self, add)
    complete(self, v)
    check_base(self, add)
    for _, kind in ipairs(MEDIA) do
      local path = self.kickstart and self.kickstart[kind]
      if type(path) == "table" then for i, one in ipairs(path) do path[i] = locate(one) end
      elseif path then self.kickstart[kind] = locate(path) end
    end
  end)
end

local function check_clone(self, add, v)
  if self.linked == nil then self.linked = v.linked_clone end
  if type(self.from) == "table" and not self.from.recipe then
    add("from", "is no image: from = import \"photon3\", or the name of a VM or template")
  elseif type(self.from) ~= "table" and type(self.from) ~= "string" then
    add("from", "is no image and no name")
  end
  if self.linked and self.hardware.disk then
    add("hardware.disk", "cannot grow in a linked clone: its disk stands on the source's; leave it out, or say linked = false")
  end
  for _, n in ipairs(self.hardware.nics or {}) do n.network = n.network or self.placement.network end
end

--[[
image.read_clone(fields, v, problems) -> image
Read what a recipe gave to clone { … }; as image.read_base.
]]
function image.read_clone(fields, v, problems)
  if type(fields) == "table" and fields.from == nil then fields.from = v.template end
  return read("clone", fields, v, problems, with_common, function(self, add) check_clone(self, add, v) end)
end

return image
