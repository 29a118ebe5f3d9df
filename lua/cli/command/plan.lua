-- plan RECIPE...: what a build would do, and why; contacts the server, changes nothing
local connection = require "cli.connection"
local graph = require "build.graph"
local life = require "build.life"
local options = require "cli.options"
local offline = require "build.offline"
local recipes = require "cli.recipes"
local render = require "cli.render"

local function run(given, words)
  local images, about = recipes.load(given, words)
  local order = graph.order(images)
  local ordered = graph.images(order)
  offline.check_all(ordered)
  for _, image in ipairs(ordered) do connection.check(image.connection) end
  local emit = render.open(given, about)
  for _, entry in ipairs(order) do
    local image = entry.image
    local decision, reason, steps = life.plan(graph.kind(image), image, { force = given.force, parent = entry.parent })
    emit { event = "image.planned", image = image.name, decision = decision, reason = reason, steps = steps }
  end
  return 0
end

return {
  doc = "say what a build would do, and why, without changing anything",
  words = { { "RECIPE", kind = "recipe", many = true }, { "IMAGE", kind = "image", many = true, optional = true } },
  options = options.of("variables", "selection", "force", "output"),
  run = run,
}
