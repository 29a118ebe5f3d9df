-- plain: pages of help as text for a terminal
local fold = require "cli.help.fold"

local plain = {}

local LEAST, MOST = 60, 110 -- columns

-- Columns of a text: characters, as far as we use them.
local function length(text) return utf8.len(text) or #text end

local function pad(text, columns) return text .. (" "):rep(columns - length(text)) end

local function widest(rows, column, most)
  local n = 0
  for _, row in ipairs(rows) do if length(row[column]) <= most then n = math.max(n, length(row[column])) end end
  return n
end

-- Options inside tables stand below the table's name, indented.
local function as_tree(rows)
  local out = {}
  for i, row in ipairs(rows) do
    out[i] = row.short and { ("  "):rep(row.depth - 1) .. row.short, row[2], row[3] } or row
  end
  return out
end

local parts = {}

function parts.text(part, columns, out)
  for paragraph in (part[2] .. "\n\n"):gmatch("(.-)\n\n+") do
    for _, line in ipairs(fold.wrap(paragraph, columns)) do out[#out + 1] = line end
    out[#out + 1] = ""
  end
end

function parts.code(part, _, out)
  for line in (part[2] .. "\n"):gmatch("([^\n]*)\n") do out[#out + 1] = line == "" and "" or "  " .. line end
  out[#out + 1] = ""
end

function parts.contract(part, columns, out)
  for _, line in ipairs(fold.lines(part[2], columns - 2)) do out[#out + 1] = line == "" and "" or "  " .. line end
  out[#out + 1] = ""
end

function parts.heading(part, _, out)
  if not part.anchor then out[#out + 1] = part[2] end -- a contract begins with its own name
end

-- Two or three columns; a name or a type that is too long has its meaning on the next line.
function parts.rows(part, columns, out)
  local rows = as_tree(part[2])
  local second = widest(rows, 2, columns // 3)
  local first = math.max(part.first or 0, widest(rows, 1, second > 0 and columns // 3 or columns // 2))
  local start = 2 + first + 2 + (second > 0 and second + 2 or 0)
  for _, row in ipairs(rows) do
    local left = "  " .. pad(row[1], first) .. "  " .. (row[2] ~= "" and pad(row[2], second) .. "  " or second > 0 and (" "):rep(second + 2) or "")
    local lines = fold.wrap(row[3], math.max(20, columns - start))
    if length(left) > start and row[3] ~= "" or length(left) > columns then
      local name = math.max(first, length(row[1]))
      for i, line in ipairs(fold.wrap(row[2], columns - name - 4)) do
        out[#out + 1] = ("  " .. pad(i == 1 and row[1] or "", name) .. "  " .. line):gsub("%s+$", "")
      end
      left = (" "):rep(start)
    end
    for i, line in ipairs(lines) do out[#out + 1] = ((i == 1 and left or (" "):rep(start)) .. line):gsub("%s+$", "") end
  end
  out[#out + 1] = ""
end

--[[
plain.text(pages [, columns]) -> string
Pages of help (see cli.help.pages) as lines; several are told apart by a line of their kind.
  columns        integer = 100     kept between 60 and 110
]]
function plain.text(pages, columns)
  columns = math.max(LEAST, math.min(MOST, columns or 100))
  local out = {}
  for _, page in ipairs(pages) do
    if #pages > 1 then
      local title = string.format("── %s (%s) ", page.title, page.file or page.kind)
      out[#out + 1] = title .. ("─"):rep(columns - length(title))
      out[#out + 1] = ""
    end
    for _, part in ipairs(page.parts) do parts[part[1]](part, columns, out) end
  end
  while out[#out] == "" do out[#out] = nil end
  return table.concat(out, "\n") .. "\n"
end

return plain
