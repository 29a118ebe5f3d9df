-- verify: is all well with an appliance that runs? luabuild run recipes/k3s/verify.lua ADDRESS [SECONDS]
-- Logs in as root with the password in LUABUILD_VAR_ssh_password, at the port in LUABUILD_VAR_ssh_port (22); SECONDS is how long things may
-- take to hold (60).
local shell = require "guest.shell"

local address, seconds = arg[1], tonumber(arg[2] or 60)
local password, port = os.getenv "LUABUILD_VAR_ssh_password", math.tointeger(tonumber(os.getenv "LUABUILD_VAR_ssh_port" or 22))
if not (address and password and seconds and port) then
  io.stderr:write("usage: LUABUILD_VAR_ssh_password=… luabuild run ", arg[0], " ADDRESS [SECONDS]\n")
  os.exit(2, true)
end

local checks = dofile((arg[0]:match("^(.*)/") or ".") .. "/checks.lua")
local guest <close> = shell.connect { address = address, port = port, username = "root", password = password, timeout = 60 }
local results = guest:check { include = { checks.appliance }, timeout = seconds, interval = 5 }
print(#results .. " checks hold")
