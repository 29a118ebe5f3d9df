-- journal: what a run has made and not yet undone, on this machine's disk before it is made: what gc reads when the run did not
-- get to its end. Names and ids only: no secret is in it.
local cjson = require "cjson.safe"
local lfs = require "lfs"
local lockfile = require "lockfile"
local process = require "process"
local signal = require "signal"
local err = require "core.err"
local files = require "build.files"

local journal = {}
journal.__index = journal

local function directory() return files.state "journal" end

local function hostname()
  local file <close> = io.open "/proc/sys/kernel/hostname"
  return file and file:read "l" or "?"
end

--[[
journal.builder() -> string
This machine and process, for people: "ci-7, process 4711".
Blocks: no.
]]
function journal.builder() return string.format("%s, process %d", hostname(), process.id()) end

local function write(self, line)
  if self.file then err.check(self.file:append(cjson.encode(line) .. "\n")) end
end

--[[
journal.open(run, about) -> journal
Begin the journal of a run: <state>/journal/<run>.jsonl, locked as long as this process lives; one line for each thing, on the disk
when the call returns.
  about          table             image, server: for whoever reads it later
Raises: io.
Blocks: until the disk has it.
]]
function journal.open(run, about)
  local path = string.format("%s/%s.jsonl", directory(), run)
  local file
  for _ = 1, 50 do -- whoever reads all journals holds each for a moment
    file = err.check(lockfile.open(path))
    if file then break end
    signal.sleep(0.02)
  end
  if not file then err.raise("io", path .. ": another process has it", { op = "write the journal" }) end
  local self = setmetatable({ file = file, count = 0, open = 0 }, journal)
  write(self, { run = run, image = about.image, server = about.server, builder = journal.builder(), time = os.time() })
  return self
end

--[[
journal:begun(entry) -> nothing
Note what is about to be made: entry.record of a scope; entries without one are of no account.
  record.kind    string            "vm" (name, folder), "file" (datastore, datacenter, path), "local" (path), "name" (vm, from, to),
                                   "snapshot" (vm, name), "lease" (id), "partial" (directory, name), "export" (files)
Raises: io.
Blocks: until the disk has it.
]]
function journal:begun(entry)
  if not entry.record then return end
  self.count, self.open = self.count + 1, self.open + 1
  entry.number = self.count
  write(self, { made = entry.number, what = entry.record })
end

--[[
journal:ended(entry) -> nothing
Note that it is undone, or permanent. When that cannot be written, gc looks for it in vain, which does no harm.
]]
function journal:ended(entry)
  if not entry.number then return end
  self.open = self.open - 1
  pcall(write, self, { gone = entry.number })
  entry.number = nil
end

--[[
journal:keep(reason) -> nothing
Note that what is left is left on purpose: gc takes it only when it is old.
]]
function journal:keep(reason)
  self.open = self.open + 1
  pcall(write, self, { kept = reason, time = os.time() })
end

--[[
journal:close() -> nothing
The run is over: without anything left its journal goes, too. Safe to call again.
]]
function journal:close()
  if not self.file then return end
  if self.open > 0 then self.file:close() else self.file:remove() end
  self.file = nil
end

-- ---- reading ----

-- A torn last line is what a power cut leaves: it was not said to be written.
local function read(path)
  local out, items = nil, {}
  for line in io.lines(path) do
    local entry = cjson.decode(line)
    if type(entry) ~= "table" then break end
    if entry.run then out = entry
    elseif entry.made then items[entry.made] = entry.what
    elseif entry.gone then items[entry.gone] = nil
    elseif entry.kept and out then out.kept = entry.time end
  end
  if out then out.path, out.items = path, items end
  return out
end

-- Does the process that writes it still live? One that cannot be looked at counts as alive.
local function is_alive(path)
  local file <close> = lockfile.open(path)
  return not file
end

--[[
journal.all() -> {run = { run, image, server, builder, time, kept = time|nil, alive = boolean, items = {record, ...}, path }}
The journals of this machine (of this user, with this XDG_STATE_HOME): runs at work, and runs that left something.
Raises: io.
Blocks: no.
]]
function journal.all()
  local out, dir = {}, directory()
  for name in lfs.dir(dir) do
    local path = dir .. "/" .. name
    if name:find("%.jsonl$") then
      local alive = is_alive(path)
      local found = read(path)
      if found then
        found.alive = alive
        out[found.run] = found
      elseif not alive then
        os.remove(path) -- it ended before its first line
      end
    end
  end
  return out
end

return journal
