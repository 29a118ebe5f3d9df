-- package: where an export's files go: into an OVA, or side by side; none has its name before all are whole
local lfs = require "lfs"
local ova = require "ova"
local err = require "core.err"

local package = {}

-- ---- into an archive: the descriptor and the manifest stand first and are written last ----

local archive = {}
archive.__index = archive

function archive:place(name) return self.writer:path(), err.check(self.writer:place(name)) end
function archive:done(_, size) err.check(self.writer:entry_done(size)) end
function archive:put(name, text) err.check(self.writer:put(name, text)) end
function archive:close() self.writer:close() end

-- The digest of the whole is known before the archive has its name.
function archive:finish(progress)
  local made = err.check(self.writer:finish { digest = "sha256", progress = progress })
  return { { name = self.name, path = self.path, size = made.size, sha256 = made.digest.sha256 } }
end

--[[
package.archive(directory, name, head) -> package
Begin NAME.ova in a directory.
  head           array of { name, room }   the files at the front, with their lengths
package: place(name) -> path, offset; done(name, size); put(name, text); finish(progress) -> array of { name, path, size, sha256 }; close() removes
what is not finished.
Raises: io.
]]
function package.archive(directory, name, head)
  local path = directory .. "/" .. name .. ".ova"
  return setmetatable({ writer = err.check(ova.create(path, { head = head })), name = name .. ".ova", path = path }, archive)
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
  local path = self:place(name)
  local file <close> = err.check(io.open(path, "wb"))
  err.check(file:write(text))
  self:done(name, #text)
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
