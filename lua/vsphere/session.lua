-- session: one login to a vCenter or an ESXi host: calls, faults, keeping it alive, logging out
local http = require "http"
local runtime = require "runtime"
local signal = require "signal"
local vim = require "vim"
local aside = require "core.aside"
local err = require "core.err"
local retry = require "core.retry"
local transfer = require "core.transfer"
local fault = require "vsphere.fault"
local object = require "vsphere.object"
local post = require "vsphere.post"
local stay = require "vsphere.stay"

local session = {}
session.__index = session

local LOGINS = 3      -- times that one call may find its session forgotten: a server that restarts can lose it twice
local FIRST = "6.0"   -- version of the first call, before the server's is known

-- 1, 0, -1 as version `a` is newer than, the same as, older than `b`
local function compare_versions(a, b)
  local next_b = b:gmatch("%d+")
  for x in a:gmatch("%d+") do
    local y = tonumber(next_b() or 0)
    if tonumber(x) ~= y then return tonumber(x) > y and 1 or -1 end
  end
  return (tonumber(next_b() or 0)) > 0 and -1 or 0
end

local function host_of(server)
  local host = server:gsub("^%w+://", ""):gsub("^[^/@]*@", ""):gsub("/.*$", "")
  if host == "" then err.raise("usage", "no server: set vcenter_server or VCENTER_SERVER") end
  return host
end

local FOLDER = debug.getinfo(1, "S").source:match("^(.*)session%.lua$")

