-- iso: the installer's way to the datastore. Named by its digest there and in the local cache; nothing is moved twice,
-- and no partial file ever has the final name.
local digest = require "digest"
local http = require "http"
local lfs = require "lfs"
local err = require "core.err"
local transfer = require "core.transfer"
local lock = require "build.lock"
local units = require "core.units"

local iso = {}

iso.FOLDER = "luabuild_cache" -- on the datastore

local PATIENCE = 60 -- seconds that the ISO's server may be away

local function cache_directory()
  local base = os.getenv "XDG_CACHE_HOME"
  if not base or base == "" then base = (os.getenv "HOME" or ".") .. "/.cache" end
  for _, dir in ipairs { base, base .. "/luabuild", base .. "/luabuild/iso" } do
    if not lfs.attributes(dir, "mode") then
      local ok, message = lfs.mkdir(dir)
      if not ok and not lfs.attributes(dir, "mode") then
        err.raise("io", message, { op = "make the cache directory", target = dir, hint = "set XDG_CACHE_HOME to a directory that can be written" })
      end
    end
  end
  return base .. "/luabuild/iso"
end

local function local_path(url)
  return url:match("^file://(.*)$") or (not url:find("^%a[%w+.-]*://") and url) or nil
end

local function file_name(algorithm, hex) return algorithm .. "-" .. hex .. ".iso" end

local function mismatch(what, algorithm, want, got)
  err.raise("format", string.format("%s: its %s is %s, the recipe says %s", what, algorithm, got, want),
    { hint = "the file changed, or the transfer broke: correct iso_checksum, or the URL" })
end

local function size_of(path) return lfs.attributes(path, "size") end

-- What a transfer calls now and then.
local function reporter(b, what) return function(done, total) b.progress(done, total, what) end end

-- A client for the source of the ISO: its server is checked like any other, and the vCenter's trust does not extend to it.
local function source_client()
  return err.check(http.client {})
end

local function failed_status(op, url, result)
  if result.status >= 400 or result.status < 200 then
    err.raise("http", string.format("%s: the server answered %d", url, result.status),
      { op = op, hint = result.status == 404 and "correct iso_url" or nil })
  end
end

local function download_options(url, path, algorithms)
  return { url = url, save = path, digest = algorithms, redirects = 5, stall = 60 }
end

-- Why the ISO did not come, and what may help.
local function not_downloaded(message, code)
  local hint = code == "tls" and "the vCenter's ca_file and thumbprint are not for other servers: add the authority to this machine's"
      .. " certificates,\nor download the ISO and give its path as iso_url"
    or (code == "net" or code == "timeout") and "is iso_url right, and does this machine reach it? https_proxy and no_proxy are obeyed" or nil
  err.raise(code, message, { op = "download the ISO", hint = hint })
end

local function said(b, what)
  return function(message) b.note(string.format("%s: %s; trying again", what, message)) end
end

-- http(s) -> the file `part`, whose first `offset` bytes are there already. Returns its digest.
local function fetch(b, url, part, algorithm, offset)
  local client <close> = source_client()
  local options = download_options(url, part, { algorithm })
  options.progress, options.offset = reporter(b, "download"), offset
  local result, message, code = transfer.run(function(o) return client:start(o) end, options,
    { patience = PATIENCE, known = offset > 0, on_away = said(b, "the ISO") })
  if not result then not_downloaded(message, code) end
  failed_status("download the ISO", url, result)
  return result.digest[algorithm]
end

-- A file of this run in the cache, which goes unless it is forgotten.
local function part_file(b)
  local part = string.format("%s/%s.part", cache_directory(), b.run)
  return part, b.scope:push("local file " .. part, function() os.remove(part) end, { kind = "local", path = part })
end

local function keep_part(b, part, entry, algorithm, got)
  local final = cache_directory() .. "/" .. file_name(algorithm, got)
  assert(os.rename(part, final))
  b.scope:forget(entry)
  return final
end

-- http(s) -> local cache. Returns the path; verifies a known digest.
local function download(b, url, algorithm, want)
  local part, entry = part_file(b)
  b.note("downloading " .. url)
  local got = fetch(b, url, part, algorithm, 0)
  if want and got ~= want then mismatch(url, algorithm, want, got) end
  return keep_part(b, part, entry, algorithm, got), got
end

-- Upload under a name of this run, then give it the final name: a broken upload is never taken for an ISO.
local function publish(b, final, carry)
  local part = string.format("%s/%s.part", iso.FOLDER, b.run)
  b.datastore:mkdir(iso.FOLDER)
  local entry = b.scope:push("datastore file " .. part, function() b.datastore:delete(part) end, b.file_record(part))
  local sent = carry(part)
  local there = b.datastore:size(part)
  if there ~= sent then
    err.raise("format", string.format("%s has %s bytes of the %d that were uploaded", b.datastore:path(part), there or "no", sent),
      { hint = "is there room on the datastore? Its host's log may say more" })
  end
  if not b.datastore:move(part, final) then b.datastore:delete(part) end -- another build was quicker: its file may be in use
  b.scope:forget(entry)
