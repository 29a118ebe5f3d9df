-- lines: the events of another process, out of the bytes that it writes
local cjson = require "cjson"
local err = require "core.err"

local lines = {}

local LONGEST = 1 << 20 -- bytes of a line that are kept; an event has far fewer

local Reader = {}
Reader.__index = Reader

-- A line of the process that is no event: what a library or a recipe printed.
local function stray(self, text)
  if text ~= "" then self.emit { event = "warning", image = self.image, message = text } end
end

local function take(self, stream, text)
  local ok, event = pcall(cjson.decode, text)
  if stream == "err" or not ok or type(event) ~= "table" or type(event.event) ~= "string" then return stray(self, text) end
  local shown, e = pcall(self.emit, event)
  if not shown and err.is(e) then error(e, 0) end
  if not shown then stray(self, text) end -- it looks like an event and is none
end

--[[
lines.reader(image, emit) -> reader
A reader of a process's output: whole lines of its standard output are events as JSON; what is none of ours, and its standard
error, is emitted as a warning of that image. A line of more than 1 MiB is cut.
  emit           function(event)
]]
function lines.reader(image, emit) return setmetatable({ image = image, emit = emit, pending = { out = "", err = "" } }, Reader) end

--[[
reader:feed(stream, bytes) -> nothing
Take bytes that came, in pieces of any size.
  stream         "out"|"err"
Raises: the error objects of emit.
]]
function Reader:feed(stream, bytes)
  local text = self.pending[stream] .. bytes
  for line in text:gmatch("([^\n]*)\n") do take(self, stream, line) end
  self.pending[stream] = text:match("[^\n]*$"):sub(1, LONGEST)
end

--[[
reader:finish() -> nothing
Take what came last, without an end of line.
Raises: the error objects of emit.
]]
function Reader:finish()
  for _, stream in ipairs { "out", "err" } do
    local rest = self.pending[stream]
    self.pending[stream] = ""
    if rest ~= "" then take(self, stream, rest) end
  end
end

return lines
