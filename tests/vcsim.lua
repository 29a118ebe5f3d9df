-- vcsim: govmomi's simulator as it is (tests/vcsim), a vCenter or a host to look round in
local vcsim = {}

local BINARY = (os.getenv "LAB" or "build/lab") .. "/vcsim"

--[[
vcsim.start(t [, options]) -> string
Start one for the test; it ends with it. Its host:port; user name and password are what you like.
  options.model  string = "vpx"    or "esx"
  options.vms    integer = 2       virtual machines of each resource pool
]]
function vcsim.start(t, options)
  options = options or {}
  if not os.getenv "LAB" then
    local out, status = t:shell("make -s " .. BINARY)
    if status ~= 0 then error("vcsim cannot be built: " .. out) end
  end
  local fifo = t:directory() .. "/stdin"
  t:shell("mkfifo " .. fifo)
  local f = assert(io.popen(string.format("exec %s -model %s -vm %d <%s", BINARY, options.model or "vpx", options.vms or 2, fifo), "r"))
  local stdin = assert(io.open(fifo, "w")) -- it ends when this is closed, also if the test dies
  t:defer(function()
    stdin:close()
    f:close()
  end)
  return f:read("l")
end

--[[
vcsim.connect(t [, options]) -> session
A session to a simulator of its own, closed when the test ends.
]]
function vcsim.connect(t, options)
  local vc = require("vsphere.session").connect { server = vcsim.start(t, options), username = "user", password = "pass", insecure = true }
  t:defer(function() vc:close() end)
  return vc
end

return vcsim
