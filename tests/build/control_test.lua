-- Ending after a step, going on from one, breakpoints, and who is asked what
local builds = require "tests.builds"
local lab = require "tests.lab"
local terminal = require "tests.terminal"

local function site(t) return builds.setup(t, lab.start(t)) end

local STEPS = [[provision = {
  shell { "echo one", name = "first" },
  breakpoint "look at it",
  shell { "echo two", name = "second" },
},]]

-- luabuild on a terminal, with something typed at each text that appears.
local function typed(s, arguments, steps)
  return terminal.run(s.t, "env " .. builds.command(s, arguments), steps)
end

return {
  ["--until ends after a step and keeps the machine; --from goes on with it, to the finished image"] = function(t)
    local s = site(t)
    local recipe = builds.recipe(s, STEPS)
    local out, status = builds.run(s, recipe, "--until", "first")
    t:equal(status, 0, out)
    t:contains(out, "small: stopped after provision 1 first")
    t:match(out, "kept for a look, .*; %-%-from=STEP goes on with it, luabuild gc removes it after a day\n")
    t:ok(not out:find "second", out)
    t:match(out, " provision +%d%.%ds  stopped\n")
    local state = builds.state(s)
    t:match(state.vms[1], "^small%.build%-")

    out, status = builds.run(s, recipe, "--from", "provision 3")
    t:equal(status, 0, out)
    t:contains(out, "goes on with " .. state.vms[1])
    t:contains(out, "second> two")
    t:ok(not out:find("first>", 1, true), out)
    t:equal(builds.state(s).vms, { "small" })
    out = builds.run(s, recipe, "--until=first")
    t:contains(out, "--until has no effect: the image is up to date; --force")
    t:contains(out, "small: up to date")
  end,

  ["a machine that was kept is still there, with its floppy, when going on with it fails; the floppy goes in the end"] = function(t)
    local s = site(t)
    local floppy = 'kickstart = { floppy = "kickstart/centos" }, '
    t:equal(select(2, builds.run(s, builds.recipe(s, floppy .. STEPS), "--until", "ssh")), 0)
    local files = builds.state(s).files
    t:equal(#files, 1)
    local broken = builds.recipe(s, floppy .. 'provision = { shell { "exit 4", name = "first" } },')
    local out, status = builds.run(s, broken, "--from", "first")
    t:equal(status, 1, out)
    t:contains(out, "is kept, as it was before")
    t:equal(builds.state(s).files, files)
    out, status = builds.run(s, builds.recipe(s, floppy .. STEPS), "--from", "first")
    t:equal(status, 0, out)
    t:equal(builds.state(s), { vms = { "small" }, files = {}, sessions = 0 })
  end,

  ["--until and --from: no such step, nothing kept"] = function(t)
    local s = site(t)
    local recipe = builds.recipe(s, STEPS)
    local out, status = builds.run(s, recipe, "--until", "provison")
    t:equal(status, 2, out)
    t:contains(out, "--until: no step 'provison'\n  did you mean 'provision'?")
    out, status = builds.run(s, recipe, "--from", "boot")
    t:equal(status, 2, out)
    t:contains(out, "--from: no provisioning step 'boot'\n  the steps are provision 1 first, provision 2 breakpoint, provision 3 second\n")
    out, status = builds.run(s, recipe, "--from", "second")
    t:equal(status, 1, out)
    t:contains(out, "no machine of small was kept\n  --until STEP and --on-error=abort keep one")
  end,

  ["a dependant of an image that was stopped is skipped"] = function(t)
    local s = site(t)
    local recipe = t:write(s.dir .. "/two.lua", [[
local v = vars {}
local small = import "small"
return clone { name = "large", from = small, linked = true, shutdown = "poweroff" }
]])
    builds.recipe(s, STEPS)
    local out, status = builds.run(s, recipe, s.dir .. "/small.lua", "--until", "create")
    t:equal(status, 0, out)
    t:contains(out, "large: skipped: small was stopped")
  end,

  ["without a terminal a breakpoint is passed, and to ask is refused"] = function(t)
    local s = site(t)
    local recipe = builds.recipe(s, STEPS)
    local out, status = builds.run(s, recipe, "--on-error=ask")
    t:equal(status, 2, out)
    t:contains(out, "--on-error=ask needs a terminal")
    t:contains(builds.run(s, recipe, "--on-error=ask", "--json"), "--on-error=ask: with --json nobody is asked")
    out, status = builds.run(s, recipe)
    t:equal(status, 0, out)
    t:contains(out, "nobody to ask: went on")
  end,

  ["a breakpoint changes nothing in the image"] = function(t)
    local s = site(t)
    t:equal(select(2, builds.run(s, builds.recipe(s, 'provision = { shell "true" },'))), 0)
    t:contains(builds.run(s, builds.recipe(s, 'provision = { breakpoint(), shell "true" },')), "small: replaced")
    t:contains(builds.run(s, builds.recipe(s, 'provision = { breakpoint(), shell "true" },')), "up to date")
  end,

  ["a breakpoint asks at a terminal; a look around has the living build"] = function(t)
    local s = site(t)
    local out, status = typed(s, { builds.recipe(s, STEPS) }, {
      { wait = "breakpoint: look at it" },
      { wait = "[e]nd", send = "l\n" },
      { wait = "vc, vm, guest, image and vars are those of the build. " },
      { wait = "small> ", send = "print(vm.runtime.powerState, guest:run('echo living').out)\n" },
      { wait = "living", send = "" },
      { wait = "small> ", send = "\4" },
      { wait = "[e]nd", send = "g\n" },
    })
    t:equal(status, 0, out)
    t:contains(out, "poweredOn")
    t:contains(out, "│ two")
    t:equal(builds.state(s).vms, { "small" })
  end,

  ["a breakpoint among the steps of on_error asks, and can keep the machine"] = function(t)
    local s = site(t)
    local out, status = typed(s, { builds.recipe(s, 'provision = { shell "exit 3" }, on_error = { shell "exit 4", breakpoint "why?" },'), "--on-error=ask" }, {
      { wait = "[c]lean up and end? ", send = "c\n" },
      { wait = "breakpoint: why?" }, -- nobody is asked about the step before it
      { wait = "[e]nd and keep the machine? ", send = "e\n" },
    })
    t:equal(status, 1, out)
    t:contains(out, "kept for a look, stopped by the user")
    t:match(builds.state(s).vms[1], "^small%.build%-")
  end,

  ["of several images that ask, one is built after the other, and each asks"] = function(t)
    local s = site(t)
    local recipe = t:write(s.dir .. "/two.lua", [[
      local v = vars {}
      local function one(name)
        return base { name = name, guest_id = "otherLinux64Guest", iso = { url = v.iso_url, checksum = v.iso_checksum },
          boot = { "<enter>" }, shutdown = "poweroff", provision = { breakpoint("in " .. name) } }
      end
      return { one "first", one "second" }]])
    local out, status = typed(s, { recipe }, { { wait = "breakpoint: in first" }, { wait = "[e]nd and keep the machine? ", send = "\n" },
      { wait = "breakpoint: in second" }, { wait = "[G]o on", send = "g\n" } })
    t:equal(status, 0, out)
    t:contains(out, "breakpoint in first: one image after the other")
    t:equal(builds.state(s).vms, { "first", "second" })
  end,

  ["--on-error=ask: the step that failed is tried again, or the machine kept, or everything undone"] = function(t)
    local s = site(t)
    local flag = s.dir .. "/flag"
    local recipe = builds.recipe(s, string.format('provision = { shell { "test -e %s", name = "wants" } },', flag))
    local out, status = typed(s, { recipe, "--on-error=ask" }, { { wait = "failed: provision 1 wants" }, { wait = "[c]lean up", send = "k\n" } })
    t:equal(status, 1, out)
    t:contains(out, "kept for a look, as the user wants")
    t:match(builds.state(s).vms[1], "^small%.build%-")
    out, status = typed(s, { recipe, "--on-error=ask" }, { { wait = "[c]lean up and end? ", send = "\4" } })
    t:equal(status, 1, out)
    t:match(out, "and end%? [^\n]*\n +%S+ provision", "what follows begins a line")
    t:equal(#builds.state(s).vms, 1)
    out, status = typed(s, { recipe, "--on-error=ask" }, { { wait = "[c]lean up", send = "l\n" },
      { wait = "small> ", send = "local f = io.open('" .. flag .. "', 'w') f:close()\n" }, { wait = "small> ", send = "\4" },
      { wait = "[c]lean up", send = "r\n" } })
    t:equal(status, 0, out)
    t:equal(builds.state(s).vms[1], "small")
  end,

  ["--debug-step stops before each step; a secret that is needed is asked for and not shown"] = function(t)
    local s = site(t)
    local recipe = builds.recipe(s, "")
    local variables = t:read(s.vars):gsub('"ssh_password":"[^"]*",?', "")
    s.vars = t:write(s.dir .. "/without.json", (variables:gsub(",}", "}")))
    local out, status = typed(s, { recipe, "--debug-step" }, {
      { wait = "ssh_password (the guest's password; also for the kickstart): ", send = s.lab.env.LAB_SSH_PASSWORD .. "\n" },
      { wait = "before preflight" }, { wait = "[e]nd", send = "l\n" },
      { wait = "image and vars are those of the build; it has no vc, vm, guest yet. " }, { wait = "small> ", send = "\4" },
      { wait = "[e]nd", send = "\n" },
      { wait = "before iso" }, { wait = "[e]nd", send = "r\n" },
    })
    t:equal(status, 0, out)
    t:contains(out, "also for the kickstart): \n", "it is not shown")
  end,
}
