-- render: events as lines for people, or as JSON lines. Everything shown passes the mask of secrets.
local cjson = require "cjson"
local term = require "term"
local err = require "core.err"
local units = require "core.units"

local render = {}

local function time_now(options)
  return options.timestamps and os.date("%H:%M:%S ") or ""
end

local COLORS = { red = "31", green = "32", yellow = "33", dim = "2", bold = "1" }

local function painter(on)
  return function(color, text) return on and "\27[" .. COLORS[color] .. "m" .. text .. "\27[0m" or text end
end

local function columns(step, seconds, detail)
  local line = string.format("  %-12s %7s", step, units.format_seconds(seconds))
  return detail and line .. "  " .. detail or line
end

local function indented(text) return "    " .. text:gsub("\n", "\n    ") end

local DECISIONS = { build = "build", replace = "build and replace", current = "nothing to do" }

local lines = {}

lines["image.start"] = function(e, paint, options) return (options.prefix and "" or paint("bold", e.image) .. "  ") .. paint("dim", e.recipe) end
lines["image.decided"] = function(e)
  return "  " .. (DECISIONS[e.decision] or e.decision) .. ": " .. e.reason
end
lines["step.done"] = function(e) return columns((e.parent and "  " or "") .. e.step, e.seconds, e.detail) end
lines["step.failed"] = function(e, paint) return paint("red", columns((e.parent and "  " or "") .. e.step, e.seconds, "failed")) end
lines["note"] = function(e, paint) return paint("dim", indented(e.message)) end
lines["warning"] = function(e, paint) return paint("yellow", indented(e.message)) end
lines["output"] = function(e, paint) return paint("dim", indented(e.name .. "> " .. e.text)) end
-- Results of checks come together: rows of a table.
lines["check"] = function(e, paint)
  local mark = e.skipped and paint("yellow", "skip") or e.ok and paint("green", "ok  ") or paint("red", "FAIL")
  local said = e.skipped and "" or e.ok and e.found or string.format("%s, expected %s", e.found, e.expected)
  return string.format("    %s %-12s %-36s %-10s %s", mark, e.kind, e.name, e.property, said)
end
lines["http.get"] = function(e, paint)
  return paint("dim", indented(string.format("http %s %d, %s to %s", e.path, e.status, units.format_bytes(e.bytes), e.client)))
end
lines["undo"] = function(e, paint)
  return e.error and paint("red", indented("not undone: " .. e.name .. ": " .. e.error)) or paint("dim", indented("undone: " .. e.name))
end
lines["image.done"] = function(e, paint)
  return paint("green", e.image .. ": " .. e.result) .. (e.seconds and " in " .. units.format_seconds(e.seconds) or "")
end
lines["image.skipped"] = function(e, paint) return paint("yellow", e.image .. ": skipped") .. ": " .. e.reason end
lines["image.failed"] = function(e, paint)
  if e.code == "cancelled" then
    return paint("yellow", e.image .. ": interrupted") .. (e.step and " at " .. e.step or "") .. (e.error:match("\n.*") or "")
  end
  return paint("red", e.image .. ": failed") .. ": " .. e.error
end

lines["image.checked"] = function(e, paint)
  return string.format("%s: %s (%s, fingerprint %s)", e.image, paint("green", "fine"), e.recipe, e.fingerprint)
end
lines["image.planned"] = function(e, paint)
  local steps = #e.steps > 0 and "\n  " .. table.concat(e.steps, "\n  ") or ""
  return string.format("%s: %s (%s)%s", paint("bold", e.image), DECISIONS[e.decision] or e.decision, e.reason, steps)
end
lines["image"] = function(e, paint) return string.format("%s  (%s image, %s)", paint("bold", e.image), e.kind, e.recipe) end
lines["variable"] = function(e) return string.format("  %-22s %-44s %s", e.name, e.value, e.origin) end

-- Lines that guests or servers sent may not steer the terminal, and JSON is UTF-8.
local function harmless(text)
  text = text:gsub("[%z\1-\8\11-\31\127]", "?"):gsub("\194[\128-\159]", "?")
  local _, bad = utf8.len(text)
  while bad do
    text = text:sub(1, bad - 1) .. "?" .. text:sub(bad + 1)
    _, bad = utf8.len(text, bad)
  end
  return text
end

-- The event with its texts cleaned and without secrets.
local function cleaned(value, mask)
  if type(value) == "string" then return harmless(mask(value)) end
  if type(value) ~= "table" then return value end
  local out = {}
  for key, inner in pairs(value) do out[key] = cleaned(inner, mask) end
  return out
end

--[[
render.sink(options) -> function(event)
Make a function that shows events, each a table with `event` (its kind) and fields. When nobody takes the output any more it
raises once, and is silent then.
  options.json   boolean           one JSON object per line
  options.color  boolean           use colours
  options.timestamps boolean       begin lines with the time
  options.debug  boolean           show debug events too
  options.prefix boolean           begin each line with the image it is about: several are built at once
  options.mask   function          text -> text without secrets
  options.out    file = io.stdout
]]
function render.sink(options)
  local out, paint, closed = options.out or io.stdout, painter(options.color), false
  lines["request"] = function(e)
    return options.debug and indented(string.format("%s %s: %s, %.3fs%s", e.method, e.object, e.status or e.error, e.seconds, e.text and "\n" .. e.text or "")) or nil
  end
  local function line_of(event)
    if options.json then
      event.time = os.date("!%Y-%m-%dT%H:%M:%SZ")
      return (cjson.encode(event):gsub("\\/", "/"))
    end
    local shown = rawget(lines, event.event)
    local text = shown and shown(event, paint, options)
    local about = options.prefix and event.image and paint("dim", event.image .. " | ") or ""
    return text and text:gsub("[^\n]+", function(line) return time_now(options) .. about .. line end)
  end
  return function(event)
    local line = not closed and line_of(cleaned(event, options.mask))
    if not line or (out:write(line, "\n") and out:flush()) then return end
    closed = true
    err.raise("io", "the output was closed", { unheard = true, shown = true })
  end
end

local function colored(given)
  if given.color ~= "auto" then return given.color == "always" end
  local no_color = os.getenv "NO_COLOR"
  return not (no_color and no_color ~= "") and os.getenv "TERM" ~= "dumb" and term.is_tty(1)
end

--[[
render.open(given, about [, prefix]) -> function(event)
The sink that the command line asks for, with the notes of loading shown.
  given          table             options: json, timestamps, debug, color
  about          table             from recipes.load: secrets, notes
]]
function render.open(given, about, prefix)
  local emit = render.sink { json = given.json, timestamps = given.timestamps, debug = given.debug, color = colored(given), prefix = prefix,
    mask = function(text) return about.secrets:mask(text) end }
  for _, note in ipairs(about.notes) do emit { event = "note", message = note } end
  return emit
end

return render
