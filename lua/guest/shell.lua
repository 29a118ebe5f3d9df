-- shell: the living guest, over ssh: what function steps of recipes get
local signal = require "signal"
local err = require "core.err"
local sorted = require "core.sorted"
local tail = require "core.tail"
local units = require "core.units"
local check = require "guest.check"
local login = require "guest.login"
local options_of = require("guest.options").read
local space = require "guest.space"
local sudo = require "guest.sudo"
local upload = require "guest.upload"

local shell = {}
local guest = {}
guest.__index = guest

local ATTEMPT = 60       -- seconds for one question while the guest goes down
local AGAIN = 60         -- seconds to log in again, where it has worked before: VMware Tools tell a new address within 30

-- ---- connecting ----

--[[
shell.connect(options) -> guest
Log in to a guest, with patience: until `timeout`, a refused connection, password or host key is "not yet".
  options.address  string|function  the address, or a function that gives the one known now, or nil; it is asked before each try
  options.port     integer = 22
  options.username string
  options.password string|nil       also for sudo
  options.key_file string|nil
  options.key      string|nil       the private key itself, instead of its file
  options.passphrase string|nil     of the key
  options.agent    boolean = false
  options.known    string|nil       the only host key to talk to ("SHA256:..."); without it the first one that logs us in is kept to
  options.timeout  number|string = 1800  seconds, or "10m"
  options.note     function|nil     called with a line about what is being waited for
  options.hide     function|nil     whether a command has something in it that no list of processes may show: it travels over
                                    standard input then, as variables and passwords always do
guest = { address = string, hostkey = { type, sha256, key } }; `local g <close>` or guest:close() disconnects.
Raises: the last reason why it did not work: net, timeout, auth, hostkey; at once: ssh (no common algorithm), notfound, io and
format (the key file), cancelled, and what the address function raises otherwise.
Blocks: yes.
]]
function shell.connect(options)
  local self = setmetatable({ options = options_of("shell.connect", options), facts = {} }, guest)
  login.patiently(self, self.options.timeout)
  return self
end

--[[
guest:close() -> nothing
Disconnect; safe to call again.
]]
function guest:close()
  if self.session then self.session:close() end
  self.session = nil
end

guest.__close = guest.close
function guest:__tostring() return "ssh to " .. tostring(self.address) end

--[[
guest:hostkey_fingerprint() -> string
"ssh-ed25519 SHA256:…": the guest's host key, as it was when last connected.
]]
function guest:hostkey_fingerprint() return self.hostkey.type .. " " .. self.hostkey.sha256 end

--[[
guest:forget_hostkey() -> nothing
Expect another host key when logging in again: a step has made new ones.
]]
function guest:forget_hostkey() self.pinned = nil end

-- A session that a call before has left of no use, because it was interrupted or the guest went away, is made anew: a step that is
-- tried again, and whoever looks around, want the guest and not the session.
local function session_of(self)
  local session = self.session or err.raise("net", "not connected to the guest", { target = self.address })
  local why = self.lost or session:broken()
  if not why then return session end
  if self.options.note then self.options.note("logging in again: " .. why) end
  session:close()
  self.facts, self.lost = {}, why -- when it does not succeed now, the next call tries again
  err.wrap("log in again", self.address, login.patiently, self, AGAIN)
  self.lost = nil
  return self.session
end

-- ---- commands ----

local function execute(self, command, options)
  return session_of(self):exec(command, { stdin = options.stdin, timeout = options.timeout, limit = options.limit,
    on_output = options.on_output })
end

local function exec(self, command, options)
  if type(command) ~= "string" then error("a command is expected, got a " .. type(command), 3) end
  local text, stdin = sudo.dress(self, command, options)
  return execute(self, text, { stdin = stdin, timeout = options.timeout, limit = options.limit, on_output = options.on_output })
end

