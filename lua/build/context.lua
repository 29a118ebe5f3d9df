-- context: what the steps of one build share: the image, events, the clean-up scope, and what was found out on the way
local digest = require "digest"
local signal = require "signal"
local err = require "core.err"
local scope = require "core.scope"
local events = require "build.events"
local files = require "build.files"
local journal = require "build.journal"
local lock = require "build.lock"

local context = {}
context.__index = context

local PROGRESS = 0.1 -- seconds between two events of it at least

--[[
context.new(image, options, emit) -> b
The shared state of one build. Its run is eight random hex digits that mark whatever the build creates.
  image          image             from build.image
  options        table             force, on_error, parent, cleanup_timeout
  emit           function(event)   takes events; `image` and `run` are added
]]
function context.new(image, options, emit)
  local run = digest.hex(digest.random(4))
  local b = { image = image, options = options, run = run, timings = {}, known = {}, fetched = {}, own_addresses = {}, state = {},
    pictures = 0, counter = 0, temporary_name = string.format("%s.build-%s", image.name, run) }
  b.emit = function(event)
    event.image, event.run = image.name, run
    if events.within_step(event.event) then event.step, event.parent = event.step or b.step, b.parent end
    local ok, e = pcall(emit, event)
    if not ok and not (b.scope.unwinding and e.unheard) then error(e, 0) end -- that nobody listens any more stops no clean-up
  end
  b.scope = scope.new { deadline = options.cleanup_timeout,
    report = function(name, e) b.emit { event = "undo", name = name, error = e and tostring(e) or nil } end,
    begun = function(entry) if b.journal then b.journal:begun(entry) end end,
    ended = function(entry) if b.journal then b.journal:ended(entry) end end }
  b.note = function(message) b.emit { event = "note", message = message } end
  b.progress = function(done, total, what) context.progress(b, { done = done, total = total, unit = "bytes", what = what }) end
  b.percent = function(percent, what) context.progress(b, { done = percent, total = 100, unit = "percent", what = what }) end
  b.doing = function(what, timeout) b.emit { event = "doing", what = what, timeout = timeout } end
  b.trace = function(request) context.trace(b, request) end
  b.watch_http = function(seconds) signal.sleep(seconds) end
  b.file_record = function(path) -- a file on the datastore, for the journal
    return { kind = "file", datastore = b.datastore.known.name, datacenter = b.datacenter.path, path = path }
  end
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
context.own(b) -> nothing
From now on the build may make things: its journal is open, and no other process of this machine builds the same image.
Raises: io; cancelled.
Blocks: yes, while another process builds it.
]]
function context.own(b)
  local c, p = b.image.connection, b.image.placement
  b.journal = journal.open(b.run, { image = b.image.name, server = c.server })
  local key = table.concat({ c.server or "", p.datacenter or "", p.folder or "", b.image.name }, "\0")
  b.keep(lock.hold(key, "the image " .. b.image.name, { run = b.run, note = b.note }))
end

--[[
context.output(b) -> string
The directory for what the build leaves on this machine, made on first use.
]]
function context.output(b)
  b.output_directory = b.output_directory or files.make(context.output_path(b), "make the output directory", "set output_dir")
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
