-- luabuild run tests/chaos/kind.lua KIND [FILTER]: the cases of one kind of builds, in a lab of their own. Prints a JSON object for each:
-- { label, fault, why = string|nil (what was lost), out, ended }; exit 1 when it could not go on.
local here = arg[0]:match("^(.*)/[^/]*/[^/]*$") or "."
dofile(here .. "/modules.lua")(here)
local cjson = require "cjson"
local builds = require "tests.builds"
local case = require "tests.chaos.case"
local faults = require "tests.chaos.faults"
local kinds = require "tests.chaos.kinds"
local lab = require "tests.lab"
local signal = require "signal"
local tap = require "tests.tap"

local function named(list, name) for _, one in ipairs(list) do if one.name == name then return one end end end

-- The first, the last and those between of each step; of one, the middle.
local function choose(places, each)
  local by_step, order, out = {}, {}, {}
  for _, place in ipairs(places) do
    if not by_step[place.step] then by_step[place.step], order[#order + 1] = {}, place.step end
    table.insert(by_step[place.step], place)
  end
  for _, step in ipairs(order) do
    local list, taken = by_step[step], {}
    for i = 0, each - 1 do
      local at = each == 1 and (#list + 1) // 2 or 1 + (#list - 1) * i // (each - 1)
      if not taken[at] then out[#out + 1] = list[at] end
      taken[at] = true
    end
  end
  return out
end

-- Random times in a build that takes so long; after each third signal comes another.
local function moments(count, seconds)
  local out = {}
  for i = 1, count do
    out[i] = { step = "at", at = math.random() * seconds, gap = i % 3 == 0 and math.random() * 0.3 or nil }
    out[i].method = string.format("%.4f s%s", out[i].at, out[i].gap and string.format(", again %.4f s later", out[i].gap) or "")
  end
  return out
end

-- After a loss: as if it had not been.
local function mend(s, recipe)
  s.lab:control("POST", "/expire")
  builds.run(s, "gc", "--older-than=0")
  builds.run(s, recipe)
end

local function run(t, kind, filter)
  local s = builds.setup(t, lab.start(t), { disk_size = "16" })
  if kind.before then t:equal(select(2, builds.run(s, kind.before(s))), 0) end
  for n = -(kind.keep or 0), 0 do t:equal(select(2, builds.run(s, kind.recipe(s, n))), 0) end
  t:shell("rm -rf " .. s.dir .. "/output")
  local began, n = signal.now(), 1
  local all = case.places(s, { recipe = function() return kind.recipe(s, 1) end })
  local times, places = moments(kind.moments, signal.now() - began), choose(all, kind.places)

  local function try(fault, place)
    local label = string.format("%s %s %s (%s)", kind.name, fault.name, place.step, place.method)
    -- a log-out that nobody answers leaves its session to the server, which drops it after half an hour
    local in_vain = place.method == "Logout" and fault.lab.fault == "hang" and fault.signal ~= "KILL"
    if in_vain or not label:find(filter or "", 1, true) then return end
    n = n + 1
    local why, out, ended = case.run(s, kind, n, fault, place)
    print(cjson.encode { label = label, fault = fault.name, why = why, out = out, ended = ended })
    io.stdout:flush()
    if why then mend(s, kind.recipe(s, n)) end
  end

  for _, name in ipairs(kind.faults) do
    for _, place in ipairs(places) do try(named(faults, name), place) end
  end
  for i, place in ipairs(times) do try(named(faults, i % 2 == 0 and "INT, any time" or "TERM, any time"), place) end
end

local kind = named(kinds, arg[1])
local result, why = tap.run("chaos " .. kind.name, function(t) run(t, kind, arg[2]) end)
if result == "ok" then return 0 end
io.stderr:write(why, "\n")
return 1