end

local function send(b, path, remote, algorithm, want)
  local result = b.datastore:upload(remote, { file = path, digest = { algorithm }, progress = reporter(b, "upload") })
  local got = result.digest[algorithm]
  if got ~= want then
    if path:sub(1, #cache_directory()) == cache_directory() and os.remove(path) then b.note("the cached copy was damaged and is removed: build again") end
    mismatch(path, algorithm, want, got)
  end
  return result.size
end

local function upload(b, path, final, algorithm, want)
  publish(b, final, function(remote) return send(b, path, remote, algorithm, want) end)
end

-- The download as the upload follows it. Returns its digest; or nil, why one of them broke, and how many bytes are here.
local function follow(b, url, part, remote, algorithm)
  local client <close> = source_client()
  local source <close> = err.check(client:start(download_options(url, part, { algorithm })))
  local ok, e = pcall(b.datastore.upload, b.datastore, remote, { follow = source, progress = reporter(b, "download and upload") })
  if not ok and err.is(e, "cancelled") then error(e, 0) end
  local result, message, code = source:wait(ok and nil or 0)
  if result then failed_status("download the ISO", url, result) end
  if result and ok then return result.digest[algorithm] end
  local passing = result == nil and code or ok == false and err.is(e) and (e.status and e.status >= 502 and "net" or e.code)
  if passing ~= "net" and passing ~= "timeout" then -- an upload that has nothing to follow fails as well
    if result == nil then not_downloaded(message, code) end
    error(e, 0)
  end
  return nil, result == nil and message or tostring(e), (source:progress())
end

-- http(s) -> datastore and local cache at once. When either breaks, what is here is completed, and sent from here.
local function relay(b, url, final, algorithm, want)
  local part, entry = part_file(b)
  publish(b, final, function(remote)
    local got, why, here = follow(b, url, part, remote, algorithm)
    if not got then
      said(b, "the ISO")(why)
      got = fetch(b, url, part, algorithm, here)
    end
    if got ~= want then mismatch(url, algorithm, want, got) end
    return why and send(b, part, remote, algorithm, want) or size_of(part)
  end)
  keep_part(b, part, entry, algorithm, want)
end

local function digest_of(path, algorithm, b)
  return err.check(digest.file(algorithm, path, reporter(b, "digest")))
end

-- The file to upload, if there is one here, and the digest.
local function find_source(b, image)
  local url, algorithm, want = image.iso.url, image.iso.algorithm, image.iso.digest
  local path = local_path(url)
  if path and not want then return path, "sha256", digest_of(path, "sha256", b) end
  if path then return path, algorithm, want end
  if not want then
    local cached, got = download(b, url, "sha256")
    return cached, "sha256", got
  end
  local cached = cache_directory() .. "/" .. file_name(algorithm, want)
  return size_of(cached) and cached or nil, algorithm, want
end

local function already(size) return "already on the datastore, " .. units.format_bytes(size) end

--[[
iso.is_cached(b) -> boolean
Is the ISO, by its checksum, on the datastore or in the cache of this machine?
  b              build             image, datastore
Blocks: yes, one request.
]]
function iso.is_cached(b)
  local one = b.image.iso
  if not one.digest then return false end
  local name = file_name(one.algorithm, one.digest)
  return (size_of(cache_directory() .. "/" .. name) or b.datastore:size(iso.FOLDER .. "/" .. name)) ~= nil
end

--[[
iso.prepare(b) -> string
See to it that the installer is on the datastore and set b.iso_path ("[datastore] …"). With a known checksum an ISO
that is there already is neither downloaded nor uploaded; one that another process of this machine uploads is waited for.
Returns what was done.
  b              build             image, datastore, scope, run, note, progress
Raises: net, http, tls, format (checksum), notfound, io, fault.
Blocks: yes.
]]
function iso.prepare(b)
  local image = b.image
  if image.iso.path then
    b.iso_path = image.iso.path
    return "on the datastore: " .. b.iso_path
  end
  local algorithm, want, path = image.iso.algorithm, image.iso.digest, nil
  local final = want and iso.FOLDER .. "/" .. file_name(algorithm, want)
  local there = final and b.datastore:size(final)
  if not there then
    path, algorithm, want = find_source(b, image)
    if not final then
      final = iso.FOLDER .. "/" .. file_name(algorithm, want)
      there = b.datastore:size(final)
    end
  end
  b.iso_path, b.iso_digest = b.datastore:path(final), algorithm .. ":" .. want
  if there then return already(there) end
  local turn <close> = lock.hold(table.concat({ "iso", b.vc.host, b.iso_path }, "\0"), "the upload of the same ISO", { run = b.run, note = b.note })
  there = turn.waited and b.datastore:size(final)
  if there then return already(there) end
  if path then upload(b, path, final, algorithm, want) else relay(b, image.iso.url, final, algorithm, want) end
  return "uploaded " .. units.format_bytes(b.datastore:size(final) or 0)
end

return iso
