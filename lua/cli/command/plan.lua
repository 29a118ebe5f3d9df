-- plan RECIPE...: what a build would do, and why; contacts the server, changes nothing
local base = require "build.base"
local life = require "build.life"
local offline = require "build.offline"
local recipes = require "cli.recipes"

local function run(given, words)
  local images = recipes.load(given, words)
  for _, image in ipairs(images) do offline.check(image) end
  for _, image in ipairs(images) do
    local decision, reason, steps = life.plan(base, image, { force = given.force })
    print(string.format("%s: %s (%s)", image.name, decision == "current" and "nothing to do" or decision, reason))
    for _, step in ipairs(steps) do print("  " .. step) end
  end
  return 0
end

return { doc = "say what a build would do, and why, without changing anything", usage = "luabuild plan RECIPE… [IMAGE…]", run = run }
