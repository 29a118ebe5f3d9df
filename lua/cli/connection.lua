-- connection: is everything given that a log-in needs? Asked before a server is contacted
local err = require "core.err"

local connection = {}

local NEEDED = { { "server", "vcenter_server", "VCENTER_SERVER" }, { "username", "username", "VCENTER_USERNAME" },
  { "password", "password", "VCENTER_PASSWORD" } }

--[[
connection.check(given) -> nothing
Raises: usage, naming all that is not set.
  given          table             server, username, password
]]
function connection.check(given)
  local variables, environment = {}, {}
  for _, one in ipairs(NEEDED) do
    if not given[one[1]] then variables[#variables + 1], environment[#environment + 1] = one[2], one[3] end
  end
  if #variables == 0 then return end
  err.raise("usage", string.format("which vCenter? %s %s not set", table.concat(environment, ", "), #environment == 1 and "is" or "are"),
    { hint = string.format("set them in the environment, or %s with --var or a var-file; make lab starts a vCenter to try",
      table.concat(variables, ", ")) })
end

return connection
