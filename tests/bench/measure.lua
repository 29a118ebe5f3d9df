-- measure: time, memory and processor time of commands
local signal = require "signal"

local measure = {}

--[[
measure.alternate(rounds, functions) -> {{number, ...}, ...}
Call the functions in turn, `rounds` times, so that what disturbs the machine disturbs all of them: the seconds of each,
sorted. The first is what it takes when nothing disturbs, the middle one what it usually takes.
]]
function measure.alternate(rounds, functions)
  local times = {}
  for i in ipairs(functions) do times[i] = {} end
  for _ = 1, rounds do
    for i, f in ipairs(functions) do
      local started = signal.now()
      f()
      table.insert(times[i], signal.now() - started)
    end
  end
  for _, list in ipairs(times) do table.sort(list) end
  return times
end

-- measure.shell(command): run it; a failure raises what it said
function measure.shell(command)
  local f = assert(io.popen("{ " .. command .. "\n} 2>&1"))
  local out = f:read("a")
  local ok, _, status = f:close()
  if not ok then error(string.format("exit %s of %s:\n%s", status, command, out), 0) end
  return out
end

-- Kilobytes of PSS and RSS of a process and those below it.
local function memory(pid)
  local rollup = io.open("/proc/" .. pid .. "/smaps_rollup")
  if not rollup then return 0, 0 end
  local text = rollup:read("a") or ""
  rollup:close()
  local pss, rss = tonumber(text:match("\nPss:%s+(%d+)")) or 0, tonumber(text:match("\nRss:%s+(%d+)")) or 0
  local children = io.open("/proc/" .. pid .. "/task/" .. pid .. "/children")
  for child in (children and children:read("a") or ""):gmatch("%d+") do
    local more_pss, more_rss = memory(child)
    pss, rss = pss + more_pss, rss + more_rss
  end
  if children then children:close() end
  return pss, rss
end

--[[
measure.peak(command) -> pss, rss
Peak memory, in MiB, of a command (one program) and its children, looked at every 10 ms. Raises when it fails.
]]
function measure.peak(command)
  local log = os.tmpname()
  local f = assert(io.popen(string.format("env %s >%s 2>&1 & pid=$!; echo $pid; wait $pid; echo $?", command, log)))
  local pid, pss, rss = f:read("l"), 0, 0
  repeat
    signal.sleep(0.01)
    local p, r = memory(pid)
    pss, rss = math.max(pss, p), math.max(rss, r)
  until p == 0
  local status = f:read("l")
  f:close()
  local text <close> = assert(io.open(log))
  os.remove(log)
  if status ~= "0" then error(command .. "\n" .. text:read("a"), 0) end
  return pss / 1024, rss / 1024
end

--[[
measure.cpu(command) -> number
User and system seconds of a command and its children. Raises when it fails.
]]
function measure.cpu(command)
  local script = string.format("TIMEFORMAT='cpu %%3U %%3S'; time env %s", command)
  local out = measure.shell("bash -c '" .. script:gsub("'", "'\\''") .. "'")
  local user, system = out:match("cpu ([%d.]+) ([%d.]+)\n$")
  return tonumber(user) + tonumber(system)
end

--[[
measure.cost(command) -> { seconds, cpu, read, written }
What a command (one program) and its children cost: time, user and system seconds, bytes read from disks and written to files, as
/proc/PID/io tells them (what is in the cache is not read; a file that is removed before it is on the disk counts). Raises when it fails.
]]
function measure.cost(command)
  local script = string.format("TIMEFORMAT='cost %%3R %%3U %%3S'; time env %s || exit; cat /proc/$$/io", command)
  local out = measure.shell("bash -c '" .. script:gsub("'", "'\\''") .. "'")
  local seconds, user, system = out:match("cost ([%d.]+) ([%d.]+) ([%d.]+)\n")
  return { seconds = tonumber(seconds), cpu = tonumber(user) + tonumber(system), read = tonumber(out:match("\nread_bytes: (%d+)")),
    written = tonumber(out:match("\nwrite_bytes: (%d+)")) }
end

--[[
measure.median(list [, field]) -> number
The middle one of an odd number of values, or of a field of them.
]]
function measure.median(list, field)
  local values = {}
  for i, one in ipairs(list) do values[i] = field and one[field] or one end
  table.sort(values)
  return values[(#values + 1) // 2]
end

return measure
