-- Clone images against the lab, in its mode without boot
local builds = require "tests.builds"
local lab = require "tests.lab"

local function site(t) return builds.setup(t, lab.start(t)) end

local function clone_recipe(s, fields, name)
  return s.t:write(s.dir .. "/" .. (name or "copy") .. ".lua", string.format([[
return clone { name = "%s", from = import "small", shutdown = "poweroff", %s }
]], name or "copy", fields or "linked = true"))
end

local function vm_of(s, vc, name)
  local finder = require "vsphere.finder".new(vc)
  return finder:folder(finder:datacenter(s.lab.env.LAB_DATACENTER), s.lab.env.LAB_FOLDER):find_vm(name)
end

return {
  ["a clone brings its parent up to date first, and is itself up to date the second time"] = function(t)
    local s = site(t)
    builds.recipe(s)
    local recipe = clone_recipe(s)
    local out, status = builds.run(s, recipe)
    t:equal(status, 0, out)
    t:match(out, "small: built.*copy: built")
    t:equal(builds.state(s), { vms = { "copy", "small" }, files = {}, sessions = 0 })
    out = builds.run(s, recipe)
    t:match(out, "small: up to date.*copy: up to date")
  end,
  ["a linked clone stands on its parent's snapshot, a full one does not"] = function(t)
    local s = site(t)
    builds.recipe(s)
    t:equal(select(2, builds.run(s, clone_recipe(s))), 0)
    local out, status = builds.run(s, clone_recipe(s, "linked = false, hardware = { disk = '2GiB', cpus = 3, memory = '1GiB' }", "whole"))
    t:equal(status, 0, out)
    local vc <close> = s.lab:connect()
    local function disk(name) return require("vsphere.device").disks(vm_of(s, vc, name):get "config.hardware.device")[1] end
    t:ok(disk("copy").backing.parent.parent, "its own snapshot, then the parent's disk")
    t:equal(disk("whole").backing.parent.parent, nil)
    t:equal(disk("whole").capacityInKB, 2 << 20)
    t:equal(vm_of(s, vc, "whole"):get "config.hardware.numCPU", 3)
  end,
  ["a change of the parent changes the clone"] = function(t)
    local s = site(t)
    builds.recipe(s)
    local recipe = clone_recipe(s)
    t:equal(select(2, builds.run(s, recipe)), 0)
    builds.recipe(s, "annotation = 'another'")
    local out, status = builds.run(s, recipe)
    t:equal(status, 0, out)
    t:match(out, "small: replaced.*build and replace: parent changed.*copy: replaced")
    local old = out:match("kept the image before as (small%.old%-%x+): disks of copy stand on it")
    t:equal(builds.state(s).vms, { "copy", "small", old })
  end,
  ["the name of a machine that is there serves as well; it is used as it is"] = function(t)
    local s = site(t)
    do
      local vc <close> = s.lab:connect()
      s.lab:create_vm(vc, "theirs")
    end
    local recipe = t:write(s.dir .. "/copy.lua", [[return clone { name = "copy", from = "theirs", linked = true, shutdown = "poweroff" }]])
    local out, status = builds.run(s, recipe)
    t:equal(status, 1)
    t:contains(out, "theirs has no snapshot, and a linked clone stands on one")
    t:contains(out, "make_snapshot = true")
    t:write(recipe, [[return clone { name = "copy", from = "theirs", linked = true, make_snapshot = "for-clones", shutdown = "poweroff" }]])
    out, status = builds.run(s, recipe)
    t:equal(status, 0, out)
    t:equal(builds.state(s).vms, { "copy", "theirs" })
  end,
  ["a machine of somebody else's that has the name of a parent is used as it is, with a note"] = function(t)
    local s = site(t)
    builds.recipe(s)
    t:equal(select(2, builds.run(s, s.dir .. "/small.lua")), 0)
    local before
    do
      local vc <close> = s.lab:connect()
      local vm = vm_of(s, vc, "small")
      vm:reconfigure { extraConfig = { { key = "luabuild.fingerprint", value = "" } } }
      before = vm:get "config.uuid"
    end
    builds.recipe(s, "annotation = 'something else'")
    local out, status = builds.run(s, clone_recipe(s))
    t:equal(status, 0, out)
    t:contains(out, "not made by luabuild, used as it is")
    local vc <close> = s.lab:connect()
    t:equal(vm_of(s, vc, "small"):get "config.uuid", before)
    t:equal(builds.state(s).vms, { "copy", "small" })
  end,
  ["growing the disk of a linked clone is refused before anything is asked"] = function(t)
    local s = site(t)
    builds.recipe(s)
    local out, status = builds.run(s, clone_recipe(s, "linked = true, hardware = { disk = '8GiB' }"))
    t:equal(status, 2)
    t:contains(out, "hardware.disk: cannot grow in a linked clone")
  end,
  ["a snapshot is chosen by its name or path; what is not there or not clear is said with what there is"] = function(t)
    local s = site(t)
    local vc <close> = s.lab:connect()
    local vm = s.lab:create_vm(vc, "theirs")
    for _, name in ipairs { "first", "same", "same" } do vm:take_snapshot(name, "") end
    local function build(snapshot)
      return builds.run(s, t:write(s.dir .. "/copy.lua", string.format(
        'return clone { name = "copy", from = "theirs", from_snapshot = %q, linked = true, shutdown = "poweroff" }', snapshot)))
    end
    local out, status = build "frist"
    t:equal(status, 1)
    t:contains(out, "theirs: no snapshot 'frist'\n  did you mean 'first'?")
    out, status = build "same"
    t:equal(status, 1)
    t:contains(out, "several snapshots are called 'same': first/same, first/same/same")
    out, status = build "first"
    t:equal(status, 0, out)
  end,
  ["a linked clone, too, goes to the datastore that is chosen for it"] = function(t)
    local s = site(t)
    builds.recipe(s)
    t:equal(select(2, builds.run(s, clone_recipe(s))), 0)
    local asked
    for _, r in ipairs(s.lab:log()) do if r.method == "CloneVM_Task" then asked = r.xml end end
    t:match(asked, '<datastore type="Datastore">[^<]+</datastore>.*createNewChildDiskBacking')
  end,
  ["a placement that a variable gives is taken away by an empty text"] = function(t)
    local s = site(t)
    builds.recipe(s)
    local out, status = builds.run(s, clone_recipe(s, 'placement = { cluster = "", resource_pool = "", host = "DC0_H0" }'))
    t:equal(status, 0, out)
    local vc <close> = s.lab:connect()
    t:equal(vm_of(s, vc, "copy"):get("runtime.host").name, "DC0_H0")
  end,
  ["a template is a source"] = function(t)
    local s = site(t)
    builds.recipe(s, "template = true")
    local out, status = builds.run(s, clone_recipe(s))
    t:equal(status, 0, out)
    t:equal(builds.state(s).vms, { "copy", "small" })
  end,
  ["what stands on a failed image is skipped, and said so"] = function(t)
    local s = site(t)
    builds.recipe(s)
    s.lab:fault { method = "CreateVM_Task", fault = "task", message = "no luck" }
    local out, status = builds.run(s, clone_recipe(s))
    t:equal(status, 1)
    t:contains(out, "copy: skipped: small failed")
    t:equal(builds.state(s), { vms = {}, files = {}, sessions = 0 })
  end,
}
