-- existing: what an image that is there already means; DESIGN.md's table
local cjson = require "cjson.safe"
local err = require "core.err"
local fingerprint = require "build.fingerprint"

local existing = {}

existing.KEYS = { fingerprint = "luabuild.fingerprint", parts = "luabuild.parts", image = "luabuild.image", run = "luabuild.run" }

--[[
existing.marks(image, run, made) -> {key = value}
The advanced settings that mark a finished image as ours: what it is, what it was made from, in which run.
  made           table             from fingerprint.of
]]
function existing.marks(image, run, made)
  local keys = existing.KEYS
  return { [keys.fingerprint] = made.total, [keys.parts] = cjson.encode(made.parts), [keys.image] = image.name, [keys.run] = run }
end

local function what_changed(settings, made)
  local old = cjson.decode(settings[existing.KEYS.parts] or "")
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
  local known = settings[existing.KEYS.fingerprint]
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
