-- luabuild run tests/chaos/run.lua [FILTER]: things happen to builds, at every step: signals, kills, a vCenter that is cut off, away or
-- forgetful. After each the server is clean, the image before is what it was, and the build works again. The kinds of builds have
-- a process and a lab each, side by side; in the end five surviving images boot. Prints a table, and what was lost; exit 1 if anything was.
-- FILTER is a part of "kind fault step"; "boot" is for the last five alone.
local here = arg[0]:match("^(.*)/[^/]*/[^/]*$") or "."
dofile(here .. "/modules.lua")(here)
local cjson = require "cjson"
local process = require "process"
local signal = require "signal"
local err = require "core.err"
local units = require "core.units"
local kinds = require "tests.chaos.kinds"

local filter = arg[1]
local began = signal.now()
local counts, rows, lost, total = {}, {}, {}, 0 -- kind, fault -> cases, ended (the build got to its end), lost

local function count(kind, c)
  local key = kind .. "\0" .. c.fault
  local row = counts[key]
  if not row then
    row = { kind = kind, fault = c.fault, cases = 0, ended = 0, lost = 0 }
    counts[key], rows[#rows + 1] = row, row
  end
  row.cases, total = row.cases + 1, total + 1
  if c.why then row.lost = row.lost + 1 elseif c.ended then row.ended = row.ended + 1 end
end

local function told(kind, line)
  local c = cjson.decode(line)
  count(kind, c)
  if c.why then lost[#lost + 1] = c.label .. ": " .. c.why end
  print(string.format("%-8s %s%s", c.why and "LOST" or c.ended and "ended" or "clean", c.label, c.why and ": " .. c.why .. "\n" .. c.out or ""))
  io.stdout:flush()
end

-- What it says goes to `line`, line by line; true when it has ended.
local function drain(job)
  while true do
    local stream, bytes = job.process:read(0)
    if stream == nil then return true end
    if not stream then return false end
    if stream == "err" then job.errors = job.errors .. bytes
    else
      job.rest = (job.rest .. bytes):gsub("([^\n]*)\n", function(line) told(job.kind, line) return "" end)
    end
  end
end

local function start(kind, program, ...)
  local command = { arg[-1], "run", here .. "/chaos/" .. program, ... }
  return { kind = kind, process = err.check(process.start { command = command }), rest = "", errors = "" }
end

local function finish(job)
  local result = job.process:wait()
  job.process:close()
  if result.status ~= 0 then lost[#lost + 1] = job.kind .. ": " .. job.errors end
end

local function follow(jobs)
  while #jobs > 0 do
    local processes = {}
    for i, job in ipairs(jobs) do processes[i] = job.process end
    process.ready(processes, 60)
    for i = #jobs, 1, -1 do
      if drain(jobs[i]) then finish(table.remove(jobs, i)) end
    end
  end
end

if filter ~= "boot" then
  local jobs = {}
  for i, kind in ipairs(kinds) do jobs[i] = start(kind.name, "kind.lua", kind.name, filter) end
  follow(jobs)
end
if not filter or filter == "boot" then follow { start("boot", "survivors.lua") } end

table.sort(rows, function(a, b) if a.kind ~= b.kind then return a.kind < b.kind end return a.fault < b.fault end)
print(string.format("\n%-8s %-16s %6s %6s %6s %6s", "build", "fault", "cases", "ended", "clean", "lost"))
for _, c in ipairs(rows) do
  print(string.format("%-8s %-16s %6d %6d %6d %6d", c.kind, c.fault, c.cases, c.ended, c.cases - c.ended - c.lost, c.lost))
end
print(string.format("\n%d cases, %d lost, in %s", total, #lost, units.format_seconds(signal.now() - began)))
for _, text in ipairs(lost) do print("  " .. text) end
return #lost == 0 and 0 or 1
