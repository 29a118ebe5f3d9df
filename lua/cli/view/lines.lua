-- lines: an event as the lines that stay: on a terminal, in a CI log, in the log file
local term = require "term"
local events = require "build.events"
local plan_text = require "cli.planformat.text"
local style_of = require "cli.view.style"
local units = require "core.units"

local lines = {}

local LONGEST = 2000 -- bytes of one line of remote output that are shown
local NAMES = { least = 12, most = 26, part = 3 } -- columns of a step's name, but no more than a third of the line

local DECISIONS = { build = "build", replace = "build and replace", export = "export", current = "nothing to do", foreign = "nothing to do" }

local function indented(text, level)
  local indent = ("  "):rep(level)
  return indent .. text:gsub("\n", "\n" .. indent)
end

-- The times of all steps, and of their parts, stand below each other.
local function row(s, columns, mark, e, color, detail)
  local level = e.parent and 2 or 1
  columns = columns - 2 * (level - 1)
  local name = style_of.pad(s:fit(e.step, columns), columns)
  local line = string.format("%s%s %7s", s.marked and s:paint(color, s.marks[mark]) .. " " or "", name, units.format_seconds(e.seconds))
  return indented(line .. (detail and "  " .. detail or ""), level)
end

-- What happens in a step stands below it: two levels in, three in a part of it.
local function nested(s, e, color, text)
  return s:paint(color, indented(text, e.step and (e.parent and 3 or 2) or 1))
end

-- Who ended: on a terminal the beginning of the line says so already.
local function about(s, e) return s.marked and s.prefix and "" or e.image .. ": " end

local shown = {}

shown["image.start"] = function(s, e) return (s.prefix and "" or s:paint("bold", e.image) .. "  ") .. s:paint("dim", e.recipe) end
shown["image.decided"] = function(s, e)
  return "  " .. s:paint(e.decision == "replace" and "yellow" or "bold", DECISIONS[e.decision] or e.decision) .. ": " .. e.reason
end
shown["step.done"] = function(s, e, columns) return row(s, columns, "done", e, "green", e.detail and s:paint("dim", e.detail)) end
shown["step.failed"] = function(s, e, columns)
  local word = e.code == "cancelled" and "interrupted" or e.code == "stopped" and "stopped"
  local color = word and "yellow" or "red"
  return row(s, columns, word and "skipped" or "failed", e, color, s:paint(color, word or "failed"))
end
shown["note"] = function(s, e) return nested(s, e, "dim", e.message) end
shown["warning"] = function(s, e) return nested(s, e, "yellow", "warning: " .. e.message) end
shown["output"] = function(s, e)
  local text = #e.text > LONGEST and string.format("%s%s (%d bytes)", e.text:sub(1, utf8.offset(e.text, 0, LONGEST) - 1), s.marks.more, #e.text) or e.text
  if s.marked then return indented(s:paint("dim", s.marks.gutter .. " " .. text), e.parent and 3 or 2) end
  return indented(e.name .. "> " .. text, e.parent and 3 or 2)
end
shown["check"] = function(s, e)
  local mark = e.skipped and s:paint("yellow", "skip") or e.ok and s:paint("green", "ok  ") or s:paint("red", "FAIL")
  local said = e.skipped and "" or e.ok and tostring(e.found) or string.format("%s, expected %s", e.found, e.expected)
  return indented(string.format("%s %-10s %-24s %-10s %s", mark, e.kind, e.name, e.property, said), e.parent and 3 or 2)
end
shown["picture"] = function(s, e) return s.debug and nested(s, e, "dim", "console: " .. e.path) or nil end
shown["doing"] = function(s, e)
  return s.debug and e.timeout and nested(s, e, "dim", string.format("%s, %s at most", e.what, units.format_seconds(e.timeout))) or nil
end
shown["http.get"] = function(s, e)
  return nested(s, e, "dim", string.format("http %s %d, %s to %s", e.path, e.status, units.format_bytes(e.bytes), e.client))
end
shown["undo"] = function(s, e)
  if e.error then return indented(s:paint("red", "not undone: " .. e.name .. ": " .. e.error), 1) end
  return indented(s:paint("dim", "undone: " .. e.name), 1)
end
shown["image.done"] = function(s, e)
  return s:paint("green", about(s, e) .. e.result) .. " in " .. units.format_seconds(e.seconds)
