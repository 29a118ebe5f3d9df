-- gc: what dead runs left goes, and nothing else
local builds = require "tests.builds"
local lab = require "tests.lab"

local function site(t) return builds.setup(t, lab.start(t)) end

local WAITS = 'kickstart = { floppy = "kickstart/centos" }, boot = { wait = "30s", "<enter>" },'

-- Kill a build at work; its output so far.
local function killed(s, text, ...)
  local process = builds.start(s, ...)
  s.t:ok(process:wait_for(text), process.output())
  process.kill()
  process:wait()
end

local function gc(s, ...) return builds.run(s, "gc", ...) end

-- What another machine knows: no journal.
local function elsewhere(s) s.t:shell("mv " .. s.dir .. "/state " .. s.dir .. "/state.other") end

local EMPTY = { vms = {}, files = {}, sessions = 0 }

return {
  ["what a killed build left goes: its machine, floppy, session, journal; a dry run only says so"] = function(t)
    local s = site(t)
    killed(s, "  power on", builds.recipe(s, WAITS))
    local before = builds.state(s)
    t:equal({ #before.vms, #before.files, before.sessions }, { 1, 1, 1 })
    local out, status = gc(s, "--dry-run")
    t:equal(status, 0, out)
    t:match(out, "goes     virtual machine %S*small%.build%-%x+: its run died\n")
    t:match(out, "goes     kickstart floppy %[LocalDS_0%] luabuild_cache/%x+%.flp: its run died\n")
    t:match(out, "goes     session of run %x+: its run died\n")
    t:equal(builds.state(s), before)
    out, status = gc(s)
    t:equal(status, 0, out)
    t:contains(out, "removed  virtual machine ")
    t:equal(builds.state(s), EMPTY, out)
    t:equal(t:shell("find " .. s.dir .. "/state -type f"), "")
    t:equal(gc(s), "nothing to remove\n")
    t:equal(gc(s, "--dry-run"), "nothing to remove\n")
    t:equal(select(2, builds.run(s, builds.recipe(s))), 0)
  end,
  ["a partial upload goes, and what a download left on this machine"] = function(t)
    local s = site(t)
    s.lab:fault { method = "MoveDatastoreFile_Task", fault = "hang" }
    local process = builds.start(s, builds.recipe(s))
    t:ok(process:wait_for_request "MoveDatastoreFile_Task")
    process.kill()
    process:wait()
    t:match(builds.state(s).files[1], "^luabuild_cache/%x+%.part$")
    local out, status = gc(s)
    t:equal(status, 0, out)
    t:contains(out, "removed  partial upload [LocalDS_0] luabuild_cache/")
    t:contains(out, "removed  directory [LocalDS_0] luabuild_cache: nothing is left in it")
    t:equal(builds.state(s), EMPTY)
  end,
  ["a build at work is left alone, and a finished image"] = function(t)
    local s = site(t)
    t:equal(select(2, builds.run(s, builds.recipe(s, nil, "done"))), 0)
    local process = builds.start(s, builds.recipe(s, WAITS))
    t:ok(process:wait_for("  power on"), process.output())
    local before = builds.state(s)
    local out, status = gc(s, "--older-than=0")
    t:equal(status, 0, out)
    t:match(out, "stays    virtual machine %S*small%.build%-%x+: its run is at work")
    t:equal(builds.state(s), before)
    elsewhere(s) -- another machine sees its session
    out = gc(s, "--older-than=0")
    t:match(out, "stays    virtual machine %S*small%.build%-%x+: its run is at work")
    t:equal(builds.state(s), before)
  end,
  ["another machine's leftovers go when they are old, and not while their run is logged in"] = function(t)
    local s = site(t)
    killed(s, "  power on", builds.recipe(s, WAITS))
    elsewhere(s)
    local out = gc(s, "--older-than=0")
    t:contains(out, "its run is at work", "it is still logged in")
    s.lab:control("POST", "/expire")
    out = gc(s)
    t:match(out, "stays    virtual machine %S+: %S+, process %d+ began it %S+ ago, and is not logged in")
    local status
    out, status = gc(s, "--older-than=0")
    t:equal(status, 0, out)
    t:equal(builds.state(s), EMPTY, out)
  end,
  ["a machine that was renamed, or has the name and not the mark, is somebody's"] = function(t)
    local s = site(t)
    killed(s, "  power on", builds.recipe(s, WAITS))
    do
      local vc <close> = s.lab:connect()
      s.lab:vm(vc, builds.state(s).vms[1]):rename "mine"
      s.lab:create_vm(vc, "other.build-01234567")
      s.lab:create_vm(vc, "other.old-01234567")
    end
    gc(s, "--older-than=0")
    t:equal(builds.state(s).vms, { "mine", "other.build-01234567", "other.old-01234567" })
  end,
  ["killed between the two names of a swap: the image before gets its name back"] = function(t)
    local s = site(t)
    t:equal(select(2, builds.run(s, builds.recipe(s))), 0)
    local before = s.lab:vms()[1].moid
    s.lab:fault { method = "Rename_Task", fault = "hang", after = 1 }
    local process = builds.start(s, builds.recipe(s, "annotation = 'second',"))
    t:ok(process:wait_for_request("Rename_Task", 2), process.output())
    process.kill()
    process:wait()
    s.lab:control("DELETE", "/fault")
    local out, status = gc(s)
    t:equal(status, 0, out)
    t:match(out, "renamed  image before small%.old%-%x+ to small: its successor never got its name")
    t:equal(builds.state(s), { vms = { "small" }, files = {}, sessions = 0 }, out)
    t:equal(s.lab:vms()[1].moid, before)
  end,
  ["an image before that a clone stands on stays until the clone is gone"] = function(t)
    local s = site(t)
    builds.recipe(s)
    local copy = t:write(s.dir .. "/copy.lua", 'return clone { name = "copy", from = import "small", linked = true, shutdown = "poweroff" }')
    t:equal(select(2, builds.run(s, copy)), 0)
    t:equal(select(2, builds.run(s, builds.recipe(s, "annotation = 'second',"))), 0)
    t:match(gc(s), "stays    image before small%.old%-%x+: disks of copy stand on it")
    t:equal(#builds.state(s).vms, 3)
    t:equal(select(2, builds.run(s, copy)), 0)
    local out, status = gc(s)
    t:equal(status, 0, out)
    t:match(out, "removed  image before small%.old%-%x+: nothing needs it")
    t:equal(builds.state(s).vms, { "copy", "small" })
  end,
  ["kept versions stay"] = function(t)
    local s = site(t)
    t:equal(select(2, builds.run(s, builds.recipe(s, "keep = 1,"))), 0)
    t:equal(select(2, builds.run(s, builds.recipe(s, "keep = 1, annotation = 'second',"))), 0)
    t:match(gc(s), "stays    image before small%.old%-%x+: keep = 1")
    t:equal(#builds.state(s).vms, 2)
  end,
  ["a build killed while it exported: lease, partial file and machine go"] = function(t)
    local s = site(t)
    s.lab:fault { method = "GET /nfc", fault = "slow", delay = 20 }
    local process = builds.start(s, builds.recipe(s, "export = { format = 'ova' },"))
    t:ok(process:wait_for_request "GET", process.output())
    t:ok(process:wait_for "detach")
    local function partial() return t:shell("find " .. s.dir .. "/output -name '*.part*'"):match "small%.ova%.part" end
    t:ok(t:eventually(partial), "a partial file")
    process.kill()
    process:wait()
    t:ok(partial(), "it is left")
    local others = "small2.ova.part-abcdef small-2.ova.part-abcdef small.x.ovf.part"
    t:shell("cd " .. s.dir .. "/output && touch small-disk-1.vmdk.part small.mf.part " .. others)
    local out, status = gc(s)
    t:equal(status, 0, out)
    t:contains(out, "removed  partial export in " .. s.dir .. "/output")
    t:match(out, "removed  export lease session")
    t:equal(builds.state(s), EMPTY, out)
    t:equal(t:shell("cd " .. s.dir .. "/output && rm " .. others .. " && find -name '*.part*'"), "", "other images' stay")
  end,
  ["another machine's build of the same image at work: refused, with who it is; when it died, a note"] = function(t)
    local s = site(t)
    local first = builds.start(s, builds.recipe(s, WAITS))
    t:ok(first:wait_for("  power on"), first.output())
    elsewhere(s)
    local out, status = builds.run(s, s.dir .. "/small.lua")
    t:equal(status, 1, out)
    t:match(out, "another build of this image is at work: run %x+, %S+, process " .. first.pid .. ", begun %S+ ago; its machine is small%.build%-%x+")
    out, status = builds.run(s, "plan", s.dir .. "/small.lua")
    t:equal(status, 0, out)
    t:match(out, "another build of this image is at work: .*; until its end a build is refused")
    out, status = builds.run(s, builds.recipe(s, "annotation = 'beside',"), "--force")
    t:equal(status, 0, out)
    t:contains(out, "--force: going on beside it")
    first.kill()
    first:wait()
    s.lab:control("POST", "/expire")
    out, status = builds.run(s, builds.recipe(s))
    t:equal(status, 0, out)
    t:match(out, "small%.build%-%x+ is left of a build that did not get to its end; luabuild gc removes it")
  end,
  ["what --on-error=abort kept for a look stays for a day"] = function(t)
    local s = site(t)
    local out, status = builds.run(s, builds.recipe(s, 'kickstart = { floppy = "kickstart/centos" }, shutdown = { command = "true", timeout = "1ms" },'),
      "--on-error=abort")
    t:equal(status, 1, out)
    local before = builds.state(s)
    t:equal({ #before.vms, #before.files }, { 1, 1 })
    out = gc(s)
    t:match(out, "stays    virtual machine %S+: kept on purpose %S+ ago")
    t:match(out, "stays    kickstart floppy %[LocalDS_0%] %S+: kept on purpose %S+ ago")
    elsewhere(s)
    out = gc(s)
    t:match(out, "stays    virtual machine %S+: kept on purpose %S+ ago")
    t:equal(builds.state(s), before)
    t:shell("mv " .. s.dir .. "/state.other " .. s.dir .. "/state")
    t:equal(builds.state(s), before)
    out, status = gc(s, "--older-than=0")
    t:equal(status, 0, out)
    t:equal(builds.state(s), EMPTY)
  end,
  ["a wrong age is a mistake in the command"] = function(t)
    local s = site(t)
    local out, status = gc(s, "--older-than=soon")
    t:equal(status, 2)
    t:contains(out, "--older-than: ")
  end,
}
