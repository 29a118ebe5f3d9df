-- An image that is there and is built again: the one before stays as it is until the new one is complete, and as long as it is needed
local builds = require "tests.builds"
local lab = require "tests.lab"

-- A site with the image built once, and what the recipe's path is.
local function built(t, fields)
  local s = builds.setup(t, lab.start(t))
  s.fields = fields or ""
  local out, status = builds.run(s, builds.recipe(s, s.fields))
  t:equal(status, 0, out)
  return s
end

-- The id of the image in the lab, nil when there is none.
local function id(s, name)
  for _, vm in ipairs(s.lab:vms()) do if vm.name == (name or "small") then return vm.moid end end
end

-- Change the recipe, so that the image has to be built again.
local function change(s, what) return builds.recipe(s, s.fields .. " annotation = '" .. what .. "',") end

local function clone_of(s, name)
  return s.t:write(s.dir .. "/" .. name .. ".lua",
    string.format('return clone { name = %q, from = import "small", linked = true, shutdown = "poweroff" }', name))
end

return {
  ["when the new name cannot be given, the image before has its own again"] = function(t)
    local s = built(t)
    local before = id(s)
    s.lab:fault { method = "Rename_Task", fault = "task", after = 1, message = "the lab says no" }
    local out, status = builds.run(s, change(s, "second"))
    t:equal(status, 1, out)
    t:contains(out, "publish: the lab says no")
    t:contains(out, "undone: name of the image before")
    t:equal(builds.state(s), { vms = { "small" }, files = {}, sessions = 0 })
    t:equal(id(s), before)
    t:contains(builds.run(s, builds.recipe(s, s.fields)), "small: up to date")
  end,
  ["Ctrl-C between the two names gives the image before its own again"] = function(t)
    local s = built(t)
    local before = id(s)
    s.lab:fault { method = "Rename_Task", fault = "slowtask", after = 1, delay = 1 }
    s.lab:fault { method = "CancelTask", fault = "fault", type = "NotSupported", count = -1 }
    local process = builds.start(s, change(s, "second"))
    t:ok(process:wait_for_request("Rename_Task", 2), process.output())
    process.interrupt()
    local out, status = process:wait()
    t:equal(status, 130, out)
    t:equal(builds.state(s), { vms = { "small" }, files = {}, sessions = 0 }, out)
    t:equal(id(s), before)
  end,
  ["an answer that is lost in the swap is looked up"] = function(t)
    local s = built(t)
    local before = id(s)
    for after = 0, 1 do
      s.lab:fault { method = "Rename_Task", fault = "lost", after = after }
      local out, status = builds.run(s, change(s, "lost " .. after))
      t:equal(status, 0, out)
      s.lab:control("DELETE", "/fault")
    end
    t:equal(builds.state(s), { vms = { "small" }, files = {}, sessions = 0 })
    t:ok(id(s) ~= before)
  end,
  ["keep = 2 keeps the two before, by their age"] = function(t)
    local s = built(t, "keep = 2,")
    local ids = { id(s) }
    for i = 2, 4 do
      local out, status = builds.run(s, change(s, i))
      t:equal(status, 0, out)
      t:contains(out, "kept the image before as small.old-")
      ids[i] = id(s)
      require("signal").sleep(1) -- ages are whole seconds
    end
    local left = {}
    for _, vm in ipairs(s.lab:vms()) do left[vm.moid] = vm.name end
    t:equal(left[ids[1]], nil)
    t:match(left[ids[2]], "^small%.old%-%x+$")
    t:match(left[ids[3]], "^small%.old%-%x+$")
    t:equal(left[ids[4]], "small")
    s.fields = ""
    t:equal(select(2, builds.run(s, change(s, "none"))), 0)
    t:equal(builds.state(s).vms, { "small" })
  end,
  ["one that a clone stands on stays, and goes with a later build when nothing stands on it any more"] = function(t)
    local s = built(t)
    t:equal(select(2, builds.run(s, clone_of(s, "copy"))), 0)
    local before = id(s)
    local out = builds.run(s, change(s, "second"))
    t:match(out, "kept the image before as small%.old%-%x+: disks of copy stand on it")
    t:equal(select(2, builds.run(s, s.dir .. "/copy.lua")), 0) -- now it stands on the new one
    t:equal(#builds.state(s).vms, 3)
    out = builds.run(s, change(s, "third"))
    t:match(out, "kept the image before as small%.old%-%x+: disks of copy stand on it")
    local names = {}
    for _, vm in ipairs(s.lab:vms()) do names[vm.moid] = vm.name end
    t:equal(names[before], nil)
  end,
  ["a clone stands on its image, and nothing stands on the clone"] = function(t)
    local s = built(t)
    t:equal(select(2, builds.run(s, clone_of(s, "copy"))), 0)
    local family = require "build.family"
    local vc <close> = s.lab:connect()
    t:equal(family.needed(s.lab:vm(vc, "small")), "disks of copy stand on it")
    t:equal(family.needed(s.lab:vm(vc, "copy")), nil)
  end,
  ["who stands on an image is told although another machine goes meanwhile"] = function(t)
    local s = built(t)
    t:equal(select(2, builds.run(s, clone_of(s, "copy"))), 0)
    local gone, asked = s.lab:create_vm(s.lab:connect(), "gone"), nil
    local vc <close> = s.lab:connect { trace = function(request)
      if not asked or request.method ~= "RetrievePropertiesEx" then return end
      asked = asked + 1
      if asked == 2 then gone:destroy() end -- between the list of machines and the look at each of them
    end }
    local vm = s.lab:vm(vc, "small")
    asked = 0
    t:equal(require("build.family").needed(vm), "disks of copy stand on it")
  end,
  ["a template with snapshots is replaced"] = function(t)
    local s = built(t, "template = true,")
    local out, status = builds.run(s, change(s, "second"))
    t:equal(status, 0, out)
    t:equal(builds.state(s), { vms = { "small" }, files = {}, sessions = 0 }, out)
  end,
  ["a build that fails after its export leaves the files of the one before, and none when there were none"] = function(t)
    local s = builds.setup(t, lab.start(t), { disk_size = "16" })
    s.fields = 'export = { format = "ova" },'
    local function files() return t:shell("cd " .. s.dir .. "/output 2>/dev/null && sha256sum $(ls | grep 'ova\\|json') 2>/dev/null; ls | grep [.]before-") end
    local no = { method = "Rename_Task", fault = "task", message = "the lab says no" }
    s.lab:fault(no)
    local out, status = builds.run(s, builds.recipe(s, s.fields))
    t:equal(status, 1, out)
    t:contains(out, "undone: files of the export")
    t:equal(t:shell("ls " .. s.dir .. "/output | grep -v 'png\\|log\\|report'"), "")
    t:equal(select(2, builds.run(s, builds.recipe(s, s.fields))), 0)
    local before = files()
    t:contains(before, "small.ova\n")
    s.lab:fault(no)
    t:equal(select(2, builds.run(s, change(s, "second"))), 1)
    t:equal(files(), before)
    t:equal(select(2, builds.run(s, change(s, "second"))), 0)
    t:ok(files() ~= before)
    t:equal(t:shell("ls " .. s.dir .. "/output | grep [.]before-"), "")
  end,
}
