-- recipes: from the command line's words to images
local lfs = require "lfs"
local runtime = require "runtime"
local err = require "core.err"
local glob = require "core.glob"
local secret = require "core.secret"
local recipe = require "build.recipe"
local variables = require "build.variables"

local recipes = {}

-- No word is a path; one may be a recipe's name without its directory or its ".lua".
local function raise_no_path(names)
  if #names == 0 then err.raise("usage", "which recipe?", { hint = "give its path, such as recipes/photon3.lua" }) end
  local near = recipes.path_of(names[1])
  err.raise("usage", "'" .. names[1] .. "' is not the path of a recipe",
    { hint = near and "did you mean " .. near .. "?" or "give one, such as recipes/photon3.lua" })
end

-- The paths of recipes, and the other words, which are names of images.
local function split(words)
  local paths, names = {}, {}
  for _, word in ipairs(words) do
    local is_path = word:find("%.lua$") or word:find("/", 1, true) or lfs.attributes(word, "mode")
    if is_path and word:find "%.json$" then
      err.raise("usage", word .. " is JSON, not a recipe",
        { hint = "variables are given with --var-file " .. word .. "; a template of Packer becomes a recipe by luabuild import-packer" })
    end
    table.insert(is_path and paths or names, word)
  end
  if #paths == 0 then raise_no_path(names) end
  return paths, names
end

--[[
recipes.path_of(name) -> string|nil
The path of the recipe that somebody means who writes its name alone: photon3 for recipes/photon3.lua.
]]
function recipes.path_of(name)
  for _, path in ipairs { name .. ".lua", "recipes/" .. name .. ".lua" } do
    if lfs.attributes(path, "mode") == "file" then return path end
  end
end

local function matches(name, patterns)
  for _, pattern in ipairs(patterns) do if glob.match(name, pattern) then return true end end
  return false
end

local function all_names(images)
  local names = {}
  for i, image in ipairs(images) do names[i] = image.name end
  return names
end

local function check_selected(images, patterns)
  for _, pattern in ipairs(patterns) do
    local found
    for _, image in ipairs(images) do found = found or glob.match(image.name, pattern) end
    if not found then
      local names = all_names(images)
      local near = runtime.nearest(pattern, names)
      err.raise("usage", string.format("no image '%s'", pattern),
        { hint = near and "did you mean '" .. near .. "'?" or "the recipes make: " .. table.concat(names, ", ") })
    end
  end
end

local function check_unknown(vars)
  local strict, passed = vars:unknown()
  if #strict > 0 then
    local near = vars:nearest(strict[1])
    err.raise("usage", string.format("--var %s: no recipe knows this variable", strict[1]), { hint = near and "did you mean '" .. near .. "'?" or nil })
  end
  return passed
end

-- What is missing may be there under a name that is nearly right.
local function add_misspelt(vars, problems)
  for _, name in ipairs((vars:unknown())) do
    local near = vars:nearest(name)
    if near then problems[#problems + 1] = string.format("--var %s: did you mean '%s'?", name, near) end
  end
end

-- Passwords that stand in a recipe, or in its ISO's URL, are no variable's, but as secret; a clone's image has those of what it is made from, too.
local function add_logins(secrets, image)
  while type(image) == "table" do
    secrets:add(image.ssh and image.ssh.password)
    secrets:add(image.connection and image.connection.password)
    secrets:add_urls(image.iso and image.iso.url or "")
    image = image.from
  end
end

--[[
recipes.load(given, words) -> {image, ...}, { notes, secrets, variables, paths = those among the words }
Load the recipes among `words` and choose images by the other words, --only and --except.
  given          table             options: var, var_file, only, except; ask = as for variables.new; asked = what was asked for before
Raises: usage, recipe.
]]
function recipes.load(given, words)
  local paths, names = split(words)
  local secrets = secret.new()
  local vars = variables.new { files = given.var_file, assignments = given.var, secrets = secrets, ask = given.ask, asked = given.asked }
  local loader, images, seen, problems = recipe.loader(vars), {}, {}, {}
  for _, path in ipairs(paths) do
    local ok, loaded = pcall(loader.load, loader, path)
    if not ok and not err.is(loaded, "recipe") then error(loaded, 0) end
    if not ok then problems[#problems + 1] = tostring(loaded) end
    for _, image in ipairs(ok and loaded.images or {}) do -- once, however often the recipe is named
      if not seen[image] then images[#images + 1] = image end
      seen[image] = true
      add_logins(secrets, image)
    end
  end
  if #problems > 0 then
    add_misspelt(vars, problems)
    err.raise("recipe", secrets:mask(table.concat(problems, "\n")))
  end
  local passed = check_unknown(vars)
  local only = table.move(given.only or {}, 1, #(given.only or {}), #names + 1, names)
  check_selected(images, only)
  local chosen = {}
  for _, image in ipairs(images) do
    local wanted = (#only == 0 or matches(image.name, only)) and not matches(image.name, given.except or {})
    if wanted then chosen[#chosen + 1] = image end
  end
  if #chosen == 0 then err.raise("usage", "no image is left to build", { hint = "the recipes make: " .. table.concat(all_names(images), ", ") }) end
  local notes = #passed > 0 and { "passed over, no recipe declares them: " .. table.concat(passed, " ") } or {}
  local short = vars:short_secrets()
  if #short > 0 then
    notes[#notes + 1] = table.concat(short, ", ") .. ": secrets of less than 6 characters are hidden only where they stand alone"
  end
  return chosen, { notes = notes, secrets = secrets, variables = vars, paths = paths }
end

return recipes
