-- ova list|verify|pack|unpack: OVA files of any origin
local ova = require "ova"
local err = require "core.err"
local units = require "core.units"

local acts = {}

function acts.list(_, path)
  local entries, about = err.check(ova.list(path))
  for _, e in ipairs(entries) do print(string.format("%12d  %s  %s", e.size, os.date("!%Y-%m-%d %H:%M", e.mtime), e.name)) end
  if about.problem then err.raise("format", path .. ": " .. about.problem) end
  if not about.ended then err.raise("format", path .. ": the archive is cut off: its end is missing") end
end

function acts.verify(_, path)
  local found = require("build.verify").package(path)
  for _, note in ipairs(found.notes) do print("note: " .. note) end
  if #found.problems > 0 then err.raise("format", path .. " is not right:\n- " .. table.concat(found.problems, "\n- ")) end
  print(string.format("%s: fine, %d file%s named by the descriptor%s", path, found.files, found.files == 1 and "" or "s",
    found.algorithm and ", checked by " .. found.algorithm or ""))
end

function acts.pack(given, target, path)
  local made = require("build.pack").ova(target, path, { manifest = given.manifest, force = given.force })
  for _, note in ipairs(made.notes) do print("note: " .. note) end
  print(string.format("%s: %d files, %s", target, made.files, units.format_bytes(made.size)))
end

function acts.unpack(given, path, directory)
  for _, name in ipairs(require("build.unpack").ova(path, directory, { force = given.force }).files) do print(name) end
end

local WANTED = { list = 1, verify = 1, pack = 2, unpack = 2 }

local function run(given, words)
  local act = acts[words[1]]
  if not act then
    err.raise("usage", words[1] and string.format("ova: unknown action '%s'", words[1]) or "ova: what?", { hint = "luabuild help ova" })
  end
  if #words ~= WANTED[words[1]] + 1 then
    err.raise("usage", string.format("ova %s wants %d names", words[1], WANTED[words[1]]), { hint = "luabuild help ova" })
  end
  act(given, table.unpack(words, 2))
  return 0
end

return {
  doc = "list, verify, pack and unpack OVA files",
  usage = "luabuild ova list|verify FILE.ova\n       luabuild ova pack FILE.ova DIRECTORY|FILE.ovf\n       luabuild ova unpack FILE.ova DIRECTORY",
  options = {
    { "manifest", argument = "ALGORITHM", values = { "sha256", "sha1", "sha512", "none" }, default = "sha256", doc = "digests that pack writes" },
    { "force", doc = "replace what is there" },
    { "debug", doc = "show where errors come from" },
    { "help", doc = "show help" },
  },
  run = run,
}
