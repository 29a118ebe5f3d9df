-- report: gathers what happened in a build and leaves it as a page beside what was made
local files = require "build.files"
local model = require "cli.view.model"
local page = require "cli.view.page"

local report = {}
report.__index = report

-- Of a step that says a lot, the first and the last events are kept.
local FIRST, LAST = 200, 1000
local PICTURES, PICTURE = 30, 4 << 20 -- how many, and bytes of one

--[[
report.new(emit) -> report
Reports of the images of a run: OUTPUT/report.html (IMAGE-report.html in a directory that several images may share), for each build that
did something or failed.
  emit           function(event)   for image.file and warnings
]]
function report.new(emit) return setmetatable({ emit = emit, model = model.new() }, report) end

local KEPT = { output = true, check = true, note = true, warning = true, ["http.get"] = true }

local function keep(items, e)
  items[#items + 1] = e
  if #items <= FIRST + 2 * LAST then return end
  local cut = items[FIRST + 1].event == "cut" and items[FIRST + 1] or { event = "cut", count = 0 }
  local last = table.move(items, #items - LAST + 1, #items, 1, {})
  cut.count = cut.count + #items - FIRST - LAST - (cut.count > 0 and 1 or 0)
  for i = #items, FIRST + 1, -1 do items[i] = nil end
  items[FIRST + 1] = cut
  table.move(last, 1, #last, FIRST + 2, items)
end

local function take_picture(image, e)
  if #image.pictures >= PICTURES then return end
  local file <close> = io.open(e.path, "rb")
  local bytes = file and file:read(PICTURE + 1)
  if not bytes or #bytes > PICTURE then return end
  image.pictures[#image.pictures + 1] = { name = e.name, step = e.parent or e.step, at = e.at - (image.began or e.at), bytes = bytes }
end

local function gather(image, e)
  local step = image.part or image.step
  if e.event == "undo" or KEPT[e.event] and not step then keep(image.after, e)
  elseif KEPT[e.event] then keep(step.items, e)
  elseif e.event == "picture" then take_picture(image, e)
  elseif e.event == "request" then
    local r = image.requests
    r.count, r.sent, r.received = r.count + 1, r.sent + e.sent, r.received + e.received
  end
end

-- The directory of an image has its name, unless the recipe says another.
local function path_of(image)
  local own = image.output:match("([^/]+)/*$") == image.name
  return image.output .. (own and "/report.html" or "/" .. image.name .. "-report.html")
end

local function leave(self, image)
  if not image.output or image.state == "done" and image.planned == 0 then return end
  local path = path_of(image)
  local ok, e = pcall(files.replace, path, page.of(image, self.model.program))
  if ok then self.emit { event = "image.file", image = image.name, kind = "report", path = path }
  else self.emit { event = "warning", image = image.name, message = "no report: " .. tostring(e) } end
end

--[[
report:event(e) -> nothing
Take note of an event; write the page when it is the last one of an image.
]]
function report:event(e)
  local image = self.model:take(e)
  if not image then return end
  if not image.after then image.after, image.pictures, image.requests = {}, {}, { count = 0, sent = 0, received = 0 } end
  if e.event == "step.start" then image.steps[#image.steps].items = {} end
  gather(image, e)
  if e.event ~= "image.done" and e.event ~= "image.failed" then return end
  leave(self, image)
  image.steps, image.pictures, image.after = {}, {}, {} -- it is told; the memory is wanted for others
end

--[[
report.close() -> nothing
Nothing is open between two events.
]]
function report.close() end

return report
