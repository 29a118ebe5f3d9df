-- preflight: everything is resolved by name and checked before anything is made; all problems are reported at once
local httpd = require "httpd"
local runtime = require "runtime"
local finder = require "vsphere.finder"
local session = require "vsphere.session"
local err = require "core.err"
local units = require "core.units"
local existing = require "build.existing"
local fingerprint = require "build.fingerprint"

local preflight = {}

local PATIENCE = 900 -- seconds that a vCenter may be away once we are in: it restarts in some minutes

-- Run f; an error of the world becomes a problem, and nil is returned.
local function attempt(b, f, ...)
  local ok, result = pcall(f, ...)
  if ok then return result end
  if not err.is(result) or result.code == "cancelled" then error(result, 0) end
  b.problems[#b.problems + 1] = result
end

local function problem(b, message, hint)
  b.problems[#b.problems + 1] = err.new { code = "notfound", message = message, hint = hint }
end

local function connect(b)
  local c = b.image.connection
  for _, name in ipairs { "username", "password" } do
    if not c[name] then
      err.raise("usage", name .. " of the vCenter is not set", { hint = "set VCENTER_" .. name:upper() .. ", or --var " .. name .. "=…" })
    end
  end
  b.vc = b.keep(session.connect { server = c.server, username = c.username, password = c.password, insecure = c.insecure,
    ca_file = c.ca_file, thumbprint = c.thumbprint, run = b.run, trace = b.trace, patience = PATIENCE })
  function b.vc.on_away(message, seconds)
    b.note(message and string.format("the vCenter does not answer (%s): asking again for up to %s", message, units.format_seconds(PATIENCE))
      or string.format("the vCenter answers again, after %s", units.format_seconds(seconds)))
  end
  function b.vc.on_question(vm, question) vm:answer(question, b.note) end
  b.server_host = b.vc.host:gsub(":%d+$", "")
end

-- ---- where it goes ----

-- One question for each kind of thing; those that hang on another are asked only when that is there.
local function resolve(b)
  local p, find = b.image.placement, finder.new(b.vc)
  b.find = find
  b.datacenter = attempt(b, find.datacenter, find, p.datacenter)
  if not b.datacenter then return end
  b.compute = attempt(b, find.compute, find, b.datacenter, { cluster = p.cluster, host = p.host })
  b.datastore = attempt(b, find.datastore, find, b.datacenter, p.datastore)
  b.folder = attempt(b, find.folder, find, b.datacenter, p.folder)
  if b.compute then b.pool = attempt(b, find.pool, find, b.compute, p.resource_pool) end
  b.networks = {}
  if not b.image.hardware.nics and p.network then
    b.network = attempt(b, find.network, find, b.datacenter, p.network)
    b.networks[p.network] = b.network
  end
  for i, nic in ipairs(b.image.hardware.nics or {}) do
    local key = nic.network or ""
    if b.networks[key] == nil then b.networks[key] = attempt(b, find.network, find, b.datacenter, nic.network) or false end
    if b.networks[key] then
      b.nics[i] = { card = nic.card, mac = nic.mac, network = b.networks[key].backing }
    end
  end
end

-- ---- whether it fits ----

-- A datastore or network that the chosen host or cluster does not have fails much later, with an obscure fault.
local function check_reach(b)
  local function has(list, object)
    for _, one in ipairs(list or {}) do if one == object then return true end end
    return false
  end
  local facts = b.compute.facts
  if b.datastore and not has(facts.datastore, b.datastore) then
    problem(b, string.format("datastore '%s' is not mounted on %s", b.datastore.known.name, b.compute.name))
  end
  for name, network in pairs(b.networks) do
    if network and not has(facts.network, network.object) then
      problem(b, string.format("network '%s' is not there on %s", name ~= "" and name or network.name, b.compute.name))
    end
  end
end

local function check_room(b)
  local summary = b.datastore.known.summary
  if summary.accessible == false then return problem(b, string.format("datastore '%s' is not accessible", b.datastore.known.name)) end
  local full, thin = 0, 0
  for _, disk in ipairs(b.image.hardware.disks) do
    if disk.provisioning == "thin" then thin = thin + disk.size else full = full + disk.size end
  end
  local free = summary.freeSpace
  local need = full + b.image.hardware.memory -- the swap file of a running machine
  if free < need then
    problem(b, string.format("datastore '%s' has %s free, the image needs %s", b.datastore.known.name, units.format_bytes(free), units.format_bytes(need)),
      "free space there, or choose another datastore")
  elseif free < need + thin then
    b.note(string.format("datastore '%s' has %s free, less than the thin disks may grow to", b.datastore.known.name, units.format_bytes(free)))
  end
end

-- Asked only to name the nearest one.
local function known_guest_ids(b, key)
  local ok, option = pcall(function() return b.compute.facts.environmentBrowser:QueryConfigOptionEx { spec = { key = key } } end)
  if not ok and err.is(option, "cancelled") then error(option, 0) end
  local ids = {}
  for i, d in ipairs(ok and option and option.guestOSDescriptor or {}) do ids[i] = d.id end
  return ids
end

-- The guest id and the hardware version, as the chosen place knows them. One question.
local function check_guest_id(b)
  local h = b.image.hardware
  local key = h.version and string.format("vmx-%02d", h.version) or nil
  local wanted = string.format("%s%s", b.image.guest_id, key and " with hardware version " .. h.version or "")
  local ok, option = pcall(function()
    return b.compute.facts.environmentBrowser:QueryConfigOptionEx { spec = { key = key, guestId = { b.image.guest_id } } }
  end)
  if not ok then
    if not err.is(option, "fault") then error(option, 0) end
    return problem(b, string.format("%s does not know %s: %s", b.compute.name, wanted, option.message))
  end
  for _, d in ipairs(option and option.guestOSDescriptor or {}) do
    if d.id == b.image.guest_id then return end
  end
  local near = runtime.nearest(b.image.guest_id, known_guest_ids(b, key))
  problem(b, string.format("%s does not know the guest id %s", b.compute.name, wanted),
    near and "did you mean " .. near .. "?" or "guest ids are names such as centos7_64Guest, vmwarePhoton64Guest, otherLinux64Guest")
end

local function check_version(b)
  local major, minor = b.vc.about.apiVersion:match("^(%d+)%.(%d+)")
  if b.image.boot and (tonumber(major) < 6 or (tonumber(major) == 6 and tonumber(minor) < 5)) then
    problem(b, "typing a boot command needs vSphere 6.5, the server has " .. b.vc.about.apiVersion)
  end
end

-- ---- what is there ----

local function look_for_existing(b)
  local old = b.folder:find_vm(b.image.name)
  b.made = fingerprint.of(b.image, b.parent_fingerprint)
  local settings
  if old then
    local facts = old:get { "config.extraConfig", "config.template" }
    settings, b.old_is_template = existing.settings(facts["config.extraConfig"]), facts["config.template"]
  end
  b.old = old
  b.decision, b.reason = existing.decide(settings, b.made, b.options)
end

-- Our own addresses: whoever comes from one of them is not the guest.
local function own_addresses(b)
  b.own_addresses["127.0.0.1"], b.own_addresses["::1"] = true, true
  local route = httpd.route(b.server_host)
  if route then b.own_addresses[route] = true end
  if b.image.http.ip then b.own_addresses[b.image.http.ip] = true end
end

local function raise_problems(b)
  if #b.problems == 0 then return end
  if #b.problems == 1 then error(b.problems[1], 0) end
  local lines = {}
  for i, e in ipairs(b.problems) do lines[i] = "  - " .. tostring(e):gsub("\n", "\n  ") end
  err.raise("notfound", #lines .. " problems:\n" .. table.concat(lines, "\n"))
end

-- An ISO that the recipe expects on a datastore.
local function check_iso_path(b)
  local path = b.image.iso.path
  local store, file = (path or ""):match("^%[(.-)%]%s*(.+)$")
  if not path then return end
  if not store then return problem(b, string.format("iso.path: '%s' is not a path on a datastore", path), 'write "[datastore] directory/file.iso"') end
  local found = store == b.datastore.known.name and b.datastore or attempt(b, b.find.datastore, b.find, b.datacenter, store)
  if found and not found:size(file) then problem(b, string.format("iso.path: %s is not there", path)) end
end

-- What only an image that is installed needs to have checked.
local function check_install(b)
  if b.compute then check_guest_id(b) end
  if b.datastore then
    check_room(b)
    check_iso_path(b)
  end
  check_version(b)
end

--[[
preflight.run(b [, more]) -> string
Connect, resolve every name, check that the place has what the image needs, and decide what to do. Sets vc, datacenter,
compute, pool, folder, datastore, nics, made, decision, reason, old. Changes nothing on the server.
  more           function(b, problem)|nil  further checks instead of those of an installation; problem(message, hint) adds one
Raises: net, tls, fault (cannot log in); every other problem together; exists.
Blocks: yes.
]]
function preflight.run(b, more)
  b.problems, b.nics = {}, {}
  connect(b)
  resolve(b)
  if b.compute then check_reach(b) end
  if b.datacenter then
    attempt(b, more or check_install, b, function(message, hint) problem(b, message, hint) end)
  end
  raise_problems(b)
  own_addresses(b)
  look_for_existing(b)
  return string.format("%s %s: %s, %s, %s", b.vc.about.name, b.vc.about.apiVersion, b.datacenter.name, b.compute.name, b.datastore.known.name)
end

return preflight
