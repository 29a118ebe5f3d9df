-- jobs: several images side by side, a process each; their events come back as JSON lines
local cjson = require "cjson"
local process = require "process"
local signal = require "signal"
local err = require "core.err"
local lines = require "cli.lines"

local jobs = {}

local READ = 60 -- seconds of one wait
local INT = 2   -- the number of the signal that stop sends
local MOST = 64 -- children that process.ready waits for at once

--[[
jobs.width(order) -> integer
How many images of a graph's order could be built at the same time: those with the same number of images before them.
]]
function jobs.width(order)
  local depth, count, widest = {}, {}, 0
  for _, entry in ipairs(order) do
    local d = (depth[entry.image.from] or 0) + 1
    depth[entry.image] = d
    count[d] = (count[d] or 0) + 1
    widest = math.max(widest, count[d])
  end
  return widest
end

--[[
jobs.limit(given) -> integer
How many images --jobs allows at a time.
Raises: usage.
]]
function jobs.limit(given)
  local n = math.tointeger(tonumber(given.jobs))
  if not n or n < 1 or n > MOST then err.raise("usage", string.format("--jobs: %q is not a number from 1 to %d", tostring(given.jobs), MOST)) end
  return n
end

-- ---- one child ----

-- What a child is to do travels over standard input: variables may be secret, and argument lists are public.
local function start(self, entry)
  local task = { given = self.given, paths = self.paths, image = entry.image.name, parent = entry.parent }
  entry.process = err.check(process.start { command = { self.program, "child" }, stdin = cjson.encode(task) })
  entry.reader = lines.reader(entry.image.name, function(event)
    if event.event == "image.failed" then entry.told = true end
    if event.event == "image.done" then entry.stopped = event.stopped end
    self.emit(event)
  end)
  table.insert(self.running, entry)
end

-- Read what is there; true when there will be no more.
local function drain(entry)
  while true do
    local stream, bytes = entry.process:read(0)
    if not stream then return stream == nil end
    entry.reader:feed(stream, bytes)
  end
end

local function finish(self, entry)
  entry.reader:finish()
  local result = entry.process:wait(READ)
  entry.process:close()
  entry.status = result and result.status
  if entry.status == 0 then return end
  local killed = result and result.signal
  local interrupted = entry.status == 130 or self.stopping and killed == INT -- before it could catch it
  local e = err.new { code = interrupted and "cancelled" or "build", message = entry.image.name .. " failed" }
  if not entry.told then
    e.message = interrupted and "interrupted" or killed and "the process that built it was killed by signal " .. killed or "the process that built it failed"
    self.emit { event = "image.failed", image = entry.image.name, error = e.message, code = e.code }
  end
  entry.failed, entry.cancelled, self.failure = true, err.is(e, "cancelled"), self.failure or e
end

-- ---- all of them ----

-- Start what may start; what stands on a failed image is skipped, and said so.
local function start_ready(self)
  local by_image = self.by_image
  for _, entry in ipairs(self.order) do
    local parent = by_image[entry.image.from]
    local missing = parent and (parent.skipped and "was skipped" or parent.cancelled and "was interrupted" or parent.failed and "failed"
      or parent.stopped and "was stopped")
    if not entry.begun and missing then
      entry.begun, entry.skipped = true, true
      self.emit { event = "image.skipped", image = entry.image.name, reason = parent.image.name .. " " .. missing }
    elseif not entry.begun and not self.stopping and #self.running < self.limit and (not parent or parent.status == 0) then
      entry.begun = true
      start(self, entry)
    end
  end
end

local function ready_entries(self)
  local processes, of = {}, {}
  for i, entry in ipairs(self.running) do processes[i], of[entry.process] = entry.process, entry end
  local ready = process.ready(processes, READ)
  for i, p in ipairs(ready) do ready[i] = of[p] end
  return ready
end

local function remove(list, value)
  for i = #list, 1, -1 do if list[i] == value then table.remove(list, i) end end
end

-- Take what came, and start what may start now.
local function turn(self)
  for _, entry in ipairs(ready_entries(self)) do
    if drain(entry) then
      finish(self, entry)
      remove(self.running, entry)
    end
  end
  start_ready(self)
end

-- A signal goes to each child: it cleans up by itself, and stops doing so at the second one. The third kills this process, and
-- the children hear of that as of a signal. When nobody takes the output any more they are to clean up, too; a terminal that goes
-- away says so in both ways, and means one.
local function stop(self, e)
  local before, cancelled = self.stopping, err.is(e, "cancelled")
  if cancelled then signal.acknowledge() end
  if before and not cancelled and not e.unheard then error(e, 0) end
  if not before or (cancelled and not before.unheard) then
    for _, entry in ipairs(self.running) do entry.process:signal "INT" end
  end
  if cancelled or not before then self.stopping = e end
end

--[[
jobs.run(order, options) -> error object|nil
Build the images of a graph's order, at most `limit` at a time, a process each. Returns the first failure.
  order          array             from graph.order
  options.limit  integer           1 to 64
  options.program string           this program
  options.given  table             the options of the command line that matter: var, var_file, force, on_error, debug
  options.paths  {string, ...}     the recipes
  options.emit   function(event)
Raises: nothing of the builds; cancelled, and an output that nobody takes any more, are failures after every child has cleaned up.
Blocks: yes.
]]
function jobs.run(order, options)
  local self = { order = order, running = {}, by_image = {}, limit = options.limit, program = options.program,
    given = options.given, paths = options.paths, emit = options.emit }
  local _ <close> = setmetatable({}, { __close = function() for _, e in ipairs(self.running) do e.process:close() end end })
  for _, entry in ipairs(order) do self.by_image[entry.image] = entry end
  start_ready(self)
  while #self.running > 0 do
    local ok, e = pcall(turn, self)
    if not ok then stop(self, err.caught(e)) end
  end
  local stopping = self.stopping
  if stopping and not (stopping.unheard or err.is(stopping, "cancelled")) then error(stopping, 0) end -- a mistake of ours, not said yet
  return stopping or self.failure
end

return jobs
