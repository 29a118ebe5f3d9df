-- publish: the finished image gets its name; the one it replaces goes, unless other disks depend on its
local err = require "core.err"
local property = require "vsphere.property"
local device = require "vsphere.device"

local publish = {}

-- file names of all disks of a VM, their parents included
local function disk_files(devices, out)
  for _, disk in ipairs(device.disks(devices or {})) do
    local backing = disk.backing
    while backing and backing.fileName do
      out[backing.fileName] = true
      backing = backing.parent
    end
  end
  return out
end

-- The files of its disks that are in the VM's own directory: the others are its parent's.
local function own_files(b)
  local directory, out = b.old_path:match("^(.*)/[^/]*$"), {}
  for file in pairs(disk_files(b.old_devices, {})) do
    if directory and file:sub(1, #directory + 1) == directory .. "/" then out[file] = true end
  end
  return out
end

-- The names of the VMs on the datastore, other than `old`, whose disks stand on files of `old`. One request.
local function dependants(b, old)
  local mine = own_files(b)
  local names = {}
  local refs = b.datastore:get "vm" or {}
  for _, facts in ipairs(property.get_many(b.vc, refs, { "name", "config.hardware.device" })) do
    if facts.object ~= old and facts.object ~= b.vm then
      for file in pairs(disk_files(facts["config.hardware.device"], {})) do
        if mine[file] then
          names[#names + 1] = facts.name
          break
        end
      end
    end
  end
  return names
end

-- A template with snapshots must be a machine again before it can go.
local function destroy(b, old)
  if b.old_is_template then old:MarkAsVirtualMachine { pool = b.pool, host = b.compute.host } end
  old:destroy()
end

-- The new image has its name already: from here on nothing fails the build any more.
local function remove_old(b, old, old_name)
  local ok, e = pcall(function()
    local users = dependants(b, old)
    if #users == 0 then return destroy(b, old) end
    b.note(string.format("kept the image before as %s: disks of %s stand on it", old_name, table.concat(users, ", ")))
  end)
  if ok then return end
  if err.is(e, "cancelled") then error(e, 0) end
  b.emit { event = "warning", message = string.format("the image before is left as %s: %s", old_name, tostring(e)) }
end

--[[
publish.run(b) -> string
Give the new VM the image's name. An image of that name is renamed away first, back if the swap fails, and destroyed
last. Returns what was done.
Raises: fault.
Blocks: yes.
]]
function publish.run(b)
  local name, old = b.image.name, b.old
  if not old then
    local ok, e = pcall(b.vm.rename, b.vm, name)
    if err.is(e, "exists") then e.hint = "it was not there when the build began: rename it, or replace it with --force" end
    if not ok then error(e, 0) end
    b.published = true
    return name
  end
  local old_name = string.format("%s.old-%s", name, b.run)
  local entry = b.scope:push("name of the image before", function() old:rename(name) end)
  old:rename(old_name)
  b.vm:rename(name)
  b.scope:forget(entry)
  b.published = true
  remove_old(b, old, old_name)
  return name .. ", replaced"
end

return publish
