-- Two builds at the same time in one vCenter: each hears of its own machine, and of its own tasks.
local builds = require "tests.builds"
local lab = require "tests.lab"

return {
  ["two builds side by side do not keep each other waiting"] = function(t)
    local s = builds.setup(t, lab.start(t))
    local running = {}
    for _, name in ipairs { "one", "two", "three" } do running[#running + 1] = builds.start(s, builds.recipe(s, nil, name)) end
    for _, process in ipairs(running) do
      local out, status = process:wait()
      t:equal(status, 0, out)
    end
    t:equal(builds.state(s), { vms = { "one", "three", "two" }, files = {}, sessions = 0 })
  end,
}
