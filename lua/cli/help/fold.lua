-- fold: a contract, whose lines are as long as those of the source, in the columns of a terminal
local fold = {}

local FILLED = 90 -- a line of so many columns was broken for want of room: the next one goes on with it

local function length(text) return utf8.len(text) or #text end

--[[
fold.wrap(text, columns) -> {string, ...}
The lines of a text, broken at blanks; a word that is longer has a line of its own.
]]
function fold.wrap(text, columns)
  local lines, line = {}, ""
  for word in text:gmatch("%S+") do
    if line ~= "" and length(line) + 1 + length(word) > columns then lines[#lines + 1], line = line, "" end
    line = line == "" and word or line .. " " .. word
  end
  if line ~= "" or #lines == 0 then lines[#lines + 1] = line end
  return lines
end

-- A line by itself: what stands before its text, as "  options.limit  integer = 1 MiB  ", and where lines after it begin.
local function begin(line)
  local indent = line:match "^ *"
  local head, text = line:match "^(  +%S+ +%S.-  +)(%S.*)$" -- name, type, meaning
  if not head then head, text = line:match "^(  .-%S  +)(%S.*)$" end
  if head and #head <= 60 then return { head = head, text = text, hang = #head, item = true, line } end
  text = line:sub(#indent + 1)
  local inner = text:find "^[%w_.:]+%(" or text:find "^[%w_]+ = " or text:find "^%u%l+:" or indent ~= ""
  return { head = indent, text = text, hang = #indent + (inner and 2 or 0), line }
end

local function goes_on(last, line)
  if not last or line == "" or line:find "^ *%->" or line:find "^%u%l+: " then return false end
  local indent = #line:match "^ *"
  if last.item then return indent > 8 end
  if last.text:find "^[%w_]+ = {" then return select(2, last.text:gsub("{", "")) > select(2, last.text:gsub("}", "")) end
  return length(last[#last]) >= FILLED and not line:find "^ *%S+  +%S" and not line:find "^[%w_]+ = "
end

--[[
fold.lines(text, columns) -> {string, ...}
The lines of a contract, those that are too long broken, with what goes on below them moved in as in the source.
]]
function fold.lines(text, columns)
  local blocks, out = {}, {}
  for line in (text .. "\n"):gmatch "([^\n]*)\n" do
    local last = blocks[#blocks]
    if goes_on(last, line) then
      last.text = last.text .. " " .. line:gsub("^ +", "")
      last[#last + 1] = line
    else blocks[#blocks + 1] = begin(line) end
  end
  for _, block in ipairs(blocks) do
    local widest = 0
    for _, line in ipairs(block) do widest = math.max(widest, length(line)) end
    if widest <= columns then table.move(block, 1, #block, #out + 1, out)
    else
      local hang = block.hang <= columns // 2 and block.hang or 6
      local head = block.head
      if #head > hang + 2 then out[#out + 1], head = head:gsub(" +$", ""), (" "):rep(hang) end
      for i, line in ipairs(fold.wrap(block.text, columns - hang)) do out[#out + 1] = (i == 1 and head or (" "):rep(hang)) .. line end
    end
  end
  return out
end

return fold
