-- post: the calls of a session on their way: one POST each, repeated while the server is away
local signal = require "signal"
local vim = require "vim"
local aside = require "core.aside"
local err = require "core.err"
local units = require "core.units"

local post = {}

local call = {}
call.__index = call

local TRANSIENT = { [502] = true, [503] = true, [504] = true }

local READING = { "^Retrieve", "^Query", "^Find", "^Has", "^Fetch", "^WaitForUpdates", "^SearchDatastore" }

-- These ask, or come to the same when they are done twice: what is gone, or there already, is no error to those who call them; a
-- filter too many ends with the session.
local REPEATABLE = { CancelTask = true, CreateDescriptor = true, CreateFilter = true, CurrentTime = true, DeleteDatastoreFile_Task = true,
  DestroyPropertyFilter = true, HttpNfcLeaseAbort = true, HttpNfcLeaseGetManifest = true, HttpNfcLeaseProgress = true,
  HttpNfcLeaseSetManifestChecksumType = true, MakeDirectory = true }

--[[
post.is_safe(method) -> boolean
Whether a call may be repeated when nobody knows if it was carried out: it only reads, or twice is as good as once.
Blocks: no.
]]
function post.is_safe(method)
  if REPEATABLE[method] then return true end
  for _, pattern in ipairs(READING) do
    if method:find(pattern) then return true end
  end
  return false
end

local function trace(self, method, sent, result, message, started)
  self.requests = self.requests + 1
  local f = self.options.trace
  if not f then return end
  local kind, id = sent:match("<_this[^>]- type=\"([%w_]+)\"[^>]*>([^<]*)<")
  id = id and id:gsub("^session%[[^%]]*%]", "") -- a filter's: the session's key is nobody's business
  f { method = method, object = kind and kind .. " " .. id or "", seconds = signal.now() - started, sent = #sent, received = result and #result.body or 0,
    status = result and result.status, error = not result and post.plain(message) or nil,
    text = function() return vim.mask(sent) .. (result and "\n" .. vim.mask(result.body) or "") end }
end

--[[
post.trace_transfer(session, request, result, message, started) -> nothing
Tell the session's trace function of a transfer beside the API: see post.once.
  request        table             for client:request: method, url, file
  result         table|nil         of client:request
  started        number            signal.now() when it began
]]
function post.trace_transfer(self, request, result, message, started)
  local f = self.options.trace
  if not f then return end
  local method = request.method or (request.file and "PUT") or "GET"
  local size = result and result.size or 0
  f { method = method, object = request.url:gsub("^%w+://[^/]*", ""):gsub("%?.*", ""), seconds = signal.now() - started, sent = method == "PUT" and size or 0,
    received = method ~= "PUT" and size or 0, status = result and result.status, error = not result and post.plain(message) or nil }
end

--[[
post.plain(message) -> string
What http says, without the request that it begins with.
Blocks: no.
]]
function post.plain(message) return (message:gsub("^%u+ https?://%S+: ", "")) end

local GRACE = 5 -- seconds that an answer has to come after a signal
local NOW = 0.2 -- seconds after which whoever pressed Ctrl-C is told what is still waited for

-- A call that makes or changes something tells in its answer what there is to undo: a signal ends the wait for it only after some
-- grace, which session.on_late(method, seconds), if there is one, is told of. The error then has the decoded `answer`, and `again`
-- when a second signal came. A look for what was made would not do instead: it may be made after that.
local function finish(self, method, transfer, cancelled)
  local _ <close> = aside()
  local ok, result = pcall(transfer.wait, transfer, NOW)
  if ok and result == false then
    if self.on_late then pcall(self.on_late, method, GRACE) end
    ok, result = pcall(transfer.wait, transfer, GRACE - NOW)
  end
  if ok and result and result.status == 200 then cancelled.answer = vim.decode(result.body, method, self.space) end
  cancelled.again = err.is(result, "cancelled")
  error(cancelled, 0)
end

local function send(self, method, options)
  if post.is_safe(method) and method ~= "CreateFilter" then return self.client:request(options) end -- one that nobody knows stands in the way of others
  local transfer <close>, why, kind = self.client:start(options)
  if not transfer then return nil, why, kind end
  local ok, result, message, code, sent = pcall(transfer.wait, transfer)
  if ok then return result, message, code, sent end
  if not err.is(result, "cancelled") then error(result, 0) end
  finish(self, method, transfer, result)
end

--[[
post.request(session, body, version [, timeout]) -> table
The POST of an encoded call, for client:request.
  timeout        number = 180      seconds
Blocks: no.
]]
function post.request(self, body, version, timeout)
  return { url = "https://" .. self.host .. "/sdk", method = "POST", body = body, stall = 0, timeout = timeout or 180,
    headers = { ["Content-Type"] = 'text/xml; charset="utf-8"', SOAPAction = "urn:vim25/" .. version } }
end

