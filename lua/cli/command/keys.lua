-- keys: type at a virtual machine's console, as a recipe's boot does, or as govc vm.keystrokes does
local keystroke = require "keystroke"
local signal = require "signal"
local err = require "core.err"
local secret = require "core.secret"
local finder = require "vsphere.finder"
local session = require "vsphere.session"
local connection = require "cli.connection"
local place = require "build.place"
local variables = require "build.variables"
require "vsphere.vm"

local INTERVAL = 0.1 -- seconds between keys: a console that is asked faster loses some

local MODIFIERS = { "rg", "ra", "rs", "rc", "lg", "la", "ls", "lc" }

local declared = {
  { "vm", argument = "NAME", doc = "the virtual machine: name, path or id; the only one by default" },
  { "s", argument = "TEXT", short = true, doc = "type a text as it is" },
  { "c", argument = "CODE", many = true, short = true, doc = "press keys by usage code or name: 0x28, KEY_ENTER" },
  { "layout", argument = "NAME", values = keystroke.layouts(), default = "us", doc = "the guest's keyboard" },
  { "var", argument = "NAME=VALUE", many = true, doc = "set a variable: vcenter_server, username, password, datacenter, …" },
  { "var-file", argument = "FILE", many = true, doc = "variables from a JSON or Lua file" },
  { "debug", doc = "show where errors come from" },
  { "help", doc = "show help" },
}
for _, name in ipairs(MODIFIERS) do
  local side, key = name:match("(.)(.)")
  table.insert(declared, 4, { name, short = true, doc = string.format("with the %s %s key", side == "l" and "left" or "right",
    ({ c = "Control", s = "Shift", a = "Alt", g = "Gui" })[key]) })
end

local function parse(given, words)
  local sources = (given.s and 1 or 0) + (given.c and 1 or 0) + #words
  if sources ~= 1 then
    err.raise("usage", sources == 0 and "which keys?" or "too much to type",
      { hint = "give one of -s TEXT, -c CODE and a boot command such as '<tab><wait> text<enter>'" })
  end
  local events, message
  if words[1] then
    events, message = keystroke.parse(words[1], { layout = given.layout })
  else
    local options = { string = given.s, code = given.c and table.concat(given.c, ","), layout = given.layout }
    for _, name in ipairs(MODIFIERS) do options[name] = given[name] end
    events, message = keystroke.keys(options)
  end
  return events or err.raise("usage", message)
end

local function read_variables(given)
  local problems = {}
  local v = variables.new({ files = given.var_file, assignments = given.var, secrets = secret.new() }):scope({}, problems)
  local read = { server = v.vcenter_server, username = v.username, password = v.password, insecure = v.insecure_connection,
    ca_file = v.ca_file, thumbprint = v.thumbprint, datacenter = v.datacenter }
  place.raise({ path = "keys", text = "" }, problems)
  connection.check(read)
  return read
end

local function type_all(vm, events)
  local count = 0
  for _, event in ipairs(events) do
    if event.wait then
      signal.sleep(event.wait)
    else
      vm:type { event }
      count = count + 1
      signal.sleep(INTERVAL)
    end
  end
  return count
end

local function run(given, words)
  local events = parse(given, words)
  local options = read_variables(given)
  local vc <close> = session.connect(options)
  local find = finder.new(vc)
  local vm = find:vm(find:datacenter(options.datacenter), given.vm)
  local count = type_all(vm, events)
  print(string.format("typed %d key%s at %s", count, count == 1 and "" or "s", vm:get "name"))
  return 0
end

return { doc = "type at a virtual machine's console", usage = "luabuild keys [--vm NAME] -s TEXT | -c CODE … | BOOT-COMMAND",
  text = "A boot command is what a recipe's boot types: luabuild help keystroke.parse lists its tags.", options = declared, run = run }
