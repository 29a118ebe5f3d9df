-- export: a finished machine as an OVA or as OVF files: each disk goes from the host straight into its place
local digest = require "digest"
local ova = require "ova"
local err = require "core.err"
local context = require "build.context"
local paths = require "build.files"
local hidden = require "build.hidden"
local lease = require "vsphere.lease"
local manifest = require "build.manifest"
local ovf = require "build.ovf"
local package = require "build.package"
local stash = require "build.stash"
local units = require "core.units"

local export = {}

local ROOM = 4096 -- bytes by which the descriptor may grow when the sizes are known

-- ---- what is there ----

--[[
export.decide(b) -> nothing
Look at the export that is there already, when the image wants one. One of an image that is there belongs to it; when it is missing, the
decision becomes "export". One of an image that is not there is somebody's file.
  b              build             image, options, decision, old: from the preflight
Raises: exists.
]]
function export.decide(b)
  local e = b.image.export
  local there = e and package.existing(b.image.output_dir or "output/" .. b.image.name, b.image.name, e.format)
  if b.decision == "current" and e and not there and not b.options.parent then
    b.decision, b.reason = "export", "up to date, but its export is not there"
    b.vm, b.published = b.old, true
  end
  if b.decision == "build" and there and not b.options.force then
    err.raise("exists", there .. " is there, and the image it would be made from is not",
      { hint = "move it away, set output_dir, or replace it with --force" })
  end
end

-- ---- the files of the package ----

