-- live: a build on a terminal: lines that stay scroll up, below them one line for each image says what goes on
local term = require "term"
local lines = require "cli.view.lines"
local model = require "cli.view.model"
local style_of = require "cli.view.style"
local summary = require "cli.view.summary"
local units = require "core.units"

local live = {}
live.__index = live

live.INTERVAL = 0.1 -- seconds between two looks
local BAR = { least = 8, most = 30 } -- columns
local FREE = 3 -- columns at the end: for "^C", which the terminal shows there, and no terminal wraps then
local NAME = 20 -- columns of an image's name at most, and no more than a third of the terminal

--[[
live.new(options) -> view
  options.style  style             with marked = true, prefix, debug, quiet: see cli.view.lines
  options.write  function(text)
  options.size   function          -> columns, rows of the terminal, as they are now
  options.now    function          -> seconds since the run began, as events have them in `at`
  options.stamp  function|nil      event -> what each line that stays begins with
  options.resumed function|nil     -> how often the terminal was a shell's meanwhile (Ctrl-Z and fg)
view: event(e), tick(), pause(), resume(), close()
]]
function live.new(options)
  return setmetatable({ style = options.style, printer = lines.new(options.style), model = model.new(), write = options.write, size = options.size,
    now = options.now, stamp = options.stamp, resumed = options.resumed or function() end, prefix = options.style.prefix, drawn = {}, frame = 0,
    looked = -1 }, live)
end

-- ---- the lines below ----

