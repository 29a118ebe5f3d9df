-- files: where the files are that a recipe names, and the recipes that were installed with the program
local lfs = require "lfs"

local files = {}

local function directory(path) return path:match("^(.+)/[^/]*$") or path:match("^/") or "." end

--[[
files.locate(path, recipe) -> string
Where a file or directory is that a recipe names: below the working directory; else below the recipe's directory; else
below that one's parent, so that recipes/photon3.lua finds kickstart/photon wherever both are. A path that starts with "/",
or that is in none of the three, stays as it is.
  path           string            as in the recipe
  recipe         string            the recipe's own path
Blocks: no.
]]
function files.locate(path, recipe)
  if path:find("^/") or lfs.attributes(path, "mode") then return path end
  local beside = directory(recipe)
  local above = beside:find("/[^/.][^/]*$") and directory(beside) or beside .. "/.."
  for _, dir in ipairs { beside, above } do
    if lfs.attributes(dir .. "/" .. path, "mode") then return dir .. "/" .. path end
  end
  return path
end

--[[
files.installed() -> string|nil
The directory of the installed recipes, share/luabuild/recipes beside the bin directory that the program is in; nil when it
is in no such directory.
Blocks: no.  Source: proc(5), /proc/self/exe.
]]
function files.installed()
  local program = lfs.symlinkattributes("/proc/self/exe", "target")
  local prefix = program and program:match("^(.*)/bin/[^/]*$")
  return prefix and prefix .. "/share/luabuild/recipes"
end

return files
