-- style: colours and marks, and what stands instead where there are none
local term = require "term"

local style = {}
style.__index = style

-- What a colour means: green done, red failed, yellow look at it, cyan going on, dim in passing.
local COLORS = { red = "31", green = "32", yellow = "33", blue = "34", magenta = "35", cyan = "36", dim = "2", bold = "1" }

local MARKS = {
  unicode = { done = "✓", failed = "✗", head = "▸", skipped = "–", gutter = "│", more = "…", arrow = "→",
    spinner = { "⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏" }, full = "█", empty = "░" },
  ascii = { done = "+", failed = "x", head = ">", skipped = "-", gutter = "|", more = "...", arrow = "->",
    spinner = { "|", "/", "-", "\\" }, full = "#", empty = "." },
}

local NAMES = { "cyan", "magenta", "blue", "yellow", "green" } -- of images that are built side by side

--[[
style.new(options) -> style
  options.color   boolean          use colours
  options.unicode boolean          use marks beyond ASCII
style = { marks = table, color = boolean, unicode = boolean }
]]
function style.new(options)
  return setmetatable({ color = options.color or false, unicode = options.unicode or false,
    marks = options.unicode and MARKS.unicode or MARKS.ascii }, style)
end

--[[
style:spell(text) -> string
The text with our own marks, which events have in their texts too, as this style may write them; what others wrote stays.
]]
function style:spell(text)
  if self.unicode or not text:find "[\128-\255]" then return text end
  return (text:gsub("→", "->"):gsub("…", "..."):gsub("•", "*"):gsub("×", "x"))
end

--[[
style:paint(color, text) -> string
]]
function style:paint(color, text) return self.color and text ~= "" and "\27[" .. COLORS[color] .. "m" .. text .. "\27[0m" or text end

--[[
style:name(text, number) -> string
The name of the image of that number, in its own colour.
]]
function style:name(text, number) return self:paint(NAMES[(number - 1) % #NAMES + 1], text) end

--[[
style.pad(text, columns) -> string
The text with blanks behind it, so that it takes so many columns at least.
]]
function style.pad(text, columns)
  local _, taken = term.cut(text, columns)
  return text .. (" "):rep(columns - taken)
end

--[[
style:fit(text, columns) -> string
The text, cut off with a mark when it takes more columns.
]]
function style:fit(text, columns)
  local whole = term.cut(text, columns)
  if whole == text then return text end
  local _, room = term.cut(self.marks.more, columns)
  return (term.cut(text, columns - room)) .. self.marks.more
end

--[[
style.wrap(text, columns) -> {string, ...}
A line as those that it takes, broken at blanks and indented a little more from the second on, in the colour that goes on. A word that
is too long by itself, a path or an address, stays whole.
]]
function style.wrap(text, columns)
  local out, line, color = {}, "", ""
  local indent = text:gsub("\27%[%d+m", ""):match "^ *" .. "  "
  for blanks, word in text:gmatch "( *)([^ ]+)" do
    local longer = line .. blanks .. word
    if line ~= "" and term.cut(longer, columns) ~= longer then
      out[#out + 1] = line .. (color ~= "" and "\27[0m" or "")
      longer = indent .. color .. word
    end
    line = longer
    for code in word:gmatch "\27%[(%d+)m" do color = code == "0" and "" or "\27[" .. code .. "m" end
  end
  out[#out + 1] = line
  return out
end

--[[
style:bar(part, width) -> string
A bar of which `part` (0 to 1) is full.
]]
function style:bar(part, width)
  local full = math.floor(math.max(0, math.min(part, 1)) * width + 0.5)
  return self:paint("cyan", self.marks.full:rep(full)) .. self:paint("dim", self.marks.empty:rep(width - full))
end

return style
