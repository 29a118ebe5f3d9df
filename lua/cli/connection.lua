-- connection: is everything given that a log-in needs? Asked before a server is contacted
local signal = require "signal"
local err = require "core.err"
local ask = require "cli.ask"
local secret = require "core.secret"
local place = require "build.place"
local variables = require "build.variables"
local finder = require "vsphere.finder"
local session = require "vsphere.session"
require "vsphere.vm"

local connection = {}

local NEEDED = { { "server", "vcenter_server", "VCENTER_SERVER" }, { "username", "username", "VCENTER_USERNAME" },
  { "password", "password", "VCENTER_PASSWORD" } }

--[[
connection.check(given) -> nothing
Is there all that a log-in needs? A password alone that is missing is asked for, where there is somebody to ask, and put into `given`.
  given          table             server, username, password
Raises: usage, naming all that is not set; cancelled.
Blocks: yes, if somebody is asked.
]]
function connection.check(given)
  local asks = given.server and given.username and not given.password and ask.secrets()
  if asks then given.password = asks { name = "password", doc = "of " .. given.username } end
  local unset, environment = {}, {}
  for _, one in ipairs(NEEDED) do
    if not given[one[1]] then unset[#unset + 1], environment[#environment + 1] = one[2], one[3] end
  end
  if #unset == 0 then return end
  err.raise("usage", string.format("which vCenter? %s %s not set", table.concat(environment, ", "), #environment == 1 and "is" or "are"),
    { hint = string.format("set %s in the environment, or %s with --var or a var-file; make lab starts a vCenter to try",
      #unset == 1 and "it" or "them", table.concat(unset, ", ")) })
end

--[[
connection.variables(given, command) -> table, secrets
What a command that takes no recipe is told about the vCenter, by --var, --var-file and the environment: what session.connect
takes, as far as it is set.
  given          table             options: var, var_file
  command        string            to be named in a mistake
Raises: usage, recipe (a value of the wrong form).
]]
function connection.variables(given, command)
  local problems, secrets = {}, secret.new()
  local v = variables.new({ files = given.var_file, assignments = given.var, secrets = secrets }):scope({}, problems)
  local read = { server = v.vcenter_server, username = v.username, password = v.password, insecure = v.insecure_connection,
    ca_file = v.ca_file, thumbprint = v.thumbprint, datacenter = v.datacenter } -- a value is looked at when it is read
  place.raise({ path = command, text = "" }, problems)
  return read, secrets
end

--[[
connection.read(given, command) -> table
As connection.variables, when it is enough to log in.
Raises: usage, recipe.
]]
function connection.read(given, command)
  local read = connection.variables(given, command)
  connection.check(read)
  return read
end

--[[
connection.machines(given, seconds) -> {string, ...}
The names of all virtual machines, for completion: none when nobody has said all that a log-in needs, or when something goes wrong.
  given          table             options: var, var_file
  seconds        number            until it is given up
Blocks: yes, so long, and the log-out.
]]
function connection.machines(given, seconds)
  signal.limit(seconds)
  local ok, names = pcall(function()
    local wanted = connection.variables(given, "completion")
    if not (wanted.server and wanted.username and wanted.password) then return {} end
    wanted.patience = 0
    local vc <close> = session.connect(wanted)
    local out = {}
    for _, name in vc:find("*").name:each() do out[#out + 1] = name end
    return out
  end)
  signal.limit(0)
  return ok and names or {}
end

--[[
connection.console(given, name, command) -> session, VirtualMachine
Log in, and find a virtual machine that is on, so that it has a console; the caller closes the session.
  given          table             options: var, var_file
  name           string|nil        name, path or id; the only one when nil
  command        string            to be named in a mistake
Raises: usage, recipe, notfound, build (it is off); what session.connect raises.
Blocks: yes.
]]
function connection.console(given, name, command)
  local wanted = connection.read(given, command)
  local vc = session.connect(wanted)
  local ok, vm = pcall(function()
    local find = finder.new(vc)
    local vm = find:vm(find:datacenter(wanted.datacenter), name, "--vm")
    local state = vm:power_state()
    if state == "poweredOn" then return vm end
    err.raise("build", string.format("%s: the virtual machine %s is %s: it has no console", command, vm:get "name",
      state == "suspended" and state or "off"), { hint = "switch it on first; in luabuild repl: find(\"" .. vm.moid .. "\"):power_on()" })
  end)
  if ok then return vc, vm end
  vc:close()
  error(vm, 0)
end

return connection
