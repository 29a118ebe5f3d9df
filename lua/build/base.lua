-- base: an image installed from an ISO, as a list of steps
local signal = require "signal"
local err = require "core.err"
local boot = require "build.boot"
local context = require "build.context"
local device = require "vsphere.device"
local existing = require "build.existing"
local guest = require "guest.shell"
local iso = require "build.iso"
local media = require "build.media"
local preflight = require "build.preflight"
local provision = require "build.provision"
local publish = require "build.publish"
local reach = require "build.reach"
local runner = require "build.runner"
local units = require "core.units"
require "vsphere.vm"

local base = {}

-- ---- the machine ----

local function config_spec(b)
  local h = b.image.hardware
  local extra = { { key = existing.KEYS.run, value = b.run } }
  for key, value in pairs(b.image.extra_config) do extra[#extra + 1] = { key = key, value = value } end
  return {
    name = b.temporary_name,
    guestId = b.image.guest_id,
    files = { vmPathName = b.datastore:path "" },
    numCPUs = h.cpus,
    numCoresPerSocket = h.cores,
    memoryMB = h.memory >> 20,
    version = h.version and string.format("vmx-%02d", h.version) or nil,
    firmware = device.firmware(h.firmware),
    annotation = b.image.annotation,
    extraConfig = extra,
    deviceChange = device.create {
      disks = h.disks, controllers = h.controller, nics = b.nics, firmware = h.firmware,
      cdroms = { b.iso_path, b.cd_path }, floppy = b.floppy_path,
    },
  }
end

-- Settings that a real server drops in silence, because a field of its own says the same.
local function check_extra_config(b)
  local found = b.vm:extra_config()
  for key, value in pairs(b.image.extra_config) do
    if found[key] ~= value then
      err.raise("build", string.format("extra_config %q was not taken by the server", key),
        { hint = "it probably has a field of its own in hardware = { … }" })
    end
  end
end

local function create(b)
  b.vm = b.folder:create_vm(config_spec(b), b.pool, b.compute.host)
  local facts = b.vm:get { "config.hardware.device", "config.extraConfig" }
  b.devices = facts["config.hardware.device"]
  check_extra_config(b)
  b.vm:reconfigure { bootOptions = device.boot_options { order = { "disk", "cdrom" }, devices = b.devices, firmware = b.image.hardware.firmware } }
  return string.format("%d CPU, %s, %d disk", b.image.hardware.cpus, units.format_bytes(b.image.hardware.memory), #b.image.hardware.disks)
end

local function remove_vm(b)
  b.vm = b.vm or b.folder:find_vm(b.temporary_name)
  if not b.vm or b.published then return end
  if b.vm:power_state() ~= "poweredOff" then b.vm:power_off() end
  b.vm:destroy()
end

local function power_on(b)
  b.vm:power_on()
  b.expect_on, b.on_since = true, signal.now()
end

-- ---- the guest ----

local function type_boot(b)
  local done = boot.run(b)
  local first = b.image.kickstart and b.image.kickstart.http and table.concat(b.image.boot, ""):match("%${http}/([%w%._/-]+)")
  if first then
    b.capture "typed"
    boot.console(b):wait_fetched(first, b.image.boot.fetch_timeout)
    return done .. ", kickstart fetched"
  end
  return done
end

local function find_address(b)
  local address, origin = reach.wait(b, b.image.address.timeout or b.image.ssh.timeout)
  b.address = address
  return address .. " (" .. origin .. ")"
end

local function connect(b)
  local s = b.image.ssh
  b.guest = b.keep(guest.connect {
    address = function() return reach.look(b, 1) or b.address end,
    port = s.port, username = s.username, password = s.password, key_file = s.key_file, agent = s.agent, timeout = s.timeout,
    note = b.note,
  })
  b.address = b.guest.address
  return string.format("%s@%s, %s", s.username, b.guest.address, b.guest:hostkey_fingerprint())
end

local function shut_down(b)
  local s = b.image.shutdown
  b.expect_on = false
  if s.command then b.guest:shutdown(s.command) else b.vm:shutdown_guest() end
  if b.vm:wait_power("poweredOff", s.timeout) then return end
  b.capture "shutdown"
  err.raise("timeout", string.format("the guest did not power off within %s", units.format_seconds(s.timeout)),
    { hint = s.command and "does `" .. s.command .. "` power the machine off, and not only halt it?" or "set shutdown to a command" })
end

-- ---- the finished image ----

-- Our CD and floppy out, the boot order back to the firmware's own, the marks of a finished image in: one request.
local function detach(b)
  local changes = {}
  b.devices = b.vm:get({ "config.hardware.device" })["config.hardware.device"]
  for _, cd in ipairs(device.cdroms(b.devices)) do changes[#changes + 1] = device.remove(cd) end
  for _, drive in ipairs(device.floppies(b.devices)) do changes[#changes + 1] = device.remove(drive) end
  local extra = {}
  for key, value in pairs(existing.marks(b.image, b.run, b.made)) do extra[#extra + 1] = { key = key, value = value } end
  b.vm:reconfigure { deviceChange = changes, bootOptions = device.clear_boot_order(), extraConfig = extra }
  local left = b.vm:get({ "config.bootOptions" })["config.bootOptions"]
  if not device.boot_order_is_clear(left) then
    err.raise("build", "the boot order was not cleared by the server", { hint = "clones would boot slowly, exports carry it: report this" })
  end
  media.remove(b)
  b.scope:forget_named "kickstart medium"
end

local function finish(b)
  local done = {}
  if b.image.snapshot then
    local name = type(b.image.snapshot) == "string" and b.image.snapshot or "base"
    b.vm:take_snapshot(name, "made by luabuild, run " .. b.run)
    done[#done + 1] = "snapshot " .. name
  end
  if b.image.template then
    b.vm:mark_template()
    done[#done + 1] = "template"
  end
  return #done > 0 and table.concat(done, ", ") or "kept as a virtual machine"
end

local PREFLIGHT = { { "preflight", run = preflight.run } }

-- The life of a base image. The list is the documentation.
base.steps = {
  { "iso", run = iso.prepare },
  { "kickstart", run = media.prepare, undo = media.remove, undo_name = "kickstart medium" },
  { "create", run = create, undo = remove_vm, undo_name = "virtual machine" },
  { "power on", run = power_on },
  { "boot", run = type_boot, when = function(b) return b.image.boot end },
  { "address", run = find_address },
  { "ssh", run = connect },
  { "provision", run = provision.run, when = function(b) return #b.image.provision > 0 end },
  { "shut down", run = shut_down },
  { "detach", run = detach },
  { "finish", run = finish },
  { "publish", run = publish.run },
}

-- ---- one build ----

local function failed(b, e)
  local picture = not err.is(e, "cancelled") and b.expect_on and b.capture "failed"
  if picture then e.hint = (e.hint and e.hint .. "\n" or "") .. "the console when it failed: " .. picture end
  if b.options.on_error == "abort" and b.vm and not err.is(e, "cancelled") then
    b.emit { event = "warning", message = string.format("kept for a look, --on-error=abort: virtual machine %s", b.temporary_name) }
    b.scope:forget_named "virtual machine"
    b.scope:forget_named "kickstart medium"
  end
  e.left = b.scope:unwind()
  if #e.left > 0 then e.hint = (e.hint and e.hint .. "\n" or "") .. "left behind: " .. table.concat(e.left, ", ") end
  e.op = e.op or e.step
  error(e, 0)
end

local function build(b)
  b.emit { event = "image.start", recipe = b.image.recipe.path }
  runner.run(PREFLIGHT, b)
  b.emit { event = "image.decided", decision = b.decision, reason = b.reason }
  if b.decision == "current" then return "up to date" end
  runner.run(base.steps, b)
  return b.decision == "replace" and "replaced" or "built"
end

--[[
base.build(image, options, emit) -> { result = string, seconds = number, timings, run }
Build a base image, or find that it is up to date. On failure everything made is undone, except with on_error "abort".
  image          image             from build.image
  options        table             force = boolean, on_error = "cleanup"|"abort", parent = boolean
  emit           function(event)
result = "built"|"replaced"|"up to date"
Raises: whatever stopped it: error objects with `step` and, when clean-up was not complete, `left`.
Blocks: yes.
]]
function base.build(image, options, emit)
  local b = context.new(image, options, emit)
  b.temporary_name = string.format("%s.build-%s", image.name, b.run)
  local started = signal.now()
  local ok, result = xpcall(build, function(e)
    return err.is(e) and e or err.new { code = "build", message = tostring(e), traceback = debug.traceback("", 2) }
  end, b)
  if not ok then failed(b, result) end
  b.scope:forget_named "virtual machine"
  b.scope:unwind()
  return { result = result, seconds = signal.now() - started, timings = b.timings, run = b.run }
end

local function step_names(b)
  if b.decision == "current" then return {} end
  local names = {}
  for _, step in ipairs(base.steps) do
    if not step.when or step.when(b) then names[#names + 1] = step[1] end
  end
  return names
end

--[[
base.plan(image, options) -> decision, reason, {step, ...}
What base.build would do, found out by the preflight alone: nothing is changed.
Raises: what the preflight raises.
Blocks: yes.
]]
function base.plan(image, options)
  local b = context.new(image, options, function() end)
  local ok, e = pcall(preflight.run, b)
  b.scope:unwind()
  if not ok then error(e, 0) end
  return b.decision, b.reason, step_names(b)
end

return base
