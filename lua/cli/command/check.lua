-- check RECIPE...: everything that can be known without a server
local fingerprint = require "build.fingerprint"
local options = require "cli.options"
local offline = require "build.offline"
local recipes = require "cli.recipes"
local render = require "cli.render"

local function run(given, words)
  local images, about = recipes.load(given, words)
  offline.check_all(images)
  local emit = render.open(given, about)
  for _, image in ipairs(images) do
    emit { event = "image.checked", image = image.name, recipe = image.recipe.path, fingerprint = fingerprint.whole(image).total:sub(1, 12) }
  end
  return 0
end

return {
  doc = "check recipes without contacting a server",
  text = "Everything that can be known without a server is checked, and all that is wrong is said at once, each with its file and line.",
  words = { { "RECIPE", kind = "recipe", many = true }, { "IMAGE", kind = "image", many = true, optional = true } },
  options = options.of("variables", "selection", "output"),
  run = run,
}
