-- Several images in one command
local builds = require "tests.builds"
local lab = require "tests.lab"
local signal = require "signal"
local terminal = require "tests.terminal"

local function site(t) return builds.setup(t, lab.start(t)) end

-- A recipe that makes two base images and a clone of the first.
local function three(s, first)
  return s.t:write(s.dir .. "/three.lua", string.format([[
local v = vars {}
local function small(name, more)
  local fields = { name = name, guest_id = "otherLinux64Guest", iso = { url = v.iso_url, checksum = v.iso_checksum },
    boot = { wait = "300ms", "<enter>" }, shutdown = { command = "poweroff", timeout = "20s" } }
  for key, value in pairs(more or {}) do fields[key] = value end
  return base(fields)
end
local one = small("one", { %s })
return { one, small "two", clone { name = "of-one", from = one, linked = true, shutdown = { command = "poweroff", timeout = "20s" } } }
]], first or ""))
end

return {
  ["independent images build side by side, each in its process, without mixing their lines"] = function(t)
    local s = site(t)
    local out, status = builds.run(s, three(s))
    t:equal(status, 0, out)
    t:equal(builds.state(s), { vms = { "of-one", "one", "two" }, files = {}, sessions = 0 })
    for line in out:match("^(.-\n)\n"):gmatch("[^\n]+") do t:match(line, "^o?f?%-?%w+ | ", "each line says whose it is") end
    local first_done, second_begun = out:find("one: built", 1, true), out:find("two | ", 1, true)
    t:ok(second_begun < first_done, "the second began before the first ended")
    t:ok(out:find("one: built", 1, true) < out:find("of-one | ", 1, true), "the clone waited for its parent")
  end,
  ["a recipe that is not called .lua is built side by side, too"] = function(t)
    local s = site(t)
    os.rename(three(s), s.dir .. "/three")
    local out, status = builds.run(s, s.dir .. "/three")
    t:equal(status, 0, out)
    t:equal(builds.state(s).vms, { "of-one", "one", "two" })
  end,
  ["one that fails does not stop the others; what stands on it is skipped"] = function(t)
    local s = site(t)
    local out, status = builds.run(s, three(s, "guest_id = 'noSuchGuest'"))
    t:equal(status, 1)
    t:contains(out, "of-one: skipped: one failed")
    t:match(out, "\n3 images: 1 failed, 1 built, 1 skipped, in %d[%d.]*s\n")
    t:contains(out, "two: built")
    t:equal(builds.state(s), { vms = { "two" }, files = {}, sessions = 0 })
  end,
  ["a skipped image is not called failed by what stands on it"] = function(t)
    local s = site(t)
    local recipe = s.t:write(s.dir .. "/line.lua", [[
local from, images = "nowhere", {}
for i, name in ipairs { "child", "grandchild", "last" } do
  images[i] = clone { name = name, from = from, linked = true }
  from = images[i]
end
return images]])
    for _, jobs in ipairs { "1", "2" } do
      local out, status = builds.run(s, recipe, "--jobs", jobs)
      t:equal(status, 1, out)
      t:contains(out, "grandchild: skipped: child failed")
      t:contains(out, "last: skipped: grandchild was skipped")
    end
  end,
  ["--jobs=1 builds one after the other in one process"] = function(t)
    local s = site(t)
    local out, status = builds.run(s, three(s), "--jobs", "1")
    t:equal(status, 0, out)
    t:ok(not out:find(" | ", 1, true))
    t:ok(out:find("one: built", 1, true) < out:find("two  ", 1, true))
  end,
  ["when nobody takes the output any more, or the terminal is closed, each cleans up"] = function(t)
    local s = site(t)
    local recipe = three(s, "boot = { wait = '1s', '<enter>' }")
    t:shell("{ env " .. builds.command(s, { recipe, "one", "two" }) .. "; } | sed '/one .* power on/q'")
    local state = builds.state(s)
    t:equal({ state.files, state.sessions }, { {}, 0 })
    for _, name in ipairs(state.vms) do t:equal(name, "two") end
    terminal.run(t, "env " .. builds.command(s, { recipe, "one", "two", "--force" }), { { wait = "one" }, { wait = "power on", hangup = true } })
    state = builds.state(s)
    t:equal({ state.files, state.sessions }, { {}, 0 })
    for _, name in ipairs(state.vms) do t:equal(name, "two") end
  end,
  ["Ctrl-C reaches every child, once, and each cleans up"] = function(t)
    local s = site(t)
    local recipe = three(s, "boot = { wait = '30s', '<enter>' }")
    local both = builds.start(s, recipe, "one", "two")
    t:ok(both:wait_for("one |   power on") and both:wait_for("two |   power on"), both.output())
    both.interrupt()
    local out, status = both:wait()
    t:equal(status, 130, out)
    t:contains(out, "one | ")
    t:contains(out, "undone: virtual machine")
    t:ok(not out:find("left behind", 1, true))
    local state = builds.state(s)
    t:equal({ state.files, state.sessions }, { {}, 0 })
    for _, name in ipairs(state.vms) do t:equal(name, "two") end
  end,
  ["a child that is interrupted before it can catch the signal is interrupted, not failed"] = function(t)
    local told = {}
    local program = t:write(t:directory() .. "/child", "#!/bin/sh\nsleep 30\n")
    t:shell("chmod +x " .. program)
    signal.restore(1)
    local e = require("cli.jobs").run({ { image = { name = "one" } } }, { limit = 1, program = program, given = {}, paths = {},
      emit = function(event) told[#told + 1] = { event.event, event.image, event.code, event.error } end })
    t:equal({ e.code, told }, { "cancelled", { { "image.failed", "one", "cancelled", "interrupted" } } })
  end,
  ["JSON events of several images are whole lines of one stream"] = function(t)
    local s = site(t)
    local out, status = builds.run(s, three(s), "--json")
    t:equal(status, 0)
    local done = {}
    for line in out:gmatch("[^\n]+") do
      local event = require("cjson").decode(line)
      if event.event == "image.done" then done[event.image] = event.result end
    end
    t:equal(done, { one = "built", two = "built", ["of-one"] = "built" })
  end,
  ["a second Ctrl-C reaches the children, too: each says what it leaves"] = function(t)
    local s = site(t)
    local both = builds.start(s, three(s, "boot = { wait = '30s', '<enter>' }"), "one", "two")
    t:ok(both:wait_for("one |   power on"), both.output())
    s.lab:fault { method = "Destroy_Task", fault = "slowtask", delay = 10, count = -1 }
    both.interrupt()
    t:ok(both:wait_for_request("Destroy_Task"))
    both.interrupt()
    local out, status = both:wait()
    t:equal(status, 130, out)
    t:match(out, "one | %s*left behind: virtual machine one%.build%-%x+")
  end,
  ["the children of a build that is killed clean up by themselves"] = function(t)
    local s = site(t)
    local process = builds.start(s, three(s, "boot = { wait = '30s', '<enter>' }"), "one", "two")
    t:ok(process:wait_for("one |   power on"), process.output())
    process.kill()
    process:wait()
    t:ok(t:eventually(function() return builds.state(s).sessions == 0 end), "no session is left")
    local state = builds.state(s) -- of the time after the last one left
    for _, name in ipairs(state.vms) do t:equal(name, "two") end
    t:equal(state.files, {})
  end,
}
