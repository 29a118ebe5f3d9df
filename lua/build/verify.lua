-- verify: is an OVF package whole, and what the standard and importers want? For packages of any origin.
local ova = require "ova"
local err = require "core.err"
local manifest = require "build.manifest"
local ovf = require "build.ovf"
local ovfpackage = require "build.ovfpackage"

local verify = {}

-- What is found is kept in `v`: { package, problems, notes, descriptor (of ovf.read) }.
local function problem(v, ...) v.problems[#v.problems + 1] = string.format(...) end
local function note(v, ...) v.notes[#v.notes + 1] = string.format(...) end

-- ---- the archive ----

local function check_end(v)
  local about, last = v.package.about, v.package.entries[#v.package.entries]
  if last.kind == "file" and last.offset + last.size > about.size then
    problem(v, "%s: it is cut off: the archive ends after %d of its %d bytes", last.name, math.max(0, about.size - last.offset), last.size)
  elseif about.problem then
    problem(v, "the archive is damaged after %s: %s", last.name, about.problem)
  elseif not about.ended then
    problem(v, "the archive has no end mark: it is cut off, or was never finished")
  end
end

local function check_entries(v)
  local seen = {}
  for _, entry in ipairs(v.package.entries) do
    local bad = ovfpackage.bad_name(entry.plain)
    if entry.kind ~= "file" then problem(v, "%s: a %s has no place in a package", entry.name, entry.kind)
    elseif bad then problem(v, "'%s' cannot be a file's name: %s", entry.name, bad)
    elseif entry.name ~= entry.plain then problem(v, "%s: the name is not the '%s' that the descriptor means", entry.name, entry.plain) end
    if seen[entry.plain] then problem(v, "%s: there are two entries of that name", entry.name) end
    seen[entry.plain] = true
    if entry.format == "pax" and not v.pax then
      v.pax = true
      note(v, "%s has a pax header, which vSphere does not read", entry.name)
    end
  end
end

-- DSP0243 1.1.0, 5.3: descriptor, manifest and certificate, files as in References; manifest and certificate may be last.
local function check_order(v)
  local package, order = v.package, {}
  if package.entries[1] ~= package.descriptor then
    problem(v, "%s is the first entry: the descriptor %s must be", package.entries[1].name, package.descriptor.name)
  end
  for i, entry in ipairs(package.entries) do order[entry] = order[entry] or i end
  local before
  for _, file in ipairs(v.descriptor.files) do
    for _, entry in ipairs(file.href and package:parts(file) or {}) do
      if before and order[entry] < order[before] then
        note(v, "%s stands before %s, but comes after it in the descriptor's References", entry.name, before.name)
      end
      before = entry
    end
  end
end

local function check_extra(v)
  local package, known = v.package, {}
  for _, file in ipairs(v.descriptor.files) do
    for _, entry in ipairs(file.href and package:parts(file) or {}) do known[entry.plain] = true end
  end
  for _, entry in ipairs(package.entries) do
    local own = entry == package.descriptor or entry == package.manifest or entry == package.certificate
    if entry.kind == "file" and not own and not known[entry.plain] then problem(v, "%s: the descriptor does not mention it", entry.name) end
  end
end

-- ---- the descriptor ----

local function read_descriptor(v)
  local entry = v.package.descriptor
  if not entry then return problem(v, "there is no OVF descriptor (.ovf)") end
  local ok, result = pcall(function() return ovf.read(v.package:read(entry)) end)
  if ok then v.descriptor = result
  elseif err.is(result, "cancelled") or not err.is(result) then error(result, 0)
  else problem(v, "%s: %s", entry.name, tostring(result)) end
end

local function check_size(v, file, parts)
  local total = 0
  for _, entry in ipairs(parts) do total = total + entry.size end
  if not file.size then note(v, "%s: the descriptor does not say its size", file.href)
  elseif file.size ~= total then problem(v, "%s: it has %d bytes, but %d according to the descriptor", file.href, total, file.size) end
end

local function check_file(v, file)
  if not (file.id and file.href) then return problem(v, "the descriptor has a File without %s", file.id and "href" or "id") end
  if v.ids[file.id] then problem(v, "the descriptor has two files with the id '%s'", file.id) end
  if v.hrefs[file.href] then problem(v, "the descriptor refers to %s twice", file.href) end
  v.ids[file.id], v.hrefs[file.href] = file, true
  if file.href:find("^%a[%w+.-]+://") then return note(v, "%s is not part of the package", file.href) end
  local bad = ovfpackage.bad_name(file.href)
  if bad then return problem(v, "the descriptor's '%s' cannot be a file's name: %s", file.href, bad) end
  local parts, missing = v.package:parts(file)
  if missing then return problem(v, "%s is missing", missing) end
  for _, entry in ipairs(parts) do
    if entry.kind ~= "file" and not v.package.archive then return problem(v, "%s is no regular file", entry.name) end
  end
  check_size(v, file, parts)
end

local function check_disk(v, disk)
  local file = disk.file and v.ids[disk.file]
  if disk.file and not file then problem(v, "disk %s refers to a file '%s' that the descriptor does not have", disk.id, disk.file) end
  local entry = file and file.href and not file.chunk and not file.compression and v.package:find(file.href)
  if not entry or entry.kind ~= "file" or not ((disk.format or ""):find("vmdk", 1, true) or file.href:find("%.vmdk$")) then return end
  local found, message, code = v.package:vmdk(entry)
  if not found and code ~= "format" then err.check(found, message, code) end
  if not found then return problem(v, "%s: %s", file.href, message) end
  if found.kind ~= "streamOptimized" then note(v, "%s is a %s VMDK, not a stream-optimised one: not every importer takes it", file.href, found.kind) end
  if disk.capacity and disk.capacity ~= found.capacity then
    problem(v, "%s is a disk of %d bytes, but of %d according to the descriptor", file.href, found.capacity, disk.capacity)
  end
end

-- ---- manifest and certificate ----

local function check_lines(v, entries, bad)
  local listed = {}
  for _, each in ipairs(bad) do problem(v, "%s: this line is not understood: %s", v.package.manifest.name, each) end
  for _, line in ipairs(entries) do
    if listed[line.name] then problem(v, "%s: it has two lines for %s", v.package.manifest.name, line.name) end
    listed[line.name] = true
  end
  local function need(entry)
    if not listed[entry.plain] then problem(v, "%s: it has no line for %s", v.package.manifest.name, entry.plain) end
  end
  need(v.package.descriptor)
  for _, file in ipairs(v.descriptor and v.descriptor.files or {}) do
    for _, entry in ipairs(file.href and v.package:parts(file) or {}) do need(entry) end
  end
end

local function total_size(v, lines)
  local total = 0
  for _, line in ipairs(lines) do
    local entry = v.package:find(line.name)
    total = total + (entry and entry.size or 0)
  end
  return total
end

local function readable(v, entry)
  return entry.kind == "file" and not (v.package.archive and entry.offset + entry.size > v.package.about.size)
end

local function check_digests(v, lines, progress)
  local done, total = 0, total_size(v, lines)
  for _, line in ipairs(lines) do
    local entry = v.package:find(line.name)
    if not entry then problem(v, "%s: it has a line for %s, which is not there", v.package.manifest.name, line.name)
    elseif readable(v, entry) then
      local before = done
      local hex = v.package:digest(entry, line.algorithm, progress and function(n) progress(before + n, total) end)
      if hex ~= line.hex then problem(v, "%s: its %s digest is %s, but %s according to the manifest", line.name, line.algorithm, hex, line.hex) end
      done = before + entry.size
    end
  end
end

local function check_manifest(v, progress)
  local entry = v.package.manifest
  if not entry then
    if v.package.certificate then problem(v, "%s: it signs a manifest that is not there", v.package.certificate.name) end
    return note(v, "there is no manifest (.mf): the content cannot be checked")
  end
  if not readable(v, entry) then return end
  local text = v.package:read(entry)
  local lines, bad = manifest.parse(text)
  v.algorithm = lines[1] and lines[1].algorithm
  check_lines(v, lines, bad)
  check_digests(v, lines, progress)
  local certificate = v.package.certificate
  if certificate and readable(v, certificate) then
    local signer, message = ova.signature(text, v.package:read(certificate))
    if signer then note(v, "signed by %s, whose certificate was not looked into further", signer.subject)
    else problem(v, "%s: %s", certificate.name, message) end
  end
end

--[[
verify.package(path [, options]) -> { problems = {string, ...}, notes = {string, ...}, algorithm = string|nil, files = integer }
Look at all there is about a package: the archive's entries, their names and order, the descriptor and its files and sizes, the
manifest's digests, the certificate's signature, whether disks are whole. A problem names what is wrong; a note what may trouble an importer.
  path                   string         an .ova, the .ovf of a package in a folder, or the folder
  options.progress       function|nil   called with (done, total) bytes read for digests
Raises: notfound, io, format (not an archive at all), cancelled.
Blocks: yes (reads every byte once when there is a manifest).  Source: DSP0243 1.1.0, 5 (OVF package), 7.1; DSP0243 2.1.0 for SHA256.
]]
function verify.package(path, options)
  local v = { package = ovfpackage.open(path), problems = {}, notes = {}, ids = {}, hrefs = {} }
  if v.package.archive then
    check_end(v)
    check_entries(v)
  end
  read_descriptor(v)
  if v.descriptor then
    for _, file in ipairs(v.descriptor.files) do check_file(v, file) end
    for _, disk in ipairs(v.descriptor.disks) do check_disk(v, disk) end
    if v.package.archive then
      check_order(v)
      check_extra(v)
    end
  end
  if v.package.descriptor then check_manifest(v, options and options.progress) end
  return { problems = v.problems, notes = v.notes, algorithm = v.algorithm, files = v.descriptor and #v.descriptor.files or 0 }
end

return verify
