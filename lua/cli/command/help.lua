-- help [TOPIC]: what there is; or one command
local err = require "core.err"
local apitext = require "cli.apitext"
local commands = require "cli.commands"
local options = require "cli.options"

local function print_options(declared)
  if #declared == 0 then return end
  print "\nOptions:"
  for _, o in ipairs(declared) do
    print(string.format("  %-34s %s%s", options.shown(o), o.doc, o.default and " (" .. o.default .. ")" or ""))
  end
end

local function overview()
  print "luabuild builds virtual machine images on VMware vSphere from recipes in Lua.\n"
  print "Usage: luabuild RECIPE… [IMAGE…]      build images\n       luabuild COMMAND …"
  for _, group in ipairs(commands.groups) do
    print("\n" .. group[1] .. ":")
    for i = 2, #group do print(string.format("  %-14s %s", group[i], commands.find(group[i]).doc)) end
  end
  print_options(options.common)
end

local function print_command(command)
  print(table.concat(commands.usage(command), "\n") .. "\n\n" .. command.doc .. (command.text and "\n\n" .. command.text or ""))
  for i, action in ipairs(command.actions or {}) do
    if i == 1 then print "\nActions:" end
    print(string.format("  %-10s %s", action[1], action.doc))
  end
  print_options(command.options or {})
  for i, example in ipairs(command.examples or {}) do
    if i == 1 then print "\nExamples:" end
    print(string.format("  %s\n      %s", example[1], example[2]))
  end
end

local function run(_, words)
  local name = words[1]
  if not name then
    overview()
    return 0
  end
  local command = commands.find(name)
  if command then
    print_command(words[2] and commands.action(command, words[2]) or command)
    return 0
  end
  if name == "events" then
    print(require("build.events").text())
    return 0
  end
  local contract = apitext.find(name) or require("cli.contract").find(name)
  if contract then
    print(contract)
    return 0
  end
  local near = commands.nearest(name) or apitext.nearest(name)
  err.raise("usage", string.format("no help for '%s'", name),
    { hint = near and "did you mean '" .. near .. "'?" or "a command, events, a function such as ssh.connect, or a type of the vSphere API" })
end

return { doc = "show help: of a command, or the contract of a function", words = { { "TOPIC", kind = "topic", many = true, optional = true } },
  options = options.of(), run = run }
