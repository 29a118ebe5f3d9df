-- lease: exporting a virtual machine's disks over HTTP: the lease that holds it meanwhile, its URLs, and what was sent
local http = require "http"
local signal = require "signal"
local vim = require "vim"
local aside = require "core.aside"
local err = require "core.err"
local fault = require "vsphere.fault"
local lost = require "vsphere.lost"
local post = require "vsphere.post"
local property = require "vsphere.property"

local lease = {}
lease.__index = lease

local PROGRESS = "HttpNfcLeaseProgress"
local RENEW = 20 -- seconds at most; a lease ends when nobody reports progress for its timeout, 300 seconds as a rule

local function raise_error(e, op)
  local message, hint = fault.explain(e, { text = e and e.localizedMessage })
  err.raise("fault", message, { op = op, hint = hint, fault = e and e.fault })
end

-- The lease is ready, and tells what it has, or says why not, after some time.
local function ready(object, seconds)
  local _, values = property.wait(object, { "state", "error", "info" }, function(v)
    return v.state == "ready" and v.info or v.state == "error"
  end, seconds)
  return values.state == "ready" and values.info or raise_error(values.error, "export")
end

-- A lease that is given while a signal comes is given back: it would hold its machine for minutes.
local function begin(vm)
  local ok, answer = pcall(function() return vm:ExportVm() end)
  local given = ok and answer or err.is(answer, "cancelled") and answer.answer
  local self = given and setmetatable({ object = given, session = vm.session, items = {} }, lease)
  if ok then return self end
  if self then self:close() end
  error(answer, 0)
end

-- ---- keeping it alive ----

