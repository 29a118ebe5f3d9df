-- repl [RECIPE]: look round in a vCenter, and try things, in Lua
local runtime = require "runtime"
local color = require "cli.color"
local connection = require "cli.connection"
local looking = require "cli.looking"
local options = require "cli.options"
local repl = require "cli.repl"
local session = require "vsphere.session"

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

-- Can it connect without asking anybody?
function Server:is_set() return self.session ~= nil or (self.wanted.server and self.wanted.username and self.wanted.password) ~= nil end

function Server:close() if self.session then self.session:close() end end
Server.__close = Server.close

-- ---- what there is ----

local function banner(wanted, image)
  local where = wanted.server and string.format("vc: %s%s; connects when it is used.", wanted.server,
    wanted.username and ", as " .. wanted.username or "")
    or "No vCenter is set: VCENTER_SERVER, VCENTER_USERNAME and VCENTER_PASSWORD in the\nenvironment, or --var, say which one vc is."
  return string.format("luabuild %s%s\n%s\nhelp() says what there is, Tab completes, Ctrl-D ends.", runtime.version, image and ", " .. image or "", where)
end

-- What a recipe brings: its images and variables, and which server.
local function from_recipe(given, words)
  local recipes = require "cli.recipes" -- loaded when there is one: the first prompt comes sooner
  local images, about = recipes.load(given, words)
  local wanted = {}
  for key, value in pairs(images[1].connection) do wanted[key] = value end
  wanted.datacenter = images[1].placement and images[1].placement.datacenter
  for _, image in ipairs(images) do looking.image(image) end
  return { image = images[1], images = images, vars = looking.values(images[1].variables) }, wanted, about.secrets
end

local function run(given, words)
  local names, wanted, secrets
  if #words > 0 then names, wanted, secrets = from_recipe(given, words)
  else names, wanted, secrets = {}, connection.variables(given, "repl") end
  wanted.trace = given.debug and trace or nil
  local server <close> = setmetatable({ wanted = wanted, secrets = secrets }, Server)
  local o = looking.options(function() return server:connect() end, function() return server:is_set() end)
  for name, value in pairs(names) do o.names[name] = value end
  o.banner, o.mask = banner(wanted, names.image and names.image.name), function(text) return secrets:mask(text) end
  o.color, o.debug = color.wanted(given), given.debug
  local status = repl.run(o)
  return math.type(status) == "integer" and status or 0
end

return {
  doc = "look round in a vCenter, and try things, in Lua",
  text = "Reads Lua from the terminal, with completion and a history, or from standard input, where the first error ends it with status 1.\n\n"
    .. "With a RECIPE its image and its variables are there as image and vars, and vc is the server that they name.\n\n" .. looking.HELP,
  words = { { "RECIPE", kind = "recipe", optional = true }, { "IMAGE", kind = "image", optional = true } },
  options = options.of("variables", { "color", argument = "WHEN", values = { "auto", "always", "never" }, default = "auto", doc = "colours" }),
  examples = {
    { "luabuild repl recipes/photon3.lua --var-file vcenter.json", "with the variables of a recipe" },
    { "echo 'find(\"vm/*\")' | luabuild repl", "a table of the virtual machines" },
  },
  run = run,
}
