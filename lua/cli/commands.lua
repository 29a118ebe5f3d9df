-- commands: the table of contents of the command line. Parsing, help, completion and the man page come from the declarations
local runtime = require "runtime"
local err = require "core.err"
local options = require "cli.options"

local commands = {}

-- In the order of help. Each is a module of this name (with _ for -) below cli.command, which returns
--   doc       string              one line
--   text      string|nil          more, in paragraphs
--   words     {word, ...}         what it takes besides options: { NAME, kind, many, optional = boolean, values = {string, ...} };
--                                 kind is what completion offers, see cli.completion
--   options   {option, ...}       see cli.options; options.common when absent
--   actions   {action, ...}|nil   instead of words and run: its own first word; { name, doc, words, options, run }
--   usage     string|nil          when it is more than the words say
--   examples  {{string, string}, ...}|nil   a command line and what it does
--   raw       boolean|nil         the arguments are taken as they are: run(arguments, program)
--   run       function(given, words) -> integer   the exit status
commands.groups = {
  { "Images", "build", "check", "plan", "inspect", "gc", "init", "import-packer" },
  { "Virtual machines", "repl", "keys", "screenshot" },
  { "Files", "ova", "iso", "floppy" },
  { "Other", "run", "help", "completion", "version" },
}

local names, known = {}, { child = true, complete = true } -- those two are for programs
for _, group in ipairs(commands.groups) do
  for i = 2, #group do names[#names + 1], known[group[i]] = group[i], true end
end

--[[
commands.names() -> {string, ...}
The names of the commands, in the order of help.
]]
function commands.names() return names end

--[[
commands.find(name) -> command|nil
The declaration of a command, with its name as the field `name`.
]]
function commands.find(name)
  if not known[name] then return nil end
  local command = require("cli.command." .. name:gsub("-", "_"))
  command.name = name
  if not command.raw then command.options = command.options or options.common end
  return command
end

--[[
commands.nearest(name) -> string|nil
The command with the nearest name.
]]
function commands.nearest(name) return runtime.nearest(name, names) end

--[[
commands.action(command, name) -> action|nil
An action of a command ("pack" of ova), with its command's options when it has none of its own.
]]
function commands.action(command, name)
  for _, action in ipairs(command.actions or {}) do
    if action[1] == name then
      action.name, action.options = command.name .. " " .. name, action.options or command.options
      return action
    end
  end
end

local function shown(word)
  local text = word[1] .. (word.many and "…" or "")
  return word.optional and "[" .. text .. "]" or text
end

--[[
commands.usage(command) -> {string, ...}
The forms of a command or action, as help writes them: "luabuild check [OPTION…] RECIPE… [IMAGE…]".
]]
function commands.usage(command)
  if command.usage then return { "luabuild " .. command.usage } end
  local out = {}
  for i, action in ipairs(command.actions or {}) do out[i] = commands.usage(commands.action(command, action[1]))[1] end
  if command.actions then return out end
  local parts = { "luabuild " .. command.name }
  for i, word in ipairs(command.words or {}) do parts[i + 1] = shown(word) end
  return { table.concat(parts, " ") }
end

local function check_value(command, i, word, hint)
  local values = command.words[i] and command.words[i].values
  if not values then return end
  for _, one in ipairs(values) do if one == word then return end end
  local near = runtime.nearest(word, values)
  err.raise("usage", string.format("%s: '%s' is not one of %s", command.name, word, table.concat(values, ", ")),
    near and { hint = "did you mean '" .. near .. "'?" } or hint)
end

-- Words are as many as declared; recipes, which stand in any order among images, are told apart and asked for by cli.recipes.
local function check_words(command, words)
  local least, most = 0, 0
  for _, word in ipairs(command.words or {}) do
    least, most = least + ((word.optional or word.kind == "recipe") and 0 or 1), word.many and math.huge or most + 1
  end
  local hint = { hint = "usage: " .. table.concat(commands.usage(command), "\n       ") }
  if #words < least then
    local missing = command.words[#words + 1]
    err.raise("usage", string.format("%s: %s is missing", command.name, missing[1]), hint)
  elseif #words > most then
    err.raise("usage", string.format("%s: '%s' is one word too many", command.name, words[most + 1]), hint)
  end
  for i, word in ipairs(words) do check_value(command, i, word, hint) end
end

local function choose_action(command, words)
  local action = commands.action(command, words[1])
  if action then return action, table.move(words, 2, #words, 1, {}) end
  local actions = {}
  for i, one in ipairs(command.actions) do actions[i] = one[1] end
  local near = words[1] and runtime.nearest(words[1], actions)
  err.raise("usage", words[1] and string.format("%s: unknown action '%s'", command.name, words[1]) or command.name .. ": what?",
    { hint = near and "did you mean '" .. near .. "'?" or string.format("one of %s; luabuild help %s", table.concat(actions, ", "), command.name) })
end

--[[
commands.read(command, arguments) -> {name = value}, {string, ...}, command
Read arguments as a command declares them: options, words, and what to run with them, which is the command, its action, or help.
Raises: usage.
]]
function commands.read(command, arguments)
  if command.raw then return {}, { command.name }, commands.find "help" end
  local given, words = options.parse(arguments, command.options, command.name)
  if given.help then return {}, { command.name, command.actions and words[1] or nil }, commands.find "help" end
  if command.actions then command, words = choose_action(command, words) end
  check_words(command, words)
  return given, words, command
end

return commands
