-- luabuild run tests/bench/work.lua KIND COUNT: do that much work of a kind, to be counted
local digest = require "digest"
local floppy = require "floppy"
local keystroke = require "keystroke"
local secret = require "core.secret"
local vim = require "vim"
local render = require "cli.render"

local work = {}

local machine = vim.VirtualMachine "vm-42"
local function reconfigure()
  local disk = vim.VirtualDisk { key = -1, controllerKey = 1000, unitNumber = 0, capacityInKB = 1 << 20,
    backing = vim.VirtualDiskFlatVer2BackingInfo { diskMode = "persistent", fileName = "[datastore1] web/web.vmdk" } }
  return { spec = { numCPUs = 2, name = "a & b", deviceChange = { { operation = "add", fileOperation = "create", device = disk } } } }
end

-- a call that adds a disk, its values made as well
function work.encode(n)
  for _ = 1, n do vim.encode("ReconfigVM_Task", machine, reconfigure(), "7.0") end
end

-- a machine with its name and folder, of an answer that has a hundred
function work.decode(n)
  local objects = {}
  for i = 1, 100 do
    objects[i] = string.format('<objects><obj type="VirtualMachine">vm-%d</obj><propSet><name>name</name><val xsi:type="xsd:string">web-%d</val></propSet>'
      .. '<propSet><name>parent</name><val type="Folder" xsi:type="ManagedObjectReference">group-v3</val></propSet></objects>', i, i)
  end
  local answer = '<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
    .. 'xmlns:xsd="http://www.w3.org/2001/XMLSchema"><Body><RetrievePropertiesExResponse xmlns="urn:vim25"><returnval>'
    .. table.concat(objects) .. "</returnval></RetrievePropertiesExResponse></Body></Envelope>"
  for _ = 1, n // 100 do assert(#assert(vim.decode(answer, "RetrievePropertiesEx")).objects == 100) end
end

-- a KiB
function work.sha256(n)
  local block = string.rep("x", 64 << 10)
  for _ = 1, n // 64 do digest.string("sha256", block) end
end

-- an image with a kickstart of 8 KiB
function work.fat(n)
  local files = { ["ks.cfg"] = string.rep("lang en_US\n", 745), ["scripts/post.sh"] = "true\n" }
  for _ = 1, n do assert(floppy.image { label = "KICKSTART", files = files, time = 1700000000 }) end
end

-- a key of a boot command
function work.keystroke(n)
  local text = "<tab> text ks=hd:fd0:/ks.cfg net.ifnames=0 <wait1s> Console=ttyS0<enter>"
  local keys = #assert(keystroke.parse(text))
  for _ = 1, n // keys do keystroke.parse(text) end
end

-- an event of a request, with two passwords to look for, and a view that keeps nothing
function work.event(n)
  local secrets = secret.new()
  for _, value in ipairs { "lab<&>pw-1", "correct horse" } do secrets:add(value) end
  local emit = render.sink({ { event = function() end } }, function(text) return secrets:mask(text) end)
  for _ = 1, n do
    emit { event = "request", image = "base-os", run = "1f5dbc84", step = "boot", method = "PutUsbScanCodes", object = "VirtualMachine vm-42",
      seconds = 0.01, sent = 700, received = 400, status = 200 }
  end
end

work[arg[1]](math.tointeger(arg[2]))
