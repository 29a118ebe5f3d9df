-- log: a file for each build of an image, whatever is on the screen: every event with its time, and every request
local lfs = require "lfs"
local files = require "build.files"
local plain = require "cli.view.plain"
local style = require "cli.view.style"

local log = {}
log.__index = log

log.KEPT = 10 -- logs of an image; older ones go

--[[
log.new(emit) -> log
Logs of the images of a run: OUTPUT/log/IMAGE-TIME-RUN.log, with everything that --debug shows; with the bodies of requests when the
events have them. What cannot be written is a warning, once for each image.
  emit           function(event)   for image.file and warnings
]]
function log.new(emit) return setmetatable({ emit = emit, open = {} }, log) end

-- The oldest logs go; names begin with the time, to the millisecond.
local function prune(directory, image)
  local names = {}
  for name in lfs.dir(directory) do
    local rest = name:sub(1, #image + 1) == image .. "-" and name:sub(#image + 2) or ""
    if rest:find("^%d+T%d+Z%-%x+%.log$") then names[#names + 1] = name end
  end
  table.sort(names)
  for i = 1, #names - log.KEPT do os.remove(directory .. "/" .. names[i]) end
end

local function begin(self, e)
  local directory = e.output .. "/log"
  pcall(files.make, directory) -- what is wrong with it is said when the log is opened
  local path = string.format("%s/%s-%s-%s.log", directory, e.image, e.time:gsub("[-:.]", ""), e.run)
  local file, message = io.open(path, "w")
  if not file then
    self.emit { event = "warning", image = e.image, message = "no log: " .. message }
    return nil
  end
  file:setvbuf "line"
  self.emit { event = "image.file", image = e.image, kind = "log", path = path }
  prune(directory, e.image)
  local look = setmetatable({ debug = true, bodies = true, eager = true }, { __index = style.new {} })
  return { file = file, view = plain.new { style = look, stamp = function(event) return (event.time or e.time) .. " " end,
    write = function(text) return file:write(text) end } }
end

local function finish(self, image)
  local one = self.open[image]
  self.open[image] = nil
  if one then one.file:close() end
end

--[[
log:event(e) -> nothing
Write an event into the log of its image.
]]
function log:event(e)
  if e.event == "image.start" then self.open[e.image] = begin(self, e) end
  local one = e.image and self.open[e.image]
  if not one then return end
  one.view:event(e)
  if e.event == "image.done" or e.event == "image.failed" then finish(self, e.image) end
end

--[[
log:close() -> nothing
Close what is still open.
]]
function log:close()
  for image in pairs(self.open) do
    self.open[image].file:close()
    self.open[image] = nil
  end
end

return log
