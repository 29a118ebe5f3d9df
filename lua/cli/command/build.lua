-- build RECIPE... [IMAGE...]: bring images up to date, and before them those they are made from
local runtime = require "runtime"
local signal = require "signal"
local err = require "core.err"
local events = require "build.events"
local ask = require "cli.ask"
local connection = require "cli.connection"
local control = require "cli.control"
local graph = require "build.graph"
local jobs = require "cli.jobs"
local offline = require "build.offline"
local one = require "cli.one"
local recipes = require "cli.recipes"
local render = require "cli.render"

-- Parents first; what stands on a failed one is skipped, and said so. Returns the first failure.
local function build_all(order, given, emit, asked)
  local failure, missing = nil, {}
  for _, entry in ipairs(order) do
    local image = entry.image
    if missing[image.from] then
      missing[image] = "was skipped"
      emit { event = "image.skipped", image = image.name, reason = image.from.name .. " " .. missing[image.from] }
    else
      local e = one.build(entry, given, emit, asked)
      local stopped = err.is(e, "stopped")
      missing[image] = e and (stopped and "was stopped" or "failed")
      if e and not stopped then failure = failure or e end
      if err.is(e, "cancelled") then break end
    end
  end
  return failure
end

-- One image at a time is built in this process; several side by side in one each.
local function build_side_by_side(order, given, paths, emit)
  return jobs.run(order, { limit = jobs.limit(given), program = "/proc/self/exe", given = given, paths = paths, emit = emit })
end

-- A look around in a living build.
local function looker(mask)
  return function(b)
    local looking = require "cli.looking" -- loaded when somebody looks: no other build needs it
    local o = looking.options(function() return b.vc end)
    o.names.vm, o.names.guest, o.names.image, o.names.vars = b.vm, b.guest, b.image, looking.values(b.image.variables)
    o.mask, o.prompt = mask, b.image.name .. "> "
    local there, missing = {}, {}
    for _, name in ipairs { "vc", "vm", "guest" } do table.insert(b[name] and there or missing, name) end
    o.banner = table.concat(there, ", ") .. (#there > 0 and ", " or "") .. "image and vars are those of the build"
      .. (#missing > 0 and "; it has no " .. table.concat(missing, ", ") .. " yet" or "")
      .. ". help() says more; Ctrl-D goes back to the question."
    require("cli.repl").run(o)
  end
end

-- The run as a whole: what it is to make, and how it ended.
local function announced(order, emit, f)
  local names, started = {}, signal.now()
  for i, entry in ipairs(order) do names[i] = entry.image.name end
  emit { event = "run.start", format = events.FORMAT, program = "luabuild " .. runtime.version, images = names }
  local failure = f()
  emit { event = "run.done", status = failure and (err.is(failure, "cancelled") and "cancelled" or "failed") or "done", seconds = signal.now() - started }
  return failure
end

-- What makes a build ask its user, if anything does and somebody is there.
local function who_asks(given, images)
  if given.on_error == "ask" then return "--on-error=ask" end
  if given.debug_step then return "--debug-step" end
  if given.json or not ask.somebody() then return nil end
  for _, image in ipairs(images) do
    for _, step in ipairs(image.provision) do
      if type(step) == "table" and step.step == "breakpoint" then return "breakpoint in " .. image.name end
    end
  end
end

local function run(given, words)
  given.ask = ask.secrets()
  local images, about = recipes.load(given, words)
  given.ask, given.asked = nil, about.variables.asked -- what other processes are told
  local order = graph.order(images)
  local ordered = graph.images(order)
  offline.check_all(ordered)
  for _, image in ipairs(ordered) do connection.check(image.connection) end
  one.cleanup_timeout(given) -- a mistake in it is said now
  one.check_steps(ordered, given)
  local parallel = jobs.limit(given) > 1 and jobs.width(order) > 1
  local asks = parallel and who_asks(given, ordered)
  if asks then
    parallel = false
    table.insert(about.notes, asks .. ": one image after the other, since there is one terminal for questions")
  end
  local emit, view <close> = render.open(given, about, { build = true, prefix = parallel })
  local mask = function(text) return about.secrets:mask(text) end
  local asked = not parallel and control.new(given, view, looker(mask), mask) or nil
  local failure = announced(order, emit, function()
    if parallel then return build_side_by_side(order, given, about.paths, emit) end
    return build_all(order, given, emit, asked)
  end)
  if not failure then return 0 end
  failure.shown = not failure.unheard
  error(failure, 0)
end

return {
  doc = "build images: install, or find that they are up to date",
  text = "The word build may be left out. Images are chosen by name, with * and ? too; the images that they are made from are brought up to date first.\n"
    .. "What happens is shown, and left in the output directory: report.html, and log/IMAGE-TIME-RUN.log with every request, the last ten of them.",
  usage = "[build] RECIPE… [IMAGE…]",
  words = { { "RECIPE", kind = "recipe", many = true }, { "IMAGE", kind = "image", many = true, optional = true } },
  examples = {
    { "luabuild recipes/photon3.lua --var-file vcenter.json", "build the images of a recipe" },
    { "luabuild recipes/photon3.lua recipes/k3s.lua --only 'k3s-*'", "only those whose names match, and what they are made from" },
  },
  run = run,
}
