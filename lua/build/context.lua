-- context: what the steps of one build share: the image, events, the clean-up scope, and what was found out on the way
local digest = require "digest"
local lfs = require "lfs"
local signal = require "signal"
local err = require "core.err"
local scope = require "core.scope"

local events = require "build.events"

local context = {}
context.__index = context

local PROGRESS = 0.1 -- seconds between two events of it at least

-- mkdir -p
local function make_directories(path)
  local at = path:sub(1, 1) == "/" and "/" or ""
  for part in path:gmatch("[^/]+") do
    at = at .. part
    if not lfs.attributes(at, "mode") then
      local ok, message = lfs.mkdir(at)
      if not ok and not lfs.attributes(at, "mode") then err.raise("io", message, { op = "make the output directory", target = at, hint = "set output_dir" }) end
    end
    at = at .. "/"
  end
  return path
end

--[[
context.new(image, options, emit) -> b
The shared state of one build. Its run is eight random hex digits that mark whatever the build creates.
  image          image             from build.image
  options        table             force, on_error, parent
  emit           function(event)   takes events; `image` and `run` are added
]]
function context.new(image, options, emit)
  local run = digest.hex(digest.random(4))
  local b = { image = image, options = options, run = run, timings = {}, known = {}, fetched = {}, own_addresses = {}, state = {},
    pictures = 0, counter = 0, temporary_name = string.format("%s.build-%s", image.name, run) }
  b.emit = function(event)
    event.image, event.run = image.name, run
    if events.within_step(event.event) then event.step, event.parent = event.step or b.step, b.parent end
    emit(event)
  end
  b.scope = scope.new { report = function(name, e) b.emit { event = "undo", name = name, error = e and tostring(e) or nil } end }
  b.note = function(message) b.emit { event = "note", message = message } end
  b.progress = function(done, total, what) context.progress(b, { done = done, total = total, unit = "bytes", what = what }) end
  b.percent = function(percent) context.progress(b, { done = percent, total = 100, unit = "percent" }) end
  b.trace = function(request) context.trace(b, request) end
  b.watch_http = function(seconds) signal.sleep(seconds) end
  b.keep = function(resource) -- close it with the build, whatever happens
    b.scope:push("close " .. tostring(resource), function() resource:close() end).quiet = true
    return resource
  end
  b.capture = function(name) return context.capture(b, name) end
  return setmetatable(b, context)
end

--[[
context.progress(b, progress) -> nothing
Say how far something is, ten times a second at most; the end is always said.
  progress       table             done, total, unit, what: fields of the event
]]
function context.progress(b, progress)
  local now = signal.now()
  if progress.done ~= progress.total and b.progress_said and now - b.progress_said < PROGRESS then return end
  progress.event, b.progress_said = "progress", now
  b.emit(progress)
end

--[[
context.trace(b, request) -> nothing
Say that a call of the server has ended; what was sent and what came only when the build is traced.
  request        table             from vsphere.session: method, object, seconds, sent, received, status, error, text()
]]
function context.trace(b, request)
  b.emit { event = "request", method = request.method, object = request.object, seconds = request.seconds, sent = request.sent,
    received = request.received, status = request.status, error = request.error, text = b.options.trace and request.text and request.text() or nil }
end

--[[
context.output_path(b) -> string
The directory for what the build leaves on this machine, which need not be there yet.
]]
function context.output_path(b) return b.image.output_dir or "output/" .. b.image.name end

--[[
context.output(b) -> string
The directory for what the build leaves on this machine, made on first use.
]]
function context.output(b)
  b.output_directory = b.output_directory or make_directories(context.output_path(b))
  return b.output_directory
end

--[[
context.capture(b, name) -> string|nil
Save a picture of the console as <image>-console-NN-name.png in the output directory; nil when that is not possible. Never fails a build.
Raises: cancelled.
Blocks: yes, one request.
]]
function context.capture(b, name)
  if not b.vm then return nil end
  local ok, picture = pcall(b.vm.screenshot, b.vm)
  if err.is(picture, "cancelled") then error(picture, 0) end
  if not ok or not picture then return nil end
  b.pictures = b.pictures + 1
  local path = string.format("%s/%s-console-%02d-%s.png", context.output(b), b.image.name, b.pictures, name)
  local file = io.open(path, "wb")
  if not file then return nil end
  file:write(picture)
  file:close()
  b.emit { event = "picture", path = path, name = name }
  return path
end

return context
