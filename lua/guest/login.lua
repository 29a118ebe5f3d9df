-- login: the way into a guest that may not be ready yet
local ssh = require "ssh"
local signal = require "signal"
local err = require "core.err"
local retry = require "core.retry"

local login = {}

local ATTEMPT = 60       -- seconds for one try to connect and log in
local GREETING = 10      -- seconds of these until sshd's first words: a SYN that a booting guest has missed comes again too late
local SAY = 60           -- seconds between two words about what is being waited for

local function connect_once(self, seconds)
  local o = self.options
  local address = o.address
  if type(address) == "function" then address = address() end
  if not address then err.raise("net", "the guest's address is not known yet", { op = "connect" }) end
  self.session = err.check(ssh.connect { host = address, port = o.port, username = o.username, password = o.password,
    key = o.key, key_file = not o.key and o.key_file or nil, passphrase = o.passphrase, agent = o.agent, known = o.known or self.pinned, greeting = GREETING,
    timeout = math.max(5, math.min(ATTEMPT, seconds)) })
  self.address, self.hostkey = address, self.session:hostkey()
  self.pinned = self.hostkey.sha256
end

-- What may get better by itself: a refused connection is a guest that still boots, a refused password or another host key may
-- be the installer's own sshd.
local NOT_YET = { net = true, timeout = true, auth = true, hostkey = true }

-- Tell what is being waited for, when it is something new and once a minute.
local function teller(note)
  local told, when
  return function(e)
    if not note or (e.code == told and signal.now() - when < SAY) then return end
    told, when = e.code, signal.now()
    note("still waiting: " .. e.message)
  end
end

local function hint(self, e)
  local o = self.options
  if e.code == "hostkey" and self.pinned then
    return "it was " .. self.pinned .. " when this build first logged in: another machine answers there, or a step made new host keys;\n"
      .. "such a step says so with guest:forget_hostkey()"
  end
  if e.code == "auth" then return "is " .. o.username .. " allowed to log in with this password or key? The kickstart sets it" end
  if e.code == "net" or e.code == "timeout" then
    return "does sshd run in the guest, on port " .. (o.port or 22) .. ", and can this machine reach it?"
  end
end

--[[
login.patiently(guest, seconds) -> nothing
Log in, until the time is over: what may get better by itself is "not yet". Sets the guest's session, address, hostkey and pinned.
Raises: as shell.connect.
Blocks: yes.
]]
function login.patiently(self, seconds)
  local until_, tell = signal.now() + seconds, teller(self.options.note)
  local function again(e)
    if not NOT_YET[e.code] or (e.code == "hostkey" and self.pinned) then return false end
    tell(e)
    return true
  end
  local ok, e = pcall(retry.within, seconds, 1, function() connect_once(self, until_ - signal.now()) end, again)
  if ok then return end
  if err.is(e) then e.hint = e.hint or hint(self, e) end
  error(e, 0)
end

return login
