-- fit: has the chosen place what the image needs: reach, room, the guest and its hardware, the installer
local http = require "http"
local runtime = require "runtime"
local err = require "core.err"
local iso = require "build.iso"
local property = require "vsphere.property"
local units = require "core.units"
local datastore = require "vsphere.datastore"

local fit = {}

-- A datastore or network that the chosen host or cluster does not have fails much later, with an obscure fault.
local function check_reach(b, problem)
  local function has(list, object)
    for _, one in ipairs(list or {}) do if one == object then return true end end
    return false
  end
  local facts = b.compute.facts
  if b.datastore and not has(facts.datastore, b.datastore) then
    problem(string.format("datastore '%s' is not mounted on %s", b.datastore.known.name, b.compute.name))
  end
  for name, network in pairs(b.networks) do
    if network and not has(facts.network, network.object) then
      problem(string.format("network '%s' is not there on %s", name ~= "" and name or network.name, b.compute.name))
    end
  end
end

-- Why a host runs no machine, or nil. A state that the user may not read is none.
local function out_of_service(facts)
  if facts["runtime.inMaintenanceMode"] then return "is in maintenance mode" end
  local state = facts["runtime.connectionState"]
  if state and state ~= "connected" then return "is not connected (" .. state .. ")" end
end

local DRS = "configuration.drsConfig.enabled"

