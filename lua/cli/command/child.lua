-- child: builds one image of a parallel build; what to do is on standard input, events go to standard output. Not for people.
local cjson = require "cjson"
local err = require "core.err"
local graph = require "build.graph"
local one = require "cli.one"
local recipes = require "cli.recipes"
local render = require "cli.render"

local function find(order, name)
  for _, entry in ipairs(order) do if entry.image.name == name then return entry.image end end
  err.raise("usage", "no image '" .. name .. "'")
end

local function run()
  local task = cjson.decode(io.read("a"))
  local given = task.given
  given.only, given.except = nil, nil
  local images, about = recipes.load(given, task.paths)
  local emit = render.child(about)
  local entry = { image = find(graph.order(images), task.image), parent = task.parent }
  local e = one.build(entry, given, emit)
  if not e or err.is(e, "stopped") then return 0 end
  e.shown = true
  error(e, 0)
end

return { doc = "build one image for another luabuild", raw = true, run = run }
