-- ovfpackage: an OVF package to read, as one archive (OVA) or as files in a folder
local digest = require "digest"
local lfs = require "lfs"
local ova = require "ova"
local err = require "core.err"

local ovfpackage = {}
local Package = {}
Package.__index = Package

local LIMIT = 16 << 20 -- bytes of a descriptor or manifest

--[[
ovfpackage.bad_name(name) -> string|nil
Why a name cannot be that of a file in a package, whose folder it must stay in on every system; nil when it can.
]]
function ovfpackage.bad_name(name)
  if name == "" then return "it is empty" end
  if name:find("^/") or name:find("^%a:") then return "it is absolute" end
  if name:find("[%c\\]") then return "it has a backslash or a control character" end
  for part in (name .. "/"):gmatch("([^/]*)/") do
    if part == ".." then return "it climbs out of the package" end
    if part == "." or part == "" then return "it has an empty or '.' component" end
  end
end

-- "./disk.vmdk", as `tar -cf x.ova ./…` writes it, means "disk.vmdk".
local function plain(name) return (name:gsub("^%./+", "")) end

local function stem(name) return (name:gsub("%.[^./]*$", "")) end

local function with_suffix(name, suffix) return name:lower():sub(-#suffix) == suffix end

-- ---- archives ----

local function index(self)
  for _, entry in ipairs(self.entries) do
    entry.plain = plain(entry.name)
    self.by_name[entry.plain] = self.by_name[entry.plain] or entry
    if not self.descriptor and with_suffix(entry.plain, ".ovf") then self.descriptor = entry end
  end
  local base = self.descriptor and stem(self.descriptor.plain)
  for _, entry in ipairs(self.entries) do -- the one of the descriptor's name, or else any
    for field, suffix in pairs { manifest = ".mf", certificate = ".cert" } do
      if with_suffix(entry.plain, suffix) and (not self[field] or stem(entry.plain) == base) then self[field] = entry end
    end
  end
  return self
end

local function open_archive(path)
  local entries, about = err.check(ova.list(path))
  if #entries == 0 then err.raise("format", path .. ": the archive is empty") end
  return index(setmetatable({ path = path, archive = true, entries = entries, about = about, by_name = {} }, Package))
end

-- ---- folders ----

local function file_entry(self, name)
  local path = self.folder .. "/" .. name
  local attributes = lfs.attributes(path)
  if not attributes or attributes.mode == "directory" then return nil end
  local kind = attributes.mode == "file" and "file" or "other"
  return { name = name, plain = name, kind = kind, size = attributes.size, offset = 0, path = path, mtime = attributes.modification }
end

local function open_folder(path)
  local folder, name = path:match("^(.*)/([^/]*)$")
  local self = setmetatable({ path = path, folder = folder or ".", archive = false }, Package)
  self.descriptor = file_entry(self, name or path)
  if not self.descriptor then err.raise("notfound", "read " .. path .. ": no such file") end
  local base = stem(name or path)
  self.manifest, self.certificate = file_entry(self, base .. ".mf"), file_entry(self, base .. ".cert")
  return self
end

local function descriptor_in(directory)
  local found = {}
  for name in lfs.dir(directory) do
    if with_suffix(name, ".ovf") then found[#found + 1] = name end
  end
  if #found ~= 1 then
    err.raise("notfound", string.format("%s: %s .ovf file in the folder: name the one that is meant", directory, #found == 0 and "no" or "more than one"))
  end
  return directory:gsub("/+$", "") .. "/" .. found[1]
end

--[[
ovfpackage.open(path) -> package
A package: an archive, the .ovf file of a package in a folder, or the folder.
package = { path = string, archive = boolean, descriptor = entry|nil, manifest = entry|nil, certificate = entry|nil,
  entries = array of all (archives only), about = table (archives only: see ova.list) }
entry = { name = string, plain = string (without a leading "./"), kind = string, size = integer, offset = integer, mtime = integer }
Raises: notfound, io, format (not a tar archive).
]]
function ovfpackage.open(path)
  if lfs.attributes(path, "mode") == "directory" then path = descriptor_in(path) end
  if with_suffix(path, ".ovf") then return open_folder(path) end
  return open_archive(path)
end

--[[
package:find(name) -> entry|nil
The file of that name; nil too when the name leads out of the package.
]]
function Package:find(name)
  if self.archive then return self.by_name[name] end
  if not ovfpackage.bad_name(name) then return file_entry(self, name) end
end

--[[
package:parts(file) -> {entry, ...}, string|nil
The files that hold what the descriptor refers to: one, or several chunks; and the name of the first that is missing.
  file           table             of ovf.read's `files`
Source: DSP0243 1.1.0, 7.1 (chunkSize: names end in .000000000, .000000001, ...).
]]
function Package:parts(file)
  if not file.chunk then
    local entry = self:find(file.href)
    return { entry }, not entry and file.href or nil
  end
  local out, total = {}, 0
  for i = 0, 999999 do
    local name = string.format("%s.%09d", file.href, i)
    local entry = self:find(name)
    if not entry then return out, (i == 0 or (file.size and total < file.size)) and name or nil end
    out[#out + 1] = entry
    total = total + entry.size
  end
  return out
end

--[[
package:read(entry) -> string
The content of a small file.
Raises: io, format (cut off, larger than 16 MiB).
]]
function Package:read(entry)
  if self.archive then return err.check(ova.read(self.path, entry.name, LIMIT)) end
  if entry.kind ~= "file" then err.raise("io", entry.path .. ": not a regular file") end
  if entry.size > LIMIT then err.raise("format", string.format("%s: %d bytes are too many", entry.path, entry.size)) end
  local file <close> = err.check(io.open(entry.path, "rb"), entry.path .. ": cannot be read", "io")
  return file:read("a")
end

--[[
package:digest(entry, algorithm [, progress]) -> string
The digest of a file, in lower-case hex.
Raises: io, format (cut off).
]]
function Package:digest(entry, algorithm, progress)
  if self.archive then return (err.check(ova.digest(self.path, entry.name, algorithm, progress))) end
  return (err.check(digest.file(algorithm, entry.path, progress)))
end

--[[
package:vmdk(entry) -> table
                    -> nil, message, code
Look at a disk: see ova.vmdk.
]]
function Package:vmdk(entry)
  if self.archive then return ova.vmdk(self.path, entry.offset, math.min(entry.size, math.max(0, self.about.size - entry.offset))) end
  return ova.vmdk(entry.path)
end

return ovfpackage
