-- glance: what a recipe's text tells without running it, for completion: a press of TAB runs nobody's code
local lfs = require "lfs"
local sorted = require "core.sorted"
local lex = require "cli.lex"

local glance = {}

local DEEPER, HIGHER = { ["{"] = true, ["("] = true, ["["] = true }, { ["}"] = true, [")"] = true, ["]"] = true }

-- The first brace of what a word is called with: word { …, word({ … and word(f(x, { …; nil when it is something else.
local function brace_after(list, at)
  local next_ = list[at + 1] and list[at + 1].text
  if next_ == "{" then return at + 1 end
  for i = at + 2, next_ == "(" and math.min(at + 10, #list) or 0 do
    if list[i].text == "{" then return i end
  end
end

-- Calls f(name, index of the value's first token) for each "name = value" that stands directly in the braces after `word`.
local function each_field(list, word, f)
  for i, token in ipairs(list) do
    local brace = token.kind == "name" and token.text == word and brace_after(list, i)
    if brace then
      local depth, at = 1, brace + 1
      while list[at] and depth > 0 do
        local t = list[at]
        if t.kind == "op" then depth = depth + (DEEPER[t.text] and 1 or HIGHER[t.text] and -1 or 0) end
        if depth == 1 and t.kind == "name" and list[at + 1] and list[at + 1].text == "=" and (list[at - 1].text == "{"
          or list[at - 1].text == "," or list[at - 1].text == ";") then f(t.text, at + 2) end
        at = at + 1
      end
    end
  end
end

local function read(path)
  if lfs.attributes(path, "mode") ~= "file" then return {} end
  local file <close> = io.open(path, "rb")
  return lex.code(lex.tokens(file and file:read("a") or ""))
end

-- What the recipe imports, if it is beside it.
local function imported(path, list)
  local out = {}
  for i, token in ipairs(list) do
    if token.text == "import" and token.kind == "name" then
      local name = list[i + 1] and list[i + 1].text == "(" and list[i + 2] or list[i + 1]
      if name and name.kind == "string" then out[#out + 1] = (path:match("^(.*/)[^/]*$") or "") .. name.text .. ".lua" end
    end
  end
  return out
end

--[[
glance.variables(path) -> {string, ...}
The names that a recipe declares in vars { … }, and those it imports from beside it, sorted. Only the text is read: names that
the recipe works out are not seen.
Blocks: on disks only.
]]
function glance.variables(path)
  local found, seen = {}, {}
  local function look(file)
    if seen[file] then return end
    seen[file] = true
    local list = read(file)
    each_field(list, "vars", function(name) found[name] = true end)
    for _, other in ipairs(imported(file, list)) do look(other) end
  end
  look(path)
  return sorted.keys(found)
end

--[[
glance.images(path) -> {string, ...}
The names of a recipe's images as far as its text has them: "base-os-photon3", or "k3s-*" when the rest is worked out by .. or
string.format.
Blocks: on disks only.
]]
function glance.images(path)
  local names, list = {}, read(path)
  local function text(at) return list[at] and list[at].text end
  local function take(field, at)
    if field ~= "name" then return end
    local formatted = text(at) == "string" and text(at + 2) == "format" and text(at + 3) == "("
    local value = list[formatted and at + 4 or at]
    if not value or value.kind ~= "string" then return end
    names[#names + 1] = formatted and value.text:gsub("%%[^%%]", "*") or value.text .. (text(at + 1) == ".." and "*" or "")
  end
  each_field(list, "base", take)
  each_field(list, "clone", take)
  table.sort(names)
  return names
end

return glance
