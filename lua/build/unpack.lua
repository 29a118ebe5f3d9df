-- unpack: the files of an archive into a folder, never outside of it
local digest = require "digest"
local lfs = require "lfs"
local ova = require "ova"
local err = require "core.err"
local manifest = require "build.manifest"
local ovfpackage = require "build.ovfpackage"

local unpack = {}

-- What was made and has no final name yet; closing it removes that.
local Unfinished = {}
Unfinished.__index = Unfinished

function Unfinished:__close()
  for _, file in ipairs(self.files) do os.remove(file.temporary) end
  for i = #self.directories, 1, -1 do lfs.rmdir(self.directories[i]) end -- empty ones only
end

local function make_folder(path)
  local ok, message = lfs.mkdir(path)
  if not ok then err.raise("io", "make the folder " .. path .. ": " .. message) end
end

local function check_whole(p)
  local problem = p.about.problem or (not p.about.ended and "it has no end mark: it is cut off, or was never finished")
  if problem then err.raise("format", p.path .. ": " .. problem) end
end

local function check_names(p)
  local seen = {}
  for _, entry in ipairs(p.entries) do
    local bad = ovfpackage.bad_name((entry.plain:gsub("/$", "")))
    local root = entry.kind == "directory" and entry.plain == "" -- of tar -C folder .
    if bad and not root then err.raise("format", string.format("%s: the entry '%s' cannot be a file's name: %s", p.path, entry.name, bad)) end
    if entry.kind ~= "file" and entry.kind ~= "directory" then
      err.raise("format", string.format("%s: the entry '%s' is a %s: a package has files only", p.path, entry.name, entry.kind))
    end
    if seen[entry.plain] then err.raise("format", string.format("%s: there are two entries '%s'", p.path, entry.plain)) end
    seen[entry.plain] = true
  end
end

-- Make the folders of `name` below `dir`. A link among them would lead elsewhere.
local function make_folders(dir, name, made)
  local at = dir
  for part in name:gmatch("([^/]+)/") do
    at = at .. "/" .. part
    local mode = lfs.symlinkattributes(at, "mode")
    if mode and mode ~= "directory" then err.raise("exists", at .. " is there, and is no folder") end
    if not mode then
      make_folder(at)
      made[#made + 1] = at
    end
  end
end

local function check_target(path, force)
  local mode = lfs.symlinkattributes(path, "mode")
  if not mode then return end
  if mode == "directory" then err.raise("exists", path .. " is a folder") end
  if not force then err.raise("exists", path .. " is there already", { hint = "--force replaces it" }) end
end

-- What the manifest says: name -> { algorithm, hex }.
local function expected(p)
  local out = {}
  for _, line in ipairs(p.manifest and manifest.parse(p:read(p.manifest)) or {}) do
    out[line.name] = line
    if not p:find(line.name) then err.raise("format", string.format("%s: the manifest's %s is missing", p.path, line.name)) end
  end
  return out
end

local function extract(p, entry, temporary, line, progress)
  local done = err.check(ova.extract(p.path, entry.name, temporary, { digest = line and line.algorithm, progress = progress }))
  if line and done.digest[line.algorithm] ~= line.hex then
    err.raise("format", string.format("%s: the %s digest of %s is %s, but %s according to the manifest", p.path, line.algorithm, entry.plain,
      done.digest[line.algorithm], line.hex))
  end
end

-- All are there and right: give them their names.
local function name_all(unfinished)
  while unfinished.files[1] do
    local file = unfinished.files[1]
    local ok, message = os.rename(file.temporary, file.final)
    if not ok then err.raise("io", message) end
    table.remove(unfinished.files, 1)
  end
  unfinished.directories = {}
end

--[[
unpack.ova(path, directory [, options]) -> { files = {string, ...} (names) }
Put the files of an archive into a folder, and check them by its manifest on the way. No name leads out of the folder, links are neither
made nor followed, and no file has its name before all are there and right.
  directory              string            made when it is not there
  options.force          boolean = false   replace files that are there
  options.progress       function|nil      called with (done, total) bytes
Raises: exists, notfound, io, format (names, kinds, digests, not an archive, cut off), cancelled.
Blocks: yes.
]]
function unpack.ova(path, directory, options)
  options = options or {}
  local p = ovfpackage.open(path)
  if not p.archive then err.raise("format", path .. ": not an archive") end
  check_whole(p)
  check_names(p)
  local lines, run, total, before = expected(p), digest.hex(digest.random(6)), 0, 0
  local unfinished <close> = setmetatable({ files = {}, directories = {} }, Unfinished)
  if not lfs.attributes(directory, "mode") then
    make_folder(directory)
    unfinished.directories[1] = directory
  end
  for _, entry in ipairs(p.entries) do
    if entry.kind == "file" then check_target(directory .. "/" .. entry.plain, options.force) end
    total = total + entry.size
  end
  local names = {}
  for _, entry in ipairs(p.entries) do
    make_folders(directory, entry.plain, unfinished.directories)
    if entry.kind == "file" then
      local final = directory .. "/" .. entry.plain
      local file = { temporary = final .. ".part-" .. run, final = final }
      table.insert(unfinished.files, file)
      local so_far = before
      extract(p, entry, file.temporary, lines[entry.plain], options.progress and function(n) options.progress(so_far + n, total) end)
      before = before + entry.size
      names[#names + 1] = entry.plain
    end
  end
  name_all(unfinished)
  return { files = names }
end

return unpack
