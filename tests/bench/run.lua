-- luabuild run tests/bench/run.lua [DIRECTORY [TOPIC ...]]: measure, beside a peer in the same run where there is one. Prints a table and
-- writes it to DIRECTORY/TOPIC.json. It needs about 25 GB of room in TMPDIR, most of it for an export of 8 GB.
local cjson = require "cjson"
local lfs = require "lfs"

local here = arg[0]:match("^(.*)/[^/]*/[^/]*$") or ".."
dofile(here .. "/modules.lua")(here)
local tap = require "tests.tap"

local TOPICS = { "base", "packer", "export", "provision", "scale", "inventory", "instructions" }
local output = arg[1] or "build/bench"

-- b.record(what, value, unit, target, met, peer): one line of the table: `peer` is what it is compared with
local function recorder(results)
  return function(what, value, unit, target, met, peer)
    table.insert(results, { what = what, value = value, unit = unit, target = target, met = met, peer = peer })
    print(string.format("%-52s %9.3f %-5s  %-22s %s", what, value, unit, target or "", met == nil and "" or met and "met" or "MISSED")
      .. (peer and "   peer: " .. peer or ""))
    io.stdout:flush()
  end
end

local function run(topic)
  local results = {}
  local result, why = tap.run(topic, function(t)
    require("tests.bench." .. topic) { t = t, program = arg[-1], here = here, record = recorder(results) }
    if not lfs.attributes(output, "mode") then assert(lfs.mkdir(output)) end
    t:ok(t:write(output .. "/" .. topic .. ".json", cjson.encode(results)))
  end)
  if result ~= "ok" then error("bench " .. topic .. ": " .. why, 0) end
end

for _, topic in ipairs(#arg > 1 and { table.unpack(arg, 2) } or TOPICS) do run(topic) end
