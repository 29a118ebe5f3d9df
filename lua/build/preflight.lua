-- preflight: everything is resolved by name and checked before anything is made; all problems are reported at once
local httpd = require "httpd"
local finder = require "vsphere.finder"
local session = require "vsphere.session"
local stay = require "vsphere.stay"
local err = require "core.err"
local existing = require "build.existing"
local fingerprint = require "build.fingerprint"
local fit = require "build.fit"
local privileges = require "build.privileges"
local units = require "core.units"

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

-- Our address on the way to the vCenter, where its guests are supposed to be, too. Through a proxy of this machine nobody knows.
local function find_route(b)
  local host = b.vc.host:gsub(":%d+$", ""):gsub("^%[(.*)%]$", "%1")
  b.route = httpd.route(host) or httpd.route(b.vc.address)
  local loopback = b.route and (b.route == "::1" or b.route:find("^127%."))
  if loopback and not httpd.route(host) and host ~= "localhost" then b.route = nil end
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
  b.keep(stay.open(b.vc))
  function b.vc.on_away(message, seconds)
    b.note(message and string.format("the vCenter does not answer (%s): asking again for up to %s", message, units.format_seconds(PATIENCE))
      or string.format("the vCenter answers again, after %s", units.format_seconds(seconds)))
  end
  function b.vc.on_late(method, seconds)
    b.note(string.format("interrupted: up to %s for the answer to %s, which tells what there is to undo; after another Ctrl-C nothing is undone",
      units.format_seconds(seconds), method))
  end
  function b.vc.on_question(vm, question) vm:answer(question, b.note) end
  find_route(b)
end

-- ---- where it goes ----

local function kinds_below(b)
  local kinds = { "compute", "datastore" }
  if b.image.placement.folder then kinds[#kinds + 1] = "folder" end
  if b.image.hardware.nics or b.image.placement.network then kinds[#kinds + 1] = "network" end
  return kinds
end

-- One question for the datacenter, one for what is below it; those that hang on another are asked only when that is there.
local function resolve(b)
  local p, find = b.image.placement, finder.new(b.vc)
  b.find = find
  b.datacenter = attempt(b, find.datacenter, find, p.datacenter)
  if not b.datacenter then return end
  find:ask_ahead(b.datacenter, kinds_below(b), p.host ~= nil)
  b.compute = attempt(b, find.compute, find, b.datacenter, { cluster = p.cluster, host = p.host })
  b.datastore = attempt(b, find.datastore, find, b.datacenter, p.datastore, b.compute and b.compute.facts.datastore)
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
  if b.route then b.own_addresses[b.route] = true end
  if b.image.http.ip then b.own_addresses[b.image.http.ip] = true end
end

local function raise_problems(b)
  if #b.problems == 0 then return end
  if #b.problems == 1 then error(b.problems[1], 0) end
  local lines = {}
  for i, e in ipairs(b.problems) do lines[i] = "  - " .. tostring(e):gsub("\n", "\n  ") end
  err.raise("notfound", #lines .. " problems:\n" .. table.concat(lines, "\n"))
end

-- Nothing is done to an image that is up to date: then nobody has to be allowed anything, unless that is the question.
local function check_privileges(b, add)
  local idle = b.decision == "current" or b.decision == "foreign"
  if (not idle or b.options.thorough) and b.folder and b.pool and b.datastore then privileges.check(b, add) end
end

--[[
preflight.run(b [, more]) -> string
Connect, resolve every name, check that the place has what the image needs and the user the privileges, and decide what to do.
Sets vc, datacenter, compute, pool, folder, datastore, nics, made, decision, reason, old. Changes nothing on the server.
  b.options.thorough boolean       look at the ISO's URL too, and at privileges even when there is nothing to do
  more           function(b, problem)|nil  further checks instead of those of an installation; problem(message, hint) adds one
Raises: net, tls, fault (cannot log in); every other problem together.
Blocks: yes.
]]
function preflight.run(b, more)
  b.problems, b.nics = {}, {}
  local function add(message, hint) problem(b, message, hint) end
  connect(b)
  resolve(b)
  attempt(b, fit.place, b, add)
  if b.datacenter then attempt(b, more or fit.install, b, add) end
  own_addresses(b)
  if b.folder then attempt(b, look_for_existing, b) end
  if b.networks then attempt(b, check_privileges, b, add) end
  raise_problems(b)
  return string.format("%s %s: %s, %s, %s", b.vc.about.name, b.vc.about.apiVersion, b.datacenter.name, b.compute.name, b.datastore.known.name)
end

return preflight
