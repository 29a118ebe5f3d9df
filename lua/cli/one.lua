-- one: build one image and say how it ended
local runtime = require "runtime"
local signal = require "signal"
local err = require "core.err"
local glob = require "core.glob"
local units = require "core.units"
local graph = require "build.graph"
local life = require "build.life"
local pause = require "build.pause"
local provision = require "build.provision"

local one = {}

--[[
one.cleanup_timeout(given) -> number
The seconds that --cleanup-timeout gives.
Raises: usage.
]]
function one.cleanup_timeout(given)
  local seconds, message = units.seconds(given.cleanup_timeout)
  return seconds or err.raise("usage", "--cleanup-timeout: " .. message)
end

-- The names by which the images' steps can be called, and the main one of each: "provision 2 setup".
local function step_names(images, provision_only)
  local all, main, seen = {}, {}, {}
  local function add(name, parent)
    local names = pause.names(name, parent)
    table.move(names, 1, #names, #all + 1, all)
    local shown = names[#names]
    if not seen[shown] then main[#main + 1] = shown end
    seen[shown] = true
  end
  for _, image in ipairs(images) do
    for _, step in ipairs(not provision_only and graph.kind(image).steps or {}) do add(step[1]) end
    for _, title in ipairs(provision.titles(image)) do add(title, "provision") end
  end
  return all, main
end

--[[
one.check_steps(images, given) -> nothing
Do --until and --from name steps that one of the images has?
Raises: usage.
]]
function one.check_steps(images, given)
  for _, option in ipairs { "until", "from" } do
    local wanted, found, names, main = given[option], false, step_names(images, option == "from")
    for _, name in ipairs(wanted and names or {}) do found = found or glob.match(name, wanted) end
    if wanted and not found then
      local near = runtime.nearest(wanted, names)
      err.raise("usage", string.format("--%s: no %sstep '%s'", option, option == "from" and "provisioning " or "", wanted),
        { hint = near and "did you mean '" .. near .. "'?" or #main > 0 and "the steps are " .. table.concat(main, ", ") or "there is none" })
    end
  end
end

--[[
one.build(entry, given, emit [, control]) -> error object|nil
Build an image of a graph's order; the end is an event, image.done or image.failed. Returns what stopped it; an error with the code
"stopped", which is no failure, when it ended where --until said.
  control        table|nil         who is asked: see life.build
  given          table             options: force, on_error, cleanup_timeout, debug
]]
function one.build(entry, given, emit, control)
  local image, started = entry.image, signal.now()
  local ok, result = pcall(life.build, graph.kind(image), image,
    { force = given.force, fresh = given.fresh, on_error = given.on_error, cleanup_timeout = one.cleanup_timeout(given),
      trace = given.debug, parent = entry.parent, until_step = given["until"], from_step = given.from, control = control }, emit)
  if ok then
    emit { event = "image.done", image = image.name, result = result.result, seconds = result.seconds, run = result.run, artifacts = result.artifacts,
      stopped = result.stopped or nil }
    return result.stopped and err.new { code = "stopped", message = result.result } or nil
  end
  emit { event = "image.failed", image = image.name, error = tostring(result), code = result.code, step = result.step, part = result.part,
    left = result.left, seconds = signal.now() - started, traceback = result.traceback }
  return result
end

return one
