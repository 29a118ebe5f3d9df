-- gc: what runs that died have left in a vCenter and on this machine: found by their marks and journals, and removed
local lockfile = require "lockfile"
local err = require "core.err"
local units = require "core.units"
local fault = require "vsphere.fault"
local finder = require "vsphere.finder"
local property = require "vsphere.property"
local existing = require "build.existing"
local family = require "build.family"
local iso = require "build.iso"
local leftovers = require "build.leftovers"
local lock = require "build.lock"
local publish = require "build.publish"
local runs = require "build.runs"

local gc = {}
local KEYS = existing.KEYS
local RUN = string.rep("%x", 8)

local function add(self, item) table.insert(item.act and self.items or self.left, item) end

local function age(seconds) return units.format_seconds(math.max(0, seconds)) end

-- What is to happen with something of a run: true and why it goes, or false and why it stays.
--   facts          table             begun, kept: seconds since 1970, or nil; builder
local function judge(self, run, facts)
  local state, now, own = self.runs:state(run), self.runs.now, self.runs.journals[run]
  if state == "alive" then return false, "its run is at work" end
  local kept = facts.kept or own and own.kept
  if kept then
    local text = string.format("kept on purpose %s ago", age(now - kept))
    return now - kept >= self.older_than, text
  end
  if state == "dead" then return true, "its run died" end
  if not facts.begun then return false, "nothing tells its age" end
  local text = string.format("%s began it %s ago", facts.builder or "another machine", age(now - facts.begun))
  if now - facts.begun < self.older_than then return false, text .. (state == "away" and ", and is not logged in" or "") end
  return true, text
end

-- ---- virtual machines ----

local function facts_of(vm)
  return { begun = units.time(vm.settings[KEYS.begun]), kept = units.time(vm.settings[KEYS.kept]), builder = vm.settings[KEYS.builder] }
end

-- A machine of a build that is not an image yet: it has the name and the mark of its run. One that was renamed is somebody's.
local function look_at_build(self, vm)
  local stem, run = vm.name:match("^(.*)%.build%-(" .. RUN .. ")$")
  if not existing.is_of_build(vm, stem) then return end
  local goes, why = judge(self, run, facts_of(vm))
  if not goes then self.staying[run] = true end
  self.begun[run] = facts_of(vm).begun
  add(self, { what = "virtual machine " .. vm.path, why = why, run = run, act = goes and function() family.destroy(vm.object) end or nil })
end

local function is_ours(vm, stem, run) return vm.settings[KEYS.image] == stem or vm.settings[KEYS.replaced] == run end

-- No image has the name, because the swap was cut in two: the newest one before gets it back. Whether that swap is only just going on
-- is told by the machine that was to get the name.
local function name_again(self, item, vm, stem, place)
  local goes, why = true, nil
  if self.begun[vm.run] then goes, why = judge(self, vm.run, { begun = self.begun[vm.run] }) end
  item.why = goes and "its successor never got its name" or why
  item.done = "renamed"
  if goes and place == 1 then
    item.what = string.format("%s to %s", item.what, stem)
    item.act = function() vm.object:rename(stem) end
  end
end

-- Images before the one of that name; without one, the swap was cut in two and the newest gets its name back.
local function look_at_versions(self, folder, stem)
  local current = folder:find_vm(stem)
  local keep = current and tonumber(existing.settings(current:get "config.extraConfig")[KEYS.keep]) or 0
  for i, vm in ipairs(publish.versions(folder, stem)) do
    local item = { what = "image before " .. vm.name, run = vm.run }
    local needed = current and is_ours(vm, stem, vm.run) and i > keep and family.needed(vm.object)
    if self.runs:state(vm.run) == "alive" then item.why = "its run is at work"
    elseif not is_ours(vm, stem, vm.run) then item.why = "not made by luabuild"
    elseif not current then name_again(self, item, vm, stem, i)
    elseif i <= keep then item.why = "keep = " .. keep
    elseif needed then item.why = needed
    else
      item.why, item.act = "nothing needs it", function() family.destroy(vm.object) end
    end
    add(self, item)
  end
end

