-- style: what the sources keep to, so that a file stays one subject and reads the same everywhere
local lfs = require "lfs"

-- Typical is well below: C 150 to 450 lines, Lua 60 to 250. A file that has to pass these is two subjects.
local LINES = { { "^recipes/.*%.lua$", 120 }, { "_test%.lua$", 450 }, { "%.lua$", 330 }, { "%.c$", 500 }, { "%.h$", 130 }, { "^Makefile$", 120 } }
local FUNCTION = 60

local function limit(path)
  for _, rule in ipairs(LINES) do
    if path:find(rule[1]) then return rule[2] end
  end
  return math.huge
end

local function walk(path, found)
  if lfs.attributes(path, "mode") == "directory" then
    for name in lfs.dir(path) do
      if name ~= "." and name ~= ".." then walk(path .. "/" .. name, found) end
    end
  else
    found[#found + 1] = path
  end
  return found
end

-- Every text file of the project; the schema is VMware's, and what fuzzers begin with may be anything.
local function sources()
  local found = {}
  for _, root in ipairs { "Makefile", "README.md", ".ci", "kickstart", "lua", "recipes", "src", "tests" } do walk(root, found) end
  local at = 0
  return function()
    repeat at = at + 1 until not found[at] or not (found[at]:find("%.schema$") or found[at]:find("^tests/fuzz/corpus/"))
    if not found[at] then return end
    local file <close> = assert(io.open(found[at], "rb"))
    return found[at], file:read("a")
  end
end

local function none(t, problems)
  table.sort(problems)
  t:equal(table.concat(problems, "\n"), "")
end

-- Each function at the left margin, "name", first line, lines: those of Lua end with "end", those of C with "}".
local function functions(path, text)
  local lua = path:find("%.lua$")
  local out, name, from, at = {}, nil, nil, 0
  for line in text:gmatch("([^\n]*)\n") do
    at = at + 1
    local starts = lua and line:match("^l?o?c?a?l? ?function ([%w_.:]+)") or not lua and line:match("^%a[^;]-([%w_]+)%(.*{$")
    if starts then name, from = starts, at end
    if name and line == (lua and "end" or "}") then
      out[#out + 1], name = { name = name, line = from, lines = at - from + 1 }, nil
    end
  end
  return out
end

return {
  ["files stay short"] = function(t)
    local problems = {}
    for path, text in sources() do
      local _, lines = text:gsub("\n", "")
      if lines > limit(path) then problems[#problems + 1] = string.format("%s: %d lines", path, lines) end
    end
    none(t, problems)
  end,

  ["functions stay short"] = function(t)
    local problems, count = {}, 0
    for path, text in sources() do
      for _, f in ipairs(path:find("%.[ch]$") and functions(path, text) or path:find("%.lua$") and functions(path, text) or {}) do
        count = count + 1
        if f.lines > FUNCTION then problems[#problems + 1] = string.format("%s:%d: %s has %d lines", path, f.line, f.name, f.lines) end
      end
    end
    t:ok(count > 500, "functions are found")
    none(t, problems)
  end,

  ["no indent by tabs, no trailing blanks, a newline at the end, no path of somebody's machine, no note left behind"] = function(t)
    local problems, machine = {}, { "/" .. "work/", "/" .. "home/" }
    for path, text in sources() do
      local function add(what) problems[#problems + 1] = path .. ": " .. what end
      if ("\n" .. text):find("\n *\t") and not path:find("Makefile$") and not path:find("%.mk$") and not path:find("%.go$") then add "indented by tabs" end
      if text:find("[ \t]\n") then add "trailing blanks" end
      if not text:find("\n$") then add "no newline at the end" end
      for _, place in ipairs(machine) do if text:find(place, 1, true) then add(place) end end
      if path:find("NOTE") then add "a note" end
    end
    none(t, problems)
  end,
}
