-- leftovers: how a thing goes that only the journal of a dead run knows of; virtual machines and files on datastores are found by
-- their marks
local lfs = require "lfs"
local existing = require "build.existing"
local family = require "build.family"
local stash = require "build.stash"
local fault = require "vsphere.fault"
local task = require "vsphere.task"

local leftovers = {}

local acts = {}

-- The files of a directory whose names `fits`; none when it is not there.
local function entries(directory, fits)
  local out = {}
  if lfs.attributes(directory, "mode") ~= "directory" then return out end
  for name in lfs.dir(directory) do if fits(name) then out[#out + 1] = directory .. "/" .. name end end
  return out
end

acts["local"] = function(_, record)
  local directory, name = record.path:match("^(.*)/([^/]*)$")
  local found = entries(directory, function(entry) return entry == name or entry:sub(1, #name + 6) == name .. ".part-" end)
  return leftovers.remove_files(found), "file " .. record.path
end

-- What follows an image's name in those of its unfinished files: others may be at work in the same directory.
local UNFINISHED = { "^%.ova%.part%-......$", "^%.ova%.sha256%.part$", "^%.%w+%.part$", "^%-disk%-%d+%.vmdk%.part$" }

-- Files of an export that never got their names.
function acts.partial(_, record)
  local found = entries(record.directory, function(entry)
    for _, pattern in ipairs(UNFINISHED) do
      if entry:sub(1, #record.name) == record.name and entry:find(pattern, #record.name + 1) then return true end
    end
  end)
  return leftovers.remove_files(found), "partial export in " .. record.directory
end

-- Did the image get its name, just before the process was killed?
local function was_published(vc, own)
  for _, record in pairs(own.items) do
    local folder = record.kind == "vm" and vc:object("Folder", record.folder)
    local vm = folder and folder:find_vm(own.image)
    if vm and existing.settings(vm:get "config.extraConfig")[existing.KEYS.run] == own.run then return true end
  end
  return false
end

-- Those of the export before are put back, unless the image of the new ones is there.
acts["export"] = function(vc, record, own)
  local act = was_published(vc, own) and stash.drop or stash.restore
  return function() act(record.files) end, "files of an export in " .. (record.files[1].path:match("^(.*)/") or "/")
end

-- A lease holds its machine until it ends.
function acts.lease(vc, record)
  return function() pcall(vc.invoke, vc, vc:object("HttpNfcLease", record.id), "HttpNfcLeaseAbort", {}) end, "export lease " .. record.id
end

-- The snapshot of a source, by its description, which names the run.
local function find_snapshot(trees, run)
  for _, tree in ipairs(trees or {}) do
    if (tree.description or ""):find("run " .. run, 1, true) then return tree.snapshot end
    local found = find_snapshot(tree.childSnapshotList, run)
    if found then return found end
  end
end

function acts.snapshot(vc, record, own)
  local vm = vc:object("VirtualMachine", record.vm)
  local ok, snapshot = pcall(leftovers.snapshot_of, vm, own.run)
  if not ok and not fault.is(snapshot, "ManagedObjectNotFound") then error(snapshot, 0) end
  if not ok or not snapshot then return nil end
  return function() leftovers.remove_snapshot(vm, snapshot) end, string.format("snapshot %s of %s", record.name, vm:get "name")
end

--[[
leftovers.remove_files(paths) -> function|nil
What removes the files of this machine that are there; nil when there is none.
]]
function leftovers.remove_files(paths)
  local there = {}
  for _, path in ipairs(paths) do if lfs.attributes(path, "mode") then there[#there + 1] = path end end
  if #there == 0 then return nil end
  return function() for _, path in ipairs(there) do assert(os.remove(path)) end end
end

--[[
leftovers.snapshot_of(vm, run) -> VirtualMachineSnapshot|nil
The snapshot that a run has taken of the machine its clones are made from.
  run            string            eight hex digits, which stand in its description
Raises: fault.
Blocks: yes, one request.
]]
function leftovers.snapshot_of(vm, run)
  local info = vm:get "snapshot"
  return find_snapshot(info and info.rootSnapshotList, run)
end

--[[
leftovers.remove_snapshot(vm, snapshot) -> false|nil
Remove a snapshot of a machine that no other machine's disks stand on; false when there is one.
Raises: fault.
Blocks: yes.
]]
function leftovers.remove_snapshot(vm, snapshot)
  if family.needed(vm) then return false end
  task.run(snapshot, "RemoveSnapshot_Task", { removeChildren = false, consolidate = true })
end

--[[
leftovers.undo(session, record, own) -> function|nil, string
What undoes a record of a journal, and what it is called; nil when there is nothing, or gc finds it by its mark.
  record         table             see journal:begun
  own            table             the journal, from journal.all
Raises: fault.
Blocks: yes.
]]
function leftovers.undo(vc, record, own)
  local act = acts[record.kind]
  if not act then return nil, "" end
  return act(vc, record, own)
end

return leftovers
