-- keys: type at a virtual machine's console, as a recipe's boot does, or as govc vm.keystrokes does
local keystroke = require "keystroke"
local signal = require "signal"
local err = require "core.err"
local connection = require "cli.connection"
local options = require "cli.options"

local INTERVAL = 0.1 -- seconds between keys: a console that is asked faster loses some

local MODIFIERS = { "rg", "ra", "rs", "rc", "lg", "la", "ls", "lc" }

local declared = options.of(
  { "vm", argument = "NAME", kind = "machine", doc = "the virtual machine: name, path or id; the only one by default" },
  { "s", argument = "TEXT", short = true, doc = "type a text as it is" },
  { "c", argument = "CODE", many = true, short = true, doc = "press keys by usage code or name: 0x28, KEY_ENTER" },
  { "layout", argument = "NAME", values = keystroke.layouts(), default = "us", doc = "the guest's keyboard" },
  "variables")
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
    local wanted = { string = given.s, code = given.c and table.concat(given.c, ","), layout = given.layout }
    for _, name in ipairs(MODIFIERS) do wanted[name] = given[name] end
    events, message = keystroke.keys(wanted)
  end
  return events or err.raise("usage", message)
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
  local _ <close>, vm = connection.console(given, given.vm, "keys")
  local count = type_all(vm, events)
  print(string.format("typed %d key%s at %s", count, count == 1 and "" or "s", vm:get "name"))
  return 0
end

return {
  doc = "type at a virtual machine's console",
  text = "A boot command is what a recipe's boot types: luabuild help keystroke.parse lists its tags.",
  usage = "keys [--vm NAME] -s TEXT | -c CODE … | BOOT-COMMAND",
  words = { { "BOOT-COMMAND", optional = true } },
  options = declared,
  examples = {
    { "luabuild keys --vm photon '<tab><wait> text<enter>'", "type a boot command" },
    { "luabuild keys --vm photon -lc -la -c KEY_DELETE", "press Control-Alt-Delete" },
  },
  run = run,
}
