-- What a recipe says past the usual options: fields of the API itself, lists of files for the installer, steps after the image is complete
local builds = require "tests.builds"
local lab = require "tests.lab"

local program = arg[-1]:find("^/") and arg[-1] or require("lfs").currentdir() .. "/" .. arg[-1]

return {
  ["fields of the API's own, a floppy of several paths and a step afterwards go into a build"] = function(t)
    local s = builds.setup(t, lab.start(t))
    t:shell("mkdir -p " .. s.dir .. "/drivers")
    t:write(s.dir .. "/drivers/one.inf", "a driver")
    t:write(s.dir .. "/answer.xml", "name ${ssh_username}")
    local out, status = builds.run(s, builds.recipe(s, [[
      kickstart = { floppy = { "drivers", "answer.xml" } },
      config = { cpuHotAddEnabled = true, tools = { toolsUpgradePolicy = "upgradeAtPowerCycle" } },
      after = { local_shell { "echo $LUABUILD_IMAGE > $LUABUILD_OUTPUT/done" }, function(_, vm) assert(vm.runtime.powerState == "poweredOff") end },]]))
    t:equal(status, 0, out)
    t:equal(t:read(s.dir .. "/output/done"), "small\n")
    local vc <close> = s.lab:connect()
    local vm = s.lab:vm(vc, "small")
    t:equal(vm.config.cpuHotAddEnabled, true)
    t:equal(vm.config.tools.toolsUpgradePolicy, "upgradeAtPowerCycle")
  end,

  ["an advanced setting of the source is taken away by an empty one"] = function(t)
    local s = builds.setup(t, lab.start(t))
    builds.recipe(s, 'extra_config = { ["guestinfo.parent"] = "it" },')
    local out, status = builds.run(s, t:write(s.dir .. "/copy.lua",
      'return clone { name = "copy", from = import "small", shutdown = "poweroff", extra_config = { ["guestinfo.parent"] = "" } }'))
    t:equal(status, 0, out)
    local vc <close> = s.lab:connect()
    t:equal({ s.lab:vm(vc, "small"):extra_config()["guestinfo.parent"], s.lab:vm(vc, "copy"):extra_config()["guestinfo.parent"] }, { "it" })
  end,

  ["when a step afterwards fails, there is no image"] = function(t)
    local s = builds.setup(t, lab.start(t))
    local out, status = builds.run(s, builds.recipe(s, [[after = { local_shell { "exit 3" } },]]))
    t:equal(status, 1)
    t:contains(out, "after 1 local_shell: `exit 3` ended with status 3")
    t:equal(builds.state(s).vms, {})
  end,

  ["what the API does not know, and what has an option, is refused at its line"] = function(t)
    local dir = t:directory()
    t:write(dir .. "/r.lua", [[
return base { name = "x", guest_id = "y", iso = { url = "iso", checksum = "none" }, ssh = { password = "p" },
  config = { cpuHotAdEnabled = true,
    memoryMB = 4 },
  after = { shell "true" },
}]])
    t:write(dir .. "/iso", "")
    local out, status = t:shell("cd " .. dir .. " && " .. program .. " check r.lua")
    t:equal(status, 2)
    t:contains(out, "VirtualMachineConfigSpec has no field 'cpuHotAdEnabled': did you mean 'cpuHotAddEnabled'?")
    t:contains(out, "r.lua:3: config.memoryMB is said with hardware.memory")
    t:write(dir .. "/r.lua", t:read(dir .. "/r.lua"):gsub("config.-},\n", ""))
    t:contains(t:shell("cd " .. dir .. " && " .. program .. " check r.lua"),
      "r.lua:2: after[1]: shell needs the guest, which is off by then")
  end,
}
