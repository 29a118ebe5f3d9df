-- onwards: a build that goes on with a machine that an earlier one left: at its checkpoint, or, from a provisioning step that the user
-- names, with the one that was kept for a look as it is now
local runtime = require "runtime"
local err = require "core.err"
local checkpoint = require "build.checkpoint"
local existing = require "build.existing"
local media = require "build.media"
local pause = require "build.pause"
local provision = require "build.provision"

local onwards = {}
local KEYS = existing.KEYS

local function step_index(b)
  local titles = provision.titles(b.image)
  for i, title in ipairs(titles) do
    if pause.matches(b.options.from_step, title, "provision") then return i end
  end
  local near = runtime.nearest(b.options.from_step, titles)
  err.raise("usage", string.format("--from: %s has no provisioning step '%s'", b.image.name, b.options.from_step),
    { hint = near and "did you mean '" .. near .. "'?" or "it has " .. (#titles > 0 and table.concat(titles, ", ") or "none") })
end

-- The one that was kept last.
local function find_machine(b)
  local found
  for _, vm in ipairs(b.rivals) do
    local at = vm.settings[KEYS.kept] or ""
    if at ~= "" and vm.settings[KEYS.kept_for] ~= "checkpoints" and existing.is_of_build(vm, b.image.name)
      and (not found or at > found.settings[KEYS.kept]) then found = vm end
  end
  return found or err.raise("notfound", "--from: no machine of " .. b.image.name .. " was kept",
    { hint = "--until STEP and --on-error=abort keep one" })
end

--[[
onwards.find(b) -> nothing
Look for a machine to go on with: for the step of options.from_step the one that was kept last, else as checkpoint.find. Sets b.resume =
{ vm, index = of the last step that is done, as_it_is = boolean }, and says so in b.reason; b.resume is nil when there is none.
Raises: usage (no such step), notfound (no machine was kept); fault.
Blocks: yes.
]]
function onwards.find(b)
  if not b.options.from_step or b.options.parent then return checkpoint.find(b) end
  local index = step_index(b)
  b.resume = { vm = find_machine(b), index = index - 1, as_it_is = true }
  b.reason = string.format("%s; goes on with %s, as it is", b.reason, b.resume.vm.name)
end

local function take(b)
  b.vm = b.resume.vm.object
  b.vm:rename(b.temporary_name)
  b.vm:reconfigure { extraConfig = existing.options(existing.building(b)) }
  local facts = b.vm:get { "config.hardware.device", "snapshot" }
  b.devices, b.checkpoint = facts["config.hardware.device"], facts.snapshot and "of the machine that was kept" -- goes when it is finished
  b.media_file = media.in_drive(b, b.devices) -- goes when it is taken out, not when this build fails: the drive needs it
  return string.format("the machine of run %s", b.resume.vm.run)
end

--[[
onwards.resume(b) -> string
Take the machine of b.resume for this build: its name and its mark, and its disks as they were at the checkpoint, if it is one. Sets
b.vm, b.devices.
Raises: fault.
Blocks: yes.
]]
function onwards.resume(b) return (b.resume.as_it_is and take or checkpoint.resume)(b) end

return onwards
