-- device: specs that encode, with every device in its place
local vim = require "vim"
local device = require "vsphere.device"
local lab = require "tests.lab"

local tests = {}

local folder, pool, machine = vim.Folder("group-v3"), vim.ResourcePool("resgroup-8"), vim.VirtualMachine("vm-12")
local network = device.network_backing("Network", { name = "VM Network" })

local function encode_create(specs, version)
  return vim.encode("CreateVM_Task", folder, { pool = pool, config = { name = "x", deviceChange = specs } }, version)
end

local function encode_edit(...)
  return vim.encode("ReconfigVM_Task", machine, { spec = { deviceChange = { ... } } })
end

local function of_type(specs, type)
  local found = {}
  for _, s in ipairs(specs) do if vim.isa(vim.typeof(s.device), type) then found[#found + 1] = s.device end end
  return found
end

-- { type, bus number } of each controller, and where each device of `type` is, as "controller's position:unit"
local function places(specs, type)
  local index, list = { [200] = "ide0", [201] = "ide1", [400] = "sio" }, {}
  for i, c in ipairs(of_type(specs, "VirtualController")) do index[c.key] = i end
  for i, d in ipairs(of_type(specs, type)) do list[i] = tostring(index[d.controllerKey]) .. ":" .. d.unitNumber end
  return table.concat(list, " ")
end

-- As a server would have them: real keys in place of the negative ones.
local function installed(specs)
  local devices, keys = {}, {}
  for i, s in ipairs(specs) do keys[s.device.key] = 1000 + i end
  for i, s in ipairs(specs) do
    local copy = {}
    for name, value in pairs(s.device) do copy[name] = value end
    copy.key, copy.controllerKey = keys[copy.key], keys[copy.controllerKey] or copy.controllerKey
    devices[i] = vim[vim.typeof(s.device)](copy)
  end
  return devices
end

local function disks(n, controller)
  local list = {}
  for i = 1, n do list[i] = { size = i << 30, controller = controller } end
  return list
end

tests["a whole machine encodes, keys are negative and unique"] = function(t)
  local specs = device.create { disks = disks(3), controllers = { "pvscsi", "lsilogic" }, cdroms = { "[ds] a.iso", "[ds] b.iso" }, floppy = "[ds] k.flp",
    nics = { { card = "vmxnet3", network = network }, { card = "e1000", network = network, mac = "00:50:56:00:00:01" }, { network = network } } }
  local seen = {}
  for _, s in ipairs(specs) do
    t:equal(s.operation, "add")
    t:ok(s.device.key < 0 and not seen[s.device.key], "a key of its own")
    seen[s.device.key] = true
  end
  local xml = encode_create(specs, "6.5")
  t:contains(xml, 'xsi:type="ParaVirtualSCSIController"')
  t:equal(select(2, xml:gsub("<fileOperation>create</fileOperation>", "")), 3)
  t:equal(vim.typeof(of_type(specs, "VirtualEthernetCard")[2]), "VirtualE1000")
  local fixed, free = of_type(specs, "VirtualE1000")[1], of_type(specs, "VirtualVmxnet3")[1]
  t:equal({ fixed.addressType, fixed.macAddress, free.addressType, free.macAddress }, { "manual", "00:50:56:00:00:01" })
  for _, type in ipairs { "VirtualEthernetCard", "VirtualCdrom", "VirtualFloppy" } do
    for _, d in ipairs(of_type(specs, type)) do
      t:equal({ d.connectable.startConnected, d.connectable.allowGuestControl, d.connectable.connected }, { true, true, true }, type)
    end
  end
  t:equal(places(specs, "VirtualFloppy"), "sio:0")
end

tests["controllers come before what is on them, buses are numbered by kind"] = function(t)
  local specs = device.create { controllers = { "pvscsi", "sata", "lsilogic-sas", "nvme", "sata", "nvme" }, disks = disks(1) }
  local list = {}
  for i, c in ipairs(of_type(specs, "VirtualController")) do
    list[i] = vim.typeof(c) .. " " .. c.busNumber
    t:equal(specs[i].device, c)
  end
  t:equal(list, { "ParaVirtualSCSIController 0", "VirtualAHCIController 0", "VirtualLsiLogicSASController 1", "VirtualNVMEController 0",
    "VirtualAHCIController 1", "VirtualNVMEController 1" })
  t:equal({ specs[1].device.sharedBus, specs[1].device.scsiCtlrUnitNumber, specs[2].device.sharedBus }, { "noSharing", 7 })
  encode_create(specs)
end

tests["one SCSI controller takes fifteen disks and skips unit 7"] = function(t)
  t:equal(places(device.create { controllers = { "pvscsi" }, disks = disks(15) }, "VirtualDisk"),
    "1:0 1:1 1:2 1:3 1:4 1:5 1:6 1:8 1:9 1:10 1:11 1:12 1:13 1:14 1:15")
  local e = t:raises("disk 16: no place is left on the controllers %(pvscsi takes 15 devices%)", device.create,
    { controllers = { "pvscsi" }, disks = disks(16) })
  t:equal(e.code, "recipe")
  t:match(places(device.create { controllers = { "pvscsi", "lsilogic" }, disks = disks(16) }, "VirtualDisk"), "1:15 2:0$")
end

tests["without a controller there is an lsilogic"] = function(t)
  for _, none in ipairs { false, {} } do
    local specs = device.create { disks = disks(2), controllers = none or nil }
    t:equal(vim.typeof(specs[1].device), "VirtualLsiLogicController")
    t:equal(places(specs, "VirtualDisk"), "1:0 1:1")
  end
  t:equal(#device.create { controllers = {} }, 0)
end

tests["a disk says its controller"] = function(t)
  local specs = device.create { controllers = { "pvscsi", "nvme", "sata" }, disks = { { size = 1, controller = 3 }, { size = 1, controller = 2 }, { size = 1 },
    { size = 1, controller = 3 } } }
  t:equal(places(specs, "VirtualDisk"), "3:0 2:0 1:0 3:1")
  t:raises("disk 1: there is no controller 2, only 1", device.create, { controllers = { "pvscsi" }, disks = { { size = 1, controller = 2 } } })
  local full = disks(16, 1)
  t:raises("disk 16: no place is left on controller 1", device.create, { controllers = { "pvscsi", "pvscsi" }, disks = full })
end

tests["SATA takes thirty, NVMe fifteen, four of a bus"] = function(t)
  t:match(places(device.create { controllers = { "sata" }, disks = disks(30) }, "VirtualDisk"), "^1:0 .* 1:7 1:8 .* 1:29$")
  t:raises("sata takes 30", device.create, { controllers = { "sata" }, disks = disks(31) })
  t:match(places(device.create { controllers = { "nvme" }, disks = disks(15) }, "VirtualDisk"), " 1:6 1:7 1:8 .* 1:14$")
  t:raises("nvme takes 15", device.create, { controllers = { "nvme" }, disks = disks(16) })
  t:raises("more than 4 scsi controllers", device.create, { controllers = { "pvscsi", "lsilogic", "pvscsi", "lsilogic-sas", "pvscsi" } })
end

tests["disks are thin, thick or eager, in KiB, and the server names their files"] = function(t)
  local specs = device.create { disks = { { size = 64 << 30 }, { size = 1025, provisioning = "thick" }, { size = 1024, provisioning = "eager" } } }
  local got = {}
  for i, d in ipairs(of_type(specs, "VirtualDisk")) do
    got[i] = { d.capacityInKB, d.backing.thinProvisioned, d.backing.eagerlyScrub, d.backing.diskMode, d.backing.fileName }
  end
  t:equal(got, { { 64 << 20, true, false, "persistent", "" }, { 2, false, false, "persistent", "" }, { 1, false, true, "persistent", "" } })
  t:contains(encode_create(specs), "<fileName></fileName>")
  t:equal(of_type(device.create { disks = disks(1), datastore = "ssd" }, "VirtualDisk")[1].backing.fileName, "[ssd]")
  t:equal(vim.typeof(of_type(specs, "VirtualController")[1]), "VirtualLsiLogicController")
end

tests["CD-ROMs go to IDE, with EFI to SATA"] = function(t)
  local isos = { "[ds] 1", "[ds] 2", "[ds] 3", "[ds] 4" }
  t:equal(places(device.create { cdroms = isos }, "VirtualCdrom"), "ide0:0 ide0:1 ide1:0 ide1:1")
  t:raises("CD%-ROM 5: the IDE controllers have no place left", device.create, { cdroms = { "1", "2", "3", "4", "5" } })
  for _, firmware in ipairs { "efi", "efi-secure" } do
    local specs = device.create { cdroms = isos, firmware = firmware, controllers = { "pvscsi" }, disks = disks(1) }
    t:equal(places(specs, "VirtualCdrom"), "2:0 2:1 2:2 2:3")
    t:equal(vim.typeof(of_type(specs, "VirtualController")[2]), "VirtualAHCIController")
    encode_create(specs)
  end
  -- one SATA controller for disks and CD-ROMs, another when it is full
  t:equal(places(device.create { cdroms = { "a" }, firmware = "efi", controllers = { "sata" }, disks = disks(2) }, "VirtualCdrom"), "1:2")
  local full = device.create { cdroms = { "a" }, firmware = "efi", controllers = { "sata" }, disks = disks(30) }
  t:equal(places(full, "VirtualCdrom"), "2:0")
  t:equal(of_type(full, "VirtualController")[2].busNumber, 1)
end

tests["new devices of an existing machine go beside its own"] = function(t)
  local before = installed(device.create { controllers = { "pvscsi" }, disks = disks(7), cdroms = { "[ds] a" }, firmware = "efi",
    nics = { { network = network } } })
  local specs = device.create { devices = before, disks = disks(2), cdroms = { "[ds] b" }, firmware = "efi" }
  t:equal(#specs, 3)
  local first, second, cdrom = specs[1].device, specs[2].device, specs[3].device
  t:equal({ first.controllerKey, first.unitNumber, second.unitNumber }, { before[1].key, 8, 9 })
  t:equal({ cdrom.controllerKey, cdrom.unitNumber }, { device.cdroms(before)[1].controllerKey, 1 })
  local more = device.create { devices = before, disks = disks(1), controllers = { "lsilogic" } }
  t:equal({ more[1].device.busNumber, more[2].device.controllerKey, more[2].device.unitNumber }, { 1, more[1].device.key, 0 })
  encode_edit(table.unpack(specs))
end

tests["unknown options are refused"] = function(t)
  t:raises("disk", device.create, { disk = {} })
  t:raises("size", device.create, { disks = { {} } })
  t:raises("vmxnet2", device.create, { nics = { { card = "vmxnet2", network = network } } })
  t:raises("scsi", device.create, { controllers = { "scsi" } })
end

tests["networks of every kind"] = function(t)
  local port = device.network_backing("DistributedVirtualPortgroup", { portgroup_key = "dvportgroup-9", switch_uuid = "50 3a" })
  local opaque = device.network_backing("OpaqueNetwork", { opaque_id = "o-1", opaque_type = "nsx.LogicalSwitch" })
  local xml = encode_create(device.create { nics = { { network = network }, { network = port }, { network = opaque } } })
  t:match(xml, '<backing xsi:type="VirtualEthernetCardNetworkBackingInfo"><deviceName>VM Network</deviceName></backing>')
  t:match(xml, "<port><switchUuid>50 3a</switchUuid><portgroupKey>dvportgroup%-9</portgroupKey></port>")
  t:match(xml, "<opaqueNetworkId>o%-1</opaqueNetworkId><opaqueNetworkType>nsx.LogicalSwitch</opaqueNetworkType>")
  t:raises("no card connects to a Folder", device.network_backing, "Folder", {})
end

tests["finding"] = function(t)
  local devices = installed(device.create { controllers = { "pvscsi" }, disks = disks(2), cdroms = { "[ds] a", "[ds] b" }, floppy = "[ds] k.flp",
    nics = { { network = network, mac = "00:50:56:AB:CD:EF" }, { network = network } } })
  t:equal({ #device.disks(devices), #device.nics(devices), #device.cdroms(devices), #device.floppies(devices) }, { 2, 2, 2, 1 })
  t:equal(#device.find(devices, "VirtualSCSIController"), 1)
  t:equal(device.macs(devices), { "00:50:56:ab:cd:ef" })
  t:equal(device.file(device.cdroms(devices, "[ds] b")[1]), "[ds] b")
  t:equal({ #device.cdroms(devices, "[ds] c"), #device.floppies(devices, "[ds] k.flp"), #device.floppies(devices, "[ds] a") }, { 0, 1, 0 })
  t:equal(#device.find(devices, "VirtualDisk", function(d) return d.unitNumber == 1 end), 1)
  t:raises("no type 'VirtualDisc'", device.find, devices, "VirtualDisc")
  t:equal(device.file(device.nics(devices)[1]), nil)
end

tests["edits leave the device alone and encode"] = function(t)
  local devices = installed(device.create { disks = disks(1), nics = { { network = network, mac = "00:50:56:00:00:01" } } })
  local disk, nic = device.disks(devices)[1], device.nics(devices)[1]
  local edited = device.edit(nic, { macAddress = "00:50:56:00:00:02" })
  t:equal({ nic.macAddress, edited.device.macAddress }, { "00:50:56:00:00:01", "00:50:56:00:00:02" })
  t:equal({ edited.operation, edited.fileOperation, edited.device.key, edited.device.unitNumber }, { "edit", nil, nic.key, nic.unitNumber })
  local xml = encode_edit(edited, device.remove(disk), device.remove(disk, true))
  t:equal(select(2, xml:gsub("<operation>remove</operation><device", "")), 1)
  t:equal(select(2, xml:gsub("<operation>remove</operation><fileOperation>destroy</fileOperation><device", "")), 1)
  t:raises("has no field 'mac'", device.edit, nic, { mac = "" })
end

tests["resizing"] = function(t)
  local disk = installed(device.create { disks = { { size = 8 << 30 } } })[2]
  t:equal({ device.resize(disk, 16 << 30).device.capacityInKB, device.resize(disk, 16 << 30).device.capacityInBytes }, { 16 << 20 })
  disk.capacityInBytes = 8 << 30
  t:equal(device.resize(disk, 16 << 30).device.capacityInBytes, 16 << 30)
  t:raises("cannot be made smaller", device.resize, disk, 4 << 30)
  disk.backing.parent = vim.VirtualDiskFlatVer2BackingInfo { fileName = "[ds] p.vmdk", diskMode = "persistent" }
  t:raises("linked clone", device.resize, disk, 16 << 30)
end

tests["boot options"] = function(t)
  local devices = installed(device.create { controllers = { "pvscsi" }, disks = disks(2), cdroms = { "[ds] a", "[ds] b" }, nics = { { network = network } } })
  local options = device.boot_options { order = { "disk", "cdrom", "ethernet", "floppy" }, devices = devices, delay = 1.5, firmware = "efi-secure" }
  local xml = vim.encode("ReconfigVM_Task", machine, { spec = { bootOptions = options } }, "6.5")
  local kinds = {}
  for kind in xml:gmatch('<bootOrder xsi:type="VirtualMachineBootOptionsBootable(%a+)Device">') do kinds[#kinds + 1] = kind end
  t:equal(kinds, { "Disk", "Disk", "Cdrom", "Ethernet" })
  t:equal(options.bootOrder[2].deviceKey, device.disks(devices)[2].key)
  t:equal({ options.bootDelay, options.efiSecureBootEnabled }, { 1500, true })
  t:equal(device.boot_options { firmware = "efi" }.efiSecureBootEnabled, nil)
  t:raises("nothing boots from usb", device.boot_options, { order = { "usb" }, devices = devices })
  t:equal({ device.firmware("efi-secure") }, { "efi", true })
  t:equal({ device.firmware("bios") }, { "bios", false })
  t:raises("not a firmware", device.firmware, "uefi")
end

tests["clearing the boot order says so, and is seen"] = function(t)
  local clear = device.clear_boot_order()
  t:match(vim.encode("ReconfigVM_Task", machine, { spec = { bootOptions = clear } }), "<bootOrder[^>]*></bootOrder>")
  local set = device.boot_options { order = { "disk" }, devices = { vim.VirtualDisk { key = 2000, capacityInKB = 1 } } }
  t:equal({ device.boot_order_is_clear(nil), device.boot_order_is_clear(vim.VirtualMachineBootOptions {}), device.boot_order_is_clear(clear),
    device.boot_order_is_clear(set) }, { true, true, true, false })
end

tests["descriptions"] = function(t)
  local port = device.network_backing("DistributedVirtualPortgroup", { portgroup_key = "dvportgroup-9", switch_uuid = "50 3a" })
  local specs = device.create { disks = { { size = 64 << 30 }, { size = 1536 << 20, controller = 2 } }, controllers = { "pvscsi", "sata" },
    cdroms = { "[ds] a.iso" }, nics = { { network = network }, { card = "e1000e", network = port } }, floppy = "[ds] k.flp" }
  local said = {}
  for i, s in ipairs(specs) do said[i] = device.describe(s, specs) end
  t:equal(said, { "controller 1 (pvscsi)", "controller 2 (sata)", "disk 1 (64 GiB, pvscsi)", "disk 2 (1.5 GiB, sata)", "nic 1 (vmxnet3 on 'VM Network')",
    "nic 2 (e1000e on 'dvportgroup-9')", "cdrom 1 ([ds] a.iso)", "floppy 1 ([ds] k.flp)" })
  local existing = vim.VirtualCdrom { key = 3000, deviceInfo = vim.Description { label = "CD/DVD drive 1", summary = "" } }
  t:equal(device.describe(device.remove(existing)), "CD/DVD drive 1 (empty)")
  t:equal(device.describe(device.remove(vim.VirtualKeyboard { key = 600 })), "device 1 (VirtualKeyboard)")
end

-- ---- a server takes it ----

local function where(vm, type)
  local list = {}
  for i, d in ipairs(device.find(vm:get("config.hardware.device"), type)) do list[i] = d.controllerKey .. ":" .. d.unitNumber end
  return table.concat(list, " ")
end

-- Every kind of device in its place, then all that is done to them. `cdroms`: where those are expected.
local function live_and_change(t, vc, server, firmware, cdroms)
  local data = "[" .. server.env.LAB_DATASTORE .. "] "
  local want = { controllers = { "pvscsi", "lsilogic-sas", "sata", "nvme" }, disks = disks(16),
    nics = { { network = network }, { card = "e1000e", network = network } }, cdroms = { data .. "a.iso", data .. "b.iso" },
    floppy = data .. "k.flp", firmware = firmware }
  want.disks[17], want.disks[18] = { size = 1 << 20, controller = 3 }, { size = 1 << 20, controller = 4 }
  local vm = server:create_vm(vc, "devices-" .. firmware, { firmware = firmware, deviceChange = device.create(want) })
  t:equal(where(vm, "VirtualDisk"), "1000:0 1000:1 1000:2 1000:3 1000:4 1000:5 1000:6 1000:8 1000:9 1000:10 1000:11 1000:12 1000:13 1000:14"
    .. " 1000:15 1001:0 15000:0 31000:0")
  t:equal({ where(vm, "VirtualCdrom"), where(vm, "VirtualFloppy") }, { cdroms, "400:0" })
  local devices = vm:get("config.hardware.device")
  t:equal(#device.macs(devices), 2)

  vm:reconfigure { bootOptions = device.boot_options { order = { "cdrom", "disk" }, devices = devices } }
  t:equal(device.boot_order_is_clear(vm:get("config.bootOptions")), false)
  vm:reconfigure { bootOptions = device.clear_boot_order(), deviceChange = {
    device.remove(device.cdroms(devices, data .. "b.iso")[1]), device.remove(device.floppies(devices)[1]),
    device.resize(device.disks(devices)[1], 2 << 30), device.remove(device.disks(devices)[2], true) } }
  t:ok(device.boot_order_is_clear(vm:get("config.bootOptions")))
  devices = vm:get("config.hardware.device")
  t:equal({ #device.cdroms(devices), device.file(device.cdroms(devices)[1]), #device.floppies(devices), #device.disks(devices) }, { 1, data .. "a.iso", 0, 17 })
  t:equal(device.disks(devices)[1].capacityInKB, 2 << 20)

  vm:reconfigure { deviceChange = device.create { devices = devices, disks = disks(1), cdroms = { data .. "b.iso" }, firmware = firmware } }
  t:match(where(vm, "VirtualDisk"), " 31000:0 1000:1$") -- the place that the removed one left
  t:equal(where(vm, "VirtualCdrom"), cdroms)
  t:raises("Hard disk 1 %(2 GiB%) is not accepted", vm.reconfigure, vm, { deviceChange = { device.edit(device.disks(devices)[1], { key = 99 }) } })
end

tests["a server takes it all, with either firmware"] = function(t)
  local server = lab.start(t)
  local vc = server:connect()
  for _, name in ipairs { "a.iso", "b.iso", "k.flp" } do t:write(server.env.LAB_DIR .. "/datastore/" .. name, ("x"):rep(1474560)) end
  live_and_change(t, vc, server, "bios", "200:0 200:1")
  live_and_change(t, vc, server, "efi", "15000:1 15000:2")
end

return tests
