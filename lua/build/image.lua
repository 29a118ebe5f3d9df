-- image: what a recipe gave to base { … } or clone { … }, with what the standard variables add, checked across fields
local shapes = require "build.fields"

local image = {}

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

-- A placement as a recipe gives it, over that of the variables; "" takes a variable's away.
local function placed(given, v)
  local out = merged(given, { datacenter = v.datacenter, cluster = v.cluster, host = v.host, resource_pool = v.resource_pool,
    datastore = v.datastore, folder = v.folder, network = v.network })
  for name, value in pairs(type(out) == "table" and out or {}) do if value == "" then out[name] = nil end end
  return out
end

-- What neither kind of image says comes from the standard variables: the fields, filled in before they are read.
local function with_common(fields, v)
  local out = merged(fields, { snapshot = v.create_snapshot, template = v.convert_to_template,
    output_dir = getmetatable(v).try "output_dir" })
  out.placement = placed(fields.placement, v)
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
  local self = shapes[kind]:read(fill(fields, v), "", problems)
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