-- The lease's disks as NAME-disk-N.vmdk, with EFI the machine's nvram as NAME.nvram; other files (logs, media) stay behind.
local function choose_items(b, items)
  local name, chosen, disks = b.image.name, {}, 0
  for _, item in ipairs(items) do
    if item.disk then
      item.href, disks = string.format("%s-disk-%d.vmdk", name, disks), disks + 1
      chosen[#chosen + 1] = item
    elseif item.name:match("%.nvram$") and (b.firmware or b.vm:get "config.firmware") == "efi" then
      item.href = name .. ".nvram"
      chosen[#chosen + 1] = item
    end
  end
  if disks == 0 then err.raise("build", "the machine has no disk to export") end
  return chosen
end

-- The server's descriptor of the machine. It puts down what it is told of the files' sizes, which are not known yet.
local function describe(b, items)
  local files = {}
  for i, item in ipairs(items) do files[i] = { deviceId = item.key, path = item.href, size = 0 } end
  local result = b.vc.content.ovfManager:CreateDescriptor { obj = b.vm, cdp = { ovfFiles = files, name = b.image.name } }
  for _, e in ipairs(result.error or {}) do err.raise("fault", e.localizedMessage or "no descriptor", { op = "describe the machine", fault = e.fault }) end
  for _, w in ipairs(result.warning or {}) do b.note("descriptor: " .. tostring(w.localizedMessage)) end
  return result.ovfDescriptor
end

-- It, with the sizes known so far, edited for importers.
local function descriptor_text(b, items)
  local wanted = { name = b.image.name, files = {} }
  for _, item in ipairs(items) do wanted.files[item.href] = { size = item.bytes, capacity = item.capacity, populated = item.populated } end
  for _, option in ipairs { "product", "eula", "annotation", "hardware_version", "drop" } do wanted[option] = b.image.export[option] end
  return (ovf.edit(b.described, wanted))
end

local function begin(b, items, directory)
  local e, name = b.image.export, b.image.name
  if e.format == "ovf" then return package.folder(directory) end
  local names = { name .. ".ovf" }
  for _, item in ipairs(items) do names[#names + 1] = item.href end
  local room = #descriptor_text(b, items) + ROOM
  local head = { { name = name .. ".ovf", room = room } }
  if e.manifest ~= "none" then head[2] = { name = name .. ".mf", room = manifest.length(e.manifest, names) } end
  b.descriptor_room = room
  return package.archive(directory, name, head)
end

-- ---- the bytes ----

-- To take of each file as it comes: SHA-256 for manifest.json, the package's own, and SHA-1 when the server has no other. Where the
-- server's SHA-256 is all that is needed, nothing of an archive's disks: theirs are taken when the archive is read for its own digest.
local function algorithms(b, held)
  local e, set = b.image.export, { "sha256" }
  local own, same = e.manifest, held:use_digest "sha256"
  if own == "sha1" or not same then set[2] = "sha1" end
  if own == "sha512" then set[#set + 1] = own end
  return set, e.format == "ova" and same and (own == "sha256" or own == "none") and {} or set
end

local function fetch(b, held, item, target, digests, place)
  local path, offset = target:place(item.href)
  local function progress(done) b.progress(done, item.size and item.size >= done and item.size or nil, item.href .. place) end
  local result = held:download(item, { save = path, save_at = offset, digest = digests, progress = progress, sync = b.image.export.format == "ovf" })
  target:done(item.href, result.size)
  item.bytes, item.digest = result.size, result.digest
  if item.disk then
    local whole, message = ova.vmdk(path, offset, result.size)
    if not whole then err.raise("format", item.href .. ": " .. message, { hint = "the transfer broke: build again" }) end
    item.capacity = whole.capacity
  end
end

-- Digests of what arrived that were not taken on the way: all is read once more.
local function take(b, held, items, target, algorithm)
  local found = target:digests(algorithm, function(done, total)
    b.progress(done, total, "digest of what arrived")
    held:keep()
  end)
  for _, item in ipairs(items) do item.digest[algorithm] = item.digest[algorithm] or found[item.href] end
end

local function compare_one(item, said)
  local ours = item.digest[said.algorithm]
  if said.size ~= item.bytes or (ours and ours ~= said.hex) then
    err.raise("format", string.format("%s: %d bytes arrived with %s %s, the server sent %d with %s", item.href, item.bytes, said.algorithm,
      ours or "?", said.size, said.hex), { hint = "the transfer broke: build again" })
  end
  return ours
end

-- What arrived against what the server says it sent. A SHA-256 of its that was not taken on the way stands until the archive is read.
local function compare(b, held, items, target)
  local sent = held:manifest()
  for _, item in ipairs(items) do
    local said = sent[item.key]
    local algorithm = said and manifest.knows(said.algorithm, said.hex) and said.algorithm
    if algorithm == "sha256" then item.digest.sha256 = item.digest.sha256 or said.hex end
    if algorithm and not item.digest[algorithm] then take(b, held, items, target, algorithm) end
    if not item.digest.sha256 then take(b, held, items, target, "sha256") end
    if not (said and compare_one(item, said)) then b.note(item.href .. ": the server tells no digest of what it sent: not compared") end
    item.populated = said and said.populated
  end
end

-- ---- the words ----

local function write_texts(b, items, target)
  local e, name = b.image.export, b.image.name
  local descriptor = descriptor_text(b, items)
  if b.descriptor_room then descriptor = ovf.pad(descriptor, b.descriptor_room) end
  target:put(name .. ".ovf", descriptor)
  if e.manifest == "none" then return end
  local files = { { name = name .. ".ovf", hex = digest.string(e.manifest, descriptor) } }
  for _, item in ipairs(items) do files[#files + 1] = { name = item.href, hex = item.digest[e.manifest] } end
  target:put(name .. ".mf", manifest.text(e.manifest, files))
end

local function custom_data(image)
  local out = {}
  for name, value in pairs(image.export.custom_data or {}) do out[name] = hidden.of(image):mask(tostring(value)) end
  return out
end

-- NAME.ova.sha256, and manifest.json: what was built, from what.
local function write_records(b, files, items, directory)
  if b.image.export.format == "ova" then
    paths.replace(files[1].path .. ".sha256", manifest.checksum(files[1].name, files[1].sha256))
  end
  local listed = {}
  for i, f in ipairs(files) do listed[i] = { name = f.name, size = f.size, sha256 = f.sha256 } end
  local disks = {}
  for i, item in ipairs(items) do disks[i] = { name = item.href, size = item.bytes, sha256 = item.digest.sha256 } end
  paths.replace(directory .. "/manifest.json", manifest.json { name = b.image.name, kind = b.image.kind, time = os.time(), run = b.run, files = listed,
    custom_data = custom_data(b.image), details = { parent = b.source and b.source.name, fingerprint = b.made.total, parts = b.made.parts,
      content = disks, server = b.vc.about.fullName, hostkey = b.guest and b.guest:hostkey_fingerprint() or nil } })
end

-- All files that the export will leave.
local function final_paths(b, items, directory)
  local e, name = b.image.export, b.image.name
  local names = { "manifest.json" }
  if e.format == "ova" then
    table.move({ name .. ".ova", name .. ".ova.sha256" }, 1, 2, 2, names)
  else
    names[2] = name .. ".ovf"
    if e.manifest ~= "none" then names[3] = name .. ".mf" end
    for _, item in ipairs(items) do names[#names + 1] = item.href end
  end
  for i, one in ipairs(names) do names[i] = directory .. "/" .. one end
  return names
end

--[[
export.record(b) -> table
For the journal: where partial files of an export may be.
]]
function export.record(b)
  return { kind = "partial", directory = paths.absolute(context.output(b)), name = b.image.name }
end

--[[
export.run(b) -> string
Export the build's machine, which is off, into the output directory: NAME.ova with NAME.ova.sha256, or the files of an OVF, and
manifest.json. What arrived is compared with what the server sent; nothing has its final name before it is whole. Where the server
tells SHA-256 the archive's manifest is made of that, and compared with the disks when the archive is read for its own digest. Files of an export
before are put back when the build fails.
Returns what was made.
  b              build             vm, vc, image.export
Raises: fault, net, tls, timeout, http, format, io.
Blocks: yes.
]]
function export.run(b)
  local directory = context.output(b)
  local held <close> = lease.export(b.vm)
  b.scope:push("export lease", function() return false end, { kind = "lease", id = held.object.moid })
  local items = choose_items(b, held.items)
  b.described = describe(b, items)
  local target <close> = setmetatable({}, { __close = function(t) if t.package then t.package:close() end end })
  target.package = begin(b, items, directory)
  local digests, of_disks = algorithms(b, held)
  for i, item in ipairs(items) do
    fetch(b, held, item, target.package, item.disk and of_disks or digests, #items > 1 and string.format(", %d of %d", i, #items) or "")
  end
  compare(b, held, items, target.package)
  write_texts(b, items, target.package)
  held:complete()
  stash.keep(b, final_paths(b, items, directory))
  local expected = {}
  for _, item in ipairs(items) do expected[item.href] = item.digest.sha256 end
  local files = target.package:finish(expected, function(done, total) b.progress(done, total, "digest of the archive") end)
  write_records(b, files, items, directory)
  b.artifacts = files
  return string.format("%s, %s", files[1].path, units.format_bytes(files[1].size or 0))
end

-- A template cannot be exported: it is a machine again meanwhile.
local function run_again(b)
  local template = b.old_is_template and b.scope:push("template", function() b.vm:mark_template() end)
  if template then b.vm:mark_vm(b.pool, b.compute.host) end
  local done = export.run(b)
  stash.settle(b)
  if not template then return done end
  b.vm:mark_template()
  b.scope:forget(template)
  return done
end

-- For the image that is there, when nothing but its export is missing.
export.steps = { { "export", run = run_again } }

return export