--[[
guest:try(command [, options]) -> result
Run a command and give its result whatever its exit status; see ssh.exec for the result.
  options.stdin     string|nil
  options.env       {name = value}|nil  sent over standard input, so that nobody sees it in a list of processes
  options.sudo      boolean = false     as root; the password goes over standard input
  options.timeout   number|string = 3600  seconds, or "10m"
  options.limit     integer = 1 MiB     bytes kept of each stream
  options.on_output function|nil        called with ("out"|"err", bytes) as they come
Raises: timeout, net, ssh, cancelled; auth (no way to become root).
Blocks: yes.
]]
function guest:try(command, options) return err.check(exec(self, command, options_of("guest:try", options))) end

local function is_valid(status, valid)
  for _, one in ipairs(valid) do if status == one then return true end end
  return false
end

local function first_line(command)
  local line = command:match("[^\n]*")
  return line == command and line or line .. " …"
end

--[[
guest:run(command [, options]) -> string
Run a command that must succeed: its standard output (the first `limit` bytes), without the newline at its end. Options as for
guest:try, and:
  options.valid     {integer, ...} = {0}   exit statuses that are fine
Raises: build, with the last lines of output, the fields `status` and `signal`; what guest:try raises, timeout with the last lines too.
Blocks: yes.
]]
function guest:run(command, options)
  local o = options_of("guest:run", options)
  local listen, last_lines = tail.keeper(o.on_output)
  o.on_output = listen
  local result, message, code = exec(self, command, o)
  local function fail(why, how, fields)
    fields.hint, fields.target = last_lines(), self.address
    err.raise(why, how, fields)
  end
  if code == "timeout" then message = string.format("`%s` still ran after %s", first_line(command), units.format_seconds(o.timeout)) end
  if not result then fail(code, message, {}) end
  if is_valid(result.status, o.valid) then return (result.out:gsub("\n$", "")) end
  local what = result.signal and "was killed by SIG" .. result.signal or "ended with status " .. tostring(result.status)
  fail("build", string.format("`%s` %s", first_line(command), what), { status = result.status, signal = result.signal })
end

local FACTS = {
  ["os.id"] = ". /etc/os-release && echo \"$ID\"", ["os.version"] = ". /etc/os-release && echo \"$VERSION_ID\"",
  ["os.name"] = ". /etc/os-release && echo \"$PRETTY_NAME\"",
  kernel = "uname -r", arch = "uname -m", hostname = "uname -n", boot_id = "cat /proc/sys/kernel/random/boot_id",
}

--[[
guest:fact(name) -> string
Something about the guest, asked once until it reboots: os.id, os.version, os.name, kernel, arch, hostname, boot_id.
Raises: an unknown name; build (the guest cannot tell).
Blocks: yes.
]]
function guest:fact(name)
  local command = FACTS[name]
  if not command then
    error("guest:fact: no fact '" .. tostring(name) .. "'; there are " .. table.concat(sorted.keys(FACTS), ", "), 2)
  end
  self.facts[name] = self.facts[name] or self:run(command)
  return self.facts[name]
end

-- ---- files ----

-- Files travel by sftp. When it does not even begin, the reason is elsewhere: there is none, or no command runs for this user.
local function carry(self, f, ...)
  local results = table.pack(pcall(f, ...))
  if results[1] then return table.unpack(results, 2, results.n) end
  local e = results[2]
  if err.is(e) and e.code ~= "cancelled" and e.message:find("^open sftp") then
    local ok, r = pcall(self.try, self, "exit 0", { timeout = ATTEMPT })
    if err.is(r, "cancelled") then error(r, 0) end
    e.hint = ok and r.status ~= 0 and "nor does a command run there: " .. (tail.lines(r.out .. r.err) or "status " .. tostring(r.status))
      or "files travel by sftp: the guest's sshd_config wants a line such as Subsystem sftp internal-sftp"
  end
  error(e, 0)
end

--[[
guest:read(path) -> string
The content of a file, 16 MiB at most.
Raises: notfound, io, ssh, net, timeout.
Blocks: yes.
]]
function guest:read(path)
  return carry(self, function() return (err.check(session_of(self):read(path))) end)