-- What fits of the pieces, most important first; a bar has some room for sure and takes what is left.
local function compose(s, head, pieces, part, width)
  local line, used = head, select(2, term.cut(head, width))
  local kept, reserved = {}, part and BAR.least + 2 or 0
  for _, piece in ipairs(pieces) do
    local _, taken = term.cut(piece, width)
    if used + taken + 2 + reserved > width then break end
    used, kept[#kept + 1] = used + taken + 2, piece
  end
  local room = math.min(width - used - 2, BAR.most)
  if part and room >= BAR.least then line = line .. "  " .. s:bar(part, room) end
  return #kept > 0 and line .. "  " .. table.concat(kept, "  ") or line
end

-- A size in nine columns at most.
local function size(bytes) return (units.format_bytes(bytes):gsub("^(%d%d%d%d)%.%d", "%1")) end

-- Pieces keep their width while it goes on, so that the bar, which gets the rest, keeps its own.
local function transfer(s, p)
  if not p then return {}, nil end
  local out, part = {}, p.total and p.total > 0 and p.done / p.total or nil
  if part then out[#out + 1] = string.format("%3d%%", math.floor(part * 100)) end
  if p.unit == "bytes" then
    if part then out[#out + 1] = string.format("%10s", p.left and units.format_seconds(p.left) .. " left" or "") end
    local rate = p.rate and p.rate > 0 and size(p.rate) .. "/s"
    if part or rate then out[#out + 1] = string.format("%10s", rate or "") end
    out[#out + 1] = string.format(part and "%9s" or "%s", size(p.done)) .. (p.total and " of " .. units.format_bytes(p.total) or "")
  end
  if p.what then out[#out + 1] = s:paint("dim", p.what) end
  return out, part
end

local function count_of(image)
  if not image.planned or image.planned == 0 then return nil end
  local begun = 0
  for _, step in ipairs(model.top_steps(image)) do if step.name ~= "preflight" then begun = begun + 1 end end
  return begun > 0 and string.format("%d/%d", begun, image.planned) or nil
end

-- What it does just now, as far as there is room behind its line; how long still is the last to go.
local function with_doing(s, line, d, width, at)
  if not d then return line end
  local left = d.ends and string.format(", %s left", units.format_seconds(math.max(0, d.ends - at))) or ""
  local room = width - select(2, term.cut(line, width)) - 2 - #left
  return room < #s.marks.more and line or line .. "  " .. s:paint("dim", s:fit(d.what:gsub("\t", " "), room) .. left)
end

-- An image's name, as wide as the widest.
local function named(self, image)
  return style_of.pad(self.style:name(self.style:fit(image.name, self.name_width), image.number), self.name_width) .. " "
end

-- One image: spinner, step, part, how long, how far.
local function status_line(self, image, width, at)
  local s, step = self.style, image.part or image.step
  local spinner = s:paint("cyan", s.marks.spinner[self.frame % #s.marks.spinner + 1])
  local name = self.prefix and named(self, image) or "  "
  if not step and image.cleaning then return name .. spinner .. " cleaning up " .. units.format_seconds(math.max(0, at - image.cleaning)) end
  if not step then return name .. spinner end
  local title = (image.part and image.step and image.step.name .. " " .. s.marks.arrow .. " " or "") .. step.name
  local pieces, part = transfer(s, image.progress)
  local count = count_of(image)
  if count then pieces[#pieces + 1] = s:paint("dim", count) end
  local clock = string.format(part and "%-5s" or "%s", units.format_seconds(math.max(0, at - step.began)))
  local room = width - select(2, term.cut(name, width)) - #clock - 3
  local head = name .. spinner .. " " .. s:paint("bold", s:fit(title, math.max(room, 1))) .. " " .. clock
  return with_doing(s, compose(s, head, pieces, part, width), image.doing, width, at)
end

local function waiting_line(self)
  local names = {}
  for _, image in ipairs(self.model.images) do if image.state == "waiting" then names[#names + 1] = image.name end end
  return #names > 0 and self.style:paint("dim", "  waiting: " .. table.concat(names, ", ")) or nil
end

-- Columns that every image's name gets.
local function name_width(images, columns)
  local width, most = 0, math.min(NAME, columns // 3)
  for _, image in ipairs(images) do width = math.max(width, (select(2, term.cut(image.name, most)))) end
  return width
end

-- What belongs below now, each line shorter than the terminal is wide, no more of them than it has room for.
local function status(self, width, rows, at)
  local out, more = {}, 0
  if self.paused or self.model.status then return out end
  for _, image in ipairs(self.model.images) do
    if image.state == "running" and #out < rows - 3 then out[#out + 1] = status_line(self, image, width, at)
    elseif image.state == "running" then more = more + 1 end
  end
  if more > 0 then out[#out + 1] = self.style:paint("dim", "  and " .. more .. " more") end
  if #out > 0 and self.prefix then out[#out + 1] = waiting_line(self) end
  for i, line in ipairs(out) do out[i] = self.style:fit(line, width) end
  return out
end

-- ---- drawing ----

-- Back to where the lines below begin, and clear from there. A terminal that became narrower has broken them. After a stop they are
-- above what a shell and its user have written: that is theirs.
local function erase(self, width)
  local rows, resumed = 0, self.resumed()
  if resumed ~= self.known_resumed then self.known_resumed, self.drawn = resumed, {} end
  for _, columns in ipairs(self.drawn) do rows = rows + math.max(1, math.ceil(columns / width)) end
  self.drawn = {}
  if rows == 0 then return "" end
  return "\r" .. (rows > 1 and "\27[" .. rows - 1 .. "A" or "") .. "\27[J"
end

local function draw(self, above)
  local width, rows = self.size()
  width, rows = math.max(width or 80, 12), rows or 24
  local out = { erase(self, width), above }
  width = width - FREE
  local below = status(self, width, rows, self.now())
  for i, line in ipairs(below) do self.drawn[i] = (select(2, term.cut(line, width))) end
  out[#out + 1] = table.concat(below, "\n")
  self.looked = self.now()
  local text = table.concat(out)
  if text ~= "" then self.write(text) end
end

-- What is said in sentences; remote output is shown as it came.
local SENTENCES = { check = true, note = true, warning = true, undo = true, ["image.decided"] = true, ["image.failed"] = true, ["image.skipped"] = true,
  ["run.done"] = true }

-- A line as it fits in so many columns. A name or a detail that does not fit is cut off: all of it is in the log.
local function fitted(self, e, line, columns, is_name)
  line = line:gsub("\t", "    ")
  if is_name or e.event == "step.done" or e.event == "step.failed" then return { self.style:fit(line, columns) } end
  return SENTENCES[e.event] and columns >= NAME and style_of.wrap(line, columns) or { line }
end

--[[
view:event(e) -> nothing
Show an event.
]]
function live:event(e)
  local image = self.model:take(e)
  local width = self.size() or 80
  self.name_width = name_width(self.model.images, width)
  local about = self.prefix and image and named(self, image) or ""
  local begin, out = (self.stamp and self.stamp(e) or "") .. about, {}
  local columns = width - 1 - select(2, term.cut(begin, 1000))
  local list, names = self.printer:of(e, columns)
  if e.event == "run.done" then list = summary.lines(self.model, self.style) end
  for i, line in ipairs(list) do
    for _, one in ipairs(fitted(self, e, line, columns, i <= names)) do out[#out + 1] = begin .. one .. "\n" end
  end
  if #out > 0 or e.event == "run.done" then return draw(self, table.concat(out)) end
  if self.now() - self.looked >= live.INTERVAL then draw(self, "") end
end

--[[
view:tick() -> nothing
Time has passed: the spinner turns, clocks go on.
]]
function live:tick()
  if self.paused then return end
  self.frame = self.frame + 1
  draw(self, "")
end

--[[
view:pause() -> nothing
Leave the terminal to somebody else, such as a question to the user: the lines below go away until resume. Events go on being shown.
]]
function live:pause()
  self.paused = true
  draw(self, "")
end

--[[
view:resume() -> nothing
The terminal is this view's again; the cursor is at the beginning of a line.
]]
function live:resume()
  self.paused = false
  draw(self, "")
end

--[[
view:close() -> nothing
Take the lines below away, for good.
]]
function live:close() self:pause() end

return live
