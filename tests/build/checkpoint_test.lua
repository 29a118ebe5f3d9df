-- checkpoint "name" among the steps: a build that failed after it is gone on with from there
local builds = require "tests.builds"
local lab = require "tests.lab"

local function site(t)
  local s = builds.setup(t, lab.start(t))
  s.log = s.dir .. "/ran"
  return s
end

-- A recipe with three steps and two checkpoints; each step notes in a file of this machine that it ran. `last` is the third one.
local function recipe(s, last, more)
  return builds.recipe(s, string.format([[
  kickstart = { floppy = "kickstart/centos" },
  provision = {
    shell "echo one >> %s", checkpoint "tools",
    shell "echo two >> %s", checkpoint "apps",
    shell "%s",
  }, %s]], s.log, s.log, last, more or ""))
end

local function ran(s) return s.t:shell("cat " .. s.log .. " 2>/dev/null"):gsub("\n", " ") end

local EMPTY = { vms = { "small" }, files = {}, sessions = 0 }

-- A build that failed in its third step.
local function failed(s, ...)
  local out, status = builds.run(s, recipe(s, "exit 3"), ...)
  s.t:equal(status, 1, out)
  return out
end

return {
  ["a failed build keeps its machine; the next one goes on from the last checkpoint, and leaves no snapshot of it"] = function(t)
    local s = site(t)
    local out = failed(s)
    t:match(out, "small%.build%-%x+ is kept with its checkpoint 'apps': the next build goes on from there, or anew with %-%-fresh")
    t:ok(not out:find("left behind", 1, true))
    local state = builds.state(s)
    t:equal({ #state.vms, state.files, state.sessions }, { 1, {}, 0 })
    t:equal(s.lab:vms()[1].power, "poweredOff")
    t:match(require("tests.builds").run(s, "gc"), "stays    virtual machine %S+: kept on purpose")
    local status
    t:match(builds.run(s, "plan", recipe(s, "echo three >> " .. s.log)), "not there yet; goes on from the checkpoint 'apps' of run %x+")
    out, status = builds.run(s, recipe(s, "echo three >> " .. s.log))
    t:equal(status, 0, out)
    t:match(out, "build: not there yet; goes on from the checkpoint 'apps' of run %x+")
    t:equal(ran(s), "one two three ")
    t:equal(builds.state(s), EMPTY, out)
    local vc <close> = s.lab:connect()
    local facts = s.lab:vm(vc, "small"):get { "snapshot", "config.extraConfig" }
    t:equal(#facts.snapshot.rootSnapshotList, 1)
    t:equal({ facts.snapshot.rootSnapshotList[1].name, #(facts.snapshot.rootSnapshotList[1].childSnapshotList or {}) }, { "base", 0 })
    t:equal(require("build.existing").settings(facts["config.extraConfig"])["luabuild.kept"], nil)
    t:contains(builds.run(s, "gc"), "nothing to remove")
    t:contains(builds.run(s, s.dir .. "/small.lua"), "small: up to date")
  end,
  ["a change before a checkpoint makes it invalid; the one before it is gone on from"] = function(t)
    local s = site(t)
    failed(s)
    local text = t:read(recipe(s, "true")):gsub("echo two", "echo 2")
    local out, status = builds.run(s, t:write(s.dir .. "/small.lua", text))
    t:equal(status, 0, out)
    t:contains(out, "goes on from the checkpoint 'tools'")
    t:equal(ran(s), "one two 2 ")
    t:equal(builds.state(s), EMPTY)
  end,
  ["a change of the hardware leaves none valid: the build begins anew, and what was kept goes when it is done"] = function(t)
    local s = site(t)
    failed(s)
    local out, status = builds.run(s, recipe(s, "true", "hardware = { cpus = 3 },"))
    t:equal(status, 0, out)
    t:ok(not out:find("goes on from", 1, true))
    t:match(out, "removed small%.build%-%x+, which was kept for its checkpoints")
    t:equal(ran(s), "one two one two ")
    t:equal(builds.state(s), EMPTY)
  end,
  ["--fresh passes over checkpoints"] = function(t)
    local s = site(t)
    failed(s)
    local out, status = builds.run(s, recipe(s, "true"), "--fresh")
    t:equal(status, 0, out)
    t:equal(ran(s), "one two one two ")
    t:equal(builds.state(s), EMPTY)
  end,
  ["it fails again, and once more: still there, under the last run's name"] = function(t)
    local s = site(t)
    failed(s)
    for _ = 1, 2 do
      local before = builds.state(s).vms[1]
      t:contains(failed(s), "goes on from the checkpoint 'apps'")
      local now = builds.state(s).vms
      t:equal(#now, 1)
      t:ok(now[1] ~= before)
    end
    t:equal(ran(s), "one two ")
    local out, status = builds.run(s, "gc", "--older-than=0")
    t:equal(status, 0, out)
    t:equal(builds.state(s).vms, {})
    t:equal(t:shell("find " .. s.dir .. "/state -type f"), "")
  end,
  ["Ctrl-C after a checkpoint keeps the machine; a killed build is gone on with, too, while gc was not there"] = function(t)
    local s = site(t)
    local process = builds.start(s, recipe(s, "echo at work; sleep 30"))
    t:ok(process:wait_for("at work"), process.output())
    process.interrupt()
    local out, status = process:wait()
    t:equal(status, 130, out)
    t:contains(out, "is kept with its checkpoint 'apps'")
    process = builds.start(s, recipe(s, "echo at work; sleep 30"))
    t:ok(process:wait_for("at work"), process.output())
    process.kill()
    process:wait()
    out, status = builds.run(s, recipe(s, "true"))
    t:equal(status, 0, out)
    t:equal(ran(s), "one two ")
    t:equal(builds.run(s, "gc"):match("virtual machine"), nil)
    t:equal(builds.state(s), EMPTY)
  end,
  ["a clone has checkpoints as well, on its parent's disks"] = function(t)
    local s = site(t)
    builds.recipe(s)
    local function copy(last)
      return t:write(s.dir .. "/copy.lua", string.format('return clone { name = "copy", from = import "small", linked = true, shutdown = "poweroff",'
        .. 'provision = { shell "echo one >> %s", checkpoint "one", shell "%s" } }', s.log, last))
    end
    t:equal(select(2, builds.run(s, copy "exit 3")), 1)
    local out, status = builds.run(s, copy "true")
    t:equal(status, 0, out)
    t:contains(out, "goes on from the checkpoint 'one'")
    t:equal(ran(s), "one ")
    t:equal(builds.state(s).vms, { "copy", "small" })
  end,
  ["what --on-error=abort kept is not taken: somebody looks at it"] = function(t)
    local s = site(t)
    failed(s, "--on-error=abort")
    local out, status = builds.run(s, recipe(s, "true"))
    t:equal(status, 0, out)
    t:equal(#builds.state(s).vms, 2)
    t:equal(ran(s), "one two one two ")
  end,
  ["two of a name, or one in on_error, are mistakes of the recipe"] = function(t)
    local s = site(t)
    local out, status = builds.run(s, builds.recipe(s, 'provision = { checkpoint "a", checkpoint "a" }, on_error = { checkpoint "b" },'))
    t:equal(status, 2)
    t:contains(out, "provision[2]: there is a checkpoint 'a' before")
    t:contains(out, "on_error[1]: a checkpoint is for provision")
  end,
}
