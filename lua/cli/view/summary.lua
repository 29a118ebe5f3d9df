-- summary: what a run has come to: where the time went, what was made, where to read on
local model = require "cli.view.model"
local style_of = require "cli.view.style"
local units = require "core.units"

local summary = {}

local SMALL = { part = 0.01, seconds = 0.1 } -- steps below either are told together
local BAR = 24     -- columns

local function line(out, ...) out[#out + 1] = string.format(...) end

-- Where the time went: a row for each step that took some of it.
local function timings(out, s, image)
  local rest, count, longest = 0, 0, 0
  local steps = model.top_steps(image)
  local total = 0
  for _, step in ipairs(steps) do
    total = total + (step.seconds or 0)
    longest = math.max(longest, step.seconds or 0)
  end
  for _, step in ipairs(steps) do
    local seconds = step.seconds or 0
    if seconds >= math.max(total * SMALL.part, SMALL.seconds) then
      local bar = s.marked and "  " .. s:paint(step.state == "failed" and "red" or "cyan", s.marks.full:rep(math.ceil(seconds / longest * BAR))) or ""
      line(out, "  %s %7s %3.0f%%%s", style_of.pad(step.name, 12), units.format_seconds(seconds), seconds / math.max(total, 1e-9) * 100, bar)
    else rest, count = rest + seconds, count + 1 end
  end
  if count > 0 and count < #steps then line(out, "  %s %7s", style_of.pad(count == 1 and "1 other" or count .. " others", 12), units.format_seconds(rest)) end
end

local function artifacts(out, s, image)
  for _, a in ipairs(image.artifacts) do
    line(out, "  %s%s", s:paint("bold", a.path or a.name), a.size and "  " .. units.format_bytes(a.size) or "")
    if a.sha256 then line(out, "    %s", s:paint("dim", "sha256 " .. a.sha256)) end
  end
end

local function files(out, s, image)
  for _, kind in ipairs(s.quiet and { "log" } or { "report", "log" }) do
    if image.files[kind] then line(out, "  %s", s:paint("dim", kind .. ": " .. image.files[kind])) end
  end
end

local WORDS = { done = "green", failed = "red", skipped = "yellow", waiting = "yellow" }

local function word_for(image)
  return image.result or image.code == "cancelled" and "interrupted" or image.state == "waiting" and "not begun" or image.state
end

-- "4 images: 2 built, 1 failed, 1 skipped, in 1m02s": what became of all of them.
local function total(out, m)
  local words, count = {}, {}
  for _, image in ipairs(m.images) do
    local word = word_for(image):match "^stopped" or word_for(image)
    if not count[word] then words[#words + 1] = word end
    count[word] = (count[word] or 0) + 1
  end
  for i, word in ipairs(words) do words[i] = count[word] .. " " .. word end
  line(out, "%d images: %s, in %s", #m.images, table.concat(words, ", "), units.format_seconds(m.seconds))
end

-- The other images' lines have carried away what was said of this one.
local function title(s, image)
  local word = word_for(image)
  local color = image.code == "cancelled" and "yellow" or WORDS[image.state] or "bold"
  local why = image.code ~= "cancelled" and image.error and ": " .. s:spell(image.error:match "^[^\n]*") or ""
  return string.format("%s: %s%s%s", s:paint("bold", image.name), s:paint(color, word),
    image.seconds and " in " .. units.format_seconds(image.seconds) or "", why)
end

-- Was there anything to do, so that there is something to tell?
local function told(image) return image.state == "failed" or image.planned and image.planned > 0 end

--[[
summary.lines(m, style) -> {string, ...}
The end of a run, for people.
  m              model             from cli.view.model
  style          table             from cli.view.style, with marked and quiet as cli.view.lines has them
]]
function summary.lines(m, s)
  local out, several = {}, #m.images > 1
  for _, image in ipairs(m.images) do
    if s.quiet then
      for _, a in ipairs(image.artifacts) do line(out, "%s", a.path or a.name) end
      if image.state == "failed" then files(out, s, image) end
    elseif told(image) or several and image.state ~= "done" then
      if several or not told(image) then line(out, "%s", title(s, image)) end
      if told(image) then timings(out, s, image) end
      artifacts(out, s, image)
      if told(image) then files(out, s, image) end
    end
  end
  if several and #out > 0 and not s.quiet and m.seconds then total(out, m) end
  if #out > 0 and not s.quiet then table.insert(out, 1, "") end
  return out
end

return summary
