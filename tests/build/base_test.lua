-- Base images against the lab, in its mode without boot: everything but the boot is real.
local builds = require "tests.builds"
local lab = require "tests.lab"

local function site(t, more) return builds.setup(t, lab.start(t), more) end

local function vm_of(s, vc, name)
  local finder = require "vsphere.finder".new(vc)
  return finder:folder(finder:datacenter(s.lab.env.LAB_DATACENTER), s.lab.env.LAB_FOLDER):find_vm(name)
end

local function kinds(devices)
  local out = {}
  for _, d in ipairs(devices) do out[require("vim").typeof(d)] = (out[require("vim").typeof(d)] or 0) + 1 end
  return out
end

local function uploads(s)
  local n = 0
  for _, r in ipairs(s.lab:log()) do if r.kind == "folder" and r.method:find("PUT") then n = n + 1 end end
  return n
end

return {
  ["the repository's recipes build, say what they do, and leave nothing but the image"] = function(t)
    local s = site(t)
    local out, status = builds.run(s, "recipes/centos7.lua", "--var", "create_snapshot=true")
    t:equal(status, 0, out)
    for _, step in ipairs { "preflight", "iso", "kickstart", "create", "power on", "boot", "address", "ssh", "shut down", "detach", "finish", "publish" } do
      t:match(out, "\n?  " .. step .. " +[%d.]+s", "the step is shown")
    end
    t:equal(builds.state(s), { vms = { "base-os-centos7" }, files = {}, sessions = 0 })
    local vc <close> = s.lab:connect()
    local vm = vm_of(s, vc, "base-os-centos7")
    local facts = vm:get { "config.hardware.device", "config.bootOptions", "snapshot", "config.firmware", "config.template", "runtime.powerState" }
    local devices = kinds(facts["config.hardware.device"])
    t:equal({ devices.VirtualCdrom, devices.VirtualFloppy, devices.VirtualDisk, devices.VirtualVmxnet3, devices.VirtualLsiLogicController },
      { nil, nil, 1, 1, 1 })
    t:ok(require("vsphere.device").boot_order_is_clear(facts["config.bootOptions"]))
    t:ok(facts.snapshot, "a snapshot")
    t:equal(facts["runtime.powerState"], "poweredOff")
    t:equal(vm:extra_config()["luabuild.image"], "base-os-centos7")
  end,
  ["an image that is up to date is left alone, and no ISO is uploaded twice"] = function(t)
    local s = site(t)
    local recipe = builds.recipe(s)
    t:equal(select(2, builds.run(s, recipe)), 0)
    t:equal(uploads(s), 1)
    local out, status = builds.run(s, recipe)
    t:equal(status, 0)
    t:contains(out, "nothing to do: up to date")
    t:equal(select(2, builds.run(s, recipe, "--force")), 0)
    t:equal(uploads(s), 1, "the ISO was there")
    t:equal(builds.state(s), { vms = { "small" }, files = {}, sessions = 0 })
  end,
  ["a changed recipe replaces the image, and says what changed"] = function(t)
    local s = site(t)
    t:equal(select(2, builds.run(s, builds.recipe(s))), 0)
    local out, status = builds.run(s, builds.recipe(s, "hardware = { memory = '768MiB' }"))
    t:equal(status, 0, out)
    t:contains(out, "build and replace: hardware (memory) changed")
    t:equal(builds.state(s).vms, { "small" })
    local vc <close> = s.lab:connect()
    t:equal(vm_of(s, vc, "small"):get "config.hardware.memoryMB", 768)
  end,
  ["what is not ours is not touched, unless forced"] = function(t)
    local s = site(t)
    t:equal(select(2, builds.run(s, builds.recipe(s))), 0)
    do
      local vc <close> = s.lab:connect()
      vm_of(s, vc, "small"):reconfigure { extraConfig = { { key = "luabuild.fingerprint", value = "" } } }
    end
    local out, status = builds.run(s, builds.recipe(s))
    t:equal(status, 1)
    t:contains(out, "luabuild did not make it")
    t:contains(out, "--force")
    t:equal(builds.state(s), { vms = { "small" }, files = {}, sessions = 0 })
    out, status = builds.run(s, builds.recipe(s), "--force")
    t:equal(status, 0, out)
    t:equal(builds.state(s), { vms = { "small" }, files = {}, sessions = 0 })
  end,
  ["an old image whose disk another machine stands on is kept under another name, and said so"] = function(t)
    local s = site(t)
    t:equal(select(2, builds.run(s, builds.recipe(s))), 0)
    do
      local vc <close> = s.lab:connect()
      local vm = vm_of(s, vc, "small")
      require("vsphere.task").run(vm, "CloneVM_Task", { folder = vm.parent, name = "child", spec = {
        location = { diskMoveType = "createNewChildDiskBacking" }, powerOn = false, template = false,
        snapshot = vm.snapshot.currentSnapshot } })
    end
    local out, status = builds.run(s, builds.recipe(s), "--force")
    t:equal(status, 0, out)
    local old = out:match("kept the image before as (small%.old%-%x+): disks of child stand on it")
    t:ok(old, out)
    t:equal(builds.state(s).vms, { "child", "small", old })
  end,
  ["a template is made, and replaced"] = function(t)
    local s = site(t)
    local recipe = builds.recipe(s, "template = true")
    t:equal(select(2, builds.run(s, recipe)), 0)
    local out, status = builds.run(s, recipe, "--force")
    t:equal(status, 0, out)
    t:equal(builds.state(s), { vms = { "small" }, files = {}, sessions = 0 })
    local vc <close> = s.lab:connect()
    t:equal(vm_of(s, vc, "small"):get "config.template", true)
  end,
  ["an ESXi host without a vCenter serves as well"] = function(t)
    local l = lab.start(t, { model = "esx" })
    local s = builds.setup(t, l, { cluster = "", resource_pool = "", folder = "" })
    local out, status = builds.run(s, builds.recipe(s))
    t:equal(status, 0, out)
    t:equal(builds.state(s), { vms = { "small" }, files = {}, sessions = 0 })
  end,
  ["a build makes few requests"] = function(t)
    local s = site(t)
    t:equal(select(2, builds.run(s, "recipes/centos7.lua")), 0)
    local n, bytes = 0, 0
    for _, r in ipairs(s.lab:log()) do
      local key = r.method == "PutUsbScanCodes"
      if r.kind == "soap" and not key and r.method ~= "WaitForUpdatesEx" then n = n + 1 end
      if r.kind == "soap" and not key then bytes = bytes + r.out end
    end
    t:ok(n <= 50, n .. " requests")
    t:ok(bytes <= 90000, bytes .. " bytes came")
    t:ok(n > 15)
  end,
  ["hardware is what the recipe says"] = function(t)
    local s = site(t)
    local recipe = builds.recipe(s, [[annotation = "made by a test", extra_config = { ["disk.EnableUUID"] = "TRUE" }, snapshot = "first",
      hardware = { cpus = 4, cores = 2, memory = "1GiB", controller = { "pvscsi", "nvme" }, firmware = "efi", version = 14,
        disks = { "1GiB", { size = "2GiB", provisioning = "thick", controller = 2 } }, nics = { "e1000", "vmxnet3" } } ]])
    local out, status = builds.run(s, recipe)
    t:equal(status, 0, out)
    local vc <close> = s.lab:connect()
    local vm = vm_of(s, vc, "small")
    local config = vm.config
    t:equal({ config.hardware.numCPU, config.hardware.numCoresPerSocket, config.hardware.memoryMB, config.firmware, config.version, config.annotation },
      { 4, 2, 1024, "efi", "vmx-14", "made by a test" })
    local devices = kinds(config.hardware.device)
    t:equal({ devices.ParaVirtualSCSIController, devices.VirtualNVMEController, devices.VirtualDisk, devices.VirtualE1000, devices.VirtualVmxnet3 },
      { 1, 1, 2, 1, 1 })
    t:equal(vm:extra_config()["disk.EnableUUID"], "TRUE")
    t:equal(vm.snapshot.rootSnapshotList[1].name, "first")
  end,
  ["Ctrl-C in the middle undoes what was made, and says so"] = function(t)
    local s = site(t)
    local process = builds.start(s, builds.recipe(s, 'boot = { wait = "30s", "<enter>" }'))
    t:ok(process:wait_for "  power on", process.output())
    process.interrupt()
    local out, status = process:wait()
    t:equal(status, 130, out)
    t:contains(out, "undone: virtual machine")
    t:equal(builds.state(s), { vms = {}, files = {}, sessions = 0 })
  end,
}