local function share(self) -- of the capacity: the size is not known
  return { percent = math.min(99, (self.done + self.under_way) * 100 // math.max(1, self.total)) }
end

-- Look at the answer of the last renewal, and send the next one when it is time, or when that failed. What has no answer until then is
-- not waited for. A refusal is for whoever is at work with the lease: see lease:keep.
local function renew(self) -- in a tick
  local now = signal.now()
  if self.refused or self.session.closed then return end
  if self.asked then
    local value, _, code = self.asked:answer()
    if value == false and now < self.due then return end
    self.asked = self.asked:close()
    self.refused = code == "fault"
    if not value then self.due = now end
  end
  if self.refused or now < self.due then return end
  self.due = now + self.interval
  local body = vim.encode(PROGRESS, self.object, share(self), self.session.version)
  self.asked = post.start(self.session, PROGRESS, body, self.session.version)
end

local function begin_renewals(self, timeout)
  self.interval = math.min(RENEW, math.max(timeout, 1) / 4)
  self.due = signal.now() + self.interval
  self.tick = signal.tick(self.interval / 10, function() renew(self) end)
end

local function end_renewals(self)
  if self.tick then self.tick:close() end
  if self.asked then self.asked = self.asked:close() end
end

-- Raise why the server ended the lease, if it did: that is the cause of whatever else went wrong.
local function raise_end(self)
  local ok, values = pcall(self.object.get, self.object, { "state", "error" })
  if err.is(values, "cancelled") then error(values, 0) end
  if ok and values.state == "error" then raise_error(values.error, "the server ended the export") end
end

--[[
lease:keep() -> nothing
The lease is kept alive in whatever waits, four times in its timeout and every 20 seconds at least; a renewal without an answer is no
failure while it lives. To be called often in what takes long: it also lets what waits for nothing keep the lease, and tells when it has ended.
Raises: fault (the lease has ended); cancelled.
Blocks: for a moment; longer when a renewal was refused: the server may only have forgotten the session, which is opened again.
]]
function lease:keep()
  signal.sleep(0.001)
  if not self.refused then return end
  self.refused = false
  local ok, e = pcall(self.session.invoke, self.session, self.object, PROGRESS, share(self), { timeout = self.interval })
  if ok then return end
  if not err.is(e, "cancelled") then raise_end(self) end
  if not err.is(e, "timeout") and not err.is(e, "net") then error(e, 0) end
end

-- ---- what it has ----

--[[
lease.export(vm) -> lease
Ask for the export of a virtual machine that is off. The machine is held, and the lease kept alive, until lease:complete or lease:close.
lease = { items = array of { key, url, thumbprint = string|nil, disk = boolean, name = string (of the file at the host), size = integer|nil } }
Raises: fault (it is on, a task is under way), timeout.
Blocks: yes.
]]
function lease.export(vm)
  local self = begin(vm)
  local ok, e = pcall(function()
    local info = ready(self.object, 300)
    self.total, self.done, self.under_way = info.totalDiskCapacityInKB * 1024, 0, 0
    begin_renewals(self, info.leaseTimeout)
    for i, d in ipairs(info.deviceUrl or {}) do
      self.items[i] = { key = d.key, url = d.url, thumbprint = d.sslThumbprint ~= "" and d.sslThumbprint or nil, disk = d.disk or false,
        name = d.targetId or d.key:gsub(".*/", ""), size = d.fileSize }
    end
  end)
  if ok then return self end
  self:close()
  error(e, 0)
end

--[[
lease:use_digest(algorithm) -> boolean
Ask the server to take this digest of what it sends, instead of SHA-1: "sha256". False when it does not: before 6.7 none did.
Raises: net, timeout, cancelled.
Blocks: yes.  Source: HttpNfcLeaseSetManifestChecksumType (the keys of its map are those of HttpNfcLeaseDeviceUrl).
]]
function lease:use_digest(algorithm)
  if not self.session:speaks "6.7" then return false end
  local wanted = {}
  for i, item in ipairs(self.items) do wanted[i] = { key = item.key, value = algorithm } end
  local ok, e = pcall(function() self.object:HttpNfcLeaseSetManifestChecksumType { deviceUrlsToChecksumTypes = wanted } end)
  if not ok and not (err.is(e) and e.fault) then error(e, 0) end
  return ok
end

-- "*" stands for the host we talk to; its trust is the connection's. Another host is an ESXi host, known by its thumbprint.
local function client_for(self, item)
  local o, host = self.session.options, item.url:match("^https?://([^/]*)")
  if host:match("^[^:]*") == "*" then
    item.url = item.url:gsub("^(https?://)[^/]*", function(scheme) return scheme .. self.session.host end, 1)
    return err.check(http.client { ca_file = o.ca_file, thumbprint = o.thumbprint, insecure = o.insecure, proxy = o.proxy })
  end
  if item.thumbprint then return err.check(http.client { thumbprint = item.thumbprint, proxy = o.proxy }) end
  return err.check(http.client { ca_file = o.ca_file, insecure = o.insecure, proxy = o.proxy })
end

-- Why a download failed: what the server says of the lease, or else what was seen here.
local function raise_failure(self, item, options, result, message, code)
  raise_end(self)
  if result then err.raise("http", string.format("%s: HTTP status %d", item.name, result.status), { op = "download", status = result.status }) end
  local directory = tostring(options.save):match("^(.*)/") or "."
  err.raise(code, message, { op = "download " .. item.name, hint = code == "io" and "it is written to " .. directory .. ": is there room?" or nil })
end

--[[
lease:download(item, options) -> result
Download one of the lease's files; see client:request in http for the options (save, save_at, digest) and the result. No cookie of
the session goes to the host.
  options.progress function|nil    called with (done) bytes twice a second
Raises: net, tls, timeout, http, io, fault (the lease has ended), cancelled.
Blocks: yes.
]]
function lease:download(item, options)
  local progress = options.progress or function() end
  local client <close> = client_for(self, item)
  local o = { url = item.url, stall = 120 }
  for key, value in pairs(options) do if key ~= "progress" then o[key] = value end end
  local started = signal.now()
  local transfer <close> = err.check(client:start(o))
  while true do
    local result, message, code = transfer:wait(0.5)
    if result ~= false then post.trace_transfer(self.session, o, result, message, started) end
    self.under_way = transfer:progress()
    if result and result.status == 200 then
      self.done, self.under_way = self.done + result.size, 0
      return result
    end
    if result ~= false then raise_failure(self, item, options, result, message, code) end
    progress(self.under_way)
    self:keep()
  end
end

--[[
lease:manifest() -> {key = { size, algorithm, hex, capacity, populated }}
What the server says it sent, by the items' keys: bytes, and the digest of them in lower-case hex, "" for none.
Raises: fault.
Blocks: yes.  Source: HttpNfcLeaseGetManifest.
]]
function lease:manifest()
  local out = {}
  for _, e in ipairs(self.object:HttpNfcLeaseGetManifest() or {}) do
    local algorithm = e.checksumType and e.checksumType:lower() or "sha1"
    local hex = e.checksum or e.sha1 or ""
    out[e.key] = { size = e.size, algorithm = algorithm, hex = hex:lower(), capacity = e.capacity, populated = e.populatedSize }
  end
  return out
end

--[[
lease:complete() -> nothing
The export is done: give the machine free.
Raises: fault.
Blocks: yes.
]]
function lease:complete()
  end_renewals(self)
  lost.settle(function() self.object:HttpNfcLeaseComplete() end, function()
    local ok, state = pcall(self.object.get, self.object, "state")
    return ok and state == "done" or fault.is(state, "ManagedObjectNotFound")
  end)
  self.ended = true
end

--[[
lease:close() -> nothing
Abort the lease unless it is complete; safe to call again, and after a signal.
Blocks: yes, 10 seconds at most.
]]
function lease:close()
  end_renewals(self)
  if self.ended or self.session.closed then return end
  self.ended = true
  local _ <close> = aside()
  pcall(self.session.invoke, self.session, self.object, "HttpNfcLeaseAbort", {}, { timeout = 10 })
end

lease.__close = lease.close
function lease:__tostring() return "export lease " .. tostring(self.object) end

return lease
