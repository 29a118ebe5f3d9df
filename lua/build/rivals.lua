-- rivals: machines of other builds of the same image in the same folder: one at work is not disturbed, one that died is only said so
local err = require "core.err"
local units = require "core.units"
local existing = require "build.existing"
local runs = require "build.runs"

local rivals = {}

local DAY = 86400 -- as gc: what is older than this is at work no more

local function find(b)
  local found, cut = {}, nil
  for _, vm in ipairs(b.folder:vms()) do
    local stem, kind, run = vm.name:match("^(.*)%.(%l+)%-(%x%x%x%x%x%x%x%x)$")
    if stem == b.image.name and kind == "build" then found[#found + 1] = { object = vm.object, name = vm.name, run = run } end
    if stem == b.image.name and kind == "old" and not b.old then cut = vm.name end
  end
  return existing.read_many(found), cut
end

local function busy(b, vm, since)
  local text = string.format("another build of this image is at work: run %s, %s%s; its machine is %s", vm.run,
    vm.settings[existing.KEYS.builder] or "on another machine", since and ", begun " .. units.format_seconds(since) .. " ago" or "", vm.name)
  if b.options.planning then return b.note(text .. "; until its end a build is refused") end
  if b.options.force then return b.note(text .. "; --force: going on beside it") end
  err.raise("exists", text, { hint = "wait for its end. When it was killed, this is seen half an hour later, as its session ends: then luabuild gc removes"
    .. " what it left;\n--force builds beside it now" })
end

--[[
rivals.look(b) -> {{ object, name, run, settings, state }, ...}
The machines that other builds of this image have left, each with a note, and the state of its run (runs:state); those that are there on purpose are not noted.
Raises: exists (one is at work, and neither --force nor options.planning); fault.
Blocks: yes: one request, and three more when there is one.
]]
function rivals.look(b)
  local found, cut = find(b)
  if cut then b.note(string.format("%s is this image: a build died while it gave the name to its successor; luabuild gc gives it back", cut)) end
  if #found == 0 then return found end
  local known = runs.look(b.vc)
  for _, vm in ipairs(found) do
    local state, begun = known:state(vm.run), units.time(vm.settings[existing.KEYS.begun])
    local since = begun and known.now - begun
    vm.state = state
    local kept = (vm.settings[existing.KEYS.kept] or "") ~= ""
    local ours = existing.is_of_build(vm, b.image.name)
    if ours and not kept and (state == "alive" or state == "unknown" and since and since < DAY) then
      busy(b, vm, since)
    elseif not kept then
      b.note(string.format("%s is left of a build that did not get to its end; luabuild gc removes it", vm.name))
    end
  end
  return found
end

return rivals
