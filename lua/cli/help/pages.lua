-- pages: what help, the man page and the HTML reference say, from the declarations and contracts beside the code.
-- A page is { name, kind, title, parts }; a part is one of
--   { "text", paragraphs }   { "code", text as it stands }   { "contract", the same, but lines may be broken }
--   { "heading", text, id = string|nil, anchor = true: of the contract that follows }
--   { "rows", { { name, type, meaning, link = name|nil }, ... } }
local runtime = require "runtime"
local load = require "load"
local vim = require "vim"
local events = require "build.events"
local commands = require "cli.commands"
local contract = require "cli.contract"
local api = require "cli.help.api"
local commandpage = require "cli.help.commandpage"
local words = require "cli.help.words"

local pages = {}

-- The sentence at the head of a file, without comment marks and the file's name.
local function banner(file)
  local text = load.source(file)
  local head = text:match("^/%*%s*(.-)%*/") or text:match("^((%-%-[^\n]*\n)+)") or text:match("^%-%-[^\n]*\n[%-%- ]*[^\n]*") or ""
  if file:find("%.lua$") then
    local lines = {}
    for line in text:gmatch("([^\n]*)\n") do
      local said = line:match("^%-%- ?(.*)$")
      if not said then break end
      lines[#lines + 1] = said
    end
    head = table.concat(lines, " ")
  end
  return (head:gsub("\n%s*%*?%s*", " "):gsub("^[%w_]+[^:]*: ", ""):gsub("^%l", string.upper):gsub("%s+$", ""))
end

local function module_page(group)
  local parts = { { "text", banner(group.file) } }
  for _, one in ipairs(group) do
    table.insert(parts, { "heading", one.name, id = one.name, anchor = true, file = one.file })
    table.insert(parts, { "contract", one.text })
  end
  return { name = group.name, kind = "module", title = group.name, file = group.file, parts = parts }
end

local function function_page(name)
  local text, file = contract.exact(name)
  if text then return { name = name, kind = "function", title = name, file = file, parts = { { "contract", text } } } end
end

-- What --json says.
local function events_page()
  return { name = "events", kind = "events", title = "Events of a build", parts = {
    { "text", "With --json each event is one line on standard output." }, { "contract", events.text() } } }
end

--[[
pages.find(topic) -> {page, ...}
Everything of that name: a command ("check", "ova pack"), a word of recipes, a kind of check, a variable, a module, a function, an
event, a type, method or field of the API.
]]
function pages.find(topic)
  local out = {}
  local function add(page) if page then out[#out + 1] = page end end
  local name, action = topic:match("^(%S+) (%S+)$")
  local command = commands.find(name or topic)
  if command and command.doc and not (name and not commands.action(command, action)) then
    add(commandpage.of(name and commands.action(command, action) or command))
  end
  for _, page in ipairs(words.find(topic)) do add(page) end
  if topic == "events" then add(events_page()) end
  add(function_page(topic))
  for _, group in ipairs(contract.groups(topic)) do add(module_page(group)) end
  add(api.find(topic))
  return out
end

--[[
pages.names([begun]) -> {string, ...}
All topics but the API's, sorted; with the API's types and methods when `begun` begins like one of them. For completion, and for the
nearest name.
]]
function pages.names(begun)
  local found, out = {}, {}
  local function add(list) for _, name in ipairs(list) do found[name] = true end end
  add(commands.names())
  add(words.names())
  add { "events" }
  add(contract.names())
  for _, group in ipairs(contract.groups()) do found[group.name] = true end
  if begun and begun:find("^%u") then
    for _, kind in ipairs { "enum", "data", "managed" } do add(vim.types(kind)) end
    add(api.methods())
  end
  for name in pairs(found) do if not begun or name:sub(1, #begun) == begun then out[#out + 1] = name end end
  table.sort(out)
  return out
end

--[[
pages.nearest(topic) -> string|nil
The command or word of recipes that has the topic in its name ("packer": import-packer), the topic with the nearest name, or with the same
one in small letters.
]]
function pages.nearest(topic)
  for _, names in ipairs { commands.names(), words.names() } do
    for _, name in ipairs(names) do
      if ("." .. name .. "."):find("%p" .. topic:gsub("%p", "%%%0") .. "%p") then return name end
    end
  end
  local near = runtime.nearest(topic, pages.names(topic:find("^%u") and topic:sub(1, 1) or nil))
  if near then return near end
  local lower = topic:lower() -- "Base"
  return runtime.nearest(lower, pages.names()) == lower and lower or nil
end

-- Areas of modules, in the order of the reference.
local AREAS = { { "Primitives", "^src/" }, { "The machine from outside: the vSphere API", "^vsphere/" }, { "The machine from inside: ssh", "^guest/" },
  { "How an image is made", "^build/" }, { "What all of it uses", "^core/" }, { "The command line", "^cli/" } }

local function command_pages()
  local out = {}
  for i, name in ipairs(commands.names()) do out[i] = commandpage.of(commands.find(name)) end
  out[#out + 1] = events_page()
  return out
end

local function word_pages(wanted)
  local out, seen = {}, {}
  for _, name in ipairs(words.names()) do
    for _, page in ipairs(words.find(name)) do
      if wanted[page.kind] and not seen[page] then out[#out + 1] = page end
    end
  end
  return out
end

--[[
pages.sections() -> { { title, pages = {page, ...} }, ... }
The whole reference but for the API's types, in order.
]]
function pages.sections()
  local out = { { "Commands", pages = command_pages() },
    { "Recipes", pages = word_pages { word = true, step = true, recipes = true } } }
  for _, area in ipairs(AREAS) do
    local list = {}
    for _, group in ipairs(contract.groups()) do
      if group.file:find(area[2]) then list[#list + 1] = module_page(group) end
    end
    out[#out + 1] = { area[1], pages = list }
  end
  return out
end

return pages
