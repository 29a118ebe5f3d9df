-- check { … } in a recipe, against the lab, in its mode without boot: commands run on this machine.
local cjson = require "cjson"
local builds = require "tests.builds"
local lab = require "tests.lab"

local function site(t) return builds.setup(t, lab.start(t)) end

local function events(out)
  local list = {}
  for line in out:gmatch("{[^\n]*}") do list[#list + 1] = cjson.decode(line) end
  return list
end

return {
  ["checks are told as a table, and end a build that does not fulfil them"] = function(t)
    local s = site(t)
    local steps = [[provision = { check { command = { ["greeting"] = { run = "echo hello", out = "%s" } }, port = { ["tcp:1"] = false },
      file = { ["/etc/passwd"] = { mode = "0644" } }, junit = "]] .. s.dir .. [[/results.xml", name = "the image" } } ]]
    local out, status = builds.run(s, builds.recipe(s, steps:format("hello")))
    t:equal(status, 0, out)
    t:match(out, "\n      ok   file       /etc/passwd %s*mode       0644\n")
    t:match(out, "\n      ok   command    greeting %s*out        hello\n")
    t:match(out, "  1 the image +[%d.]+s  5 checks hold\n")
    t:contains(t:read(s.dir .. "/results.xml"), 'tests="5" failures="0"')
    out, status = builds.run(s, builds.recipe(s, steps:format(s.lab.env.LAB_SSH_PASSWORD)), "--force")
    t:equal(status, 1, out)
    t:match(out, "\n      FAIL command    greeting %s*out        hello, expected ••••\n")
    t:contains(out, ": 1 of 5 checks failed\n  command greeting out: expected ••••, found hello")
    t:contains(t:read(s.dir .. "/results.xml"), "expected ••••, found hello", "no secret in the file either")
    t:equal(builds.state(s), { vms = { "small" }, files = {}, sessions = 0 }, "the image before is still there")
  end,

  ["checks are events of their own in JSON, and mistakes in them are the recipe's"] = function(t)
    local s = site(t)
    local out = builds.run(s, builds.recipe(s, [[provision = { check { command = { "true", off = { run = "x", skip = true } } } }]]), "--json")
    local found = {}
    for _, e in ipairs(events(out)) do
      if e.event == "check" then found[#found + 1] = { e.image, e.kind, e.name, e.property, e.ok, e.expected, e.found, e.skipped } end
    end
    t:equal(found, { { "small", "command", "true", "status", true, "0", "0" }, { "small", "command", "off", "status", true, "skipped", "skipped", true } })
    local status
    out, status = builds.run(s, builds.recipe(s, [[provision = {
      check { service = { k3s = { runing = true } } } }]]))
    t:equal(status, 2)
    t:match(out, "small.lua:%d+: check.service.k3s: unknown option 'runing': did you mean 'running'?")
  end,
}
