-- build RECIPE... [IMAGE...]: bring images up to date, and before them those they are made from
local err = require "core.err"
local graph = require "build.graph"
local life = require "build.life"
local offline = require "build.offline"
local recipes = require "cli.recipes"
local render = require "cli.render"

local function colored(given)
  if given.color ~= "auto" then return given.color == "always" end
  return not os.getenv "NO_COLOR" and os.getenv "TERM" ~= "dumb" and require("term").is_tty(1)
end

local function check_all(order)
  local problems = {}
  for _, entry in ipairs(order) do
    local ok, e = pcall(offline.check, entry.image)
    if not ok and not err.is(e, "recipe") then error(e, 0) end
    if not ok then problems[#problems + 1] = tostring(e) end
  end
  if #problems > 0 then err.raise("recipe", table.concat(problems, "\n")) end
end

local function check_connection(image)
  if image.connection.server then return end
  err.raise("usage", "which vCenter? vcenter_server is not set",
    { hint = "set VCENTER_SERVER, VCENTER_USERNAME and VCENTER_PASSWORD, or --var vcenter_server=…; make lab starts one to try" })
end

local function build_one(entry, given, emit)
  local image = entry.image
  local ok, result = pcall(life.build, graph.kind(image), image,
    { force = given.force, on_error = given.on_error, trace = given.debug, parent = entry.parent }, emit)
  if ok then
    emit { event = "image.done", image = image.name, result = result.result, seconds = result.seconds, run = result.run }
    return nil
  end
  emit { event = "image.failed", image = image.name, error = tostring(result) }
  return result
end

-- Parents first; what stands on a failed one is skipped, and said so. Returns the first failure.
local function build_all(order, given, emit)
  local failure, failed = nil, {}
  for _, entry in ipairs(order) do
    local image = entry.image
    if failed[image.from] then
      failed[image] = true
      emit { event = "image.skipped", image = image.name, reason = image.from.name .. " failed" }
    else
      local e = build_one(entry, given, emit)
      if e then failure, failed[image] = failure or e, true end
      if err.is(e, "cancelled") then break end
    end
  end
  return failure
end

local function run(given, words)
  local images, about = recipes.load(given, words)
  local order = graph.order(images)
  check_all(order)
  local mask = function(text) return about.secrets:mask(text) end
  local emit = render.sink { json = given.json, timestamps = given.timestamps, debug = given.debug, color = colored(given), mask = mask }
  for _, note in ipairs(about.notes) do emit { event = "note", message = note } end
  for _, entry in ipairs(order) do check_connection(entry.image) end
  local failure = build_all(order, given, emit)
  if failure then
    failure.shown = true
    error(failure, 0)
  end
  return 0
end

return { doc = "build images: install, or find that they are up to date", usage = "luabuild [build] RECIPE… [IMAGE…]", run = run }
