-- life: one build, from the preflight to the last undo, whatever the steps are
local signal = require "signal"
local err = require "core.err"
local context = require "build.context"
local export = require "build.export"
local machine = require "build.machine"
local onwards = require "build.onwards"
local provision = require "build.provision"
local rivals = require "build.rivals"
local runner = require "build.runner"

local life = {}

local function add_hint(e, text) e.hint = (e.hint and e.hint .. "\n" or "") .. text end

-- A guest that is silent may have no machine any more.
local function look_at_machine(b, e)
  if not (b.on_since and (err.is(e, "net") or err.is(e, "ssh") or err.is(e, "timeout"))) then return end
  local ok, state = pcall(b.vm.power_state, b.vm)
  if err.is(state, "notfound") then add_hint(e, "the virtual machine is not there any more: somebody deleted it")
  elseif ok and state ~= "poweredOn" then add_hint(e, "the virtual machine is " .. (state == "suspended" and state or "off")) end
end

local function keep_machine(b, reason)
  local onwards_with = #b.image.provision > 0 and "--from=STEP goes on with it, " or ""
  b.emit { event = "warning", message = string.format("kept for a look, %s: virtual machine %s; %sluabuild gc removes it after a day",
    reason, b.temporary_name, onwards_with) }
  machine.keep(b, reason)
end

-- What a failure still wants to know of the machine before it goes.
local function look(b, e)
  if err.is(e, "cancelled") then return end
  look_at_machine(b, e)
  local picture = b.expect_on and b.capture "failed"
  if picture then add_hint(e, "the console when it failed: " .. picture) end
  local ok, why = pcall(provision.on_error, b)
  if err.is(why, "stopped") then e.keep = why.message elseif not ok then error(why, 0) end
  if b.vm and (b.options.on_error == "abort" or e.keep) then keep_machine(b, e.keep or "--on-error=abort") end
end

local function failed(b, e)
  local ok, more = pcall(look, b, e) -- whatever happens to that, the clean-up comes
  if not ok and err.is(more, "cancelled") then e = more end
  local left, interrupted = b.scope:unwind(e)
  if interrupted and not err.is(e, "cancelled") then
    e = err.new { code = "cancelled", message = "interrupted while it was cleaned up", hint = tostring(e), step = e.step, part = e.part }
  end
  e.left = left
  if #left > 0 then add_hint(e, "left behind: " .. table.concat(left, ", ") .. "\nluabuild gc removes it when it can be reached") end
  if b.journal then b.journal:close() end
  e.op = e.op or e.step
  error(e, 0)
end

-- The end that was asked for, before the image is complete: what there is of it stays.
local function stopped(b, e)
  if b.vm and not b.published then keep_machine(b, e.message) end
  return e.message
end

local RESULTS = { build = "built", replace = "replaced", export = "exported", foreign = "used as it is" }

-- Of an image that is up to date only its export may be missing.
local function steps_of(b, kind) return b.decision == "export" and export.steps or kind.steps end

