-- fingerprint: what an image is made from, as digests by part, so that a change can be named. Secrets do not enter.
local digest = require "digest"
local lfs = require "lfs"
local err = require "core.err"
local hidden = require "build.hidden"
local natural = require "core.natural"
local sorted = require "core.sorted"

local fingerprint = {}
local NAMED = 5 -- pieces of one part

local function sha(text) return err.check(digest.string("sha256", text)) end

-- One text for a value, whatever the order of its table's keys; a function counts by its code without debug information.
local function canonical(value)
  if type(value) == "table" then
    local out = {}
    for _, key in ipairs(sorted.keys(value)) do out[#out + 1] = canonical(key) .. "=" .. canonical(value[key]) end
    return "{" .. table.concat(out, ",") .. "}"
  end
  if type(value) == "function" then return "function " .. sha(string.dump(value, true)) end
  if type(value) == "string" then return string.format("%q", value) end
  return tostring(value)
end

-- The digest of a value without the secrets of the image that are in it, wherever they stand.
local function digest_of(value, image) return sha(hidden.of(image):mask(canonical(value))) end

local function file_digest(path)
  return err.check(digest.file("sha256", path))
end

-- path -> digest for every file at and below `path`, the names relative to it.
local function tree(path, name, out)
  local mode = lfs.attributes(path, "mode")
  if mode == "directory" then
    for entry in lfs.dir(path) do
      if entry ~= "." and entry ~= ".." then tree(path .. "/" .. entry, name .. "/" .. entry, out) end
    end
  elseif mode then
    out[name] = file_digest(path)
  else
    err.raise("recipe", path .. ": no such file or directory")
  end
  return out
end

-- The values that ${name} in a kickstart's files takes from variables, secrets left out.
local function filled_values(paths, image)
  local described = getmetatable(image.variables).described
  local out = {}
  for path in pairs(paths) do
    local file <close> = io.open(path, "rb")
    for name in (file and file:read("a") or ""):gmatch("%${([%w_]+)}") do
      local known = described[name]
      if known and not known.secret then out[name] = image.variables[name] or false end
    end
  end
  return out
end

local function paths_below(path, out)
  if lfs.attributes(path, "mode") == "directory" then
    for entry in lfs.dir(path) do
      if entry ~= "." and entry ~= ".." then paths_below(path .. "/" .. entry, out) end
    end
  else
    out[path] = true
  end
  return out
end

local function kickstart_part(image)
  local k = image.kickstart
  if not k then return nil end
  local part = { label = k.label, values = k.values, files = k.files, fill = k.fill }
  for _, kind in ipairs { "http", "floppy", "cd" } do
    local paths = {}
    for _, path in ipairs(type(k[kind]) == "table" and k[kind] or { k[kind] }) do
      part[kind] = tree(path, type(k[kind]) == "table" and path:match("[^/]*$") or "", part[kind] or {})
      if k.fill ~= false then part.filled = filled_values(paths_below(path, paths), image) end
    end
  end
  return part
end

-- A step without its paths: the files count by their names and contents, wherever they are.
local function said(step, upload)
  local out = {}
  for key, value in pairs(step) do
    if key ~= "script" and not (upload and type(key) == "number") then out[key] = value end
  end
  return out
end

local function is_note(step) return type(step) == "table" and (step.step == "checkpoint" or step.step == "breakpoint") end

-- The steps up to `last`. A checkpoint and a breakpoint change nothing in the image.
local function provision_part(image, last)
  local out = {}
  for i, step in ipairs(image.provision) do
    if i > last then break end
    local files = {}
    if type(step) == "table" then
      local upload = step.step == "upload"
      for _, path in ipairs(upload and step or { step.script }) do tree(path, path:match("[^/]*$"), files) end
      step = said(step, upload)
    end
    if not is_note(step) then out[#out + 1] = { step = step, files = files } end
  end
  return out
end

local function code_part(recipe)
  local out = { string.dump(recipe.chunk, true) }
  for _, path in ipairs(sorted.keys(recipe.required)) do out[#out + 1] = string.dump(recipe.required[path].chunk, true) end
  return table.concat(out, "\0")
end

-- What parts consist of, by the names that people know: fields, a kickstart's files and what is filled in, provisioning steps.
local pieces = {}

local function fields(part)
  local out = {}
  for name, value in pairs(part) do out[name] = { name, value } end
  return out
end
pieces.hardware, pieces.export, pieces.config = fields, fields, fields

function pieces.kickstart(part)
  local out = {}
  for kind, value in pairs(part) do
    if type(value) ~= "table" then value = { [kind] = value } end
    for name, one in pairs(value) do out[tostring(name):gsub("^/", "")] = { name, one } end
  end
  return out
end

-- A step counts for itself, wherever it stands: others may have come before it.
function pieces.provision(part, image)
  local out, n = {}, 0
  for i, step in ipairs(image.provision) do
    if not is_note(step) then
      n = n + 1
      out[i .. " " .. (type(step) == "function" and "function" or step.name or step.step)] = part[n]
    end
  end
  return out
end

local function iso_part(iso) return iso and (iso.digest or iso.url or iso.path) end

local function boot_part(boot) return boot and { table.concat(boot, "\n"), boot.run } end

--[[
fingerprint.of(image [, parent]) -> { total = string, parts = {name = string} }
Digest what an image is made from: each part on its own, the pieces of some ("hardware.memory"), and all together (SHA-256, hex; parts and
pieces are cut to 12 digits).
  parent         string|nil        the fingerprint of the image it is cloned from
Files that the recipe names are read. Connection, placement, secrets and timings of the builder are not part of it.
Raises: recipe (a file that is not there).
]]
function fingerprint.of(image, parent)
  local given = {
    guest_id = image.guest_id,
    parent = parent,
    linked = image.linked,
    export = image.export,
    hardware = image.hardware,
    iso = iso_part(image.iso),
    kickstart = kickstart_part(image),
    boot = boot_part(image.boot),
    provision = provision_part(image, #image.provision),
    config = image.config,
    settings = { image.annotation or false, image.extra_config, image.snapshot or false, image.template or false, image.shutdown.command or false },
    recipe = code_part(image.recipe),
  }
  local parts, all = {}, {}
  for _, name in ipairs(sorted.keys(given)) do
    local full = digest_of(given[name], image)
    parts[name], all[#all + 1] = full:sub(1, 12), name .. "=" .. full
    for piece, value in pairs(pieces[name] and pieces[name](given[name], image) or {}) do
      parts[name .. "." .. piece] = digest_of(value, image):sub(1, 12)
    end
  end
  return { total = sha(table.concat(all, "\n")), parts = parts }
end

--[[
fingerprint.upto(image, parent, last) -> string
Digest what the machine is made from up to one of its provision steps: 32 hex digits. What comes after, and the recipe's other code,
are not part of it.
  parent         string|nil        as for fingerprint.of
  last           integer           the step's place
Raises: recipe (a file that is not there).
]]
function fingerprint.upto(image, parent, last)
  return digest_of({ guest_id = image.guest_id, parent = parent, linked = image.linked, hardware = image.hardware, iso = iso_part(image.iso),
    kickstart = kickstart_part(image), boot = boot_part(image.boot), provision = provision_part(image, last), config = image.config,
    annotation = image.annotation, extra_config = image.extra_config }, image):sub(1, 32)
end

--[[
fingerprint.whole(image) -> as fingerprint.of
The fingerprint of an image with those of the recipes it is made from, as it is known without a server. A clone of a VM that is
no recipe's has the VM's state in its own, which only the server knows.
]]
function fingerprint.whole(image)
  return fingerprint.of(image, type(image.from) == "table" and fingerprint.whole(image.from).total or nil)
end

-- The pieces of a part: name -> digest, and digest -> true.
local function pieces_of(parts, part)
  local named, digests = {}, {}
  for name, value in pairs(parts) do
    local piece = name:sub(1, #part + 1) == part .. "." and name:sub(#part + 2)
    if piece then named[piece], digests[value] = value, true end
  end
  return named, digests
end

-- "hardware (memory)", or only the name when no piece is known to have changed.
local function named(part, old, new)
  local before, digests = pieces_of(old, part)
  local after = pieces_of(new, part)
  local out = {}
  for _, piece in ipairs(next(before) and natural.sort(sorted.keys(after)) or {}) do
    if not digests[after[piece]] then out[#out + 1] = piece end
  end
  if part ~= "provision" then
    for _, piece in ipairs(sorted.keys(before)) do if not after[piece] then out[#out + 1] = "no " .. piece end end
  end
  if #out == 0 then return part end
  if #out > NAMED then out = { table.unpack(out, 1, NAMED) } out[#out + 1] = "…" end
  return string.format("%s (%s)", part, table.concat(out, ", "))
end

--[[
fingerprint.changes(old, new) -> {string, ...}
The parts that differ, sorted, with the pieces that do, as far as they are known: "hardware (memory)"; "recipe" (its code) only when nothing
more exact is known.
  old, new       {name = string}   parts
]]
function fingerprint.changes(old, new)
  local out = {}
  for _, name in ipairs(sorted.keys(new)) do
    if new[name] ~= old[name] and name ~= "recipe" and not name:find(".", 1, true) then out[#out + 1] = named(name, old, new) end
  end
  for _, name in ipairs(sorted.keys(old)) do
    if new[name] == nil and not name:find(".", 1, true) then out[#out + 1] = name end
  end
  if #out == 0 and new.recipe ~= old.recipe then out[1] = "the recipe's code" end
  return out
end

return fingerprint
