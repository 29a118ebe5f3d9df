-- build RECIPE... [IMAGE...]: bring images up to date, and before them those they are made from
local err = require "core.err"
local connection = require "cli.connection"
local graph = require "build.graph"
local life = require "build.life"
local offline = require "build.offline"
local recipes = require "cli.recipes"
local render = require "cli.render"

local function build_one(entry, given, emit)
  local image = entry.image
  local ok, result = pcall(life.build, graph.kind(image), image,
    { force = given.force, on_error = given.on_error, trace = given.debug, parent = entry.parent }, emit)
  if ok then
    emit { event = "image.done", image = image.name, result = result.result, seconds = result.seconds, run = result.run }
    return nil
  end
  emit { event = "image.failed", image = image.name, error = tostring(result), code = result.code, step = result.step, left = result.left }
  return result
end

-- Parents first; what stands on a failed one is skipped, and said so. Returns the first failure.
local function build_all(order, given, emit)
  local failure, failed = nil, {}
  for _, entry in ipairs(order) do
    local image = entry.image
    if failed[image.from] then
      failed[image] = true
      emit { event = "image.skipped", image = image.name, reason = image.from.name .. " failed" }
    else
      local e = build_one(entry, given, emit)
      if e then failure, failed[image] = failure or e, true end
      if err.is(e, "cancelled") then break end
    end
  end
  return failure
end

local function run(given, words)
  local images, about = recipes.load(given, words)
  local order = graph.order(images)
  local ordered = graph.images(order)
  offline.check_all(ordered)
  for _, image in ipairs(ordered) do connection.check(image.connection) end
  local failure = build_all(order, given, render.open(given, about))
  if not failure then return 0 end
  failure.shown = not failure.unheard
  error(failure, 0)
end

return { doc = "build images: install, or find that they are up to date", usage = "luabuild [build] RECIPE… [IMAGE…]", run = run }