end

--[[
guest:write(path, content [, options]) -> nothing
Make or replace a file.
  options.mode     integer = 0644
Raises: notfound, io, ssh, net, timeout.
Blocks: yes.
]]
function guest:write(path, content, options)
  local o = options_of("guest:write", options)
  carry(self, function() err.check(session_of(self):upload({ content = content }, path, o)) end)
end

--[[
guest:upload(from, to [, options]) -> integer
Copy files and trees to the guest; see upload.send.
]]
function guest:upload(from, to, options) return carry(self, upload.send, session_of(self), from, to, options_of("guest:upload", options)) end

--[[
guest:download(from, to [, options]) -> integer
Copy files and trees from the guest; see upload.receive.
]]
function guest:download(from, to, options)
  return carry(self, upload.receive, session_of(self), from, to, options_of("guest:download", options))
end

-- ---- what has to be true ----

--[[
guest:check(checks) -> results
Ask whether everything holds: guest:check { service = { "sshd" }, port = { "tcp:22" }, timeout = "1m" }; see check.now.
]]
function guest:check(checks) return check.now(self, checks) end

--[[
guest:zero_free_space([options]) -> report
Fill the free space of the guest's file systems with zeros, or trim it; see space.zero.
]]
function guest:zero_free_space(options) return space.zero(self, options_of("guest:zero_free_space", options)) end

-- ---- off and on ----

-- A command that takes the machine down: the connection goes with it, sshd and shell may be killed first. Only a status of the
-- command's own is a failure.
local function run_last(self, command)
  local can, e = pcall(sudo.kind, self)
  if not can and not err.is(e, "auth") then error(e, 0) end
  local text, stdin = sudo.dress(self, command, { sudo = can }) -- without sudo, the command may have its own way
  local result, message, code = execute(self, text, { stdin = stdin, timeout = 60 })
  if not result and code ~= "net" and code ~= "timeout" then err.raise(code, message) end
  if result and result.status and result.status > 0 and result.status < 128 then
    local said = (result.err .. result.out):gsub("%s+$", "")
    err.raise("build", string.format("`%s` ended with status %d", first_line(command), result.status),
      { target = self.address, hint = said ~= "" and said or nil, status = result.status })
  end
end

--[[
guest:shutdown(command) -> nothing
Run the command that powers the guest off, as root (with sudo when the user is another one and sudo is there), and disconnect.
Raises: build (it ended with a status of its own other than 0); cancelled.
Blocks: yes, at most a minute.
]]
function guest:shutdown(command)
  run_last(self, command)
  self:close()
end

-- The boot id, or nil when the guest goes down while it is asked.
local function boot_id(self)
  local result, message, code = session_of(self):exec(FACTS.boot_id, { timeout = ATTEMPT })
  if not result and code ~= "net" and code ~= "timeout" then err.raise(code, message) end
  return result and result.status == 0 and result.out or nil
end

--[[
guest:reboot([options]) -> nothing
Reboot and log in again: done when the guest has a new boot id. Its address is asked for anew.
  options.timeout  number|string = 600  seconds, or "10m"
  options.command  string = "reboot"  run as root, like guest:shutdown's
Raises: timeout (with what was missing); build (the command failed); as shell.connect.
Blocks: yes.
]]
function guest:reboot(options)
  local o = options_of("guest:reboot", options)
  local until_, before = signal.now() + o.timeout, boot_id(self)
  run_last(self, o.command)
  self.facts = {}
  repeat
    self:close()
    signal.sleep(1)
    local left = until_ - signal.now()
    if left <= 0 then
      err.raise("timeout", "the guest did not boot again within " .. units.format_seconds(o.timeout) .. ": its boot id is still the old one",
        { op = "reboot", target = self.address })
    end
    err.wrap("reboot", self.address, login.patiently, self, left)
    local now = boot_id(self)
  until now and now ~= before
end

return shell
