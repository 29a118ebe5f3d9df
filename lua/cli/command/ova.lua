-- ova list|verify|pack|unpack: OVA files of any origin
local ova = require "ova"
local err = require "core.err"
local units = require "core.units"
local options = require "cli.options"

local function list(_, words)
  local path = words[1]
  local entries, about = err.check(ova.list(path))
  if #entries == 0 then err.raise("format", path .. ": no OVA, or an empty one: there is no file in it") end
  for _, e in ipairs(entries) do print(string.format("%12d  %s  %s", e.size, os.date("!%Y-%m-%d %H:%M", e.mtime), e.name)) end
  if about.problem then err.raise("format", path .. ": " .. about.problem) end
  if not about.ended then err.raise("format", path .. ": the archive is cut off: its end is missing") end
  return 0
end

local function verify(_, words)
  local path = words[1]
  local found = require("build.verify").package(path)
  for _, note in ipairs(found.notes) do print("note: " .. note) end
  if #found.problems > 0 then err.raise("format", path .. " is not right:\n- " .. table.concat(found.problems, "\n- ")) end
  print(string.format("%s: fine, %d file%s named by the descriptor%s", path, found.files, found.files == 1 and "" or "s",
    found.algorithm and ", checked by " .. found.algorithm or ""))
  return 0
end

local function pack(given, words)
  local target, path = words[1], words[2]
  local made = require("build.pack").ova(target, path, { manifest = given.manifest, force = given.force })
  for _, note in ipairs(made.notes) do print("note: " .. note) end
  print(string.format("%s: %d file%s, %s", target, made.files, made.files == 1 and "" or "s", units.format_bytes(made.size)))
  return 0
end

local function unpack(given, words)
  local path, directory = words[1], words[2]
  for _, name in ipairs(require("build.unpack").ova(path, directory, { force = given.force }).files) do print(name) end
  return 0
end

local FILE = { "FILE.ova", kind = "files *.ova" }
local replace = { "force", doc = "replace what is there" }

return {
  doc = "list, verify, pack and unpack OVA files",
  actions = {
    { "list", doc = "show what is in the archive, in its order", words = { FILE }, run = list },
    { "verify", doc = "compare every file with descriptor and manifest", words = { FILE }, run = verify },
    { "pack", doc = "make an OVA of a directory with an OVF descriptor and its disks",
      words = { FILE, { "DIRECTORY|FILE.ovf", kind = "files *.ovf" } }, run = pack },
    { "unpack", doc = "take the files out of an OVA", words = { FILE, { "DIRECTORY", kind = "directory" } }, run = unpack },
  },
  options = options.of({ "manifest", argument = "ALGORITHM", values = { "sha256", "sha1", "sha512", "none" }, default = "sha256",
    doc = "digests that pack writes" }, replace),
}
