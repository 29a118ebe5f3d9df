-- render: the way of events to those who look: cleaned, without secrets, with their time; then to the log and to the screen
local signal = require "signal"
local term = require "term"
local err = require "core.err"
local color = require "cli.color"
local locale = require "cli.locale"
local json = require "cli.view.json"
local plain = require "cli.view.plain"
local printable = require "core.printable"
local style = require "cli.view.style"

local render = {}

-- A secret may have been broken up by what is taken out.
local function clean_text(text, mask)
  local masked = mask(text)
  local clean = printable.clean(masked)
  return clean == masked and clean or mask(clean)
end

local function copied(value, change)
  if type(value) == "string" then return change(value) end
  if type(value) ~= "table" then return value end
  local out = {}
  for key, inner in pairs(value) do out[key] = copied(inner, change) end
  return out
end

-- Most events have nothing that must go: all their texts are looked at as one.
local function cleaned(event, mask)
  local texts = {}
  local copy = copied(event, function(text)
    texts[#texts + 1] = text
    return text
  end)
  local all = table.concat(texts, "\n") -- a secret may be hidden only at a line's beginning or end
  if clean_text(all, mask) == all then return copy end
  copy = copied(event, function(text) return clean_text(text, mask) end)
  if event.event == "variable" then copy.name = event.name end -- which no value has to do with
  return copy
end

local function iso_time(seconds)
  local thousandths = math.floor(seconds * 1000)
  return os.date("!%Y-%m-%dT%H:%M:%S", thousandths // 1000) .. string.format(".%03dZ", thousandths % 1000)
end

-- Wall clock and seconds since the run began, from one clock that does not jump.
local function stamper()
  local began, wall = signal.now(), signal.time()
  return function(event)
    local at = signal.now() - began
    event.at = math.floor(at * 1000 + 0.5) / 1000
    event.time = iso_time(wall + at)
  end, function() return signal.now() - began end
end

-- Writing to who looks. When nobody takes the output any more it raises once, and is silent then.
local function writer(out)
  local closed = false
  return function(text)
    if closed or (out:write(text) and out:flush()) then return end
    closed = true
    err.raise("io", "the output was closed", { unheard = true, shown = true })
  end
end

-- A mistake of ours in a view ends the view and no build: it is said in the others.
local function show(view, event, views, queue)
  local ok, e = xpcall(view.event, function(e) return err.is(e) and e or debug.traceback(tostring(e), 2) end, view, event)
  if ok then return end
  if err.is(e) then error(e, 0) end
  for i = #views, 1, -1 do if views[i] == view then table.remove(views, i) end end
  queue[#queue + 1] = { event = "warning", image = event.image, at = event.at, time = event.time, message = "internal error: a view of the build ended: " .. e }
end

--[[
render.sink(views, mask [, stamp]) -> function(event)
Make a function that shows events in every one of the views, cleaned and without secrets.
  views          array             with a method event(e)
  mask           function          text -> text without secrets
  stamp          function          gives an event its time
]]
function render.sink(views, mask, stamp)
  stamp = stamp or stamper()
  local queue, busy = {}, false -- what a view has to say comes after what made it say so
  return function(event)
    event = cleaned(event, mask)
    stamp(event)
    queue[#queue + 1] = event
    if busy then return end
    local _ <close> = setmetatable({}, { __close = function() busy = false end })
    busy = true
    while #queue > 0 do
      local next_one = table.remove(queue, 1)
      for _, view in ipairs({ table.unpack(views) }) do show(view, next_one, views, queue) end
    end
  end
end

--[[
render.child(about) -> function(event)
The sink of a process that builds for another one: JSON lines on standard output.
  about          table             from recipes.load: secrets
]]
function render.child(about)
  return render.sink({ json.new(writer(io.stdout)) }, function(text) return about.secrets:mask(text) end)
end

-- ---- which view ----

local function local_time() return os.date "%H:%M:%S " end

-- A terminal gets lines that move, but for what is not a build: --json, a file, a dumb terminal, --quiet get lines that stay.
local function choose(given, options, now)
  local write = writer(io.stdout)
  if given.json then return json.new(write) end
  local moving = options.build and not given.quiet and term.is_tty(1) and (os.getenv "TERM" or "dumb") ~= "dumb"
  local look = style.new { color = color.wanted(given), unicode = locale.utf8() }
  look.marked, look.prefix, look.debug, look.quiet = moving, options.prefix, given.debug, given.quiet
  local o = { style = look, write = write, size = term.width, now = options.build and now or nil,
    stamp = given.timestamps and local_time or nil, resumed = signal.resumed }
  if not moving then return plain.new(o) end
  io.stdout:setvbuf "full" -- what is drawn at once goes out at once
  return require("cli.view.live").new(o)
end

--[[
render.open(given, about [, options]) -> function(event), view
The sink that the command line asks for, with the notes of loading shown. The view has pause() and resume(), to ask the user something
between them, and close() for the end, also as a to-be-closed variable.
  given          table             options: json, timestamps, debug, quiet, color (help build)
  about          table             from recipes.load: secrets, notes
  options.build  boolean           a build: moving lines on a terminal, logs, reports
  options.prefix boolean           several images at once: lines say which they are about
]]
function render.open(given, about, options)
  options = options or {}
  local stamp, now = stamper()
  local view = choose(given, options, now)
  local views, clock = {}, nil
  local emit = render.sink(views, function(text) return about.secrets:mask(text) end, stamp)
  if options.build then
    local function say(event) emit(event) end
    views[1], views[2] = require("cli.view.log").new(say), require("cli.view.report").new(say)
    clock = signal.tick(view.INTERVAL or 60, function() view:tick() end)
  end
  views[#views + 1] = view
  for _, note in ipairs(about.notes) do emit { event = "note", message = note } end
  return emit, setmetatable({}, { __index = { pause = function() view:pause() end, resume = function() view:resume() end }, __close = function()
    if clock then clock:close() end
    for _, one in ipairs(views) do one:close() end
  end })
end

return render
