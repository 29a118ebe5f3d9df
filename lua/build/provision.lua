-- provision: the recipe's steps in the living guest: values of the step words, and functions
local signal = require "signal"
local err = require "core.err"
local units = require "core.units"
local check = require "guest.check"
local gather = require "guest.gather"
local checkpoint = require "build.checkpoint"
local hidden = require "build.hidden"
local localshell = require "build.localshell"
local pause = require "build.pause"
local runner = require "build.runner"
local script = require "build.script"

local provision = {}

local LONGEST = 1 << 16 -- bytes of a line that has no end
local STATES = 0.2      -- seconds between two states of a line that is written over

-- Remote output as it happens, line by line, under the step's name. Of a line that is written over only the last state is its text;
-- the whole ones before it are what the script does. Half of one may be half of a secret.
local function printer(b, name)
  local pending, told = { out = "", err = "" }, 0
  local function show(stream, text) b.emit { event = "output", name = name, stream = stream, text = text } end
  local function tell(state)
    if not state or not state:find "%S" or signal.now() - told < STATES then return end
    told = signal.now()
    b.doing(state)
  end
  local function feed(stream, chunk)
    local text = pending[stream] .. chunk
    for line in text:gmatch("([^\n]*)\n") do show(stream, (line:gsub("\r$", ""))) end
    local rest = text:match("[^\n]*$")
    tell(rest:match("([^\r]+)\r[^\r]*$"))
    rest = rest:match("[^\r]*\r?$")
    if #rest > LONGEST then
      show(stream, rest)
      rest = ""
    end
    pending[stream] = rest
  end
  local function finish()
    for stream, rest in pairs(pending) do if rest ~= "" then show(stream, rest) end end
  end
  return feed, finish
end

local acts = {}

function acts.upload(b, step)
  if step.content then
    b.guest:write(step.to, step.content, { mode = step.mode })
    return step.to
  end
  local several = #step + #(step.from or {}) > 1 -- each keeps its name, then
  local to = several and not step.to:find "/$" and step.to .. "/" or step.to
  for _, path in ipairs(step.from or {}) do b.guest:download(path, to, { progress = function(done, total) b.progress(done, total, path) end }) end
  if step.from then return table.concat(step.from, ", ") .. " of the guest → " .. step.to end
  for _, path in ipairs(step) do
    b.guest:upload(path, to, { mode = step.mode, progress = function(done, total) b.progress(done, total, path) end })
  end
  return table.concat(step, ", ") .. " → " .. step.to
end

local function script_path(b) return string.format("/tmp/luabuild-%s-%d.sh", b.run, b.counter) end

