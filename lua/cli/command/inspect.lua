-- inspect RECIPE...: the variables with their origin, and the images with what they are made from
local sorted = require "core.sorted"
local graph = require "build.graph"
local options = require "cli.options"
local recipes = require "cli.recipes"
local render = require "cli.render"
local variables = require "build.standard"

local STANDARD = {}
for _, declared in ipairs(variables) do STANDARD[declared[1]] = true end

local STAND_IN = "secret nobody has told"

local function show(described, value)
  if value == nil or value == STAND_IN then return "-" end
  return described.secret and "(secret)" or tostring(value)
end

local function show_variables(image, emit)
  local meta = getmetatable(image.variables)
  for _, name in ipairs(sorted.keys(meta.described)) do
    local value = image.variables[name]
    if value ~= nil or not STANDARD[name] then
      emit { event = "variable", recipe = image.recipe.path, name = name, value = show(meta.described[name], value),
        origin = value == STAND_IN and "needed: not set yet" or meta.origins[name] or "default" }
    end
  end
end

local function run(given, words)
  given.ask = function() return STAND_IN end -- a recipe that lacks a secret is shown, too, and what it lacks
  local images, about = recipes.load(given, words)
  local emit, seen = render.open(given, about), {}
  for _, image in ipairs(graph.images(graph.order(images))) do -- parents, too, and first
    emit { event = "image", image = image.name, kind = image.kind, recipe = image.recipe.path,
      from = type(image.from) == "table" and image.from.name or image.from }
    if not seen[image.variables] then show_variables(image, emit) end
    seen[image.variables] = true
  end
  return 0
end

return {
  doc = "show variables, where their values come from, and the graph of images",
  text = "An image that another one is made from is shown before it, with the variables of its own recipe.",
  words = { { "RECIPE", kind = "recipe", many = true }, { "IMAGE", kind = "image", many = true, optional = true } },
  options = options.of("variables", "selection", "output"),
  run = run,
}
