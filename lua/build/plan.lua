-- plan: what would be done with several images that stand on each other, and what stands in the way of any of them
local err = require "core.err"
local graph = require "build.graph"
local life = require "build.life"

local plan = {}

local REBUILT = { build = true, replace = true }

local function problem_text(image, e)
  return string.format("%s: %s", image.name, (tostring(e):gsub("\n", "\n  ")))
end

-- One problem is raised as it is; several together, each with its image.
local function raise(problems)
  if #problems == 0 then return end
  if #problems == 1 then error(problems[1].error, 0) end
  local lines = {}
  for i, one in ipairs(problems) do lines[i] = problem_text(one.image, one.error) end
  err.raise(problems[1].error.code, table.concat(lines, "\n"))
end

--[[
plan.make(order, options) -> {plan, ...}
Look at every image of a graph's order without changing anything: what would be done with it, where, and why. A clone of an image
that will be made anew is planned upon what that one will be.
  order          array             from graph.order
  options        table             force, thorough, on_request: see life.plan
plan = as life.plan returns it, and parent = boolean (wanted only as one), needs = {image, ...} of the order that come first
Raises: whatever stands in the way of the images, all of it together.
Blocks: yes.
]]
function plan.make(order, options)
  local plans, planned, fingerprints, problems = {}, {}, {}, {}
  for _, entry in ipairs(order) do
    local image = entry.image
    local ok, result = pcall(life.plan, graph.kind(image), image, { planning = true, force = options.force, thorough = options.thorough, parent = entry.parent,
      planned = planned, fingerprints = fingerprints, on_request = options.on_request })
    if not ok then
      if not err.is(result) or result.code == "cancelled" then error(result, 0) end
      problems[#problems + 1] = { image = image, error = result }
      planned[image] = "unknown" -- what stands on it is looked at all the same
    else
      result.parent, result.needs = entry.parent, { type(image.from) == "table" and image.from or nil }
      if REBUILT[result.decision] then planned[image], fingerprints[image] = "anew", result.fingerprint end
      plans[#plans + 1] = result
    end
  end
  raise(problems)
  return plans
end

return plan
