-- luabuild run tests/chaos/run.lua [FILTER]: things happen to builds, at every step: signals, kills, a vCenter that is cut off, away or
-- forgetful. After each the server is clean, the image before is what it was, and the build works again. Prints a table, and what
-- was lost; exit 1 if anything was. FILTER is a part of "kind fault step".
local here = arg[0]:match("^(.*)/[^/]*/[^/]*$") or "."
dofile(here .. "/modules.lua")(here)
local builds = require "tests.builds"
local case = require "tests.chaos.case"
local faults = require "tests.chaos.faults"
local kinds = require "tests.chaos.kinds"
local lab = require "tests.lab"
local tap = require "tests.tap"

local EACH = 3 -- places of a step: its first request, its last, and between

-- The first, last and middle ones of each step.
local function choose(places)
  local by_step, order, out = {}, {}, {}
  for _, place in ipairs(places) do
    if not by_step[place.step] then by_step[place.step], order[#order + 1] = {}, place.step end
    table.insert(by_step[place.step], place)
  end
  for _, step in ipairs(order) do
    local list, taken = by_step[step], {}
    for i = 0, EACH - 1 do
      local at = 1 + (#list - 1) * i // (EACH - 1)
      if not taken[at] then out[#out + 1] = list[at] end
      taken[at] = true
    end
  end
  return out
end

local lost, total = {}, 0
local counts = {} -- kind, fault -> cases, survived (the build got to its end), clean

local function count(kind, fault, why, ended)
  local key = kind.name .. "\0" .. fault.name
  local c = counts[key] or { kind = kind.name, fault = fault.name, cases = 0, ended = 0, lost = 0 }
  counts[key] = c
  c.cases, total = c.cases + 1, total + 1
  if ended then c.ended = c.ended + 1 end
  if why then c.lost = c.lost + 1 end
end

local function run_kind(t, kind)
  local s = builds.setup(t, lab.start(t), { disk_size = "16" })
  if kind.before then assert(select(2, builds.run(s, kind.before(s))) == 0) end
  builds.run(s, kind.recipe(s, 0))
  t:shell("rm -rf " .. s.dir .. "/output")
  local places, n = choose(case.places(s, { recipe = function(_, _) return kind.recipe(s, 1) end })), 1
  for _, fault in ipairs(faults) do
    for _, place in ipairs(places) do
      local label = string.format("%s %s %s (%s)", kind.name, fault.name, place.step, place.method)
      -- a log-out that nobody answers leaves its session to the server, which drops it after half an hour
      local in_vain = place.method == "Logout" and fault.lab.fault == "hang" and fault.signal ~= "KILL"
      if not in_vain and (not arg[1] or label:find(arg[1], 1, true)) then
        n = n + 1
        local why, out, ended = case.run(s, kind, n, fault, place)
        count(kind, fault, why, ended)
        print(string.format("%-8s %s%s", why and "LOST" or ended and "ended" or "clean", label, why and ": " .. why .. "\n" .. out or ""))
        io.stdout:flush()
        if why then
          lost[#lost + 1] = label .. ": " .. why
          s.lab:control("POST", "/expire")
          builds.run(s, "gc", "--older-than=0")
          builds.run(s, kind.recipe(s, n))
        end
      end
    end
  end
  t:ok(true)
end

for _, kind in ipairs(kinds) do
  local result, why = tap.run("chaos " .. kind.name, function(t) run_kind(t, kind) end)
  if result == "not ok" then lost[#lost + 1] = kind.name .. ": " .. why end
end

local rows = {}
for _, c in pairs(counts) do rows[#rows + 1] = c end
table.sort(rows, function(a, b) if a.kind ~= b.kind then return a.kind < b.kind end return a.fault < b.fault end)
print(string.format("\n%-8s %-16s %6s %6s %6s %6s", "build", "fault", "cases", "ended", "clean", "lost"))
for _, c in ipairs(rows) do
  print(string.format("%-8s %-16s %6d %6d %6d %6d", c.kind, c.fault, c.cases, c.ended, c.cases - c.ended - c.lost, c.lost))
end
print(string.format("\n%d cases, %d lost", total, #lost))
for _, text in ipairs(lost) do print("  " .. text) end
return #lost == 0 and 0 or 1
