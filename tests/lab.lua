-- lab: a vCenter of our own (tests/lab) for one test, whose machines boot if it wants that
local lfs = require "lfs"
local peer = require "tests.peer"

local lab = {}
local Lab = {}
Lab.__index = Lab

local DIRECTORY = os.getenv "LAB" or "build/lab"
local BINARY = DIRECTORY .. "/lab"
lab.GUEST = DIRECTORY .. "/guest.iso" -- the installer for machines that boot
lab.SYSTEMD = DIRECTORY .. "/systemd.iso" -- the same for a small Debian: systemd, bash, curl, jq
lab.K3S = DIRECTORY .. "/k3s" -- a stand-in for k3s in it

local function quoted(text) return "'" .. text:gsub("'", "'\\''") .. "'" end

local function build(t)
  if lab.built or os.getenv "LAB" then return end
  local out, status = t:shell("make -s " .. BINARY)
  if status ~= 0 then error("the lab cannot be built: " .. out) end
  lab.built = true
end

local function environment(path)
  local env = {}
  for line in io.lines(path) do
    local name, value = line:match("^export ([%w_]+)=(.*)$")
    if name then env[name] = value:gsub("^'(.*)'$", "%1"):gsub("'\\''", "'") end
  end
  return env
end

--[[
lab.start(t [, options]) -> lab
Start a lab for the test; it ends with it.
  options.model  string = "vpx"    or "esx"
  options.ssh_password string = "password"  what ssh accepts where nothing boots
  options.boot   boolean = false   machines are QEMU machines, accelerated as the environment's LAB_ACCEL says
lab = { env = table (VCENTER_SERVER, LAB_..., see tests/lab/README.md) }
]]
function lab.start(t, options)
  build(t)
  options = options or {}
  if options.boot and not lfs.attributes(lab.GUEST) then t:skip("there is no " .. lab.GUEST .. ": make lab-tools") end
  local mode = options.boot and "-accel " .. (os.getenv "LAB_ACCEL" or "auto") or "-no-boot"
  local dir = t:directory()
  local env = dir .. "/env"
  -- the shell becomes the lab, which ends when this process does
  local f = assert(io.popen(string.format("echo $$; exec %s %s -with-parent -ssh-password %s -model %s -dir %s/run -env %s >%s/log 2>&1", BINARY,
    mode, quoted(options.ssh_password or "password"), options.model or "vpx", dir, env, dir), "r"))
  local self = setmetatable({ pid = f:read("l"), pipe = f, dir = dir, t = t }, Lab)
  t:defer(function() self:stop() end)
  t:eventually(function() return lfs.attributes(env) or peer.ended(self.pid) end)
  if not lfs.attributes(env) then error("the lab does not start: " .. t:read(dir .. "/log")) end
  self.env = environment(env)
  return self
end

-- lab:stop(): end it; the test does so by itself
function Lab:stop()
  if not self.pid then return end
  os.execute("kill " .. self.pid .. " 2>/dev/null")
  self.pipe:close() -- waits for its end
  self.pid = nil
end

-- lab:options([more]) -> options for session.connect
function Lab:options(more)
  local e = self.env
  local o = { server = e.VCENTER_SERVER, username = e.VCENTER_USERNAME, password = e.VCENTER_PASSWORD, ca_file = e.VCENTER_CA_FILE }
  for key, value in pairs(more or {}) do o[key] = value end
  return o
end

-- lab:connect([more]) -> session, closed when the test ends
function Lab:connect(more)
  local vc = require("vsphere.session").connect(self:options(more))
  self.t:defer(function() vc:close() end)
  return vc
end

-- lab:create_vm(vc, name [, more]) -> VirtualMachine: a small one, off, with a disk, a network card and no medium
function Lab:create_vm(vc, name, more)
  local find = require("vsphere.finder").new(vc)
  local device = require "vsphere.device"
  local datacenter = find:datacenter()
  local compute = find:compute(datacenter, { cluster = self.env.LAB_CLUSTER ~= "" and self.env.LAB_CLUSTER or nil })
  local network = find:network(datacenter, self.env.LAB_NETWORK)
  local config = { name = name, guestId = "otherLinux64Guest", numCPUs = 1, memoryMB = 64,
    files = { vmPathName = "[" .. self.env.LAB_DATASTORE .. "]" },
    deviceChange = device.create { disks = { { size = 1 << 20 } }, nics = { { card = "e1000", network = network.backing } } } }
  for key, value in pairs(more or {}) do config[key] = value end
  return find:folder(datacenter):create_vm(config, find:pool(compute))
end

-- lab:control(method, path [, body]) -> the answer's text
function Lab:control(method, path, body)
  local http = require "http"
  local client <close> = assert(http.client { insecure = true })
  local result = assert(client:request { url = self.env.LAB_CONTROL .. path, method = method, body = body })
  if result.status >= 400 then error(method .. " " .. path .. ": " .. result.status .. " " .. result.body) end
  return result.body
end

-- lab:fault{...}: inject a fault (tests/lab/README.md)
function Lab:fault(fault) return self:control("POST", "/fault", require("cjson").encode(fault)) end

-- lab:vms() -> array of what the lab says of its machines, off and on
function Lab:vms() return require("cjson").decode(self:control("GET", "/vms")) end

-- lab:vm(vc, name) -> VirtualMachine|nil: the one in the lab's folder
function Lab:vm(vc, name)
  local find = require("vsphere.finder").new(vc)
  return find:folder(find:datacenter(self.env.LAB_DATACENTER), self.env.LAB_FOLDER):find_vm(name)
end

-- lab:log() -> array of requests as the lab logged them
function Lab:log()
  local out = {}
  for line in self:control("GET", "/log"):gmatch("[^\n]+") do out[#out + 1] = require("cjson").decode(line) end
  return out
end

return lab
