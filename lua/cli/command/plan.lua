-- plan RECIPE...: what a build would do, and why; contacts the server, changes nothing
local graph = require "build.graph"
local life = require "build.life"
local offline = require "build.offline"
local recipes = require "cli.recipes"

local function run(given, words)
  local images = recipes.load(given, words)
  for _, image in ipairs(images) do offline.check(image) end
  for _, entry in ipairs(graph.order(images)) do
    local image = entry.image
    local decision, reason, steps = life.plan(graph.kind(image), image, { force = given.force, parent = entry.parent })
    print(string.format("%s: %s (%s)", image.name, decision == "current" and "nothing to do" or decision, reason))
    for _, step in ipairs(steps) do print("  " .. step) end
  end
  return 0
end

return { doc = "say what a build would do, and why, without changing anything", usage = "luabuild plan RECIPE… [IMAGE…]", run = run }
