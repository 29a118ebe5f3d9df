-- fields: what base { … } and clone { … } take, as declared shapes: fields.base and fields.clone are records of core.spec
local spec = require "core.spec"
local configspec = require "build.configspec"

local fields = {}

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

local hardware = spec.record("hardware", {
  { "cpus", spec.integer(1, 768), doc = "virtual processors; the variable cpu by default" },
  { "cores", spec.integer(1, 768), doc = "cores per socket; the variable cpu_cores by default" },
  { "memory", spec.size, doc = "the variable memory by default" },
  { "disks", spec.list(disk, { single = true }), doc = "one of the size of the variable disk_size by default" },
  { "nics", spec.list(nic, { single = true }), doc = "one by the variables network_card and network by default" },
  { "controller", spec.list(spec.enum(CONTROLLERS), { single = true }), doc = "of the disks, in order; the variable disk_controller_type by default" },
  { "firmware", spec.enum { "bios", "efi", "efi-secure" }, doc = "the variable firmware by default" },
  { "version", spec.integer(3), doc = "virtual hardware version: 14; the variable vmx_version, or the newest of the host, by default" },
})

local iso = spec.record("iso", { short = "url",
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

local kickstart = spec.record("kickstart", {
  { "http", paths, doc = "directory served over HTTP; or a list of files and directories" },
  { "floppy", paths, doc = "directory put on a floppy; or a list" },
  { "cd", paths, doc = "directory put on a second CD; or a list" },
  { "files", spec.map(text_or_function), doc = "further files by name" },
  { "label", spec.string, doc = "of the floppy or CD" },
  { "values", spec.map(spec.any), doc = "for ${name} in the files" },
  { "fill", spec.boolean, doc = "false: ${name} in the files stays as it is, for their shell" },
})

local boot_list = spec.record("boot", { positional = spec.string,
  { "wait", spec.duration, doc = "from power on to the first key; the variable boot_wait by default" },
  { "interval", spec.duration, default = 0.1, doc = "between keys" },
  { "layout", spec.string, default = "us", doc = "of the guest's keyboard" },
  { "run", spec.func, doc = "the boot command as a function of the live vm" },
  { "fetch_timeout", spec.duration, default = "5m", doc = "until the guest has fetched the kickstart" },
  { "attempts", spec.integer(1, 100), default = 2, doc = "how often a list is typed until the kickstart is fetched, at a machine that was restarted" },
})
local boot = spec.either("boot command", function(value)
  if type(value) == "function" then
    return { name = "function", read = function(_, f) return { run = f, wait = 0, interval = 0.1, layout = "us", fetch_timeout = 300, attempts = 2 } end }
  end
  if type(value) == "string" then
    return { name = "string", read = function(_, s) return { s, interval = 0.1, layout = "us", fetch_timeout = 300, attempts = 2 } end }
  end
  return type(value) == "table" and boot_list or nil
end, { spec.string, boot_list, spec.func })

local ssh = spec.record("ssh", {
  { "username", spec.text, default = "root", doc = "who logs in" },
  { "password", spec.text, secret = true, doc = "the variable ssh_password by default" },
  { "key_file", spec.text, doc = "private key" },
  { "agent", spec.boolean, default = false, doc = "use the ssh agent" },
  { "temporary_key", spec.boolean, default = false, doc = "a key pair for this build, let in over the first login, taken out at the end" },
  { "port", spec.integer(1, 65535), default = 22, doc = "of the guest's ssh server" },
  { "timeout", spec.duration, default = "30m", doc = "until ssh answers, once the address is known" },
})

local address = spec.record("address", {
  { "static", spec.text, doc = "the guest's address, when nothing can tell it" },
  { "within", spec.text, doc = "CIDR: only an address in it is taken" },
  { "settle", spec.duration, default = 0, doc = "how long an address must stay the same" },
  { "timeout", spec.duration, default = "30m", doc = "until the guest has an address, the installation included" },
})

local shutdown = spec.record("shutdown", { short = "command",
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

local export = require("build.ovfoptions").export

local common = {
  { "name", spec.text, required = true, doc = "of the image in the vCenter" },
  { "hardware", hardware, default = {}, doc = "of the virtual machine" },
  { "ssh", ssh, doc = "how to log in to the guest" },
  { "address", address, default = {}, doc = "how its address is known" },
  { "provision", spec.list(step), default = {}, doc = "steps: upload, shell, local_shell, check, reboot, wait, checkpoint, breakpoint, functions" },
  { "on_error", spec.list(step), default = {},
    doc = "steps to run in the guest when the build fails, before it is cleaned up; all of them, whatever becomes of one" },
  { "after", spec.list(step), default = {}, doc = "local_shell and functions: run here when the image is complete, before it gets its name" },
  { "shutdown", shutdown, default = {}, doc = "how the guest is shut down" },
  { "annotation", spec.string, doc = "notes of the VM" },
  { "extra_config", spec.map(spec.text), default = {}, doc = "advanced settings by key" },
  { "config", configspec.type, doc = "further fields of the API's VirtualMachineConfigSpec" },
  { "snapshot", flag_or_name, doc = "take one of the finished image, for linked clones; the variable create_snapshot by default" },
  { "template", spec.boolean, doc = "convert to a template; the variable convert_to_template by default" },
  { "keep", spec.integer(0, 100), default = 0, doc = "how many of the images that it replaces stay, as NAME.old-RUN" },
  { "export", export, doc = "hand over an OVA, or OVF files" },
  { "placement", spec.record("placement", {
    { "datacenter", spec.text, doc = "name or path" }, { "cluster", spec.text, doc = "name or path" }, { "host", spec.text, doc = "name or path" },
    { "resource_pool", spec.text, doc = "name or path" }, { "datastore", spec.text, doc = "name, or that of a datastore cluster: the roomiest in it" },
    { "folder", spec.text, doc = "VM folder, below the datacenter's vm folder" }, { "network", spec.text, doc = "name or path" } }),
    default = {}, doc = "where in the vCenter; each is the variable of its name by default, \"\" for none" },
  { "http", spec.record("http", { { "ip", spec.text, doc = "as the guest sees it" },
    { "bind", spec.text, doc = "to listen at; what the guest is told, if that is ours" },
    { "random_path", spec.boolean, default = false, doc = "16 random characters at the end of ${http}: nobody finds the files who was not told" },
    { "port_min", spec.integer(1, 65535), doc = "the variable http_port_min by default" },
    { "port_max", spec.integer(1, 65535), doc = "the variable http_port_max by default" } }), default = {}, doc = "the kickstart server" },
  { "output_dir", spec.text, doc = "for exports and reports; output/<name> by default" },
}

-- The common fields and further ones; with another shape for hardware, if given.
local function with(more, other_hardware)
  local out = table.move(common, 1, #common, 1, {})
  if other_hardware then out[2] = { "hardware", other_hardware, default = {}, doc = "what is not said stays as in the source" } end
  return table.move(more, 1, #more, #out + 1, out)
end

fields.base = spec.record("base", with {
  { "guest_id", spec.text, required = true, doc = "vSphere's name of the guest system: vmwarePhoton64Guest" },
  { "iso", iso, required = true, doc = "the installer" },
  { "kickstart", kickstart, doc = "what the installer reads" },
  { "boot", boot, doc = "what is typed at the boot menu" },
})

-- Hardware of a clone: what is not said stays as it is in the source.
local clone_hardware = spec.record("hardware", {
  { "cpus", spec.integer(1, 768), doc = "virtual processors" },
  { "cores", spec.integer(1, 768), doc = "cores per socket" },
  { "memory", spec.size, doc = "\"4GiB\"" },
  { "disk", spec.size, doc = "new size of the first disk; it can only grow, and not in a linked clone" },
  { "nics", spec.list(nic, { single = true }), doc = "instead of the source's" },
})

fields.clone = spec.record("clone", with({
  { "from", spec.any, required = true, doc = "an image of a recipe, or the name of a VM or template" },
  { "linked", spec.boolean, doc = "share the source's disks, on a snapshot" },
  { "from_snapshot", spec.text, doc = "the source's snapshot to start from, by name, path or id; its current one by default, none for a full clone" },
  { "make_snapshot", flag_or_name, default = false, doc = "take a snapshot of the source when a linked clone finds none" },
}, clone_hardware))

return fields
