-- publish: the finished image gets its name; the one it replaces stays for as long as something needs it
local err = require "core.err"
local checkpoint = require "build.checkpoint"
local existing = require "build.existing"
local family = require "build.family"
local stash = require "build.stash"

local publish = {}

-- An answer may be lost while the name was given: then it is looked up.
local function rename(vm, name)
  local ok, e = pcall(vm.rename, vm, name)
  if ok then return end
  if not err.is(e) or e.code == "cancelled" then error(e, 0) end
  local known, now = pcall(vm.get, vm, "name")
  if not (known and now == name) then error(e, 0) end
end

-- Undo of the swap, wherever it stopped: the new machine goes out of the way, the old one is what it was.
local function give_back(b, old, name)
  if old:get "name" == name then return false end
  if b.vm:get "name" == name then b.vm:rename(b.temporary_name) end
  old:rename(name)
end

local function swap(b, old, name)
  local old_name = string.format("%s.old-%s", name, b.run)
  local entry = b.scope:push("name of the image before", function() return give_back(b, old, name) end,
    { kind = "name", vm = old.moid, from = name, to = old_name })
  rename(old, old_name)
  rename(b.vm, name)
  b.scope:forget(entry)
end

-- ---- versions before ----

-- One that luabuild did not make is marked, so that gc knows it later.
local function mark_foreign(b, old, old_name)
  if old.name ~= old_name or old.settings[existing.KEYS.image] then return end
  pcall(old.object.reconfigure, old.object, { extraConfig = { { key = existing.KEYS.replaced, value = b.run } } })
end

local function remove(b, old)
  local needed = family.needed(old.object)
  if not needed then return family.destroy(old.object) end
  mark_foreign(b, old, old.name)
  b.note(string.format("kept the image before as %s: %s", old.name, needed))
end

--[[
publish.versions(folder, name) -> {{ object, name, run, settings }, ...}
The images of that name that were replaced and are still in the folder, the newest first.
  folder         Folder
Raises: fault.
Blocks: yes, two requests.
]]
function publish.versions(folder, name)
  local found = {}
  for _, vm in ipairs(folder:vms()) do
    local stem, run = vm.name:match("^(.*)%.old%-(%x%x%x%x%x%x%x%x)$")
    if stem == name then found[#found + 1] = { object = vm.object, name = vm.name, run = run } end
  end
  existing.read_many(found)
  local function begun(version) return version.settings[existing.KEYS.begun] or "" end
  table.sort(found, function(x, y)
    if begun(x) ~= begun(y) then return begun(x) > begun(y) end
    return x.name < y.name
  end)
  return found
end

-- The new image has its name already: from here on nothing fails the build any more.
local function remove_versions(b, old)
  local ok, e = pcall(function()
    for i, version in ipairs(publish.versions(b.folder, b.image.name)) do
      local ours = version.object == old or version.settings[existing.KEYS.image] == b.image.name or version.settings[existing.KEYS.replaced]
      if i <= b.image.keep then
        if version.object == old then b.note("kept the image before as " .. version.name) end
      elseif ours then
        remove(b, version)
      end
    end
  end)
  if ok then return end
  if err.is(e, "cancelled") then error(e, 0) end
  b.emit { event = "warning", message = string.format("images before %s are left: %s; luabuild gc removes them", b.image.name, tostring(e)) }
end

-- What somebody else did to the machine meanwhile is not undone, but said.
local function say_changes(b)
  local function warn(...) b.emit { event = "warning", message = string.format(...) } end
  local now = b.vm:get { "name", "parent" }
  if now.name ~= b.temporary_name then warn("somebody has renamed the machine %s to %s meanwhile", b.temporary_name, now.name) end
  if now.parent and now.parent ~= b.folder then
    warn("somebody has moved the machine to the folder %s meanwhile: the next build will not find it there", now.parent.name)
  end
end

--[[
publish.run(b) -> string
Give the new VM the image's name. An image of that name is renamed away first, and back if the swap fails; then images before go,
but for the `keep` newest and those that other disks stand on. Returns what was done.
Raises: fault.
Blocks: yes.
]]
function publish.run(b)
  local name, old = b.image.name, b.old
  say_changes(b)
  if old then
    swap(b, old, name)
  else
    local ok, e = pcall(rename, b.vm, name)
    if err.is(e, "exists") then e.hint = "it was not there when the build began: rename it, or replace it with --force" end
    if not ok then error(e, 0) end
  end
  b.published = true
  stash.settle(b)
  local ok, e = pcall(function()
    if old then remove_versions(b, old) end
    checkpoint.tidy(b)
  end)
  if not ok then -- only a signal
    e.hint = string.format("the new %s has its name already; luabuild gc removes what was there before", name)
    error(e, 0)
  end
  return old and name .. ", replaced" or name
end

return publish
