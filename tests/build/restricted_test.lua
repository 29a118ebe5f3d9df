-- A user who may not see or read everything: real vCenters leave properties out, and refuse others
local builds = require "tests.builds"
local lab = require "tests.lab"
local cjson = require "cjson"

local function site(t) return builds.setup(t, lab.start(t)) end

-- What the server does not tell this user of an object.
local function unset(s, kind, name, path)
  s.lab:control("POST", "/property", cjson.encode { type = kind, name = name, path = path, value = cjson.null })
end

local function unreadable(s, name)
  s.lab:control("POST", "/permission", cjson.encode { type = "VirtualMachine", name = name, without = { "System.Read" } })
end

return {
  ["what a switch or a pool is needed for, and who is to be let see it, is said"] = function(t)
    local s = site(t)
    unset(s, "DistributedVirtualPortgroup", "DC0_DVPG0", "config.distributedVirtualSwitch")
    unset(s, "ClusterComputeResource", "DC0_C0", "resourcePool")
    local out, status = builds.run(s, "check", builds.recipe(s), "--connect", "--var", "network=DC0_DVPG0")
    t:equal(status, 1)
    t:contains(out, "- the resource pool of 'DC0_C0' may not be seen by this user\n    give the user the role Read-only on it")
    t:contains(out, "- the distributed switch of network 'DC0_DVPG0' may not be seen by this user")
  end,

  ["without the cluster's environment browser nothing is known of guests, and nothing is wrong with them"] = function(t)
    local s = site(t)
    unset(s, "ClusterComputeResource", "DC0_C0", "environmentBrowser")
    local out, status = builds.run(s, "check", builds.recipe(s), "--connect")
    t:equal(status, 0, out)
    t:contains(out, "DC0_C0 does not tell this user which guests and hardware it takes")
  end,

  ["machines that may not be read may stand on an image before: it stays, and gc goes on past them"] = function(t)
    local s = site(t)
    local vc = s.lab:connect()
    t:equal(select(2, builds.run(s, builds.recipe(s))), 0)
    s.lab:create_vm(vc, "private")
    s.lab:create_vm(vc, "small.old-01234567")
    unreadable(s, "private")
    unreadable(s, "small.old-01234567")
    local out, status = builds.run(s, builds.recipe(s, 'annotation = "another",'))
    t:equal(status, 0, out)
    local old = out:match "kept the image before as (small%.old%-%x+): disks of one of 2 machines that this user may not read may stand on it"
    t:ok(old, out)
    out, status = builds.run(s, "gc", "--older-than=0")
    t:equal(status, 0, out)
    t:contains(out, "stays    image before " .. old .. ": disks of one of 2 machines")
    s.lab:control("DELETE", "/permission")
    out = builds.run(s, "gc", "--older-than=0")
    t:contains(out, "removed  image before " .. old)
  end,

  ["a template goes although the user may not see the pool of its host"] = function(t)
    local s = site(t)
    t:equal(select(2, builds.run(s, builds.recipe(s, "template = true, snapshot = false,"))), 0)
    local vc <close> = s.lab:connect()
    unset(s, "ClusterComputeResource", "DC0_C0", "resourcePool")
    unset(s, "ComputeResource", "DC0_H0", "resourcePool")
    require("build.family").destroy(s.lab:vm(vc, "small"))
    t:equal(s.lab:vm(vc, "small"), nil)
  end,
}
