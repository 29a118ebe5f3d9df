-- recipe: load a recipe file with its words. Loading contacts no server and changes nothing.
local lfs = require "lfs"
local runtime = require "runtime"
local err = require "core.err"
local sorted = require "core.sorted"
local image = require "build.image"
local files = require "build.files"
local place = require "build.place"
local words = require "build.words"

local recipe = {}

local function exists(path) return lfs.attributes(path, "mode") == "file" end
local function directory(path) return path:match("^(.*)/[^/]*$") or "." end

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
    local text = pipe:read("l") or os.getenv "LUABUILD_GIT_DESCRIBE" or "unversioned"
    pipe:close()
    self.described[text] = true
    return text
  end
end

-- A module of luabuild's own; that there is none is a mistake at the line of the require.
local function own_module(name, path)
  local ok, value = pcall(require, name)
  if ok then return value end
  if err.is(value) or not tostring(value):find("module '" .. name .. "' not found", 1, true) then error(value, 0) end
  error(string.format("no module '%s': neither %s nor one of luabuild's", name, path), 2)
end

-- require in a recipe: modules beside it come first, so that recipes share Lua of their own.
local function local_require(self, env)
  return function(name)
    local path = directory(self.path) .. "/" .. name:gsub("%.", "/") .. ".lua"
    if not exists(path) then return own_module(name, path) end
    local known = self.required[path]
    if known then return known.value end
    local chunk, message = loadfile(path, "t", env)
    if not chunk then err.raise("recipe", message) end
    self.required[path] = { chunk = chunk, value = chunk(name) }
    return self.required[path].value
  end
end

-- Standard output is for events: what a recipe prints while it is read goes to standard error, while its image is built it is an event.
local function printer(self)
  return function(...)
    local parts = table.pack(...)
    for i = 1, parts.n do parts[i] = tostring(parts[i]) end
    self.say(table.concat(parts, "\t"))
  end
end

local function environment(self, loader)
  local function locate(path) return files.locate(path, self.path) end
  local env = words.make(self.problems, locate)
  function env.vars(declarations)
    if self.values then error("vars { … } stands once in a recipe", 2) end
    if type(declarations) ~= "table" then error("vars wants a table: vars { name = default }", 2) end
    self.values = loader.variables:scope(declarations, self.problems)
    return self.values
  end
  for _, kind in ipairs { "base", "clone" } do
    env[kind] = function(fields)
      self.values = self.values or loader.variables:scope({}, self.problems)
      local before, line = #self.problems, debug.getinfo(2, "l").currentline
      if line < 1 then line = place.line(self.text, kind) end -- a tail call: return base { … }
      local made = image["read_" .. kind](fields, self.values, self.problems, locate)
      for i = before + 1, #self.problems do self.problems[i].line = line end
      made.recipe, made.line = self, line
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
  local known = sorted.keys(env, _G)
  local show = printer(self)
  return setmetatable(env, {
    __index = function(_, name)
      if name == "print" then return show end
      local value = rawget(_G, name)
      if value ~= nil then return value end
      local near = runtime.nearest(tostring(name), known)
      error(string.format("undefined name '%s'%s", tostring(name), near and string.format(": did you mean '%s'?", near) or ""), 2)
    end,
    __newindex = function(_, name) error(string.format("'%s' would be global: write local %s = …", tostring(name), tostring(name)), 2) end,
  })
end