local function step_names(b, steps)
  if b.decision == "current" or b.decision == "foreign" then return {} end
  local names = {}
  for _, step in ipairs(steps) do
    if not step.when or step.when(b) then names[#names + 1] = step[1] end
  end
  return names
end

-- Where nothing is done, nothing ends or goes on at the step that was named.
local function tell_no_effect(b)
  local o = b.options
  local option = not o.parent and (o.from_step and "--from" or o.until_step and "--until")
  if option then b.emit { event = "warning", message = option .. " has no effect: the image is up to date; --force builds it all the same" } end
end

-- Machines that other builds of the image have left: one may be gone on with, one may be in the way.
local function look_beside(b)
  if b.decision ~= "build" and b.decision ~= "replace" then return end
  b.rivals = rivals.look(b)
  onwards.find(b)
end

local function part_names(image)
  local names = {}
  for _, list in ipairs { "provision", "after", "on_error" } do
    local titles = provision.titles(image, list)
    table.move(titles, 1, #titles, #names + 1, names)
  end
  return names
end

local function build(b, kind)
  b.emit { event = "image.start", recipe = b.image.recipe.path, kind = b.image.kind, output = context.output_path(b), parts = part_names(b.image) }
  context.own(b)
  runner.run(kind.preflight, b)
  look_beside(b)
  b.emit { event = "image.decided", decision = b.decision, reason = b.reason, steps = step_names(b, steps_of(b, kind)) }
  if b.decision == "current" then
    tell_no_effect(b)
    return "up to date"
  end
  if b.decision == "foreign" then return RESULTS.foreign end
  context.output(b) -- better now than when there is something to put there
  runner.run(steps_of(b, kind), b)
  return RESULTS[b.decision]
end

--[[
life.build(kind, image, options, emit) -> { result = string, seconds = number, timings, run, artifacts, stopped = boolean }
Build an image, or find that it is up to date. On failure everything made is undone, except with on_error "abort".
  kind           table             preflight and steps: lists for runner.run
  image          image             from build.image
  options        table             force = boolean, on_error = "cleanup"|"abort", parent = boolean, cleanup_timeout = 60 seconds,
                                   fresh = boolean (pass over checkpoints), until_step = name of the step to end after (see
                                   build.pause), from_step = provisioning step to go on with, on the machine that was kept (see
                                   build.onwards), control = who is asked: before(b, name, parent), at(b, message),
                                   failed(b, name, parent, e) -> boolean (try again)
  emit           function(event)
artifacts = array of { name, path, size = bytes, sha256 }: what an export has made
result = "built"|"replaced"|"exported"|"up to date"|"used as it is"|"stopped after …", with stopped = true: there is no image
Raises: whatever stopped it: error objects with `step` and, when clean-up was not complete, `left`.
Blocks: yes.
]]
function life.build(kind, image, options, emit)
  local b = context.new(image, options, emit)
  local started = signal.now()
  function image.recipe.say(text)
    for line in (text .. "\n"):gmatch("([^\n]*)\n") do b.emit { event = "output", name = "print", stream = "out", text = line } end
  end
  local ok, result = xpcall(build, err.caught, b, kind)
  local ended = err.is(result, "stopped")
  if ended then result = stopped(b, result) elseif not ok then failed(b, result) end
  for _, name in ipairs { "virtual machine", "snapshot of the source" } do b.scope:forget_named(name) end
  local _, interrupted = b.scope:unwind()
  if interrupted then signal.restore(1) end -- the image is there, but no other is begun
  if b.journal then b.journal:close() end
  return { result = result, seconds = signal.now() - started, timings = b.timings, run = b.run, artifacts = b.artifacts or {}, stopped = ended }
end

local function place_of(b)
  local networks = {}
  for name, network in pairs(b.networks or {}) do networks[#networks + 1] = name ~= "" and name or network and network.name or nil end
  table.sort(networks)
  local p = b.image.placement
  return { server = b.vc.host, datacenter = b.datacenter.name, compute = b.compute.name, datastore = b.datastore.known.name,
    folder = p.folder, resource_pool = p.resource_pool, networks = networks }
end

--[[
life.plan(kind, image, options) -> plan
What life.build would do, found out by the preflight and a look at what other builds of the image have left: nothing is changed.
  options        table             as for life.build, and:
  options.planning boolean         a build at work is a note
  options.planned, options.fingerprints {image = string} = {}  what is known of the images before this one: see source.resolve
  options.thorough boolean         see preflight.run
  options.on_request function|nil  takes the events of the requests
plan = { image, decision, reason (as in the event image.decided), steps = {name, ...}, fingerprint = string, place = { server, datacenter,
  compute, datastore, folder, resource_pool, networks = {name, ...} }, notes = {string, ...}, server = string }
Raises: what the preflight raises.
Blocks: yes.
]]
function life.plan(kind, image, options)
  local notes = {}
  local b = context.new(image, options, function(event)
    if event.event == "note" then notes[#notes + 1] = event.message end
    if event.event == "request" and options.on_request then options.on_request(event) end
  end)
  local ok, e = pcall(function()
    runner.run(kind.preflight, b)
    look_beside(b)
    return { image = image, decision = b.decision, reason = b.reason, steps = step_names(b, steps_of(b, kind)), fingerprint = b.made.total,
      place = place_of(b), notes = notes, server = b.vc.about.fullName }
  end)
  b.scope:unwind(not ok and e or nil)
  if not ok then error(e, 0) end
  return e
end

return life
