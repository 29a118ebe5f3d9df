-- plan RECIPE...: what a build would do, and why; contacts the server, changes nothing
local connection = require "cli.connection"
local graph = require "build.graph"
local options = require "cli.options"
local offline = require "build.offline"
local plan = require "build.plan"
local recipes = require "cli.recipes"
local render = require "cli.render"

local function names(images)
  local out = {}
  for i, image in ipairs(images) do out[i] = image.name end
  return out
end

local function say(plans, emit)
  local decisions = {}
  for _, one in ipairs(plans) do
    decisions[one.decision] = (decisions[one.decision] or 0) + 1
    emit { event = "image.planned", image = one.image.name, decision = one.decision, reason = one.reason, steps = one.steps, needs = names(one.needs),
      fingerprint = one.fingerprint, place = one.place, notes = one.notes }
  end
  emit { event = "plan.done", images = #plans, decisions = decisions }
end

local function run(given, words)
  local format = given.format ~= "text" and require("cli.planformat." .. given.format) or {}
  if format.check then format.check(given) end
  local images, about = recipes.load(given, words)
  local order = graph.order(images)
  local ordered = graph.images(order)
  offline.check_all(ordered)
  for _, image in ipairs(ordered) do connection.check(image.connection) end
  local emit = (given.json or given.format == "text") and render.open(given, about)
  local plans = plan.make(order, { force = given.force, on_request = given.debug and emit or nil })
  if emit then
    say(plans, emit)
    return 0
  end
  local text = format.format(plans, { container = given.container, secret = given.secret, force = given.force,
    mask = function(text) return about.secrets:mask(text) end,
    note = function(message) io.stderr:write("note: ", message, "\n") end })
  io.write(given.format == "argo" and text or (about.secrets:mask(text))) -- that one has no secrets, but their names
  return 0
end

return {
  doc = "say what a build would do, and why, without changing anything",
  text = "The vCenter is asked what is there; all that stands in the way of a build is said at once, as by check --connect.\n\n"
    .. "--format=json is one document for programs: luabuild help json.format. dot is a graph for Graphviz. argo is a Workflow for Argo Workflows that builds "
    .. "each image in a step of its own, after those it is made from: luabuild help argo.format says what it needs.",
  words = { { "RECIPE", kind = "recipe", many = true }, { "IMAGE", kind = "image", many = true, optional = true } },
  options = options.of("variables", "selection", "force",
    { "format", argument = "FORMAT", values = { "text", "json", "dot", "argo" }, default = "text", doc = "for people, programs, Graphviz or Argo Workflows" },
    { "container", argument = "IMAGE", default = "luabuild:latest", doc = "with --format=argo: the container image of the steps" },
    { "secret", argument = "NAME", default = "luabuild", doc = "with --format=argo: the Secret with the vCenter's credentials" }, "output"),
  examples = { { "luabuild plan hello.lua --var-file vc.json --format=dot | dot -Tsvg > plan.svg", "a picture of it" },
    { "luabuild plan hello.lua --var-file vc.json --format=argo | kubectl create -f -", "let a cluster build it" } },
  run = run,
}
