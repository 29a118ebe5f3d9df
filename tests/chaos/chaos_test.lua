-- A few of the cases of `make chaos`
local builds = require "tests.builds"
local case = require "tests.chaos.case"
local faults = require "tests.chaos.faults"
local kinds = require "tests.chaos.kinds"
local lab = require "tests.lab"

local SOME = { -- fault, step, method
  { "SIGINT", "create", "CreateVM_Task" },
  { "SIGKILL", "publish", "Rename_Task" },
  { "SIGKILL, done", "create", "CreateVM_Task" },
  { "lost", "create", "CreateVM_Task" },
  { "away", "power on", "PowerOnVM_Task" },
}

local function named(list, name) for _, one in ipairs(list) do if one.name == name then return one end end end

return {
  ["a sample of faults: the server is clean after them, the image before is what it was, and the build works again"] = function(t)
    local s = builds.setup(t, lab.start(t), { disk_size = "16" })
    local kind = named(kinds, "base")
    t:equal(select(2, builds.run(s, kind.recipe(s, 0))), 0)
    local places = case.places(s, { recipe = function() return kind.recipe(s, 1) end })
    for i, one in ipairs(SOME) do
      local at
      for _, place in ipairs(places) do if place.step == one[2] and place.method == one[3] then at = at or place end end
      local label = table.concat(one, " ")
      t:ok(at, label)
      local why, out = case.run(s, kind, i + 1, named(faults, one[1]), at)
      t:equal(why, nil, label .. ": " .. out)
    end
  end,
}
