-- completion: what could stand at the end of a command line, from the declarations of the commands
local standard = require "build.standard"
local commands = require "cli.commands"
local glance = require "cli.glance"
local options = require "cli.options"

local completion = {}

local PATIENCE = 1.5 -- seconds for what only a vCenter knows

-- What is being put together: candidates, and what the shell is to add by itself.
local function found() return { items = {}, files = {}, directories = false } end

local function add(self, text, doc) self.items[#self.items + 1] = { text = text, doc = doc } end

local function add_files(self, patterns)
  for pattern in patterns:gmatch("%S+") do table.insert(self.files, pattern) end
end

-- ---- what a word or an option's value can be, by its kind ----

local kinds = {}

function kinds.files(self, _, patterns) add_files(self, patterns) end
function kinds.directory(self) self.directories = true end
function kinds.varfile(self) add_files(self, "*.json *.lua") end

local function is_recipe(word) return word:find("%.lua$") ~= nil end

function kinds.image(self, words)
  for _, word in ipairs(words) do
    if is_recipe(word) then
      for _, name in ipairs(glance.images(word)) do add(self, name, word) end
    end
  end
end

function kinds.recipe(self) add_files(self, "*.lua") end

-- What is known of a variable's values: behind "firmware=".
local function add_values(self, name)
  for _, declared in ipairs(standard) do
    local kind = declared[1] == name and declared[2] or {}
    for _, one in ipairs(kind.values or kind.name == "boolean" and { "true", "false" } or {}) do add(self, name .. "=" .. one) end
  end
end

function kinds.variable(self, words, _, current)
  local begun = current:match("^([%w_]+)=")
  if begun then return add_values(self, begun) end
  local seen = {}
  for _, word in ipairs(words) do
    for _, name in ipairs(is_recipe(word) and glance.variables(word) or {}) do
      if not seen[name] then add(self, name .. "=", "of " .. word) end
      seen[name] = true
    end
  end
  for _, declared in ipairs(standard) do
    if not seen[declared[1]] then add(self, declared[1] .. "=", declared.doc) end
  end
end

-- Those of every recipe.
function kinds.step(self)
  local seen = {}
  for _, kind in ipairs { "base", "clone" } do
    for _, step in ipairs(require("build." .. kind).steps) do
      if not seen[step[1]] then add(self, step[1]) end
      seen[step[1]] = true
    end
  end
end

-- What the line says of the vCenter, besides the environment: a Lua var-file would be run, so it does not count.
local function given_so_far(self)
  local words = self.line
  for last = #words - 1, math.max(0, #words - 2), -1 do
    local ok, given = pcall(options.parse, table.move(words, 1, last, 1, {}), self.declared)
    if ok then
      local files = {}
      for _, path in ipairs(given.var_file or {}) do if path:find "%.json$" then files[#files + 1] = path end end
      return { var = given.var, var_file = files }
    end
  end
  return {}
end

-- None when the vCenter does not say them soon, or without being told a password.
function kinds.machine(self)
  for _, name in ipairs(require("cli.connection").machines(given_so_far(self), PATIENCE)) do
    if not name:find "%c" then add(self, name) end
  end
end

function kinds.command(self)
  for _, name in ipairs(commands.names()) do add(self, name, commands.find(name).doc) end
end

function kinds.topic(self, _, _, current)
  kinds.command(self)
  for _, name in ipairs(require("cli.help.pages").names(current)) do add(self, name) end
end

-- The value of an option or a word; `prefix` stands before it in the same word: "--color=".
local function value(self, declared, words, prefix, current)
  local inner = setmetatable(found(), { __index = self })
  for _, known in ipairs(declared.values or {}) do add(inner, known) end
  local kind, rest = (declared.kind or ""):match("^(%S+) ?(.*)$")
  if kind then kinds[kind](inner, words, rest, current) end
  for _, item in ipairs(inner.items) do add(self, prefix .. item.text, item.doc) end
  table.move(inner.files, 1, #inner.files, #self.files + 1, self.files)
  self.directories = self.directories or inner.directories
end

-- ---- where in the line we are ----

-- The words before the last one: those that are no options; the option, if any, whose value comes next; and which were given.
local function walk(declared, words)
  local plain, given, open, ended = {}, {}, nil, false
  for i = 1, #words - 1 do
    local name, with_value = words[i]:match("^%-%-?(%a[%w-]*)(=?)")
    if open then open = nil
    elseif words[i] == "--" and not ended then ended = true
    elseif name and not ended then
      given[name] = true
      for _, o in ipairs(declared) do if o[1] == name and o.argument and with_value == "" then open = o end end
    else plain[#plain + 1] = words[i] end
  end
  return plain, open, given, ended
end

local function add_options(self, declared, given)
  for _, o in ipairs(declared) do
    if not given[o[1]] or o.many then
      add(self, (o.short and "-" or "--") .. o[1] .. (o.argument and not o.short and "=" or ""), o.doc)
    end
  end
end

-- What can stand as the next word. Recipes and images come in any order: after many of one kind comes also the next.
local function add_word(self, command, plain, current)
  local at = 1
  for _, word in ipairs(command.words or {}) do
    if at >= #plain + 1 or word.many then value(self, word, plain, "", current) end
    if at >= #plain + 1 then return end
    at = at + 1
  end
end

local function of_command(self, command, words)
  local current, shift = words[#words], 0
  if command.raw then return add_word(self, command, table.move(words, 1, #words - 1, 1, {}), current) end
  local plain, open, given, ended = walk(command.options, words)
  self.line, self.declared = words, command.options
  if command.actions then
    command = commands.action(command, plain[1]) or command
    shift = command.actions and 0 or 1
  end
  plain = table.move(plain, 1 + shift, #plain, 1, {})
  if open then return value(self, open, plain, "", current) end
  local name, text = current:match("^%-%-?(%a[%w-]*)=(.*)$")
  for _, o in ipairs(not ended and name and command.options or {}) do
    if o[1] == name then return value(self, o, plain, current:sub(1, #current - #text), text) end
  end
  if current:find("^%-") and not ended then return add_options(self, command.options, given) end
  for _, action in ipairs(command.actions and #plain == 0 and command.actions or {}) do add(self, action[1], action.doc) end
  add_word(self, command, plain, current)
end

--[[
completion.of(words) -> { items = {{ text, doc = string|nil }, ...}, files = {string, ...}, directories = boolean }
What can stand in the place of the last word: items that begin as it does, and names of files (by pattern: "*.lua") and of
directories, which the shell looks for by itself. An item that ends with "=" goes on. Recipes are read as text, never run.
  words          {string, ...}     the command line without the program; the last may be empty or begun
Blocks: on disks; for names of virtual machines yes, some seconds at most.
]]
function completion.of(words)
  local self, command = found(), commands.find(words[1])
  local current = words[#words]
  if #words == 1 and not current:find("^%-") then
    kinds.command(self)
    add_files(self, "*.lua")
  elseif #words > 1 and command then of_command(self, command, table.move(words, 2, #words, 1, {}))
  else of_command(self, commands.find "build", words) end
  local fitting = {}
  for _, item in ipairs(self.items) do
    if item.text:sub(1, #current) == current then fitting[#fitting + 1] = item end
  end
  self.items = fitting
  return self
end

return completion
