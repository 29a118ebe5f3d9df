-- recipe: load a recipe file with its words. Loading contacts no server and changes nothing.
local lfs = require "lfs"
local runtime = require "runtime"
local err = require "core.err"
local image = require "build.image"
local files = require "build.files"
local words = require "build.words"

local recipe = {}

local function exists(path) return lfs.attributes(path, "mode") == "file" end
local function directory(path) return path:match("^(.*)/[^/]*$") or "." end

-- The recipe's text tells at which line a path such as "hardware.memroy" stands: each name is looked for after the one before.
local function line_of(text, path)
  local from, found = 1, nil
  for name in path:gsub("%[%d+%]", ""):gmatch("[^.]+") do
    local word = "%f[%w_]" .. name:gsub("%p", "%%%0") .. "%f[^%w_]"
    local at = text:find(word .. "%s*[={(]", from) or text:find(word, from)
    if at then from, found = at, at end
  end
  if not found then return nil end
  local _, lines = text:sub(1, found):gsub("\n", "")
  return lines + 1
end

-- "recipe.lua:5: hardware: unknown option 'cpu'": the place, what it is about, what is wrong.
local function located(self, problem)
  local path, message = problem.path, problem.message
  local line = not problem.variable and path ~= "" and line_of(self.text, path)
  local place = line and string.format("%s:%d: ", self.path, line) or self.path .. ": "
  if message:find("^unknown option") then
    path = path:match("^(.*)%.[^.]*$") or ""
  end
  if problem.variable then path = "variable " .. path end
  local verb = message:find("^is ") or message:find("^has ")
  return line or 0, place .. (path == "" and "" or path .. (verb and " " or ": ")) .. message
end

