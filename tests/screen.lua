-- screen: what a terminal shows of bytes: lines, \r, cursor up, clear below; colours are passed over. Anything else is an error.
local term = require "term"

local screen = {}
screen.__index = screen

-- screen.new(columns) -> screen: write(text), lines() -> array, resize(columns): lines that are too long now are broken, as tmux does
function screen.new(columns) return setmetatable({ columns = columns, rows = { {} }, y = 1, x = 1 }, screen) end

local function put(self, c)
  local _, width = term.cut(c, 2)
  if width == 0 then
    self.rows[self.y][self.x - 1] = (self.rows[self.y][self.x - 1] or "") .. c
    return
  end
  if self.x + width - 1 > self.columns then self:newline(true) end
  self.rows[self.y][self.x] = c
  if width == 2 then self.rows[self.y][self.x + 1] = "" end
  self.x = self.x + width
end

function screen:newline(wrapped)
  self.y, self.x = self.y + 1, 1
  self.rows[self.y] = self.rows[self.y] or {}
  self.rows[self.y].wrapped = wrapped
end

local function clear_below(self)
  for i = self.x, self.columns do self.rows[self.y][i] = nil end
  for i = #self.rows, self.y + 1, -1 do self.rows[i] = nil end
end

function screen:write(text)
  local at = 1
  while at <= #text do
    local c = text:match("^" .. utf8.charpattern, at)
    local parameters, final = text:match("^\27%[([%d;]*)(%a)", at)
    if final then
      if final == "A" then self.y = math.max(1, self.y - tonumber(parameters)) elseif final == "J" then clear_below(self) else assert(final == "m", final) end
      at = at + #parameters + 3
    else
      if c == "\n" then self:newline() elseif c == "\r" then self.x = 1
      else
        assert(not c:find("%c"), string.format("%q", c))
        put(self, c)
      end
      at = at + #c
    end
  end
end

local function text_of(row)
  local out = {}
  for x = 1, 500 do out[x] = row[x] or " " end
  return (table.concat(out):gsub(" +$", ""))
end

function screen:lines()
  local out = {}
  for i, row in ipairs(self.rows) do out[i] = text_of(row) end
  while out[#out] == "" do out[#out] = nil end
  return out
end

function screen:resize(columns)
  local old = self:lines()
  local fresh = screen.new(columns)
  for i, line in ipairs(old) do
    if i > 1 then fresh:newline() end
    fresh:write(line)
  end
  self.columns, self.rows, self.y, self.x = columns, fresh.rows, fresh.y, fresh.x
end

return screen
