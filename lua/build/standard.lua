-- standard: the variables that exist in every recipe without being declared
local spec = require "core.spec"

-- A text of which `wrong` says, text -> message, what is wrong with it; nil when nothing is.
local function text_but(wrong)
  return { name = spec.text.name, read = function(_, value, path, problems)
    local text = spec.text:read(value, path, problems)
    local message = text and text ~= "" and wrong(text)
    if not message then return text end
    problems[#problems + 1] = { path = path, message = message }
  end }
end

local server = text_but(function(text)
  local port = tonumber(text:match(":(%d+)$") or text:match(":(%d+)/"))
  if text:find("%s") then return string.format("%q is not a host or host:port: there is a blank in it", text) end
  return port and port > 65535 and string.format("%q is not a host or host:port: ports go to 65535", text) or nil
end)

local thumbprint = text_but(function(text)
  local digits = text:gsub(":", "")
  if digits:find("^%x+$") and (#digits == 40 or #digits == 64) then return nil end
  return string.format("%q is not a thumbprint: 40 (SHA-1) or 64 (SHA-256) hex digits, with colons or without", text)
end)

-- { name, type, default, env = environment variables that also set it, secret, doc }
return {
  { "vcenter_server", server, env = { "VCENTER_SERVER" }, doc = "vCenter or ESXi host: host or host:port" },
  { "username", spec.text, env = { "VCENTER_USERNAME", "GOVC_USERNAME" }, doc = "who logs in" },
  { "password", spec.text, env = { "VCENTER_PASSWORD", "GOVC_PASSWORD" }, secret = true, doc = "the password of username" },
  { "insecure_connection", spec.boolean, false, env = { "VCENTER_INSECURE", "GOVC_INSECURE" }, doc = "do not verify the server's certificate" },
  { "ca_file", spec.text, env = { "VCENTER_CA_FILE" }, doc = "PEM file of the authority that signed the server's certificate" },
  { "thumbprint", thumbprint, env = { "VCENTER_THUMBPRINT" }, doc = "SHA-1 or SHA-256 of the server's certificate; pins it" },
  { "datacenter", spec.text, doc = "name or path; the only one by default" },
  { "cluster", spec.text, doc = "name or path of the cluster" },
  { "host", spec.text, doc = "name or path of the host" },
  { "resource_pool", spec.text, doc = "name or path; the cluster's or host's own by default" },
  { "datastore", spec.text, doc = "name, or that of a datastore cluster; the only one by default" },
  { "folder", spec.text, doc = "VM folder, below the datacenter's vm folder" },
  { "network", spec.text, doc = "name or path; the only one by default" },
  { "network_card", spec.text, "vmxnet3", doc = "vmxnet3, e1000 or e1000e" },
  { "iso_url", spec.text, doc = "http(s) URL or file of the installer" },
  { "iso_checksum", spec.text, doc = "sha256:… (sha1, sha512), or a bare digest" },
  { "iso_checksum_type", spec.text, doc = "the algorithm of a bare iso_checksum" },
  { "boot_wait", spec.duration, "15s", doc = "time from power on to the first key" },
  { "cpu", spec.integer(1), 2, doc = "virtual processors" },
  { "cpu_cores", spec.integer(1), 1, doc = "cores per socket" },
  { "memory", spec.size, "4GiB", doc = "memory" },
  { "disk_size", spec.size, "64GiB", doc = "size of the first disk" },
  { "disk_controller_type", spec.text, "lsilogic", doc = "lsilogic, lsilogic-sas, pvscsi, sata or nvme" },
  { "disk_thin_provisioned", spec.boolean, true, doc = "allocate disk blocks when they are written" },
  { "firmware", spec.text, "bios", doc = "bios, efi or efi-secure" },
  { "vmx_version", spec.text, doc = "virtual hardware version (14); the newest the host knows by default" },
  { "ssh_username", spec.text, "root", doc = "who logs in to the guest" },
  { "ssh_password", spec.text, secret = true, doc = "the guest's password; also for the kickstart" },
  { "ssh_port", spec.integer(1, 65535), 22, doc = "the guest's ssh port" },
  { "ssh_timeout", spec.duration, "30m", doc = "how long ssh may take to answer, once the address is known" },
  { "shutdown_command", spec.text, doc = "run in the guest to power it off; VMware Tools do it by default" },
  { "convert_to_template", spec.boolean, false, doc = "make the image a template" },
  { "create_snapshot", spec.boolean, true, doc = "take a snapshot, for linked clones" },
  { "linked_clone", spec.boolean, false, doc = "clone by linking to the parent's snapshot" },
  { "template", spec.text, doc = "name of a VM or template to clone from" },
  { "output_dir", spec.text, doc = "where exports and reports go; output/<name> by default" },
  { "build_name", spec.text, doc = "a word for the build, for manifests" },
  { "release_version", spec.text, doc = "the version that is built" },
  { "http_ip", spec.text, doc = "address of the kickstart server as the guest sees it" },
  { "http_port_min", spec.integer(1, 65535), 8000, doc = "lowest port of the kickstart server" },
  { "http_port_max", spec.integer(1, 65535), 9000, doc = "highest port of the kickstart server" },
}