local function raise_problems(self)
  if #self.problems == 0 then return end
  local found, texts, seen = {}, {}, {}
  for i, p in ipairs(self.problems) do
    local line, text = located(self, p)
    if not seen[text] then seen[text], found[#found + 1] = true, { line = line, text = text, order = i } end
  end
  table.sort(found, function(a, b) return a.line < b.line or (a.line == b.line and a.order < b.order) end)
  for i, f in ipairs(found) do texts[i] = f.text end
  err.raise("recipe", table.concat(texts, "\n"), { problems = texts })
end

-- import "photon3": beside the importing recipe, then recipes/ of the working directory, then the installed ones.
local function find_import(self, name, loader)
  local tried = {}
  for _, dir in ipairs { directory(self.path), "recipes", loader.installed } do
    local path = dir .. "/" .. name .. ".lua"
    if exists(path) then return path end
    tried[#tried + 1] = path
  end
  return nil, tried
end

local function git_describe(self)
  return function(dir)
    local at = dir or directory(self.path)
    local pipe = io.popen("git -C '" .. at:gsub("'", "'\\''") .. "' describe --tags --always --dirty 2>/dev/null", "r")
    local text = pipe:read("l")
    pipe:close()
    return text or "unversioned"
  end
end

-- require in a recipe: modules beside it come first, so that recipes share Lua of their own.
local function local_require(self, env)
  return function(name)
    local path = directory(self.path) .. "/" .. name:gsub("%.", "/") .. ".lua"
    if not exists(path) then return require(name) end
    local known = self.required[path]
    if known then return known.value end
    local chunk, message = loadfile(path, "t", env)
    if not chunk then err.raise("recipe", message) end
    self.required[path] = { chunk = chunk, value = chunk(name) }
    return self.required[path].value
  end
end

local function environment(self, loader)
  local function locate(path) return files.locate(path, self.path) end
  local env, known = words.make(self.problems, locate), {}
  function env.vars(declarations)
    if self.values then error("vars { … } stands once in a recipe", 2) end
    if type(declarations) ~= "table" then error("vars wants a table: vars { name = default }", 2) end
    self.values = loader.variables:scope(declarations, self.problems)
    return self.values
  end
  for _, kind in ipairs { "base", "clone" } do
    env[kind] = function(fields)
      self.values = self.values or loader.variables:scope({}, self.problems)
      local made = image["read_" .. kind](fields, self.values, self.problems, locate)
      made.recipe = self
      return made
    end
  end
  function env.import(name)
    local path, tried = find_import(self, name, loader)
    if not path then error(string.format("no recipe '%s': looked for %s", name, table.concat(tried, ", ")), 2) end
    local images = loader:load(path).images
    return #images == 1 and images[1] or images
  end
  env.git = { describe = git_describe(self) }
  env.require = local_require(self, env)
  for name in pairs(env) do known[#known + 1] = name end
  for name in pairs(_G) do known[#known + 1] = name end
  return setmetatable(env, {
    __index = function(_, name)
      local value = rawget(_G, name)
      if value ~= nil then return value end
      local near = runtime.nearest(tostring(name), known)
      error(string.format("undefined name '%s'%s", tostring(name), near and string.format(": did you mean '%s'?", near) or ""), 2)
    end,
    __newindex = function(_, name) error(string.format("'%s' would be global: write local %s = …", tostring(name), tostring(name)), 2) end,
  })
end

local function read_text(path)
  local mode = lfs.attributes(path, "mode")
  if mode ~= "file" then
    local hint
    local near = {}
    local parent = directory(path)
    if lfs.attributes(parent, "mode") == "directory" then
      for name in lfs.dir(parent) do if name:match("%.lua$") then near[#near + 1] = name end end
      table.sort(near)
      local nearest = runtime.nearest(path:match("[^/]*$"), near)
      hint = nearest and "did you mean " .. (path:match("^.*/") or "") .. nearest .. "?" or #near > 0 and "there: " .. table.concat(near, ", ") or nil
    end
    err.raise("recipe", mode and path .. " is a " .. mode or path .. ": no such file", { op = "load the recipe", hint = hint })
  end
  local file <close> = io.open(path, "rb") or err.raise("recipe", path .. " cannot be read", { op = "load the recipe" })
  return file:read("a")
end

local function returned_images(self, result)
  local list = (type(result) == "table" and result.recipe) and { result } or result
  if type(list) ~= "table" or #list == 0 then
    err.raise("recipe", self.path .. ": a recipe returns an image: return base { … }")
  end
  for _, made in ipairs(list) do
    if type(made) ~= "table" or not made.recipe then err.raise("recipe", self.path .. ": the list that the recipe returns holds something that is no image") end
  end
  return list
end

local loader = {}
loader.__index = loader

-- A Lua error in a recipe, as text with its place; error objects pass.
local function handler(e)
  return type(e) == "string" and err.new { code = "recipe", message = e } or e
end

--[[
loader:load(path) -> recipe
Run a recipe file, once: the same path gives the same recipe.
recipe = { path, text, images = {image, ...}, values }
Raises: recipe (every problem, with file and line).
]]
function loader:load(path)
  if self.loaded[path] then return self.loaded[path] end
  for _, active in ipairs(self.loading) do
    if active == path then err.raise("recipe", "recipes import each other: " .. table.concat(self.loading, " → ") .. " → " .. path) end
  end
  local made = { path = path, problems = {}, images = {}, required = {} }
  made.text = read_text(path)
  local chunk, message = load(made.text, "@" .. path, "t", environment(made, self))
  if not chunk then err.raise("recipe", message) end
  made.chunk = chunk
  table.insert(self.loading, path)
  local ok, result = xpcall(chunk, handler)
  table.remove(self.loading)
  if not ok then
    if err.is(result, "recipe") and not result.problems then
      made.problems[#made.problems + 1] = { path = "", message = result.message, line = nil }
      if #made.problems == 1 then error(result, 0) end
      raise_problems(made)
    end
    error(result, 0)
  end
  raise_problems(made)
  made.images = returned_images(made, result)
  self.loaded[path] = made
  return made
end

--[[
recipe.loader(variables [, installed]) -> loader
A loader of recipes that share what the user gave for variables.
  variables      variables         from build.variables
  installed      string|nil        directory of the installed recipes; see files.installed
]]
function recipe.loader(variables, installed)
  return setmetatable({ variables = variables, installed = installed or files.installed(), loaded = {}, loading = {} }, loader)
end

return recipe
