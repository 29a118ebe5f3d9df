-- What a run leaves on this machine: a journal while it is at work, and after it was killed; nothing when it ended.
local builds = require "tests.builds"
local cjson = require "cjson"
local lab = require "tests.lab"

local function journals(s) return s.t:shell("ls " .. s.dir .. "/state/luabuild/journal 2>/dev/null"):gsub("%s+$", "") end

local function lines(s)
  local out = {}
  for line in io.lines(s.dir .. "/state/luabuild/journal/" .. journals(s)) do out[#out + 1] = cjson.decode(line) end
  return out
end

local WAITS = 'kickstart = { floppy = "kickstart/centos" }, boot = { wait = "30s", "<enter>" }, '

return {
  ["a build that ends leaves no journal and no lock, whether it worked or failed"] = function(t)
    local s = builds.setup(t, lab.start(t))
    t:equal(select(2, builds.run(s, builds.recipe(s))), 0)
    t:equal(select(2, builds.run(s, builds.recipe(s, "guest_id = 'noSuchGuest',", "other"))), 1)
    t:equal(t:shell("find " .. s.dir .. "/state -type f"), "")
  end,
  ["what a killed build made is in its journal, without secrets, and only its owner reads it"] = function(t)
    local s = builds.setup(t, lab.start(t))
    local process = builds.start(s, builds.recipe(s, WAITS))
    t:ok(process:wait_for("  power on"), process.output())
    process.kill()
    process:wait()
    local written = lines(s)
    local name = builds.state(s).vms[1]
    t:equal(written[1].run, name:match("%x+$"))
    t:equal({ written[1].image, written[1].server }, { "small", s.lab.env.VCENTER_SERVER })
    local made = {}
    for _, line in ipairs(written) do if line.made then made[line.made] = line.what elseif line.gone then made[line.gone] = nil end end
    local kinds = {}
    for _, what in pairs(made) do kinds[what.kind] = what.name or what.path end
    t:equal(kinds, { vm = name, file = "luabuild_cache/" .. written[1].run .. ".flp" })
    local text = t:read(s.dir .. "/state/luabuild/journal/" .. journals(s))
    for _, secret in ipairs { s.lab.env.VCENTER_PASSWORD, s.lab.env.LAB_SSH_PASSWORD } do t:ok(not text:find(secret, 1, true)) end
    t:match(t:shell("ls -l " .. s.dir .. "/state/luabuild/journal"), "\n%-rw%-%-%-%-%-%-%- ")
  end,
  ["a state directory that cannot be made is an error before anything is made"] = function(t)
    local s = builds.setup(t, lab.start(t))
    t:write(s.dir .. "/state", "a file")
    local out, status = builds.run(s, builds.recipe(s))
    t:equal(status, 1)
    t:contains(out, "make the state directory: " .. s.dir .. "/state")
    t:contains(out, "set XDG_STATE_HOME")
    t:equal(builds.state(s), { vms = {}, files = {}, sessions = 0 })
  end,
  ["two builds of the same image on one machine: the second waits, says for whom, and has nothing to do"] = function(t)
    local s = builds.setup(t, lab.start(t))
    local recipe = builds.recipe(s, 'boot = { wait = "1s", "<enter>" },')
    local first = builds.start(s, recipe)
    t:ok(first:wait_for("  power on"), first.output())
    local second = builds.start(s, recipe)
    t:ok(second:wait_for("waiting for run "), second.output())
    local out, status = first:wait()
    t:equal(status, 0, out)
    out, status = second:wait()
    t:equal(status, 0, out)
    t:contains(out, string.format("(process %d), which has the image small", first.pid))
    t:contains(out, "small: up to date")
  end,
  ["Ctrl-C ends the wait for another build"] = function(t)
    local s = builds.setup(t, lab.start(t))
    local first = builds.start(s, builds.recipe(s, WAITS))
    t:ok(first:wait_for("  power on"), first.output())
    local second = builds.start(s, s.dir .. "/small.lua")
    t:ok(second:wait_for("waiting for run "))
    second.interrupt()
    local out, status = second:wait()
    t:equal(status, 130, out)
    t:equal(#builds.state(s).vms, 1)
  end,
  ["two builds that need the same ISO upload it once"] = function(t)
    local s = builds.setup(t, lab.start(t))
    s.lab:fault { method = "PUT /folder", fault = "slow", delay = 1 }
    local first = builds.start(s, builds.recipe(s, nil, "one"))
    t:ok(first:wait_for_request("PUT /folder"), first.output())
    local second = builds.start(s, builds.recipe(s, nil, "two"))
    for _, process in ipairs { first, second } do
      local out, status = process:wait()
      t:equal(status, 0, out)
    end
    t:contains(second.output(), "which has the upload of the same ISO")
    t:contains(second.output(), "already on the datastore")
    local uploads = 0
    for _, r in ipairs(s.lab:log()) do if r.method == "PUT" then uploads = uploads + 1 end end
    t:equal(uploads, 1)
  end,
}
