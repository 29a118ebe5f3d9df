-- model: what is known of a run from its events alone; every view that needs more than the last event asks here
local model = {}
model.__index = model

local RATE = 5     -- seconds over which a rate is reckoned,
local ESTIMATE = 30 -- the time that is left: a guess that jumps helps nobody,
local SURE = 2      -- and one that is made so soon neither

--[[
model.new() -> model
model = { images = array of image, at = seconds of the last event, status, seconds, program }
image = { name, number, kind, recipe, output, run, decision, reason, planned = integer|nil (steps to come), began, ended, seconds, state =
"waiting"|"running"|"done"|"failed"|"skipped", result, error, code, failed_at, traceback, steps = array of step, step, part = the step and its part
under way, progress, doing = { what, ends = seconds|nil }, cleaning = since when|nil, artifacts, files = { log, report } }
step = { name, parent, began, seconds, state = "running"|"done"|"failed"|"stopped", detail, error }
progress = { done, total, unit, what, rate = per second|nil, left = seconds|nil }
]]
function model.new() return setmetatable({ images = {}, by_name = {}, at = 0 }, model) end

local function image_of(self, name)
  local image = self.by_name[name]
  if image then return image end
  image = { name = name, number = #self.images + 1, state = "waiting", steps = {}, artifacts = {}, files = {} }
  self.images[#self.images + 1], self.by_name[name] = image, image
  return image
end

local function find_step(image, e)
  for i = #image.steps, 1, -1 do
    local step = image.steps[i]
    if step.name == e.step and step.parent == e.parent and step.state == "running" then return step end
  end
end

-- What went on before is over.
local function nothing_under_way(image) image.progress, image.doing = nil, nil end

local function end_step(image, e, state)
  local step = find_step(image, e)
  if not step then return end
  step.state, step.seconds, step.detail, step.error = state, e.seconds, e.detail, e.error
  nothing_under_way(image)
  if e.parent then image.part = nil else image.step, image.part = nil, nil end
  image.cleaning = not e.parent and state == "failed" and e.at or nil
end

local takes = {}

takes["run.start"] = function(self, e)
  self.program = e.program
  for _, name in ipairs(e.images) do image_of(self, name) end
end
takes["run.done"] = function(self, e) self.status, self.seconds = e.status, e.seconds end

takes["image.start"] = function(_, e, image)
  image.state, image.began, image.recipe, image.kind, image.output, image.run = "running", e.at, e.recipe, e.kind, e.output, e.run
  image.time = e.time
end
takes["image.decided"] = function(_, e, image)
  image.decision, image.reason, image.planned = e.decision, e.reason, #e.steps
end
takes["image.done"] = function(_, e, image)
  image.state, image.ended, image.result, image.seconds, image.artifacts = "done", e.at, e.result, e.seconds, e.artifacts
end
takes["image.failed"] = function(_, e, image)
  image.state, image.ended, image.error, image.code, image.seconds = "failed", e.at, e.error, e.code, e.seconds
  image.failed_at, image.traceback, image.left = e.step, e.traceback, e.left
end
takes["image.skipped"] = function(_, e, image) image.state, image.error = "skipped", e.reason end
takes["image.file"] = function(_, e, image) image.files[e.kind] = e.path end

takes["step.start"] = function(_, e, image)
  local step = { name = e.step, parent = e.parent, began = e.at, state = "running" }
  image.steps[#image.steps + 1] = step
  nothing_under_way(image)
  if e.parent then image.part = step else image.step, image.part = step, nil end
end
takes["step.done"] = function(_, e, image) end_step(image, e, "done") end
takes["step.failed"] = function(_, e, image) end_step(image, e, e.code == "stopped" and "stopped" or "failed") end

takes["output"] = function(_, _, image) image.doing = nil end
takes["doing"] = function(_, e, image)
  nothing_under_way(image)
  image.doing = { what = e.what, ends = e.timeout and e.at + e.timeout }
end

-- What was done a second since the oldest sample of so many seconds, but since the one before the last at least; and in what time.
local function speed(samples, seconds)
  local last, i = samples[#samples], #samples - 1
  while i > 1 and last.at - samples[i - 1].at <= seconds do i = i - 1 end
  local span = i > 0 and last.at - samples[i].at or 0
  return span > 0 and (last.done - samples[i].done) / span or nil, span
end

takes["progress"] = function(_, e, image)
  local p = image.progress
  if not p or p.what ~= e.what or p.unit ~= e.unit or e.done < p.done then p = { samples = {} } end
  p.done, p.total, p.unit, p.what, image.progress, image.doing = e.done, e.total, e.unit, e.what, p, nil
  local samples = p.samples
  samples[#samples + 1] = { at = e.at, done = e.done }
  while #samples > 2 and e.at - samples[1].at > ESTIMATE do table.remove(samples, 1) end
  p.rate = speed(samples, RATE)
  local lately, span = speed(samples, ESTIMATE)
  p.left = p.total and span >= SURE and lately > 0 and p.done < p.total and (p.total - p.done) / lately or nil
end

--[[
model:take(event) -> image|nil
Learn from an event. Returns the image it is about.
]]
function model:take(e)
  self.at = e.at or self.at
  local image = e.image and image_of(self, e.image) or nil
  local take = takes[e.event]
  if take and (image or e.event:find "^run%.") then take(self, e, image) end
  return image
end

--[[
model.top_steps(image) -> {step, ...}
The steps of an image that are no part of another one.
]]
function model.top_steps(image)
  local out = {}
  for _, step in ipairs(image.steps) do if not step.parent then out[#out + 1] = step end end
  return out
end

return model
