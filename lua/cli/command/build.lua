-- build RECIPE... [IMAGE...]: bring images up to date, one after the other
local err = require "core.err"
local base = require "build.base"
local life = require "build.life"
local offline = require "build.offline"
local recipes = require "cli.recipes"
local render = require "cli.render"

local function colored(given)
  if given.color ~= "auto" then return given.color == "always" end
  return not os.getenv "NO_COLOR" and os.getenv "TERM" ~= "dumb" and require("term").is_tty(1)
end

local function check_all(images)
  local problems = {}
  for _, image in ipairs(images) do
    local ok, e = pcall(offline.check, image)
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

local function build_one(image, given, emit)
  local ok, result = pcall(life.build, base, image, { force = given.force, on_error = given.on_error, trace = given.debug }, emit)
  if ok then
    emit { event = "image.done", image = image.name, result = result.result, seconds = result.seconds, run = result.run }
    return nil
  end
  emit { event = "image.failed", image = image.name, error = tostring(result) }
  return result
end

local function run(given, words)
  local images, about = recipes.load(given, words)
  check_all(images)
  local mask = function(text) return about.secrets:mask(text) end
  local emit = render.sink { json = given.json, timestamps = given.timestamps, debug = given.debug, color = colored(given), mask = mask }
  for _, note in ipairs(about.notes) do emit { event = "note", message = note } end
  local failure
  for _, image in ipairs(images) do
    check_connection(image)
    local e = build_one(image, given, emit)
    if err.is(e, "cancelled") then
      e.shown = true
      error(e, 0)
    end
    failure = failure or e
  end
  if failure then
    failure.shown = err.is(failure)
    error(failure, 0)
  end
  return 0
end

return { doc = "build images: install, or find that they are up to date", usage = "luabuild [build] RECIPE… [IMAGE…]", run = run }