-- What a script that ran too long has left: sshd ends nothing when we turn away. Its processes are one group, unless the leader is
-- somebody else's.
local STOP = [[
runs() { grep -qF %s /proc/$1/cmdline 2> /dev/null; }
for process in /proc/[0-9]*; do
  process=${process#/proc/}
  runs $process && [ $process != $$ ] && read -r stat < /proc/$process/stat || continue
  set -- ${stat##*) }
  if runs $3 || [ ! -d /proc/$3 ]; then process=-$3; fi
  kill -KILL $process
done
rm -f %s
]]

local function stop_script(b, step)
  local path = script_path(b)
  local ok, e = pcall(b.guest.try, b.guest, "sh", { sudo = step.sudo, stdin = STOP:format(path, path), timeout = 30 })
  if not ok and err.is(e, "cancelled") then error(e, 0) end
end

-- The script is a file in the guest for as long as it runs; its variables are in no file and no argument list.
local function run_script(b, step)
  local feed, finish = printer(b, step.name or "shell")
  local path = script_path(b)
  local text, interpreter = table.concat(step, "\n") .. "\n", script.DEFAULT
  if step.script then text, interpreter = script.read(step.script) end
  b.guest:write(path, text, { mode = 448 }) -- 0700
  local command = "exec sh -c " .. gather.quote(string.format("%s %s; status=$?; rm -f %s; exit $status", step.interpreter or interpreter, path, path))
  local ok, e = pcall(b.guest.run, b.guest, command,
    { sudo = step.sudo, env = step.env, timeout = step.timeout, valid = step.valid, on_output = feed })
  finish()
  if ok then return end
  if err.is(e) and e.status then e.message = string.format("the script ended with status %d", e.status) end -- not our dressing of it
  if err.is(e, "net") then e.message = "the connection broke while the script ran: " .. (e.message:match ":%d+: (.*)$" or e.message) end
  if err.is(e, "timeout") then
    stop_script(b, step)
    e.message = "the script still ran after " .. units.format_seconds(step.timeout)
  end
  error(e, 0)
end

function acts.shell(b, step)
  for try = 1, step.retries + 1 do
    local ok, e = pcall(run_script, b, step)
    if ok then return try > 1 and try .. " tries" or nil end
    local lost = err.is(e, "net")
    if not (lost or err.is(e, "build") or err.is(e, "timeout")) or try > step.retries then error(e, 0) end
    b.note(string.format("%s; try %d of %d in %s", e.message, try + 1, step.retries + 1, units.format_seconds(step.retry_interval)))
    b.doing("waiting before the next try", step.retry_interval)
    signal.sleep(step.retry_interval)
    if lost then stop_script(b, step) end -- without us it may have gone on
  end
end

function acts.local_shell(b, step)
  local feed, finish = printer(b, step.name or "local")
  local ok, e = pcall(localshell.run, b, step, feed)
  finish()
  if not ok then error(e, 0) end
end

-- Events are masked where they are shown; a file of results has to be here.
local function masker(image)
  local secrets = hidden.of(image)
  return function(text) return secrets:mask(text) end
end

function acts.check(b, step)
  local results = check.demand(b.guest, step, { emit = b.emit, note = b.note, mask = masker(b.image) })
  return #results .. (#results == 1 and " check holds" or " checks hold")
end

function acts.reboot(b, step)
  b.expect_on = true
  b.doing("waiting until the guest is back", step.timeout)
  b.guest:reboot { timeout = step.timeout }
  b.address = b.guest.address
  return "back as " .. b.address
end

function acts.wait(b, step)
  b.doing("waiting", step.seconds)
  signal.sleep(step.seconds)
  return units.format_seconds(step.seconds)
end

acts.checkpoint = checkpoint.take

function acts.breakpoint(b, step) return pause.at(b, step.message) end

local function title(i, step)
  if type(step) == "function" then return string.format("%d function", i) end
  if step.step == "checkpoint" then return string.format("%d checkpoint %s", i, step.name) end
  return string.format("%d %s", i, step.name or step.step)
end

--[[
provision.titles(image [, list]) -> {string, ...}
What the image's provisioning steps are called: "1 upload", "2 setup".
  list           string = "provision"  or "on_error", "after": which of the image's lists
]]
function provision.titles(image, list)
  local out = {}
  for i, step in ipairs(image[list or "provision"]) do out[i] = title(i, step) end
  return out
end

-- What went wrong is about the step, whatever below it said so.
local function labelled(name)
  return function(e)
    e = err.caught(e)
    if e.code ~= "cancelled" then e.op = name end
    return e
  end
end

-- One step of one of the image's lists, as an event of its own.
local function run_one(b, list, i)
  local step = b.image[list][i]
  b.counter = b.counter + 1
  local name = title(i, step)
  local act = type(step) == "function" and function() return step(b.guest, b.vm) end or function() return acts[step.step](b, step, i) end
  local label = labelled(list .. " " .. name)
  runner.part(b, name, function() -- a function step may say something, or return what it likes
    local ok, detail = xpcall(act, label)
    if not ok then error(detail, 0) end
    return detail
  end)
end

--[[
provision.run(b [, list]) -> string
Run the recipe's provisioning steps in order, those after the checkpoint that the build goes on from; each is an event of its own.
  b              build             guest, image.provision, emit
  list           string = "provision"  or "after": which of the image's lists
Raises: what a step raised, named after it.
Blocks: yes.
]]
function provision.run(b, list)
  list = list or "provision"
  local steps = b.image[list]
  local first = list == "provision" and b.resume and b.resume.index + 1 or 1
  for i = first, #steps do run_one(b, list, i) end
  local done = #steps - first + 1
  return string.format("%d step%s%s", done, done == 1 and "" or "s", first > 1 and ", " .. first - 1 .. " before" or "")
end

--[[
provision.after(b) -> string
Run the recipe's steps for an image that is complete: here, since its guest is off. When one fails there is no new image.
Raises: what a step raised.
Blocks: yes.
]]
function provision.after(b) return provision.run(b, "after") end

--[[
provision.on_error(b) -> nothing
Run the recipe's steps for a build that failed, when its guest can still be reached: all of them, what goes wrong in one is a warning.
Raises: stopped (who was asked at a breakpoint wants to end here); cancelled.
Blocks: yes.
]]
function provision.on_error(b)
  if #b.image.on_error == 0 or not b.on_since then return end
  local function warn(message) b.emit { event = "warning", message = message } end
  if not b.guest or not b.guest.session then return warn "on_error was not run: the guest was not reached" end
  local function attempt(f, ...)
    local ok, e = pcall(f, ...)
    if ok then return true end
    if err.is(e, "cancelled") or err.is(e, "stopped") then error(e, 0) end
    warn(tostring(e))
  end
  b.failed, b.step = true, "on_error"
  if not attempt(b.guest.try, b.guest, "true", { timeout = 30 }) then return end
  for i = 1, #b.image.on_error do attempt(run_one, b, "on_error", i) end
end

return provision
