-- luabuild run tests/bench/run.lua [DIRECTORY [TOPIC ...]]: measure, beside a peer in the same run where there is one. Prints each row as it
-- is known, writes the rows to DIRECTORY/TOPIC.json, and in the end all that are there as one table, DIRECTORY/table.md, which it prints as well;
-- DIRECTORY/readme.md has the rows that the README shows.
-- It needs about 25 GB of room in TMPDIR, most of it for an export of 8 GB. BENCH_SIZE=0.02 makes what is big smaller, to see that all of it runs.
local cjson = require "cjson"
local lfs = require "lfs"
local signal = require "signal"

local here = arg[0]:match("^(.*)/[^/]*/[^/]*$") or ".."
dofile(here .. "/modules.lua")(here)
local tap = require "tests.tap"
local page = require "tests.bench.page"

local TOPICS = { "base", "packer", "export", "provision", "scale", "inventory", "instructions" }
local SIZE = tonumber(os.getenv "BENCH_SIZE") or 1
local output = arg[1] or "build/bench"

-- What bounds a row: the note of the first pattern that fits it, of a topic's { { pattern, note }, ... }.
local function bound_of(what, bounds)
  for _, one in ipairs(bounds or {}) do
    if what:find(one[1]) then return one[2] end
  end
end

-- b.record(what, value, unit, target, met, peer): one row: `peer` is what it is compared with; b.bounds = { { pattern for what, note } }
local function recorder(b, results)
  return function(what, value, unit, target, met, peer)
    local row = { what = what, value = value, unit = unit, target = target, met = met, peer = peer, bound = bound_of(what, b.bounds) }
    results[#results + 1] = row
    print(page.line(row))
    io.stdout:flush()
  end
end

local function run(topic)
  local results, started = {}, signal.now()
  local result, why = tap.run(topic, function(t)
    -- b.sized(n): n, or less of it, for a look whether it runs at all
    local b = { t = t, program = arg[-1], here = here, sized = function(n) return math.max(1, math.floor(n * SIZE)) end }
    b.record = recorder(b, results)
    require("tests.bench." .. topic)(b)
    t:ok(t:write(output .. "/" .. topic .. ".json", cjson.encode(results)))
  end)
  if result ~= "ok" then error("bench " .. topic .. ": " .. why, 0) end
  print(string.format("# %s took %.0f s", topic, signal.now() - started))
end

if not lfs.attributes(output, "mode") then assert(lfs.mkdir(output)) end
for _, topic in ipairs(#arg > 1 and { table.unpack(arg, 2) } or TOPICS) do run(topic) end
local function write(name, text)
  local file <close> = assert(io.open(output .. "/" .. name, "w"))
  assert(file:write(text))
  return text
end

write("readme.md", page.markdown(output, TOPICS, true))
print("\n" .. write("table.md", page.markdown(output, TOPICS)))