-- Who runs the machine: the host that is named, or the only one that can; of a cluster with DRS whichever that chooses.
local function check_hosts(b, problem)
  local place, usable, why = b.compute, {}, {}
  local objects = { place.object, table.unpack(place.host and { place.host } or place.facts.host or {}) }
  local found = property.get_many(b.vc, objects, { "name", "runtime.connectionState", "runtime.inMaintenanceMode",
    place.object.kind == "ClusterComputeResource" and DRS or nil }, { readable = true })
  for i = 2, #found do
    local out = out_of_service(found[i])
    if out then why[#why + 1] = string.format("host '%s' %s", found[i].name, out) else usable[#usable + 1] = found[i] end
  end
  if #usable == 0 and #why > 0 then return problem(table.concat(why, ", "), "choose another place: host, cluster") end
  if place.host or found[1][DRS] ~= false then return end
  if #usable == 1 then
    place.host = usable[1].object
    return
  end
  local names = {}
  for i, one in ipairs(usable) do names[i] = one.name end
  problem(string.format("the cluster %s has no DRS that would choose a host", place.name), "set host: " .. table.concat(names, ", "))
end

-- Source: vSphere API, CloneVM_Task and MarkAsTemplate: NotSupported, by the current agent.
local function check_server(b, problem)
  if b.vc.is_vcenter then return end
  if b.image.kind == "clone" then problem("an ESXi host makes no clones", "name the vCenter that it belongs to as vcenter_server") end
  if b.image.template then problem("an ESXi host has no templates", "say template = false (convert_to_template), or name the vCenter that it belongs to") end
end

-- What the disks take at once, and what thin ones may take some day.
local function check_room(b, problem)
  local summary, name = b.datastore.known.summary, b.datastore.known.name
  if summary.accessible == false then return problem(string.format("datastore '%s' is not accessible", name)) end
  if summary.maintenanceMode and summary.maintenanceMode ~= "normal" then return problem(string.format("datastore '%s' is in maintenance mode", name)) end
  local full, thin = 0, 0
  for _, disk in ipairs(b.image.hardware.disks or {}) do
    if disk.provisioning == "thin" then thin = thin + disk.size else full = full + disk.size end
  end
  local free = summary.freeSpace
  local need = full + (b.image.hardware.memory or 0) -- the swap file of a running machine
  if free < need then
    problem(string.format("datastore '%s' has %s free, the image needs %s", name, units.format_bytes(free), units.format_bytes(need)),
      "free space there, or choose another datastore")
  elseif free < need + thin then
    b.note(string.format("datastore '%s' has %s free, less than the thin disks may grow to", name, units.format_bytes(free)))
  end
end

-- ---- the guest and its hardware ----

local function config_option(b, spec)
  local ok, option = pcall(function() return b.compute.facts.environmentBrowser:QueryConfigOptionEx { spec = spec } end)
  if not ok and not err.is(option, "fault") then error(option, 0) end
  return ok and option or nil, not ok and option or nil
end

-- Asked only to name the nearest one.
local function known_guest_ids(b, key)
  local ids = {}
  for i, d in ipairs((config_option(b, { key = key }) or {}).guestOSDescriptor or {}) do ids[i] = d.id end
  return ids
end

-- The newest version that can be made there is named. A server that does not list its versions is asked no further.
local function check_version(b, key, problem)
  local ok, list = pcall(function() return b.compute.facts.environmentBrowser:QueryConfigOptionDescriptor() end)
  if not ok and not err.is(list, "fault") then error(list, 0) end
  if not ok or not list or #list == 0 then return true end
  local newest = 0
  for _, d in ipairs(list) do
    if d.createSupported ~= false then
      if d.key == key then return true end
      newest = math.max(newest, tonumber(d.key:match "%d+") or 0)
    end
  end
  problem(string.format("%s does not make hardware version %d; the newest there is %d", b.compute.name, b.image.hardware.version, newest),
    "hardware = { version = … }, or leave it out for the newest")
  return false
end

local function contains(list, value)
  for _, one in ipairs(list or {}) do if one == value then return true end end
  return false
end

local CONTROLLERS = { lsilogic = "VirtualLsiLogicController", ["lsilogic-sas"] = "VirtualLsiLogicSASController", pvscsi = "ParaVirtualSCSIController",
  sata = "VirtualAHCIController", nvme = "VirtualNVMEController" }
local CARDS = { vmxnet3 = "VirtualVmxnet3", e1000 = "VirtualE1000", e1000e = "VirtualE1000e" }

-- What the server knows of the guest: limits are problems; a device that it does not list for it often works, and is a note.
local function check_descriptor(b, d, problem)
  local h = b.image.hardware
  if d.supportedMaxCPUs and h.cpus > d.supportedMaxCPUs then
    problem(string.format("%s has at most %d processors there, the recipe wants %d", b.image.guest_id, d.supportedMaxCPUs, h.cpus))
  end
  if d.supportedMaxMemMB and h.memory >> 20 > d.supportedMaxMemMB then
    problem(string.format("%s has at most %s of memory there, the recipe wants %s", b.image.guest_id, units.format_bytes(d.supportedMaxMemMB << 20),
      units.format_bytes(h.memory)))
  end
  local function note(what, list, class)
    if class and list and #list > 0 and not contains(list, class) then b.note(string.format("%s is not listed for %s there", what, b.image.guest_id)) end
  end
  for _, name in ipairs(h.controller or {}) do note("the controller " .. name, d.supportedDiskControllerList, CONTROLLERS[name]) end
  for _, nic in ipairs(h.nics or {}) do note("the card " .. nic.card, d.supportedEthernetCard, CARDS[nic.card]) end
  note("the firmware " .. tostring(h.firmware), d.supportedFirmware, h.firmware and h.firmware:match "^%a+")
end

-- The guest id and the hardware version, as the chosen place knows them.
local function check_guest(b, problem)
  local h = b.image.hardware
  if not b.compute.facts.environmentBrowser then return b.note(b.compute.name .. " does not tell this user which guests and hardware it takes") end
  local key = h.version and string.format("vmx-%02d", h.version) or nil
  if key and not check_version(b, key, problem) then return end
  local wanted = string.format("%s%s", b.image.guest_id, key and " with hardware version " .. h.version or "")
  local option, e = config_option(b, { key = key, guestId = { b.image.guest_id } })
  if e then return problem(string.format("%s does not know %s: %s", b.compute.name, wanted, e.message)) end
  for _, d in ipairs(option and option.guestOSDescriptor or {}) do
    if d.id == b.image.guest_id then return check_descriptor(b, d, problem) end
  end
  local near = runtime.nearest(b.image.guest_id, known_guest_ids(b, key))
  problem(string.format("%s does not know the guest id %s", b.compute.name, wanted),
    near and "did you mean " .. near .. "?" or "guest ids are names such as centos7_64Guest, vmwarePhoton64Guest, otherLinux64Guest")
end

local function check_api(b, problem)
  local major, minor = b.vc.about.apiVersion:match("^(%d+)%.(%d+)")
  if b.image.boot and (tonumber(major) < 6 or (tonumber(major) == 6 and tonumber(minor) < 5)) then
    problem("typing a boot command needs vSphere 6.5, the server has " .. b.vc.about.apiVersion,
      "clone { from = … } types nothing, nor does an ISO that installs by itself: leave boot out")
  end
end

-- ---- the installer ----

-- An ISO that the recipe expects on a datastore.
local function check_iso_path(b, problem)
  local path = b.image.iso.path
  if not path then return end
  local store, file = datastore.parse(path)
  local found = store == b.datastore.known.name and b.datastore or b.find:datastore(b.datacenter, store)
  if not found:size(file) then problem(string.format("iso.path: %s is not there", path)) end
end

-- Is it where the URL says? Some servers do not answer HEAD: then nothing is known.
local function check_iso_url(b, problem)
  local url = b.image.iso.url
  if not (url and url:find "^https?://") or iso.is_cached(b) then return end
  local client <close> = err.check(http.client {})
  local result, message, code = client:request { url = url, method = "HEAD", redirects = 5, stall = 30 }
  if not result then
    return problem("iso.url: " .. message, code == "tls" and "the vCenter's ca_file and thumbprint are not for other servers" or nil)
  end
  if result.status == 404 or result.status == 410 then problem(string.format("iso.url: %s: the server answered %d", url, result.status), "correct iso_url")
  elseif result.status >= 400 then b.note(string.format("iso.url: the server answered %d when it was asked whether the ISO is there", result.status)) end
end

--[[
fit.place(b, problem) -> nothing
For every image: can the server do it, is there a host to run the machine, and are the datastore and the network there? Sets b.compute.host
in a cluster without DRS that has one host only.
  b              build             vc, image, compute, datastore, networks
  problem        function(message, hint)   adds one
Raises: net, fault.
Blocks: yes, one request.
]]
function fit.place(b, problem)
  check_server(b, problem)
  if not b.compute then return end
  check_reach(b, problem)
  check_hosts(b, problem)
end

--[[
fit.install(b, problem) -> nothing
What an image that is installed needs besides: its guest and hardware known, room, the ISO where it is said to be, an API that can type.
  b              build             vc, compute, datastore, image, note
  problem        function(message, hint)   adds one
Raises: net, fault.
Blocks: yes.
]]
function fit.install(b, problem)
  if b.compute then check_guest(b, problem) end
  if b.datastore then
    check_room(b, problem)
    check_iso_path(b, problem)
  end
  if b.options.thorough and b.datastore then check_iso_url(b, problem) end
  check_api(b, problem)
end

return fit