end
shown["image.skipped"] = function(s, e) return s:paint("yellow", about(s, e) .. "skipped") .. ": " .. e.reason end
shown["image.failed"] = function(s, e)
  if e.code == "cancelled" then
    local where = e.step and " at " .. e.step .. (e.part and " " .. e.part or "") or ""
    return s:paint("yellow", about(s, e) .. "interrupted") .. where .. (e.error:match("\n.*") or "")
  end
  return s:paint("red", about(s, e) .. "failed") .. ": " .. e.error .. (s.debug and e.traceback and "\n" .. e.traceback or "")
end
shown["request"] = function(s, e)
  if not s.debug then return nil end
  local line = string.format("%s %s: %s in %.3fs, %s sent, %s received", e.method, e.object, e.error or e.status, e.seconds,
    units.format_bytes(e.sent), units.format_bytes(e.received))
  return nested(s, e, "dim", line .. (s.bodies and e.text and "\n" .. e.text or ""))
end

shown["image.checked"] = function(s, e)
  return string.format("%s: %s (%s, fingerprint %s%s)", e.image, s:paint("green", "fine"), e.recipe, e.fingerprint,
    e.server and ", also at " .. e.server or "")
end
shown["image.planned"], shown["plan.done"] = plan_text.planned, plan_text.summary
shown["image"] = function(s, e)
  return string.format("%s  (%s, %s)", s:paint("bold", e.image), e.from and "clone of " .. e.from or e.kind .. " image", e.recipe)
end
shown["variable"] = function(_, e) return string.format("  %-22s %-44s  %s", e.name, e.value, e.origin) end

local QUIET = { warning = true, ["image.done"] = true, ["image.failed"] = true, ["image.skipped"] = true, -- and what was asked for:
  ["image.planned"] = true, ["plan.done"] = true, image = true, variable = true }

--[[
lines.new(options) -> printer
What remembers which steps have their name above what happened in them, and how much room names need.
  options        style             from cli.view.style, and in the same table:
  options.marked boolean           marks before steps, a line beside remote output: for a terminal
  options.prefix boolean           each line begins with the image's name
  options.debug  boolean           requests too
  options.bodies boolean           with what was sent and received
  options.eager  boolean           the names of steps when they begin, not when something happens in them
  options.quiet  boolean           only how images end, warnings, and answers of plan and inspect
]]
function lines.new(options) return setmetatable({ style = options, headed = {}, columns = NAMES.least }, { __index = lines }) end

-- The columns of names are as wide as the longest of the images needs, within bounds.
local function make_room(self, parts)
  for _, name in ipairs(parts) do
    local kept, taken = term.cut(name, NAMES.most - 2)
    self.columns = math.max(self.columns, kept == name and taken + 2 or NAMES.most)
  end
end

local function head(self, out, e, name, parent)
  local headed = self.headed[e.image or ""]
  local key = parent and "part" or "step"
  if headed[key] == name then return end
  headed[key] = name
  local s = self.style
  out[#out + 1] = indented((s.marked and s:paint("cyan", s.marks.head) .. " " .. s:paint("bold", name) or name .. ":"), parent and 2 or 1)
end

local function heads(self, out, e)
  if self.style.eager and e.event == "step.start" then return head(self, out, e, e.step, e.parent) end
  local headed = self.headed[e.image or ""]
  local inner = events.within_step(e.event) and not headed.ended
  if e.parent and (inner or e.event ~= "step.start") then head(self, out, e, e.parent) end
  if inner and e.step then head(self, out, e, e.step, e.parent) end
end

-- What comes between two steps stands below none.
local function forget(self, e)
  local headed = self.headed[e.image or ""] or {}
  self.headed[e.image or ""] = headed
  if e.event == "step.start" then headed[e.parent and "part" or "step"] = nil end
  if e.event:find("^step%.") and not e.parent then headed.ended = e.event ~= "step.start" end
  if e.event == "image.start" or e.event == "undo" then self.headed[e.image or ""] = { ended = e.event == "undo" } end
end

--[[
lines.of(printer, event [, width]) -> {string, ...}, integer
The lines that an event leaves, none for most; and how many of them, the first, are names of steps that stand above the others.
  width          integer|nil       columns that a line has room for
]]
function lines:of(e, width)
  local out, s = {}, self.style
  forget(self, e)
  if e.event == "image.start" then make_room(self, e.parts or {}) end
  local names = math.max(NAMES.least, math.min(self.columns, (width or 1000) // NAMES.part))
  local text = (not s.quiet or QUIET[e.event]) and shown[e.event] and shown[e.event](s, e, names)
  if not text and not (s.eager and e.event == "step.start") then return out, 0 end
  if not s.quiet then heads(self, out, e) end
  local headed = #out
  for line in text and (text .. "\n"):gmatch("([^\n]*)\n") or function() end do out[#out + 1] = s:spell(line) end
  return out, headed
end

return lines
