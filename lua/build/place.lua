-- place: where something stands in a recipe or a var-file, so that a message can name file and line
local err = require "core.err"
local natural = require "core.natural"

local place = {}

local function blank(text) return (text:gsub("[^\n]", " ")) end

-- The end of the string that begins with the quote at `at`.
local function string_end(text, at)
  local quote = text:sub(at, at)
  while true do
    at = text:find("[\\\n" .. quote .. "]", at + 1)
    if not at then return #text end
    if text:sub(at, at) ~= "\\" then return at end
    at = at + 1
  end
end

-- The text with comments and what is in quotes blanked: only code is searched, and what stands where stays the same.
local function code_of(text)
  local out, at = {}, 1
  while at <= #text do
    local from = text:find("[\"'-]", at) or #text + 1
    out[#out + 1] = text:sub(at, from - 1)
    local to = from
    if text:sub(from, from + 3) == "--[[" then to = select(2, text:find("]]", from, true)) or #text
    elseif text:sub(from, from + 1) == "--" then to = (text:find("\n", from, true) or #text + 1) - 1
    elseif text:find("^[\"']", from) then to = string_end(text, from)
    else out[#out + 1], at = text:sub(from, from), from + 1 end
    if at <= from then
      out[#out + 1] = blank(text:sub(from, to))
      at = to + 1
    end
  end
  return table.concat(out)
end

local function line_at(text, at)
  local _, before = text:sub(1, at - 1):gsub("\n", "")
  return before + 1
end

local function start_of_line(text, line)
  local at = 1
  for _ = 2, line or 1 do at = (text:find("\n", at, true) or 0) + 1 end
  return at
end

-- Where a path such as "hardware.memory[1]" stands: each name is looked for after the one before, as far as they are found.
local function find_path(code, path, from)
  local found
  for name in path:gsub("%[%d+%]", ""):gmatch("[^.]+") do
    local word = "%f[%w_]" .. name:gsub("%p", "%%%0") .. "%f[^%w_]"
    local at = code:find(word .. "%s*[={(]", from) or code:find(word, from)
    if not at then return found end
    from, found = at, at
  end
  return found
end

--[[
place.line(text, path [, options]) -> integer|nil
The line of a recipe's text at which an option stands; nil when it is not there.
  path           string            "hardware.memory"
  options.line   integer|nil       of the call whose options they are: looked for from there on first
  options.near   string|nil        the value, as it may stand in quotes after the path: its line is more exact
]]
function place.line(text, path, options)
  local start, near = options and options.line, options and options.near
  local code = code_of(text)
  local found = find_path(code, path, start_of_line(text, start))
  if not found and start then found = find_path(code, path, 1) end
  near = near and near ~= "" and text:find(near:match("^[^\n\\\"]*"), found or 1, true) or nil
  found = near or found
  return found and line_at(text, found) or start
end

-- A variable's problem belongs to where its value comes from.
local function place_of_variable(recipe, problem)
  local origin = problem.origin
  if not origin or origin == "the recipe" then
    local line = place.line(recipe.text, problem.path)
    return line or 0, string.format("%s%s: variable %s", recipe.path, line and ":" .. line or "", problem.path)
  end
  if origin == "--var" then return 0, "--var " .. problem.path end
  if os.getenv(origin) then return 0, origin end
  local file <close> = io.open(origin, "rb")
  local text = file and file:read("a") or ""
  local at = text:find("%f[%w_]" .. problem.path .. "%f[^%w_]")
  return 0, string.format("%s%s: %s", origin, at and ":" .. line_at(text, at) or "", problem.path)
end

-- "recipe.lua:5: hardware: unknown option 'cpu'": the place, what it is about, what is wrong.
local function located(recipe, problem)
  local path, message = problem.path, problem.message
  if problem.where then return 0, problem.where .. message end -- it has a place of its own
  local line, text
  if problem.variable then
    line, text = place_of_variable(recipe, problem)
  else
    line = problem.line and path == "" and problem.line or place.line(recipe.text, path, problem)
    if message:find("^unknown option") then path = path:match("^(.*)%.[^.]*$") or "" end
    text = recipe.path .. (line and ":" .. line or "") .. (path ~= "" and ": " .. path or "")
  end
  local verb = message:find("^is ") or message:find("^has ")
  return line or 0, text .. (verb and path ~= "" and " " or ": ") .. message
end

--[[
place.raise(recipe, problems) -> nothing
Raise all problems of a recipe as one error, each with its place, in the order of lines, those of one line by name; nothing when there are none.
  recipe         table             path, text
  problems       array of { path = string, message = string, line = integer|nil, near = string|nil, where = string|nil,
                 variable = boolean|nil, origin = string|nil }   line and near as in place.line; where stands in the place of file
                 and line; origin tells where a variable's value comes from
Raises: recipe.
]]
function place.raise(recipe, problems)
  if #problems == 0 then return end
  local found, texts, seen = {}, {}, {}
  for _, p in ipairs(problems) do
    local line, text = located(recipe, p)
    if not seen[text] then seen[text], found[#found + 1] = true, { line = line, text = text } end
  end
  natural.sort(found, function(f) return f.line .. " " .. f.text end)
  for i, f in ipairs(found) do texts[i] = f.text end
  err.raise("recipe", table.concat(texts, "\n"), { problems = texts })
end

return place
