-- grid: rows of cells in columns that fit the terminal
local term = require "term"

local grid = {}

local GAP = 2
local MOST = 4 -- lines of a row
local LEAST = 6 -- a column is not made narrower than this

local function width_of(text) return select(2, term.cut(text, math.maxinteger)) end

-- Narrow the widest columns until all fit.
local function fit(widths, room)
  local total = -GAP
  for _, w in ipairs(widths) do total = total + w + GAP end
  while total > room do
    local widest = 1
    for i, w in ipairs(widths) do if w > widths[widest] then widest = i end end
    if widths[widest] <= LEAST then return end
    widths[widest], total = widths[widest] - 1, total - 1
  end
end

local function cell(text, width, right, last, more)
  local taken = width_of(text)
  if taken > width then
    text, taken = term.cut(text, width - width_of(more))
    text, taken = text .. more, taken + width_of(more)
  end
  local blank = string.rep(" ", width - taken)
  return right and blank .. text or last and text or text .. blank
end

-- A list that is too long for its column goes on in the lines below.
local function pieces(text, width, more)
  if width_of(text) <= width or not text:find(", ", 1, true) then return { text } end
  local out = {}
  for part in (text .. ", "):gmatch("(.-), ") do
    local longer = #out > 0 and out[#out] .. ", " .. part
    if longer and width_of(longer) <= width then out[#out] = longer
    elseif #out == MOST then
      out[MOST] = out[MOST] .. ", " .. more
      break
    else out[#out + 1] = part end
  end
  for i = 1, #out - 1 do if width_of(out[i]) < width then out[i] = out[i] .. "," end end
  return out
end

--[[
grid.lines(rows, options) -> {string, ...}
Rows of cells, texts of one line, as lines of text. Cells that are too long are cut; lists ("a, b") go on below, for 4 lines at most.
  rows           array of arrays of strings
  options.heading array of strings     above them
  options.width  integer           columns of the terminal
  options.right  {[column] = true} = {}  columns that are aligned to the right: numbers
  options.paint  function          (color, text) -> text, for the heading
  options.more   string = "…"      stands for what is cut off
]]
function grid.lines(rows, options)
  local widths, out, more = {}, {}, options.more or "…"
  for i, text in ipairs(options.heading) do widths[i] = width_of(text) end
  for _, row in ipairs(rows) do
    for i = 1, #widths do widths[i] = math.max(widths[i], width_of(row[i])) end
  end
  fit(widths, options.width)
  local function line(row)
    local cells = {}
    for i = 1, #widths do cells[i] = cell(row[i] or "", widths[i], (options.right or {})[i], i == #widths, more) end
    return (table.concat(cells, string.rep(" ", GAP)):gsub(" +$", ""))
  end
  out[1] = options.paint("bold", line(options.heading))
  for _, row in ipairs(rows) do
    local lines = { {} }
    for i = 1, #widths do
      for j, text in ipairs(pieces(row[i], widths[i], more)) do
        lines[j] = lines[j] or {}
        lines[j][i] = text
      end
    end
    for _, cells in ipairs(lines) do out[#out + 1] = line(cells) end
  end
  return out
end

return grid