-- What came of a POST: see post.once.
local function received(self, method, body, started, result, message, code, sent)
  self.last = signal.now()
  trace(self, method, body, result, message, started)
  if not result then return nil, post.plain(message), code, sent end
  self.address = result.address
  local starting = self.user and result.status >= 400 and result.status ~= 500 and not TRANSIENT[result.status]
  if starting or TRANSIENT[result.status] then
    local busy = starting or result.status == 503
    return nil, string.format("the server is busy (HTTP status %d)", result.status), busy and "busy" or "timeout", true
  end
  if result.status ~= 200 and result.status ~= 500 then
    return nil, string.format("%s answers /sdk with HTTP status %d: not a vCenter or ESXi host", self.host, result.status), "http"
  end
  return vim.decode(result.body, method, self.space)
end

--[[
post.once(session, method, body, version, options) -> value
                                                   -> nil, message, code [, fault]
One POST of an encoded call, traced and counted: the result of vim.decode. The session's trace function gets { method, object =
"type id", seconds, sent = bytes, received = bytes, status = HTTP status|nil, error = string|nil, text = function() -> what was sent and
what came, secrets masked }.
  body           string            from vim.encode
  version        string            of the API
  options.timeout number = 180     seconds
Codes: those of vim.decode and client:request, http (a status that is not the API's), busy (nothing was done: status 503, or one that
a server which was there before gives while it starts).
Raises: cancelled; of a call that is not safe with its `answer`, if it came soon after the signal.
Blocks: yes.
]]
function post.once(self, method, body, version, options)
  local started = signal.now()
  return received(self, method, body, started, send(self, method, post.request(self, body, version, options.timeout)))
end

--[[
post.start(session, method, body, version) -> call
Send an encoded call that gets on in whatever is waited for, once; it is traced and counted when it ends. Close the call when done with it.
Blocks: no.
]]
function post.start(self, method, body, version)
  local transfer = err.check(self.client:start(post.request(self, body, version)))
  return setmetatable({ session = self, method = method, body = body, started = signal.now(), transfer = transfer }, call)
end

--[[
call:answer() -> value
              -> false
              -> nil, message, code [, fault]
As post.once, or false while there is no answer; to be asked no more when there was one.
Blocks: no.
]]
function call:answer()
  local result, message, code, sent = self.transfer:wait(0)
  if result == false then return false end
  self.ended = true
  return received(self.session, self.method, self.body, self.started, result, message, code, sent)
end

--[[
call:close() -> nothing
Wait for its answer no more. Safe to call again.
Blocks: no.
]]
function call:close()
  self.transfer:close()
  if self.ended then return end
  self.ended = true
  trace(self.session, self.method, self.body, nil, "not waited for any more", self.started)
end

call.__close = call.close

-- May the call be made again after this failure?
local function again(method, options, code, sent)
  if code == "busy" then return true end
  if code ~= "net" and code ~= "timeout" and code ~= "format" then return false end
  return sent == false or options.safe or post.is_safe(method)
end

local SAY = 3 -- seconds after which whoever waits is told

--[[
post.tell(session, seconds [, message]) -> nothing
The server is away for so long, for that reason; or, without one, there again: session.on_away is told so once, when it was more than 3 seconds.
Blocks: no.
]]
function post.tell(self, seconds, message)
  if message and (self.away_since or seconds < SAY) or not message and not self.away_since then return end
  local since = self.away_since
  self.away_since = message and signal.now() - seconds or nil
  if self.on_away then self.on_away(message, message and seconds or signal.now() - since) end
end

--[[
post.patiently(session, method, body, version, options) -> value
                                                        -> nil, message, code [, fault|sent]
As post.once, repeated over the session's patience while the server is away: a call that may be repeated, and any that was not carried
out (code busy, or not sent at all). session.on_away(message, seconds), if there is one, is told when that takes more than
3 seconds, and without a message when it is over.
  options.safe   boolean = false   this one may be repeated
Codes: those of post.once, http instead of busy.  Raises: cancelled.
Blocks: yes.
]]
function post.patiently(self, method, body, version, options)
  local since, pause, tries = nil, 0.5, 1 -- the time counts from the first failure: a long poll may have been waiting for a minute
  while true do
    local value, message, code, detail = post.once(self, method, body, version, options)
    local transient = value == nil and (code == "net" or code == "timeout" or code == "busy" or code == "format")
    since = since or signal.now()
    if not transient then post.tell(self, 0) end
    if not transient or not again(method, options, code, detail) or signal.now() + pause > since + self.patience then
      if tries > 1 and transient then message = string.format("%s (%d tries in %s)", message, tries, units.format_seconds(signal.now() - since)) end
      return value, message, code == "busy" and "http" or code, detail
    end
    post.tell(self, signal.now() - since, message)
    self.repeats = self.repeats + 1
    signal.sleep(pause)
    pause, tries = math.min(pause * 2, 10), tries + 1
  end
end

return post
