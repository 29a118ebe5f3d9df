-- check RECIPE...: everything that can be known without a server; with --connect, what the server knows too
local fingerprint = require "build.fingerprint"
local graph = require "build.graph"
local options = require "cli.options"
local offline = require "build.offline"
local recipes = require "cli.recipes"
local render = require "cli.render"

-- What a build would meet, and change nothing. What asks a server is loaded when one is asked.
local function look(images, given, emit)
  local connection, plan = require "cli.connection", require "build.plan"
  local order = graph.order(images)
  for _, entry in ipairs(order) do connection.check(entry.image.connection) end
  for _, one in ipairs(plan.make(order, { thorough = true, force = given.force, on_request = given.debug and emit or nil })) do
    for _, note in ipairs(one.notes) do emit { event = "note", image = one.image.name, message = one.image.name .. ": " .. note } end
  end
end

local function run(given, words)
  local images, about = recipes.load(given, words)
  offline.check_all(graph.images(graph.order(images)))
  local emit = render.open(given, about)
  if given.connect then look(images, given, emit) end
  for _, image in ipairs(images) do
    emit { event = "image.checked", image = image.name, recipe = image.recipe.path, fingerprint = fingerprint.whole(image).total:sub(1, 12),
      server = given.connect and image.connection.server or nil }
  end
  return 0
end

return {
  doc = "check recipes, without contacting a server or with it",
  text = "Everything that can be known without a server is checked, and all that is wrong is said at once, each with its file and line.\n\n"
    .. "With --connect the vCenter is asked as well, and nothing is changed there: are all names there, may the user do what a build does "
    .. "and on what is a privilege missing, has the datastore room, do host, datastore and network belong together, are guest id and hardware version known, "
    .. "is the ISO where the URL says, is the image to clone from there, is the image's own name free. A build asks the same before it makes anything.",
  words = { { "RECIPE", kind = "recipe", many = true }, { "IMAGE", kind = "image", many = true, optional = true } },
  options = options.of("variables", "selection", { "connect", doc = "ask the vCenter too; nothing is changed" },
    { "force", doc = "with --connect: an image that is not ours may be replaced" }, "output"),
  examples = { { "luabuild check recipes/photon3.lua --var-file vcenter.json --connect", "before the first build in a new place" } },
  run = run,
}
