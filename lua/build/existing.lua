-- existing: what an image that is there already means; DESIGN.md's table
local cjson = require "cjson.safe"
local err = require "core.err"
local property = require "vsphere.property"
local journal = require "build.journal"
local fingerprint = require "build.fingerprint"

local existing = {}

-- The advanced settings that are ours. On every machine of a build: run, image, begun (by the vCenter's clock), builder (the machine and
-- process that make it); kept, the time since which it is left on purpose, and kept_for, which. On a finished image: fingerprint, parts, keep (how many
-- versions before it stay). On one that was replaced and not ours: replaced, the run.
existing.KEYS = {}
for _, name in ipairs { "run", "image", "begun", "builder", "kept", "kept_for", "fingerprint", "parts", "keep", "replaced" } do
  existing.KEYS[name] = "luabuild." .. name
end
local KEYS = existing.KEYS

--[[
existing.building(b) -> {key = value}
The settings that mark a machine while it is made. An empty value takes one away that it may have from its parent.
]]
function existing.building(b)
  return { [KEYS.run] = b.run, [KEYS.image] = b.image.name, [KEYS.begun] = b.vc.user.loginTime, [KEYS.builder] = journal.builder(),
    [KEYS.kept] = "", [KEYS.kept_for] = "", [KEYS.fingerprint] = "", [KEYS.parts] = "", [KEYS.keep] = "", [KEYS.replaced] = "" }
end

--[[
existing.marks(image, run, made) -> {key = value}
The settings that mark a finished image as ours: what it is, what it was made from, in which run.
  made           table             from fingerprint.of
]]
function existing.marks(image, run, made)
  return { [KEYS.fingerprint] = made.total, [KEYS.parts] = cjson.encode(made.parts), [KEYS.image] = image.name, [KEYS.run] = run,
    [KEYS.keep] = tostring(image.keep or 0), [KEYS.builder] = "", [KEYS.kept] = "", [KEYS.kept_for] = "" }
end

--[[
existing.options({key = value}) -> array of OptionValue
Settings as the API takes them.
]]
function existing.options(settings)
  local out = {}
  for key, value in pairs(settings) do out[#out + 1] = { key = key, value = value } end
  return out
end

--[[
existing.settings(options) -> {key = value}
Settings as the API gives them, by key.
  options        array of OptionValue, or nil
]]
function existing.settings(options)
  local out = {}
  for _, o in ipairs(options or {}) do out[o.key] = o.value end
  return out
end

--[[
existing.is_of_build(vm, stem) -> boolean
Is a machine that is called STEM.build-RUN one of a build of that image? A machine that a build took over from another one has, for
a moment, the mark of the other's run.
  vm             table             settings
]]
function existing.is_of_build(vm, stem) return vm.settings[KEYS.image] == stem and (vm.settings[KEYS.run] or "") ~= "" end

--[[
existing.read_many(found) -> found
Read the settings of several machines; sets `settings` of each, an empty table when it has none to show, or none to this user.
  found          array of { object }
Raises: fault.
Blocks: yes, one request, and none for an empty array.
]]
function existing.read_many(found)
  if #found == 0 then return found end
  local objects = {}
  for i, one in ipairs(found) do objects[i] = one.object end
  for i, facts in ipairs(property.get_many(objects[1].session, objects, { "config.extraConfig" }, { readable = true })) do
    found[i].settings = existing.settings(facts["config.extraConfig"])
  end
  return found
end

local function what_changed(settings, made)
  local old = cjson.decode(settings[KEYS.parts] or "")
  local changes = type(old) == "table" and fingerprint.changes(old, made.parts) or {}
  return #changes > 0 and table.concat(changes, ", ") .. " changed" or "its inputs changed"
end

--[[
existing.decide(settings, made, options) -> "build"|"current"|"replace"|"foreign", reason
What to do about an image.
  settings       {key = value}|nil the advanced settings of the VM of that name, nil when there is none
  made           table             the fingerprint it would get
  options.force  boolean
  options.parent boolean           wanted as a parent, not asked for: an image that is not ours is used as it is
Raises: exists (not ours, asked for without force).
]]
function existing.decide(settings, made, options)
  if not settings then return "build", "not there yet" end
  local known = settings[KEYS.fingerprint]
  if not known or known == "" then
    if options.parent then return "foreign", "not made by luabuild, used as it is" end
    if options.force then return "replace", "--force; it was not made by luabuild" end
    err.raise("exists", "a virtual machine of this name is there, and luabuild did not make it",
      { hint = "rename it or the image, put the image in another folder, or replace it with --force" })
  end
  if known ~= made.total then return "replace", what_changed(settings, made) end
  if options.force and not options.parent then return "replace", "--force" end
  return "current", "up to date"
end

return existing
