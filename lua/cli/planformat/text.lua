-- text: a plan for people, event by event
local term = require "term"

local text = {}

local WORDS = { build = "build", replace = "build and replace", export = "export", current = "nothing to do", foreign = "use as it is" }
local COLORS = { build = "green", replace = "yellow", export = "green" }
local SUMS = { { "build", "to build" }, { "replace", "to build and replace" }, { "export", "to export" }, { "current", "up to date" },
  { "foreign", "used as it is" } }
local WIDTH = 118 -- where there is no terminal

local function place(p)
  local parts = { p.server, p.compute == p.datacenter and p.datacenter or p.datacenter .. "/" .. p.compute, "datastore " .. p.datastore }
  if p.folder then parts[#parts + 1] = "folder " .. p.folder end
  if p.resource_pool then parts[#parts + 1] = "pool " .. p.resource_pool end
  for _, name in ipairs(p.networks) do parts[#parts + 1] = "network " .. name end
  return table.concat(parts, ", ")
end

-- Text after what begins a line, broken at blanks; what goes on stands below, with an indent.
local function add(out, begun, taken, words, indent)
  local width = term.is_tty(1) and term.width() or WIDTH
  local line = begun
  for word in words:gmatch "[^ ]+" do
    local _, columns = term.cut(word, math.maxinteger)
    if taken + columns + 1 > width then
      out[#out + 1] = line
      line, taken = (" "):rep(indent), indent
    end
    line, taken = line .. " " .. word, taken + columns + 1
  end
  out[#out + 1] = line
end

local function row(out, label, words)
  local begun = string.format("  %-6s", label)
  add(out, begun, #begun, words, 8)
end

--[[
text.planned(s, e) -> string
What would be done with an image: why, where, by which steps; only why when nothing is.
  s              style             from cli.view.style
  e              event             image.planned
]]
function text.planned(s, e)
  local after = e.needs[1] and #e.steps > 0 and ", after " .. table.concat(e.needs, ", ") or ""
  local word = WORDS[e.decision] or e.decision
  local out, _, taken = {}, term.cut(e.image .. ": " .. word, math.maxinteger)
  local begun = s:paint("bold", e.image) .. ": " .. (COLORS[e.decision] and s:paint(COLORS[e.decision], word) or word)
  add(out, begun, taken, string.format("(%s%s)", e.reason, after), 3)
  if #e.steps > 0 then
    row(out, "where", place(e.place))
    row(out, "steps", table.concat(e.steps, ", "))
  end
  for _, note in ipairs(e.notes) do row(out, "note", note) end
  return table.concat(out, "\n")
end

--[[
text.summary(_, e) -> string
How many images there are, and what would be done with how many.
  e              event             plan.done
]]
function text.summary(_, e)
  local parts = {}
  for _, pair in ipairs(SUMS) do
    local n = e.decisions[pair[1]]
    if n then parts[#parts + 1] = n .. " " .. pair[2] end
  end
  return string.format("%d image%s: %s", e.images, e.images == 1 and "" or "s", table.concat(parts, ", "))
end

return text
