-- sshd: a real OpenSSH server on loopback, run by the current user, for as long as one test takes
local signal = require "signal"

local sshd = {}
local PAM = "/usr/lib/x86_64-linux-gnu/pam_wrapper/pam_matrix.so"

-- pam_wrapper leaves its directory behind when sshd is killed; the process id in it says whose it was.
local TIDY = "for d in /tmp/pam.?; do p=$(cat $d/pid 2>/dev/null) && { kill -0 $p 2>/dev/null || rm -rf $d; }; done"

local function capture(command)
  local f = assert(io.popen(command, "r"))
  local text = f:read("a")
  f:close()
  return (text:gsub("%s+$", ""))
end

sshd.username = capture("id -un")
sshd.is_root = capture("id -u") == "0"

-- sshd.keygen(t, path, type): a key pair without passphrase; returns the path of the private half
function sshd.keygen(t, path, type, more)
  local out, status = t:shell(("ssh-keygen -q -N '' -t %s %s -f '%s'"):format(type, more or "", path))
  if status ~= 0 then error(out) end
  return path
end

local function configuration(dir, port, o)
  local lines = {
    o.config or "", -- sshd takes the first of several lines for the same keyword
    "Port " .. port, "ListenAddress " .. (o.listen or "127.0.0.1"), "HostKey " .. dir .. "/hostkey",
    "AuthorizedKeysFile " .. dir .. "/authorized", "StrictModes no", "PidFile none", "PermitRootLogin yes",
    "UsePAM " .. (o.password and "yes" or "no"), "MaxStartups 100", "LogLevel VERBOSE", o.subsystem or "Subsystem sftp internal-sftp",
  }
  if not o.password then lines[#lines + 1] = "PasswordAuthentication no\nKbdInteractiveAuthentication no" end
  return table.concat(lines, "\n") .. "\n"
end

-- A password that exists nowhere but in a file of the test: pam_wrapper (of the cwrap project) makes sshd's own PAM code ask
-- pam_matrix instead of the system.
local function prepare_pam(t, dir, password)
  assert(t:shell("mkdir -p " .. dir .. "/pam"))
  t:write(dir .. "/passdb", sshd.username .. ":" .. password .. ":sshd\n")
  t:write(dir .. "/pam/sshd", ("auth required %s passdb=%s/passdb\naccount required pam_permit.so\nsession required pam_permit.so\n")
    :format(PAM, dir))
  return ("env LD_PRELOAD=libpam_wrapper.so PAM_WRAPPER=1 PAM_WRAPPER_SERVICE_DIR=%s/pam "):format(dir)
end

local function alive(pid) return os.execute("kill -0 " .. pid .. " 2>/dev/null") end

-- One attempt on one port: the process id, or nil when the port is taken.
local function launch(t, dir, port, prefix, o)
  t:write(dir .. "/config", configuration(dir, port, o))
  os.remove(dir .. "/log")
  local pid = capture(("exec %s /usr/sbin/sshd -D -e -f '%s/config' >/dev/null 2>'%s/log' & echo $!"):format(prefix, dir, dir))
  for _ = 1, 6000 do
    local f = io.open(dir .. "/log")
    local log = f and f:read("a") or ""
    if f then f:close() end
    if log:find("Server listening on", 1, true) then return pid end
    if log:find("Address already in use", 1, true) then return nil end
    if not alive(pid) then error("sshd ended: " .. log) end
    signal.sleep(0.01)
  end
  error("sshd does not start")
end

local Server = {}
Server.__index = Server

-- sshd.start(t [, options]) -> server { host, port, username, directory, key_file }, stopped when the test ends
--   options.config    more lines for sshd_config, before ours
--   options.password  log in with this one too (needs libpam-wrapper; the test is skipped without)
--   options.hostkey   "ed25519" or "rsa", ...;  options.port: this port
--   options.listen    address = "127.0.0.1";  options.subsystem: the line in the place of sftp's
--   options.prefix    words in front of the command
--   options.directory an earlier server's, to start again with the same keys
function sshd.start(t, o)
  o = o or {}
  if not io.open("/usr/sbin/sshd") then t:skip("no sshd installed") end
  if o.password and not io.open(PAM) then t:skip("libpam-wrapper is not installed") end
  if sshd.is_root then os.execute("mkdir -p -m 755 /run/sshd") end
  local dir = o.directory or t:directory()
  if not o.directory then
    sshd.keygen(t, dir .. "/hostkey", o.hostkey or "ed25519")
    sshd.keygen(t, dir .. "/key", "ed25519")
    t:shell(("cp '%s/key.pub' '%s/authorized'"):format(dir, dir))
  end
  local prefix = o.password and prepare_pam(t, dir, o.password) or o.prefix or ""
  local pid, port
  repeat
    port = o.port or math.random(20000, 32000)
    pid = launch(t, dir, port, prefix, o)
  until pid
  local server = setmetatable({ host = "127.0.0.1", port = port, username = sshd.username, directory = dir,
    key_file = dir .. "/key", pid = pid, password = o.password }, Server)
  t:defer(function() server:stop() end)
  return server
end

-- server:stop(): no new connections; the open ones go on
function Server:stop()
  if not self.pid then return end
  if self.frozen then self:thaw() end
  local all = self.password and self:processes()
  os.execute("kill " .. self.pid .. " 2>/dev/null")
  self.pid = nil
  if all then os.execute("for i in $(seq 40); do kill -0 " .. all .. " 2>/dev/null || break; sleep 0.05; done; " .. TIDY) end
end

-- The server and the processes that serve its connections.
function Server:processes()
  local all, parents = { self.pid }, {}
  for line in io.popen("ps -eo ppid=,pid="):lines() do
    local parent, pid = line:match("(%d+)%s+(%d+)")
    parents[parent] = parents[parent] or {}
    table.insert(parents[parent], pid)
  end
  for i = 1, 1000 do
    if not all[i] then break end
    for _, pid in ipairs(parents[all[i]] or {}) do all[#all + 1] = pid end
  end
  return table.concat(all, " ")
end

-- server:freeze(): connections are still accepted by the kernel, but nobody answers any more; server:thaw() ends that
function Server:freeze()
  self.frozen = self:processes()
  os.execute("kill -STOP " .. self.frozen)
end

function Server:thaw()
  os.execute("kill -CONT " .. self.frozen .. " 2>/dev/null")
  self.frozen = nil
end

-- server:authorize(path): this key pair may log in too
function Server:authorize(path)
  os.execute(("cat '%s.pub' >> '%s/authorized'"):format(path, self.directory))
end

-- server:options([more]) -> options for ssh.connect; key_file = false for none
function Server:options(more)
  local o = { host = self.host, port = self.port, username = self.username, key_file = self.key_file, timeout = 20 }
  for k, v in pairs(more or {}) do o[k] = v end
  if not o.key_file or o.key then o.key_file = nil end
  return o
end

return sshd
