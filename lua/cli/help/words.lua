-- words: the words of recipes, the kinds of checks and the standard variables as pages of help
local check = require "guest.check"
local standard = require "build.standard"
local vocabulary = require "build.vocabulary"
local contract = require "cli.contract"
local rows = require "cli.help.rows"

local words = {}

local KINDS = {}
for _, kind in ipairs(check.kinds) do KINDS[kind.name] = kind end

local function add_rows(parts, record, skip)
  local list, units = rows.of(record, skip)
  if #list == 0 then return end
  table.insert(parts, { "rows", list })
  if units then table.insert(parts, { "text", units }) end
end

local function set_by(declared)
  local out = {}
  for _, name in ipairs(declared.env or {}) do out[#out + 1] = name end
  out[#out + 1] = "LUABUILD_VAR_" .. declared[1]
  return out
end

local function variable_row(declared)
  local kind, default = declared[2], declared[3]
  local text = kind.name .. (default ~= nil and " = " .. (type(default) == "string" and '"' .. default .. '"' or tostring(default)) or "")
  return { declared[1], text, (declared.doc or "") .. (declared.secret and " (secret)" or ""), link = declared[1] }
end

local function variables_part()
  local out = {}
  for i, declared in ipairs(standard) do out[i] = variable_row(declared) end
  return { "rows", out }
end

local function kind_parts(parts, kind)
  local name = kind.example:find("^%a[%w_]*$") and kind.example or string.format("[%q]", kind.example)
  local first = kind.fields[1]
  for _, field in ipairs(kind.fields) do if field[1] == kind.main then first = field end end
  local form = kind.name .. string.format(" = { %q }\n", kind.example) .. kind.name .. string.format(" = { %s = { %s = … } }", name, first[1])
  table.insert(parts, { "code", form })
  add_rows(parts, { fields = kind.fields })
end

-- The kinds of checks one after the other, as a part of the word check.
local function check_parts(parts)
  for _, kind in ipairs(check.kinds) do
    table.insert(parts, { "heading", kind.name .. ": " .. kind.doc, id = "check-" .. kind.name })
    kind_parts(parts, kind)
  end
  table.insert(parts, { "heading", "Values to compare with" })
  table.insert(parts, { "text", "Every kind also takes skip = true, to leave a check out for now." })
  table.insert(parts, { "contract", contract.find("matcher.type") })
end

local function word_page(word)
  local parts = { { "code", word.form .. " -> " .. word.returns }, { "text", word.doc }, { "code", word.example } }
  if word.spec then
    table.insert(parts, { "heading", "Options" })
    if word.spec.positional then table.insert(parts, { "text", "List items: " .. word.spec.positional.name .. "s." }) end
    add_rows(parts, word.spec, word[1] == "check" and function(field) return KINDS[field[1]] ~= nil end or nil)
  end
  if word[1] == "check" then check_parts(parts) end
  if word[1] == "vars" then
    table.insert(parts, { "heading", "Standard variables" })
    table.insert(parts, variables_part())
  end
  return { name = word[1], kind = word.step and "step" or "word", title = word[1], parts = parts }
end

local function variable_page(declared)
  return { name = declared[1], kind = "variable", title = declared[1],
    parts = { { "rows", { variable_row(declared) } },
      { "text", "Set by --var, var-files and the environment: " .. table.concat(set_by(declared), ", ") .. "." } } }
end

local function kind_page(kind)
  local parts = { { "text", "check { " .. kind.name .. " = … } demands: " .. kind.doc .. "." } }
  kind_parts(parts, kind)
  table.insert(parts, { "text", "A value may be a text, a pattern, a list of patterns, or comparisons: luabuild help matcher.type." })
  return { name = kind.name, kind = "kind of check", title = kind.name, parts = parts }
end

-- Rows of the option `topic` ("export", "hardware.memory") and of those inside it, out of a word's.
local function option_rows(word, topic)
  local out = {}
  for _, row in ipairs(word.spec and rows.of(word.spec, word[1] == "check" and function(f) return KINDS[f[1]] ~= nil end or nil) or {}) do
    local rest = row[1] == topic and row[1] or row[1]:match("^" .. topic:gsub("%p", "%%%0") .. "[.%[].*$")
    if rest then out[#out + 1] = row end
  end
  local top = out[1] and out[1].depth or 1
  for i, row in ipairs(out) do out[i] = { row[1], row[2], row[3], depth = row.depth - top + 1, short = i == 1 and row[1] or row.short } end
  return out
end

local function same(a, b)
  if #a ~= #b then return false end
  for i, row in ipairs(a) do if row[1] ~= b[i][1] or row[2] ~= b[i][2] or row[3] ~= b[i][3] then return false end end
  return true
end

-- An option of several words is one page as far as it is the same.
local function add_options(topic, out)
  local of, option = topic:match("^(%a[%w_]*)%.(.+)$")
  local found = {}
  for _, word in ipairs(vocabulary) do
    local list = option_rows(word, topic)
    if #list == 0 and of == word[1] then list = option_rows(word, option) end
    local known
    for _, one in ipairs(found) do if same(one.list, list) then known = one end end
    if known then table.insert(known.words, word[1])
    elseif #list > 0 then found[#found + 1] = { list = list, words = { word[1] } } end
  end
  for _, one in ipairs(found) do
    out[#out + 1] = { name = topic, kind = "option of " .. table.concat(one.words, ", "), title = topic, parts = { { "rows", one.list } } }
  end
end

local function add_environment(topic, out)
  for _, row in ipairs(words.environment().parts[1][2]) do
    local hit = row[1] == "LUABUILD_VAR_name" and topic:find "^LUABUILD_VAR_"
    for name in row[1]:gmatch "[^, ]+" do hit = hit or name == topic end
    if hit then out[#out + 1] = { name = topic, kind = "environment", title = topic, parts = { { "rows", { row } } } } end
  end
end

--[[
words.find(topic) -> {page, ...}
What of a recipe has this name: a word, a kind of check, a standard variable, an option of words ("export", "clone.hardware.memory");
an environment variable; "recipe" tells of all words, "variables" is a table of the standard ones, "environment" of environment variables.
]]
function words.find(topic)
  local out = {}
  for _, word in ipairs(vocabulary) do if word[1] == topic then out[#out + 1] = word_page(word) end end
  if KINDS[topic] then out[#out + 1] = kind_page(KINDS[topic]) end
  for _, declared in ipairs(standard) do if declared[1] == topic then out[#out + 1] = variable_page(declared) end end
  add_options(topic, out)
  if topic == "recipe" or topic == "recipes" then out[#out + 1] = words.overview() end
  if topic == "variables" then out[#out + 1] = words.variables() end
  if topic == "environment" then out[#out + 1] = words.environment() end
  if topic:find "^[%u_]+_[%w_]+$" then add_environment(topic, out) end
  return out
end

-- What else the program asks the environment for.
local OTHER = {
  { "NO_COLOR", "", "when it is set and not empty, no colours unless --color=always" },
  { "LUABUILD_DEBUG", "", "when it is set, errors tell where they come from, as with --debug" },
  { "XDG_STATE_HOME", "", "the journal of what builds have made is in luabuild below it; ~/.local/state by default" },
  { "XDG_CACHE_HOME", "", "what is fetched is kept in luabuild below it; ~/.cache by default" },
  { "SSH_AUTH_SOCK", "", "the ssh agent, for ssh = { agent = true }" },
  { "TMPDIR", "", "where the content of a CD image is gathered; /tmp by default" },
  { "LUABUILD_CORE", "", "when it is set, a crash may leave a core file, which has passwords in it" },
  { "SOURCE_DATE_EPOCH", "", "the day on the manual page, in seconds since 1970" },
  { "LUABUILD_GIT_DESCRIBE", "", "what git.describe says where there is no repository to ask, as in a container" },
  { "LUABUILD_LUA", "", "a directory with Lua that is taken instead of the program's own, for its development" },
}

--[[
words.environment() -> page
The environment variables that mean something.
]]
function words.environment()
  local names = {}
  for _, declared in ipairs(standard) do
    if declared.env then names[#names + 1] = { table.concat(declared.env, ", "), "", "the variable " .. declared[1] } end
  end
  names[#names + 1] = { "GOVC_URL", "", "govc's: vcenter_server, username and password; GOVC_ variables count only when VCENTER_SERVER is not set" }
  names[#names + 1] = { "LUABUILD_VAR_name", "", "any variable of a recipe" }
  table.move(OTHER, 1, #OTHER, #names + 1, names)
  return { name = "environment", kind = "recipes", title = "Environment", parts = { { "rows", names } } }
end

--[[
words.overview() -> page
What a recipe is, and its words.
]]
function words.overview()
  local list = {}
  for i, word in ipairs(vocabulary) do list[i] = { word.form, "", (word.doc:match "^(.-[.:;])%s" or word.doc):gsub("[.:;]$", ""), link = word[1] } end
  return { name = "recipe", kind = "recipes", title = "Recipes", parts = {
    { "text", "A recipe is a Lua program that returns an image, or a list of them. Reading it contacts nobody and changes nothing; what acts is a "
      .. "step: a word below, or a function, which gets the living guest and machine. Its words, beside Lua's own library and require:" },
    { "rows", list },
    { "text", "Files that it names are looked for in the working directory, then beside the recipe, then above it. luabuild init writes a first "
      .. "recipe, luabuild help base tells the options of a word, luabuild help variables what is declared in every recipe." } } }
end

--[[
words.variables() -> page
The standard variables with their types and defaults.
]]
function words.variables()
  return { name = "variables", kind = "recipes", title = "Standard variables", parts = {
    { "text", "These exist in every recipe without being declared. Connection and placement come from them unless the recipe says otherwise. "
      .. "luabuild help environment names the environment variables that set them." }, variables_part() } }
end

--[[
words.names() -> {string, ...}
Everything that words.find knows, in the order of help.
]]
function words.names()
  local out, seen = {}, {}
  local function add(name) if not seen[name] then seen[name], out[#out + 1] = true, name end end
  add "recipe"
  for _, word in ipairs(vocabulary) do add(word[1]) end
  for _, kind in ipairs(check.kinds) do add(kind.name) end
  add "variables"
  add "environment"
  for _, declared in ipairs(standard) do add(declared[1]) end
  return out
end

return words
