-- pack: the files of an OVF package into one archive
local digest = require "digest"
local lfs = require "lfs"
local ova = require "ova"
local err = require "core.err"
local manifest = require "build.manifest"
local ovf = require "build.ovf"
local ovfpackage = require "build.ovfpackage"

local pack = {}

local function fail(format, ...) err.raise("format", string.format(format, ...)) end

-- The files to add, in the order of References: { name, path, size }.
local function collect(p, descriptor)
  local out = {}
  for _, file in ipairs(descriptor.files) do
    if not file.href then fail("%s: it has a File without href", p.path) end
    if file.href:find("^%a[%w+.-]+://") then fail("%s: %s is not in its folder: an archive holds all its files", p.path, file.href) end
    local bad = ovfpackage.bad_name(file.href)
    if bad then fail("%s: its '%s' cannot be a file's name: %s", p.path, file.href, bad) end
    local parts, missing = p:parts(file)
    if missing then err.raise("notfound", string.format("%s: its file %s is missing", p.path, missing)) end
    for _, entry in ipairs(parts) do
      if entry.kind ~= "file" then fail("%s: not a regular file", entry.path) end
      out[#out + 1] = entry
    end
  end
  return out
end

-- A cut off disk must not get a fresh manifest that says all is well.
local function check_disks(p, files)
  for _, entry in ipairs(files) do
    if entry.name:find("%.vmdk$") then
      local found, message, code = p:vmdk(entry)
      if not found then err.raise(code, code == "format" and entry.path .. ": " .. message or message) end
    end
  end
end

-- The descriptor's text, with sizes as they are.
local function true_sizes(p, text, descriptor, notes)
  local wrong = {}
  for _, file in ipairs(descriptor.files) do
    local entry = not file.chunk and p:find(file.href)
    if entry and file.size ~= entry.size then
      wrong[file.href] = { size = entry.size }
      notes[#notes + 1] = string.format("%s: corrected its size in the descriptor: %d bytes, not %s", file.href, entry.size, file.size or "unknown")
    end
  end
  return next(wrong) and ovf.edit(text, { files = wrong, drop = {} }) or text
end

-- What the manifest that is there already says: name -> { algorithm, hex }.
local function expected_digests(p)
  local out = {}
  for _, line in ipairs(p.manifest and manifest.parse(p:read(p.manifest)) or {}) do out[line.name] = line end
  return out
end

local function algorithms_for(name, algorithm, expected)
  local out, known = { algorithm ~= "none" and algorithm or nil }, expected[name]
  if known and known.algorithm ~= algorithm then out[#out + 1] = known.algorithm end
  return out
end

local function add_files(writer, files, algorithm, expected, progress)
  local lines, done, total = {}, 0, 0
  for _, entry in ipairs(files) do total = total + entry.size end
  for _, entry in ipairs(files) do
    local before, known = done, expected[entry.name]
    local added = err.check(writer:add(entry.name, entry.path, { digest = algorithms_for(entry.name, algorithm, expected), mtime = entry.mtime,
      progress = progress and function(n) progress(before + n, total) end }))
    if added.size ~= entry.size then err.raise("io", entry.path .. ": its size changed meanwhile") end
    if known and added.digest[known.algorithm] ~= known.hex then
      fail("%s: its %s digest is %s, but %s according to the manifest beside it", entry.path, known.algorithm, added.digest[known.algorithm], known.hex)
    end
    lines[#lines + 1] = { name = entry.name, hex = added.digest[algorithm] }
    done = before + entry.size
  end
  return lines
end

-- The rooms at the front, in the standard's order.
local function front(name, text, algorithm, files)
  local head = { { name = name, room = #text } }
  if algorithm == "none" then return head end
  local names = { name }
  for _, entry in ipairs(files) do names[#names + 1] = entry.name end
  head[2] = { name = name:gsub("%.[^.]*$", "") .. ".mf", room = manifest.length(algorithm, names) }
  return head
end

--[[
pack.ova(target, path [, options]) -> { size = integer (bytes), files = integer, notes = {string, ...} }
Put the files of a package in a folder into one archive: descriptor, manifest, files in the order of the descriptor's References. Each
file is read once. Wrong sizes in the descriptor are corrected, and said; a file that is not what the manifest beside it says is refused.
  target                 string            of the archive; it is there only when it is complete
  path                   string            the .ovf file, or its folder
  options.manifest       string = "sha256" sha256, sha1, sha512, or none
  options.force          boolean = false   replace an older archive
  options.progress       function|nil      called with (done, total) bytes
A certificate is left out: it signs another manifest.
Raises: exists (the target), notfound, io, format (descriptor, names, cut off disks, digests), cancelled.
Blocks: yes.  Source: DSP0243 1.1.0, 5.3.
]]
function pack.ova(target, path, options)
  options = options or {}
  local algorithm, notes = options.manifest or "sha256", {}
  local there = lfs.attributes(target, "mode")
  if there == "directory" then err.raise("exists", target .. " is a directory", { hint = "the archive to make is named first, then what goes in" }) end
  if there and not options.force then
    err.raise("exists", target .. " is there already", { hint = "--force replaces it" })
  end
  local p = ovfpackage.open(path)
  if p.archive then fail("%s: not the .ovf file of a package in a folder", path) end
  local text = p:read(p.descriptor)
  local descriptor = ovf.read(text)
  local files = collect(p, descriptor)
  check_disks(p, files)
  text = true_sizes(p, text, descriptor, notes)
  if p.certificate then notes[#notes + 1] = p.certificate.name .. " is left out: it signs another manifest" end
  local head = front(p.descriptor.name, text, algorithm, files)
  local writer <close> = err.check(ova.create(target, { head = head, mtime = p.descriptor.mtime }))
  local lines = add_files(writer, files, algorithm, expected_digests(p), options.progress)
  err.check(writer:put(head[1].name, text))
  if head[2] then
    table.insert(lines, 1, { name = head[1].name, hex = digest.string(algorithm, text) })
    err.check(writer:put(head[2].name, manifest.text(algorithm, lines)))
  end
  return { size = err.check(writer:finish()), files = #files, notes = notes }
end

return pack
