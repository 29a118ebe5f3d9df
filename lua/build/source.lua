-- source: what a clone is made from: a VM or a template that is there, its snapshot, and whether the recipe can have what it asks for
local err = require "core.err"
local choose = require "vsphere.choose"
local device = require "vsphere.device"
local existing = require "build.existing"
local units = require "core.units"

local source = {}

local PATHS = { "name", "config.extraConfig", "config.hardware.device", "config.uuid", "config.changeVersion", "snapshot",
  "runtime.powerState", "config.template", "summary.storage" }

-- The VM: an image of a recipe stands in its own folder; a name is looked for in the whole datacenter.
local function find(b)
  local from, f = b.image.from, b.find
  if type(from) == "string" then return f:vm(b.datacenter, from) end
  return f:folder(b.datacenter, from.placement.folder):find_vm(from.name)
end

-- All of these trees, each with the names of those that it stands on.
local function snapshots(trees, above, list)
  for _, tree in ipairs(trees or {}) do
    local path = above .. tree.name
    list[#list + 1] = { name = tree.name, path = path, object = tree.snapshot }
    snapshots(tree.childSnapshotList, path .. "/", list)
  end
  return list
end

local function choose_snapshot(b, facts, problem)
  local there = facts.snapshot or {}
  if b.image.from_snapshot then
    local list = snapshots(there.rootSnapshotList, "", {})
    b.source.snapshot = err.wrap("from_snapshot", facts.name, choose.one, "snapshot", b.image.from_snapshot, list, "from_snapshot").object
  elseif b.image.linked then
    b.source.snapshot = there.currentSnapshot
    if not b.source.snapshot and not b.image.make_snapshot then
      problem(string.format("%s has no snapshot, and a linked clone stands on one", facts.name),
        "say make_snapshot = true to have one taken, or linked = false; a base image has one with snapshot = true")
    end
  end
end

local function check_disk(b, facts, problem)
  local wanted, first = b.image.hardware.disk, device.disks(facts["config.hardware.device"] or {})[1]
  if not wanted then return end
  if not first then return problem(string.format("%s has no disk that could grow", facts.name)) end
  if wanted < first.capacityInKB * 1024 then
    problem(string.format("the disk of %s has %s: it cannot shrink to %s", facts.name, units.format_bytes(first.capacityInKB * 1024),
      units.format_bytes(wanted)))
  end
end

-- A full clone takes what its source takes now.
local function check_room(b, facts, problem)
  local storage, summary = facts["summary.storage"], b.datastore and b.datastore.known.summary
  if b.image.linked or not (storage and storage.committed and summary and summary.freeSpace) then return end
  if summary.freeSpace < storage.committed then
    problem(string.format("datastore '%s' has %s free, a copy of %s needs %s", b.datastore.known.name, units.format_bytes(summary.freeSpace),
      facts.name, units.format_bytes(storage.committed)), "free space there, choose another datastore, or say linked = true")
  end
end

-- Ours has a fingerprint; anything else is known by what the server says of its state.
local function fingerprint_of(settings, facts)
  local known = settings[existing.KEYS.fingerprint]
  if known and known ~= "" then return known end
  return string.format("foreign %s %s", facts["config.uuid"] or "", facts["config.changeVersion"] or "")
end

--[[
source.resolve(b, problem) -> nothing
Find what the image is cloned from, choose the snapshot, and see whether the recipe can have what it asks for. Sets b.source =
{ vm, name, snapshot, devices, template } and b.parent_fingerprint. In a plan, a source that is going to be built is taken for granted.
  b.options.planned {image = "anew"|"unknown"}|nil   images before this one: made anew, or something stands in their way
  b.options.fingerprints {image = string}|nil        what those that are made anew will have
  problem        function(message, hint)   adds a problem
Raises: notfound, fault.
Blocks: yes.
]]
function source.resolve(b, problem)
  local from = b.image.from
  local planned = type(from) == "table" and (b.options.planned or {})[from]
  local vm = planned ~= "anew" and find(b) or nil
  if not vm and planned then
    b.source, b.parent_fingerprint = { name = from.name, devices = {} }, b.options.fingerprints[from] or ""
    return
  end
  if not vm then
    err.raise("notfound", string.format("the image %s to clone from is not there", from.name), { hint = "build " .. from.recipe.path .. " first" })
  end
  local facts = vm:get(PATHS)
  local settings = existing.settings(facts["config.extraConfig"])
  b.source = { vm = vm, name = facts.name, devices = facts["config.hardware.device"] or {}, template = facts["config.template"] }
  b.parent_fingerprint = fingerprint_of(settings, facts)
  if facts["runtime.powerState"] == "poweredOn" and b.image.linked == false then
    b.note(facts.name .. " is running: the clone's disk is as after a power cut")
  end
  check_disk(b, facts, problem)
  check_room(b, facts, problem)
  choose_snapshot(b, facts, problem)
end

return source
