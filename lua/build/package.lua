-- package: where an export's files go: into an OVA, or side by side; none has its name before all are whole
local digest = require "digest"
local lfs = require "lfs"
local ova = require "ova"
local err = require "core.err"
local files = require "build.files"

local package = {}

-- ---- into an archive: the descriptor and the manifest stand first and are written last ----

local archive = {}
archive.__index = archive

function archive:place(name)
  self.begun = { name = name, at = err.check(self.writer:place(name)) }
  return self.writer:path(), self.begun.at
end

function archive:done(_, size)
  err.check(self.writer:entry_done(size))
  self.begun.size = size
  table.insert(self.placed, self.begun)
end

function archive:put(name, text) err.check(self.writer:put(name, text)) end
function archive:close() self.writer:close() end

-- Digests of what was placed, by name, and of the whole: in one pass over the file.
function archive:digests(algorithm, progress)
  local whole, _, parts = err.check(digest.file(algorithm, self.writer:path(), progress, self.placed))
  local found = {}
  for i, one in ipairs(self.placed) do found[one.name] = parts[i] end
  return found, whole
end

-- All digests are known, and right, before the archive has its name.
function archive:finish(expected, progress)
  local size = err.check(self.writer:seal())
  local found, whole = self:digests("sha256", progress)
  for _, one in ipairs(self.placed) do
    local ours, theirs = found[one.name], expected[one.name]
    if ours ~= theirs then
      err.raise("format", string.format("%s: %d bytes arrived with sha256 %s, the server sent them with %s", one.name, one.size, ours, theirs),
        { hint = "the transfer broke: build again" })
    end
  end
  err.check(self.writer:finish())
  return { { name = self.name, path = self.path, size = size, sha256 = whole } }
end

--[[
package.archive(directory, name, head) -> package
Begin NAME.ova in a directory.
  head           array of { name, room }   the files at the front, with their lengths
package: place(name) -> path, offset; done(name, size); put(name, text); close() removes what is not finished;
digests(algorithm, progress) -> { name -> hex } of what was placed, which is read;
finish(expected, progress) -> array of { name, path, size, sha256 }: `expected` is { name -> sha256 } of what was placed, with which what is
in the archive is compared while it is read for its own digest.
Raises: io; format (finish: a digest is another).
]]
function package.archive(directory, name, head)
  local path = directory .. "/" .. name .. ".ova"
  return setmetatable({ writer = err.check(ova.create(path, { head = head })), name = name .. ".ova", path = path, placed = {} }, archive)
end

-- ---- side by side ----

local folder = {}
folder.__index = folder

local function part(self, name) return self.directory .. "/" .. name .. ".part" end

function folder:place(name)
  table.insert(self.files, { name = name, path = self.directory .. "/" .. name })
  return part(self, name), 0
end

function folder:done(name, size) for _, f in ipairs(self.files) do if f.name == name then f.size = size end end end

function folder:put(name, text)
  files.write(self:place(name), text)
  self:done(name, #text)
end

function folder:digests(algorithm, progress)
  local found = {}
  for _, f in ipairs(self.files) do found[f.name] = err.check(digest.file(algorithm, part(self, f.name), progress)) end
  return found
end

function folder:finish()
  for _, f in ipairs(self.files) do err.check(os.rename(part(self, f.name), f.path)) end
  self.finished = true
  return self.files
end

function folder:close()
  if self.finished then return end
  for _, f in ipairs(self.files) do os.remove(part(self, f.name)) end
end

--[[
package.folder(directory) -> package
Begin separate files in a directory; as package.archive.
]]
function package.folder(directory) return setmetatable({ directory = directory, files = {} }, folder) end

--[[
package.existing(directory, name, format) -> string|nil
The path of the export that is there already.
]]
function package.existing(directory, name, format)
  local path = string.format("%s/%s.%s", directory, name, format)
  return lfs.attributes(path, "mode") and path or nil
end

return package