-- Raise a mistake in arguments at the line of the caller outside of this folder.
local function raise_mistake(message)
  local level = 3
  local info = debug.getinfo(level, "S")
  while info and (info.what == "C" or info.source:sub(1, #FOLDER) == FOLDER) do
    level = level + 1
    info = debug.getinfo(level, "S")
  end
  error(message, info and level or 2)
end

local function new_client(self)
  local o = self.options
  return err.check(http.client { ca_file = o.ca_file, thumbprint = o.thumbprint, insecure = o.insecure, proxy = o.proxy,
    user_agent = self.user_agent })
end

-- Why connecting failed, with what to do about it.
local function explain_connection(self, message, code)
  local e = { op = "connect", target = self.host, code = code, message = message }
  if code == "tls" and message:find("certificate file", 1, true) then
    e.hint = "ca_file (VCENTER_CA_FILE) has to name a file of certificates in PEM form"
  elseif code == "tls" then
    local thumbprint = message:match("thumbprint is ([%x:]+)")
    e.hint = "if this is your server, trust it with "
      .. (thumbprint and ("thumbprint = \"" .. thumbprint .. "\" (VCENTER_THUMBPRINT), or with ") or "")
      .. "ca_file (VCENTER_CA_FILE); insecure_connection trusts anybody"
  elseif code == "net" or code == "timeout" then
    e.hint = "is vcenter_server (VCENTER_SERVER) right, and reachable from here?"
  end
  return err.new(e)
end

-- The error object of a fault. Names of objects are asked for, but not while explaining what went wrong with such a question.
local function fault_error(self, f, text, method, target, args)
  local spec = args and (args.config or args.spec)
  spec = type(spec) == "table" and (spec.deviceChange and spec or spec.config) or {}
  local context = { text = text, specs = spec.deviceChange, method = method }
  if self.user and not self.explaining then
    function context.name_of(ref)
      self.explaining = true
      local ok, name = pcall(function() return self:wrap(ref):get("name") end)
      self.explaining = false
      return ok and name or nil
    end
  end
  local message, hint = fault.explain(f, context)
  return err.new { code = fault.code(f), message = message, hint = hint, fault = f, kind = vim.typeof(f), method = method, object = target }
end

-- In English, as everything else that is said: else the server takes its own language. All servers know en_US.
-- Source: govmomi, session/manager.go, Locale.
local function login(self)
  local o = self.options
  local manager = self.content.sessionManager
  local body = vim.encode("Login", manager, { userName = o.username, password = o.password, locale = "en_US" }, self.version)
  local value, message, code, detail = post.patiently(self, "Login", body, self.version, { safe = true })
  if value == nil then
    if code ~= "fault" then error(explain_connection(self, message, code), 0) end
    local e = fault_error(self, detail, message)
    if fault.is(e, "InvalidLogin") and self.is_vcenter and not o.username:find("[@\\]") then
      e.hint = "user names of a vCenter have a domain, as administrator@vsphere.local has"
    end
    e.op, e.target = "log in as " .. tostring(o.username), self.host
    error(e, 0)
  end
  self.user = value
end

-- Who was let in before is refused while the server starts, for reasons of many kinds; but a password is never tried twice: that
-- would lock the account.
local function not_yet(e) return err.is(e) and (e.code == "fault" or e.code == "http" or e.code == "format") end

-- A server refuses even a new login that comes with the cookie of a dead session: a new client has none. Transfers of the
-- old one go on.
local function login_again(self)
  table.insert(self.retired, self.client)
  self.client = new_client(self)
  retry.within(self.patience, { 1, 10 }, function() login(self) end, not_yet)
end

-- Close what is here, without asking the server.
local function release(self)
  for _, client in ipairs(self.retired) do client:close() end
  self.client:close()
  self.closed = true
end

-- The first calls: who is there, which version, log in.
local function open(self)
  local body = vim.encode("RetrieveServiceContent", vim.ServiceInstance("ServiceInstance"), {}, FIRST)
  local patience = self.patience
  self.patience = math.min(patience, 5) -- a wrong name should not take a minute
  local content, message, code, detail = post.patiently(self, "RetrieveServiceContent", body, FIRST, {})
  self.patience = patience
  if content == nil and code == "fault" then error(fault_error(self, detail, message, "connect", self.host), 0) end
  if content == nil then
    if code == "format" then message, code = self.host .. " does not speak the vSphere API (" .. message .. ")", "http" end
    error(explain_connection(self, message, code), 0)
  end
  self.content, self.about = content, content.about
  self.is_vcenter = content.about.apiType == "VirtualCenter"
  self.version = compare_versions(content.about.apiVersion, vim.api) < 0 and content.about.apiVersion or vim.api
  login(self)
end

--[[
session.connect(options) -> session
Log in. Close the session when done (`local vc <close> = session.connect{...}`): that logs out.
  options.server   string          host or host:port of a vCenter or ESXi host
  options.username string
  options.password string
  options.ca_file  string|nil      see http.client, as the next two
  options.thumbprint string|nil
  options.insecure boolean = false
  options.proxy    string|nil
  options.patience number = 60     seconds for which a server that is away is asked again, where that does no harm
  options.datacenter string|nil    name, path or id: where the paths of session:find begin
  options.run      string|nil      named in the user agent
  options.trace    function|nil    trace(request): called after every call and every transfer, see post.once
session = { content = ServiceContent, about = AboutInfo, version = string (API version spoken), is_vcenter = boolean,
  host = string, address = string (the IP it was reached at last), user = UserSession, requests = integer }
Raises: error objects with the codes net, tls, timeout, http, format, auth (the login is refused), fault; cancelled.
Blocks: yes.
]]
function session.connect(options)
  local self = setmetatable({ options = options, host = host_of(options.server or ""), patience = options.patience or 60,
    retired = {}, begun = {}, requests = 0, repeats = 0, last = signal.now() }, session)
  self.user_agent = "luabuild/" .. runtime.version .. (options.run and " (" .. options.run .. ")" or "")
  self.space = object.space(self)
  self.client = new_client(self)
  local ok, e = xpcall(open, function(e) return type(e) == "string" and debug.traceback(e, 2) or e end, self)
  if ok then return self end
  self.user = err.is(e, "cancelled") and e.answer or nil -- interrupted while it was let in: log out
  self:close()
  error(e, 0)
end

--[[
session:invoke(ref, method, args [, options]) -> value
Call a method: what vim.decode gives. Mistakes in the arguments are raised as strings at the caller's line, before anything
is sent. A session that the server has forgotten is opened again and the call repeated; read calls are repeated while
the server is away.
  ref            reference         or a managed object
  method         string
  args           table = {}
  options.timeout number = 180     seconds
  options.once    boolean = false  false instead of a repetition when the session had to be opened again: what was asked for
                                   belonged to the old one
Raises: error objects; those for a fault (codes fault, auth, exists, notfound: see fault.code) have `fault` (the typed data
object), `kind` (its type) and a message for people; net, timeout, tls, http, format, with `unknown` when the call may have been
carried out; cancelled.
Blocks: yes.
]]
function session:invoke(ref, method, args, options)
  local ok, body = pcall(vim.encode, method, ref, args, self.version)
  if not ok then raise_mistake(body) end
  if self.closed then err.raise("usage", "the session to " .. self.host .. " is closed") end
  local value, message, code, detail = post.patiently(self, method, body, self.version, options or {})
  for _ = 1, LOGINS do
    if value ~= nil or code ~= "fault" or vim.typeof(detail) ~= "NotAuthenticated" or not self.user then break end
    login_again(self)
    if options and options.once then return false end
    value, message, code, detail = post.patiently(self, method, body, self.version, options or {})
  end
  if value ~= nil then return value end
  if code == "fault" then error(fault_error(self, detail, message, method, ref, args), 0) end
  local unknown = code ~= "http" and detail ~= false and not post.is_safe(method)
  error(err.new { code = code, message = string.format("%s: %s: %s", method, self.host, message), method = method, object = ref, unknown = unknown,
    hint = unknown and "the connection broke while the server was at it: whether it was done is not known" or nil }, 0)
end

--[[
session:explain(fault, text [, method, target, args]) -> error object
The error object for a fault that came as a value (in a task, in a missing property).
Blocks: yes, when it asks for the name of an object.
]]
session.explain = fault_error

--[[
session:speaks(version) -> boolean
Is the server's version of the API at least this one ("6.7")?
Blocks: no.
]]
function session:speaks(version) return compare_versions(self.version, version) >= 0 end

--[[
session:wrap(ref) -> object
The managed object of a reference (vim.ref) in this session; always the same one. References in results are objects already.
Blocks: no.
]]
function session:wrap(ref) return self:object(ref.kind, ref.moid) end

--[[
session:object(kind, moid) -> object
The managed object of a type's name and an id, without asking the server.
Blocks: no.
]]
function session:object(kind, moid) return object.of(self.space, kind, moid) end

--[[
session:find(pattern [, kind]) -> object|list
Find things in the inventory by path, name or glob: see inventory.find.
Raises: notfound.
Blocks: yes.
]]
function session:find(pattern, kind) return require("vsphere.inventory").find(self, pattern, kind) end

--[[
session:request(options) -> result
A request to the same server beside the API, with the session's cookie: see client:request in http. `options.path` (with query,
escaped) instead of `url`. While it runs the session is kept alive. A session that the server has forgotten (status 401)
is opened again and the request repeated, as it is over the session's patience while the server is away or breaks the connection; not with
`follow` or `body`: see core.transfer.
Raises: error objects with the codes of client:request, and http for a status of 400 and more; cancelled.
Blocks: yes.
]]
function session:request(options)
  local o, logins = {}, 0
  for key, value in pairs(options) do o[key] = value end
  o.path, o.url = nil, o.url or "https://" .. self.host .. options.path
  local what = (o.method or (o.file and "PUT") or "GET") .. " " .. o.url:gsub("^%w+://[^/]*", ""):gsub("%?.*", "")
  local _ <close> = stay.open(self)
  local result, message, code = transfer.run(function(request) return self.client:start(request) end, o, {
    patience = self.patience, known = true,
    on_end = function(result, message, _, started) post.trace_transfer(self, o, result, message, started) end,
    on_away = function(message, seconds) post.tell(self, seconds, post.plain(message)) end,
    again = function(result)
      if result.status ~= 401 or logins > 0 or o.follow then return false end
      logins = logins + 1
      login_again(self)
      return true
    end })
  if result == nil then err.raise(code, string.format("%s (%s of %s)", post.plain(message), what, self.host)) end
  post.tell(self, 0)
  if result.status < 400 then return result end
  local text = (result.body or ""):gsub("<[^>]*>", " "):gsub("%s+", " "):sub(1, 200)
  err.raise(result.status == 404 and "notfound" or "http",
    string.format("HTTP status %d%s (%s)", result.status, text:match("%S") and ": " .. text or "", what), { status = result.status })
end

--[[
session:close() -> nothing
Log out and close the connections; safe to call again. After a signal it still tries to log out, for 10 seconds.
Blocks: yes.
]]
function session:close()
  if self.closed then return end
  local _ <close> = aside()
  if self.user then
    local body = vim.encode("Logout", self.content.sessionManager, {}, self.version)
    self.patience = math.min(self.patience, 3) -- a server that is busy for a moment would keep the session for half an hour
    pcall(post.patiently, self, "Logout", body, self.version, { timeout = 10, safe = true })
  end
  release(self)
end

session.__close = session.close
session.__name = "vsphere.session"
function session:__tostring() return "session to " .. self.host .. (self.closed and " (closed)" or "") end

require "vsphere.task" -- the methods of tasks, datastores and virtual machines
require "vsphere.datastore"
require "vsphere.vm"

return session