-- What there is instead of a recipe that is missing: the nearest name beside it, or all of them.
local function beside(path)
  local parent = lfs.attributes(path, "mode") == "directory" and path:gsub("(.)/+$", "%1") or directory(path)
  if lfs.attributes(parent, "mode") ~= "directory" then return "there is no directory " .. parent end
  local names = {}
  for name in lfs.dir(parent) do if name:match("%.lua$") then names[#names + 1] = name end end
  table.sort(names)
  local near = runtime.nearest(path:match("[^/]*$"), names)
  local where = parent == "." and "" or parent:gsub("/+$", "") .. "/"
  return near and "did you mean " .. where .. near .. "?"
    or #names > 0 and where .. " has " .. table.concat(names, ", ") or "there is no recipe in " .. parent
end

local function read_text(path)
  local mode = lfs.attributes(path, "mode")
  if mode ~= "file" then
    err.raise("recipe", path .. (mode and " is a " .. mode .. ", not a recipe" or ": no such file"), { hint = beside(path) })
  end
  local file <close>, message = io.open(path, "rb")
  if not file then err.raise("recipe", message) end
  return file:read("a")
end

local function returned_images(self, result)
  local list = (type(result) == "table" and result.recipe) and { result } or result
  if type(list) ~= "table" or #list == 0 then
    local what = result == nil and "nothing" or type(list) == "table" and "a table without one" or "a " .. type(list)
    err.raise("recipe", string.format("%s: a recipe returns an image (return base { … }), this one returns %s", self.path, what))
  end
  for _, made in ipairs(list) do
    if type(made) ~= "table" or not made.recipe then err.raise("recipe", self.path .. ": the list that the recipe returns holds something that is no image") end
  end
  return list
end

local loader = {}
loader.__index = loader

-- A Lua error in a recipe, as text with its place; error objects pass.
local function handler(path)
  return function(e)
    if err.is(e) then return e end
    local text = type(e) == "string" and e or "an error that is no text was raised: a " .. type(e)
    return err.new { code = "recipe", message = text:find("^[^\n]-:%d+: ") and text or path .. ": " .. text }
  end
end

-- A text made of a variable that has no value: what is missing is the value. Nothing when that has been said already.
local function explained(made, failure)
  local name = failure.message:match "a nil value %(field '([%w_]+)'%)"
  if not (name and made.values and getmetatable(made.values).described[name] and made.values[name] == nil) then return failure end
  for _, problem in ipairs(made.problems) do if problem.variable and problem.path == name then return nil end end
  local line = failure.message:match "^[^\n]-:%d+: " or ""
  return err.new { code = "recipe", message = string.format("%svariable %s has no value: set it with --var %s=…, a var-file or LUABUILD_VAR_%s",
    line, name, name, name) }
end

-- One file, whatever the path says: "photon3.lua", "./photon3.lua".
local function identity(path)
  local found = lfs.attributes(path)
  return found and found.dev .. ":" .. found.ino or path
end

--[[
loader:load(path) -> recipe
Run a recipe file, once: the same file gives the same recipe.
recipe = { path, text, images = {image, ...}, values, described = {text = true} (what git.describe said), say = function(text) (what print
of the recipe does) }
Raises: recipe (every problem, with file and line).
]]
function loader:load(path)
  local key = identity(path)
  if self.loaded[key] then return self.loaded[key] end
  for _, active in ipairs(self.loading) do
    if active == path then err.raise("recipe", "recipes import each other: " .. table.concat(self.loading, " → ") .. " → " .. path) end
  end
  local made = { path = path, problems = {}, images = {}, required = {}, described = {},
    say = function(text) io.stderr:write(text, "\n") end }
  made.text = read_text(path)
  local chunk, message = load(made.text, "@" .. path, "t", environment(made, self))
  if not chunk then err.raise("recipe", message) end
  made.chunk = chunk
  table.insert(self.loading, path)
  local ok, result = xpcall(chunk, handler(path))
  table.remove(self.loading)
  if not ok then
    if err.is(result, "recipe") and not result.problems then
      result = explained(made, result)
      if #made.problems == 0 then error(result, 0) end
      if result then table.insert(made.problems, { path = "", message = result.message, where = "" }) end
      place.raise(made, made.problems)
    end
    error(result, 0)
  end
  place.raise(made, made.problems)
  made.images = returned_images(made, result)
  self.loaded[key] = made
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
