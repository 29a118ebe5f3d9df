-- render: events as lines for people, or as JSON lines. Everything shown passes the mask of secrets.
local cjson = require "cjson"
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

local lines = {}

lines["image.start"] = function(e, paint) return paint("bold", e.image) .. "  " .. paint("dim", e.recipe) end
lines["image.decided"] = function(e)
  local words = { build = "build", replace = "build and replace", current = "nothing to do" }
  return "  " .. (words[e.decision] or e.decision) .. ": " .. e.reason
end
lines["step.done"] = function(e) return columns(e.step, e.seconds, e.detail) end
lines["step.failed"] = function(e, paint) return paint("red", columns(e.step, e.seconds, "failed")) end
lines["note"] = function(e, paint) return paint("dim", indented(e.message)) end
lines["warning"] = function(e, paint) return paint("yellow", indented(e.message)) end
lines["output"] = function(e, paint) return paint("dim", indented(e.step .. "> " .. e.text)) end
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
lines["image.failed"] = function(e, paint) return paint("red", e.image .. ": failed") .. ": " .. e.error end

-- Lines that guests or servers sent may not steer the terminal.
local function harmless(text) return (text:gsub("[%z\1-\8\11-\31\127]", "?"):gsub("\194[\128-\159]", "?")) end

--[[
render.sink(options) -> function(event)
Make a function that shows events, each a table with `event` (its kind) and fields.
  options.json   boolean           one JSON object per line
  options.color  boolean           use colours
  options.timestamps boolean       begin lines with the time
  options.debug  boolean           show debug events too
  options.mask   function          text -> text without secrets
  options.out    file = io.stdout
]]
function render.sink(options)
  local out, mask, paint = options.out or io.stdout, options.mask, painter(options.color)
  lines["debug"] = function(e) return options.debug and indented(e.message) or nil end
  return function(event)
    if options.json then
      event.time = os.date("!%Y-%m-%dT%H:%M:%SZ")
      out:write(mask(cjson.encode(event)), "\n")
    else
      local shown = rawget(lines, event.event)
      -- the paint is ours: mask and clean the event's own text before it
      local clean = {}
      for key, value in pairs(event) do clean[key] = type(value) == "string" and harmless(mask(value)) or value end
      local text = shown and shown(clean, paint)
      if not text then return end
      out:write((text:gsub("[^\n]+", function(line) return time_now(options) .. line end)), "\n")
    end
    out:flush()
  end
end

return render
