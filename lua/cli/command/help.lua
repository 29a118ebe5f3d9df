-- help [TOPIC]: what there is, or all about one name
local term = require "term"
local err = require "core.err"
local commands = require "cli.commands"
local locale = require "cli.locale"
local options = require "cli.options"
local commandpage = require "cli.help.commandpage"
local pages = require "cli.help.pages"
local plain = require "cli.help.plain"

-- Into a pipe, which often ends at a pager: as man does.
local function columns() return term.width() or math.tointeger(tonumber(os.getenv "COLUMNS")) or 80 end

local function overview()
  local parts = { { "text", "luabuild builds virtual machine images on VMware vSphere from recipes in Lua." },
    { "rows", { { "luabuild RECIPE… [IMAGE…]", "", "build images" }, { "luabuild COMMAND …", "", "one of these" } } } }
  for _, group in ipairs(commands.groups) do
    local rows = {}
    for i = 2, #group do rows[#rows + 1] = { group[i], "", commands.find(group[i]).doc } end
    table.insert(parts, { "heading", group[1] .. ":" })
    table.insert(parts, { "rows", rows, first = 12 })
  end
  table.insert(parts, { "heading", "Options of build:" })
  table.insert(parts, { "rows", commandpage.options(options.common) })
  table.insert(parts, { "text", "luabuild help recipe lists the words of recipes; luabuild help TOPIC tells all about one such as base or "
    .. "check, a command, the variables, a module or function such as ssh.connect, and a type or method of the vSphere API such as VirtualMachineConfigSpec." })
  return plain.text({ { title = "", kind = "", parts = parts } }, columns())
end

local function show(topic)
  local found = pages.find(topic)
  if #found == 0 then
    local near = pages.nearest(topic)
    err.raise("usage", string.format("no help for '%s'", topic), { hint = near and "did you mean '" .. near .. "'?"
      or "a command, a word of recipes, a variable, a function such as ssh.connect, or a type of the vSphere API" })
  end
  io.write(locale.spell(plain.text(found, columns())))
end

local function run(given, words)
  if given.man then
    io.write(require("cli.help.man").text())
    return 0
  elseif given.html or given.editor then
    local write = given.html and require("cli.help.html").write or require("cli.editor.library").write
    for _, path in ipairs(write(given.html or given.editor)) do print(path) end
    return 0
  end
  if words[1] then show(table.concat(words, " ")) else io.write(locale.spell(overview())) end
  return 0
end

return {
  doc = "tell all about a command, a word of recipes, a function or an API type",
  text = "A name that is several things shows all of them.",
  words = { { "TOPIC", kind = "topic", many = true, optional = true } },
  options = options.of({ "man", doc = "print the manual page, for man -l or the installation" },
    { "html", argument = "DIRECTORY", kind = "directory", doc = "write the whole reference as web pages" },
    { "editor", argument = "DIRECTORY", kind = "directory", doc = "write annotations for the Lua language server; luabuild init sets it up" }),
  examples = {
    { "luabuild help base", "the options of base { … }" },
    { "luabuild help check", "the command, and the word with all kinds of checks" },
    { "luabuild help VirtualMachineConfigSpec", "the fields of a type of the vSphere API" },
  },
  run = run,
}
