-- inspect RECIPE...: the variables with their origin, and the images
local recipes = require "cli.recipes"
local variables = require "build.standard"

local STANDARD = {}
for _, declared in ipairs(variables) do STANDARD[declared[1]] = true end

local function show(described, value)
  if value == nil then return "-" end
  return described.secret and "(secret)" or tostring(value)
end

local function run(given, words)
  local images, about = recipes.load(given, words)
  local seen = {}
  for _, image in ipairs(images) do
    print(string.format("%s  (%s image, %s)", image.name, image.kind, image.recipe.path))
    local meta = getmetatable(image.variables)
    if not seen[meta] then
      seen[meta] = true
      local names = {}
      for name in pairs(meta.described) do names[#names + 1] = name end
      table.sort(names)
      for _, name in ipairs(names) do
        local value = image.variables[name]
        if value ~= nil or not STANDARD[name] then
          print(string.format("  %-22s %-44s %s", name, about.secrets:mask(show(meta.described[name], value)), meta.origins[name] or "default"))
        end
      end
    end
  end
  return 0
end

return { doc = "show variables, where their values come from, and images", usage = "luabuild inspect RECIPE… [IMAGE…]", run = run }
