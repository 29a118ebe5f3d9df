-- one: build one image and say how it ended
local signal = require "signal"
local err = require "core.err"
local units = require "core.units"
local graph = require "build.graph"
local life = require "build.life"

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

--[[
one.build(entry, given, emit) -> error object|nil
Build an image of a graph's order; the end is an event, image.done or image.failed. Returns what stopped it.
  given          table             options: force, on_error, cleanup_timeout, debug
]]
function one.build(entry, given, emit)
  local image, started = entry.image, signal.now()
  local ok, result = pcall(life.build, graph.kind(image), image,
    { force = given.force, fresh = given.fresh, on_error = given.on_error, cleanup_timeout = one.cleanup_timeout(given),
      trace = given.debug, parent = entry.parent }, emit)
  if ok then
    emit { event = "image.done", image = image.name, result = result.result, seconds = result.seconds, run = result.run, artifacts = result.artifacts }
    return nil
  end
  emit { event = "image.failed", image = image.name, error = tostring(result), code = result.code, step = result.step, left = result.left,
    seconds = signal.now() - started, traceback = result.traceback }
  return result
end

return one
