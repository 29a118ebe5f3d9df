-- plain: a build as lines that stay, for a CI log or a file; what takes long is told now and then
local lines = require "cli.view.lines"
local model = require "cli.view.model"
local summary = require "cli.view.summary"
local units = require "core.units"

local plain = {}
plain.__index = plain

local SILENCE = 60 -- seconds without a line after which it is told what goes on

--[[
plain.new(options) -> view
  options.style  style             with marked = false, prefix, debug, quiet: see cli.view.lines
  options.write  function(text)
  options.stamp  function|nil      event -> what each line begins with
  options.now    function|nil      seconds since the run began, by which silence is told: without it none is
view: event(e), tick(), pause(), resume(), close()
]]
function plain.new(options)
  return setmetatable({ style = options.style, printer = lines.new(options.style), write = options.write, stamp = options.stamp, now = options.now,
    model = model.new(), said = {}, prefix = options.style.prefix }, plain)
end

local function put(self, e, list)
  if #list == 0 then return end
  local about = self.prefix and e.image and self.style:paint("dim", e.image .. " | ") or ""
  local begin = (self.stamp and self.stamp(e) or "") .. about
  for i, line in ipairs(list) do list[i] = line == "" and not self.stamp and about == "" and "\n" or begin .. line .. "\n" end
  self.write(table.concat(list))
  if e.image then self.said[e.image] = self.model.at end
end

--[[
plain.how_far(progress) -> string
"45%, 1.2 GiB of 2.6 GiB, 40.1 MiB/s, 35s left": a transfer in words.
]]
function plain.how_far(p)
  local out = {}
  local part = p.total and p.total > 0 and p.done / p.total
  if part then out[#out + 1] = string.format("%d%%", math.floor(part * 100)) end
  if p.unit == "bytes" then
    out[#out + 1] = units.format_bytes(p.done) .. (p.total and " of " .. units.format_bytes(p.total) or "")
    if p.rate and p.rate > 0 then out[#out + 1] = units.format_bytes(p.rate) .. "/s" end
  end
  if p.left then out[#out + 1] = units.format_seconds(p.left) .. " left" end
  return table.concat(out, ", ")
end

-- A CI system ends what is silent for long, and its reader wonders.
local function break_silence(self, at)
  for _, image in ipairs(self.model.images) do
    local step = image.part or image.step
    if step and at - math.max(self.said[image.name] or 0, step.began) >= SILENCE then
      self.said[image.name] = at
      local far = image.progress and ": " .. plain.how_far(image.progress) or image.doing and ": " .. image.doing.what or ""
      self.write(string.format("%s%s  %s goes on for %s%s\n", self.stamp and self.stamp {} or "", self.prefix and image.name .. " | " or "",
        step.name, units.format_seconds(at - step.began), far))
    end
  end
end

--[[
view:event(e) -> nothing
Show an event.
]]
function plain:event(e)
  self.model:take(e)
  put(self, e, self.printer:of(e))
  if e.event == "run.done" then put(self, e, summary.lines(self.model, self.style)) end
  if e.event == "progress" and self.now and not self.style.quiet then break_silence(self, self.model.at) end
end

--[[
view:tick() -> nothing
Time has passed.
]]
function plain:tick()
  if not self.style.quiet then break_silence(self, self.now()) end
end

plain.INTERVAL = 5 -- seconds between two ticks
local function nothing() end -- to be given back: lines are whole
plain.pause, plain.resume, plain.close = nothing, nothing, nothing

return plain
