-- controller: the controllers that disks, CD-ROMs and floppies sit on, and the places on them
local vim = require "vim"
local err = require "core.err"

local controller = {}

-- `units` counts the unit numbers, of which the controller takes `own` itself; of one `bus` there can be `most` controllers.
-- Source: vSphere configuration maximums, "virtual machine maximums"; the unit of a SCSI adapter: VirtualSCSIController.scsiCtlrUnitNumber
local KINDS = {
  lsilogic         = { type = "VirtualLsiLogicController", bus = "scsi", most = 4, units = 16, own = 7 },
  ["lsilogic-sas"] = { type = "VirtualLsiLogicSASController", bus = "scsi", most = 4, units = 16, own = 7 },
  pvscsi           = { type = "ParaVirtualSCSIController", bus = "scsi", most = 4, units = 16, own = 7 },
  buslogic         = { type = "VirtualBusLogicController", bus = "scsi", most = 4, units = 16, own = 7 },
  sata             = { type = "VirtualAHCIController", bus = "sata", most = 4, units = 30 },
  nvme             = { type = "VirtualNVMEController", bus = "nvme", most = 4, units = 15 },
  ide              = { type = "VirtualIDEController", bus = "ide", most = 2, units = 2 },
  sio              = { type = "VirtualSIOController", bus = "sio", most = 1, units = 2 },
}

-- What every new VM has without asking, by the keys that others may refer to it with.
-- Source: VDDK programming guide, "Creating a virtual machine": controllerKey is the key of the default controller
local DEFAULTS = { { kind = "ide", key = 200, bus_number = 0 }, { kind = "ide", key = 201, bus_number = 1 }, { kind = "sio", key = 400, bus_number = 0 } }

local BY_TYPE = {}
for kind, shape in pairs(KINDS) do BY_TYPE[shape.type] = kind end

--[[
controller.kind(device) -> string|nil
"lsilogic", "lsilogic-sas", "pvscsi", "buslogic", "sata", "nvme", "ide", "sio"; nil for what is no such controller.
  device         VirtualDevice
Blocks: no.
]]
function controller.kind(device) return BY_TYPE[vim.typeof(device)] end

--[[
controller.layout([devices]) -> layout
Which controllers there are and which of their places are taken.
  devices        array of VirtualDevice|nil   of an existing VM; nil for a new one, which has its default controllers only
layout = { controllers = array of { kind, key, bus_number }, used = { [controller key] = { [unit number] = true } },
specs = array of VirtualDeviceConfigSpec to which what is added goes }
Blocks: no.
]]
function controller.layout(devices)
  local layout = { controllers = {}, used = {}, specs = {}, last_key = 0 }
  for _, d in ipairs(devices or {}) do
    local kind = controller.kind(d)
    if kind then table.insert(layout.controllers, { kind = kind, key = d.key, bus_number = d.busNumber }) end
    if d.controllerKey and d.unitNumber then
      layout.used[d.controllerKey] = layout.used[d.controllerKey] or {}
      layout.used[d.controllerKey][d.unitNumber] = true
    end
  end
  return devices and layout or (table.move(DEFAULTS, 1, #DEFAULTS, 1, layout.controllers) and layout)
end

--[[
controller.new_key(layout) -> integer
A key for a new device: negative, so that it is nobody's, and used once.
Blocks: no.  Source: VirtualDevice.key; VDDK programming guide, "Creating a virtual machine".
]]
function controller.new_key(layout)
  layout.last_key = layout.last_key - 1
  return layout.last_key
end

-- The first bus number that no controller on the bus has, or nil.
local function free_bus(layout, shape)
  local taken = {}
  for _, c in ipairs(layout.controllers) do
    if KINDS[c.kind].bus == shape.bus then taken[c.bus_number] = true end
  end
  for number = 0, shape.most - 1 do
    if not taken[number] then return number end
  end
end

--[[
controller.add(layout, kind) -> { kind, key, bus_number }
Add a new controller to the layout and its specs.
  kind           string            "lsilogic", "lsilogic-sas", "pvscsi", "buslogic", "sata" or "nvme"
Raises: recipe (there are four on that bus already).  Blocks: no.
]]
function controller.add(layout, kind)
  local shape = assert(KINDS[kind], kind)
  local bus_number = free_bus(layout, shape)
  if not bus_number then
    err.raise("recipe", string.format("more than %d %s controllers: vSphere has no place for another %s", shape.most, shape.bus, kind))
  end
  local new = { kind = kind, key = controller.new_key(layout), bus_number = bus_number }
  local fields = { key = new.key, busNumber = bus_number }
  if shape.bus == "scsi" then fields.sharedBus, fields.scsiCtlrUnitNumber = "noSharing", shape.own end
  table.insert(layout.controllers, new)
  table.insert(layout.specs, vim.VirtualDeviceConfigSpec { operation = "add", device = vim[shape.type](fields) })
  return new
end

--[[
controller.take(layout, chosen) -> integer|nil
Take the first free unit number of a controller; nil when it is full.
  chosen         controller        of the layout
Blocks: no.
]]
function controller.take(layout, chosen)
  local shape = KINDS[chosen.kind]
  local used = layout.used[chosen.key] or {}
  layout.used[chosen.key] = used
  for unit = 0, shape.units - 1 do
    if unit ~= shape.own and not used[unit] then
      used[unit] = true
      return unit
    end
  end
end

--[[
controller.place(layout, among) -> controller key, unit number
                                -> nil
Take the first free place on the controllers `among`, in their order.
Blocks: no.
]]
function controller.place(layout, among)
  for _, c in ipairs(among) do
    local unit = controller.take(layout, c)
    if unit then return c.key, unit end
  end
end

--[[
controller.of(layout, kind, ...) -> array of controllers
Those of the layout that are of one of the kinds.
Blocks: no.
]]
function controller.of(layout, ...)
  local wanted, found = {}, {}
  for _, kind in ipairs { ... } do wanted[kind] = true end
  for _, c in ipairs(layout.controllers) do
    if wanted[c.kind] then table.insert(found, c) end
  end
  return found
end

--[[
controller.room(kind) -> integer
How many devices one controller of the kind takes.
Blocks: no.
]]
function controller.room(kind) return KINDS[kind].units - (KINDS[kind].own and 1 or 0) end

return controller
