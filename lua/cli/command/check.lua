-- check RECIPE...: everything that can be known without a server
local fingerprint = require "build.fingerprint"
local recipes = require "cli.recipes"

local function run(given, words)
  local images, about = recipes.load(given, words)
  for _, note in ipairs(about.notes) do io.stderr:write("note: ", note, "\n") end
  for _, image in ipairs(images) do
    require("build.offline").check(image)
    print(string.format("%s: fine (%s, fingerprint %s)", image.name, image.recipe.path, fingerprint.whole(image).total:sub(1, 12)))
  end
  return 0
end

return { doc = "check recipes without contacting a server", usage = "luabuild check RECIPE… [IMAGE…]", run = run }
