-- repl [RECIPE]: look round in a vCenter, and try things, in Lua
local runtime = require "runtime"
local signal = require "signal"
local err = require "core.err"
local color = require "cli.color"
local connection = require "cli.connection"
local options = require "cli.options"
local pretty = require "cli.pretty"
local recipes = require "cli.recipes"
local repl = require "cli.repl"
local inventory = require "vsphere.inventory"
local object = require "vsphere.object"
local property = require "vsphere.property"
local session = require "vsphere.session"

local HELP = [[
vc                    the vCenter or host; connects when it is first used
find("vm/*")          things in the inventory, by path, name, id or glob:
                      an object, or a list of them
vm.guest.net          properties are fields; those of a list are read together:
                      find("vm/*").runtime.host.name
vm:PowerOnVM_Task():wait()
                      methods of the API, and luabuild's own: vm:power_on(),
                      vm:type("<esc><wait>x<enter>"), vm:screenshot("now.png")
VirtualMachineConfigSpec { numCPUs = 2 }
                      types of the API; Tab completes fields and values
watch(vm, "guest.ipAddress")
                      say what a property is each time it changes, until Ctrl-C,
                      or for the seconds that follow it
show(value, depth)    print more levels of a value
help(x)               about a function, type, method, object: help(vm),
                      help(ssh.connect), help "PowerOnVM_Task"
_                     the last value
exit()                or Ctrl-D; exit(3) for that exit status

Modules need no require: ssh, http, ova, keystroke, floppy, iso, digest, vim, …
Names made with local stay.]]

-- ---- the server ----

local Server = {}
Server.__index = Server

-- With --debug: every request in a line.
local function trace(request)
  io.stderr:write(string.format("%s %s: %s, %.3fs\n", request.method, request.object, request.error or request.status, request.seconds))
end

-- The session, made when it is needed; a closed one is made again.
function Server:connect()
  if self.session and not self.session.closed then return self.session end
  connection.check(self.wanted)
  self.secrets:add(self.wanted.password)
  self.session = session.connect(self.wanted)
  return self.session
end

function Server:close() if self.session then self.session:close() end end
Server.__close = Server.close

-- For Tab: patience ends sooner, what cannot be told is nothing, and no password is asked for.
function Server:paths(begun)
  if not self.session and not (self.wanted.server and self.wanted.username and self.wanted.password) then return {} end
  local ok, found = pcall(function() return inventory.candidates(self:connect(), begun, { timeout = 3 }) end)
  if not ok and err.is(found, "cancelled") then error(found, 0) end
  return ok and found or {}
end

-- ---- words ----

local function watch(one, ...)
  local paths = { ... }
  if not object.is(one) then err.raise("usage", "watch one object: watch(vm, \"guest.ipAddress\")") end
  local seconds = type(paths[#paths]) == "number" and table.remove(paths) or math.huge
  if #paths == 0 then err.raise("usage", "watch what? watch(vm, \"guest.ipAddress\")") end
  local watcher <close> = property.watch(one, paths)
  local until_, last = signal.now() + seconds, {}
  repeat
    local ok, values = pcall(watcher.next, watcher, math.max(0, math.min(60, until_ - signal.now())))
    if not ok and err.is(values, "cancelled") and values.message == "interrupted" then break end
    if not ok then error(values, 0) end
    for _, path in ipairs(values and paths or {}) do
      local text = values[path] == nil and "-" or pretty.show(values[path])
      if text ~= last[path] then print(os.date("%H:%M:%S  ") .. path .. "  " .. text) end
      last[path] = text
    end
  until signal.now() >= until_
end

local function banner(wanted, image)
  local where = wanted.server and string.format("vc: %s%s; connects when it is used.", wanted.server,
    wanted.username and ", as " .. wanted.username or "")
    or "No vCenter is set: VCENTER_SERVER, VCENTER_USERNAME and VCENTER_PASSWORD in the\nenvironment, or --var, say which one vc is."
  return string.format("luabuild %s%s\n%s\nhelp() says what there is, Tab completes, Ctrl-D ends.", runtime.version, image and ", " .. image or "", where)
end

-- The variables with their values, as a plain table.
local function values_of(variables)
  local out = {}
  for name in pairs(getmetatable(variables).described) do out[name] = variables[name] end
  return out
end

-- What a recipe brings: its images and variables, and which server.
local function from_recipe(given, words)
  local images, about = recipes.load(given, words)
  local wanted = {}
  for key, value in pairs(images[1].connection) do wanted[key] = value end
  wanted.datacenter = images[1].placement and images[1].placement.datacenter
  return { image = images[1], images = images, vars = values_of(images[1].variables) }, wanted, about.secrets
end

local function run(given, words)
  local names, wanted, secrets
  if #words > 0 then names, wanted, secrets = from_recipe(given, words)
  else names, wanted, secrets = {}, connection.variables(given, "repl") end
  wanted.trace = given.debug and trace or nil
  local server <close> = setmetatable({ wanted = wanted, secrets = secrets }, Server)
  function names.find(pattern, kind) return server:connect():find(pattern, kind) end
  names.watch = watch
  local status = repl.run { names = names, made = { vc = function() return server:connect() end }, shapes = { vc = { kind = "session" } },
    finders = { [names.find] = true, [session.find] = true }, paths = function(begun) return server:paths(begun) end,
    help = HELP, banner = banner(wanted, names.image and names.image.name), mask = function(text) return secrets:mask(text) end,
    color = color.wanted(given), debug = given.debug }
  return math.type(status) == "integer" and status or 0
end

return {
  doc = "look round in a vCenter, and try things, in Lua",
  text = "Reads Lua from the terminal, with completion and a history, or from standard input, where the first error ends it with status 1.\n\n"
    .. "With a RECIPE its image and its variables are there as image and vars, and vc is the server that they name.\n\n" .. HELP,
  words = { { "RECIPE", kind = "recipe", optional = true }, { "IMAGE", kind = "image", optional = true } },
  options = options.of("variables", { "color", argument = "WHEN", values = { "auto", "always", "never" }, default = "auto", doc = "colours" }),
  examples = {
    { "luabuild repl recipes/photon3.lua --var-file vcenter.json", "with the variables of a recipe" },
    { "echo 'find(\"vm/*\")' | luabuild repl", "a table of the virtual machines" },
  },
  run = run,
}