local function look_at_vms(self, datacenter)
  local built, stems = {}, {}
  for _, vm in ipairs(self.find:vms(datacenter)) do
    local stem = vm.name:match("^(.*)%.old%-" .. RUN .. "$")
    if vm.name:find("%.build%-" .. RUN .. "$") then built[#built + 1] = vm end
    if stem then stems[#stems + 1] = { stem = stem, object = vm.object } end
  end
  for _, vm in ipairs(built) do
    local ok, e = pcall(existing.read_many, { vm }) -- each by itself: one that may not be seen is nobody's business
    if err.is(e, "cancelled") then error(e, 0) end
    if ok then look_at_build(self, vm) end
  end
  local seen, objects = {}, {}
  for i, one in ipairs(stems) do objects[i] = one.object end
  for i, facts in ipairs(property.get_many(self.vc, objects, { "parent" })) do
    local key = facts.parent and facts.parent.moid .. "\0" .. stems[i].stem
    if key and not seen[key] then
      seen[key] = true
      look_at_versions(self, facts.parent, stems[i].stem)
    end
  end
end

-- ---- files on datastores ----

local KINDS = { part = "partial upload", flp = "kickstart floppy", ["cd.iso"] = "kickstart CD" }

local function look_at_files(self, store)
  local ok, list = pcall(store.list, store, iso.FOLDER)
  if err.is(list, "cancelled") then error(list, 0) end
  if not ok then return add(self, { what = "datastore " .. store.known.name, why = "it cannot be searched: " .. tostring(list) }) end
  local going = 0
  for _, file in ipairs(list) do
    local run, kind = file.path:match("^(" .. RUN .. ")%.(.+)$")
    if run and KINDS[kind] then
      local goes, why = judge(self, run, { begun = units.time(file.modified) })
      if goes and self.staying[run] then goes, why = false, "its virtual machine stays" end
      local path = iso.FOLDER .. "/" .. file.path
      going = going + (goes and 1 or 0)
      add(self, { what = KINDS[kind] .. " " .. store:path(path), why = why, run = run, act = goes and function() store:delete(path) end or nil })
    end
  end
  if going > 0 and going == #list then
    add(self, { what = "directory " .. store:path(iso.FOLDER), why = "nothing is left in it", act = function() store:delete(iso.FOLDER) end })
  end
end

-- ---- what only a journal knows of ----

local function same_server(self, server)
  local function plain(text) return text:lower():gsub("^%w+://", ""):gsub("^[^/@]*@", ""):gsub("/.*$", "") end
  return plain(server or "") == plain(self.vc.host)
end

local function look_at_journal(self, own)
  if own.alive then return end
  if not same_server(self, own.server) then
    local what = string.format("run %s (image %s)", own.run, own.image)
    return add(self, { what = what, why = "it was at " .. tostring(own.server) .. ": run gc there", run = own.run })
  end
  local keys = self.runs.sessions and self.runs.sessions[own.run]
  if keys then -- first: a session may hold what is to go
    table.insert(self.items, 1, { what = "session of run " .. own.run, why = "its run died", run = own.run,
      act = function() self.vc.content.sessionManager:TerminateSession { sessionId = keys } end })
  end
  for _, record in pairs(own.items) do
    local act, what = leftovers.undo(self.vc, record, own)
    if act then table.insert(self.items, record.kind == "lease" and 1 or #self.items + 1, { what = what, why = "its run died", run = own.run, act = act }) end
  end
  add(self, { run = own.run, act = function()
    local file <close> = lockfile.open(own.path)
    if file then file:remove() end
  end, silent = true })
end

--[[
gc.look(session, options) -> { items = {item, ...}, left = {item, ...} }
Find what dead runs have left: virtual machines, images before that nothing needs, files on datastores, sessions, snapshots of sources,
and files on this machine. Changes nothing.
  options.older_than number = 86400   seconds after which what another machine's run, or a build on purpose, has left may go
  options.datacenter string|nil       only this one
item = { what, why, run, act = function|nil, done = string|nil (what is said instead of "removed"), silent = boolean }; those in
`left` stay, and their why says it.
Raises: fault, notfound (the datacenter), io.
Blocks: yes.
]]
function gc.look(vc, options)
  local self = { vc = vc, find = finder.new(vc), runs = runs.look(vc), older_than = options.older_than or 86400, items = {}, left = {},
    staying = {}, begun = {} }
  local seen = {}
  for _, datacenter in ipairs(options.datacenter and { self.find:datacenter(options.datacenter) } or self.find:datacenters()) do
    look_at_vms(self, datacenter)
    for _, store in ipairs(self.find:datastores(datacenter)) do
      if not seen[store.moid] and store.known.summary.accessible then look_at_files(self, store) end
      seen[store.moid] = true
    end
  end
  for _, own in pairs(self.runs.journals) do if not self.staying[own.run] then look_at_journal(self, own) end end
  return self
end

--[[
gc.sweep(found, say) -> integer
Remove what gc.look has found, and the journals of runs of which nothing is left. Returns how many could not be removed.
  say            function(item, error or nil)   called after each
Raises: cancelled.
Blocks: yes.
]]
function gc.sweep(found, say)
  local failed, count = {}, 0
  for _, item in ipairs(found.items) do
    if not (item.silent and failed[item.run]) then
      local ok, e = pcall(item.act)
      if err.is(e, "cancelled") then error(e, 0) end
      if fault.is(e, "TaskInProgress") then e.hint = "an export that was cut off ends after five minutes: run gc again then" end
      if ok and e == false then item.done, item.why = "stays", "other disks stand on it" end
      if not ok then
        count = count + 1
        if item.run then failed[item.run] = true end
      end
      if not item.silent then say(item, not ok and e or nil) end
    end
  end
  lock.tidy()
  return count
end

return gc
