-- library: the files that make an editor know luabuild: annotations for the Lua language server (LuaCATS), written into a directory
local files = require "build.files"
local api = require "cli.editor.api"
local modules = require "cli.editor.modules"
local words = require "cli.editor.words"

local library = {}

local PORTION = 200000 -- bytes of a file: the server passes over those of more than 500 kB

local function write(directory, name, lines)
  local path = directory .. "/" .. name
  files.make(path:match "^(.*)/", "make the directory")
  files.write(path, table.concat(lines, "\n") .. "\n")
  return path
end

--[[
library.write(directory) -> {string, ...}
Write the annotations: recipe.lua with the words of recipes, a file for each module, vim/N.lua with the types of the vSphere API.
Returns their paths. Files that are there are replaced.
Raises: io.
Blocks: on disks only.  Source: the annotations of the Lua language server, https://luals.github.io/wiki/annotations.
]]
function library.write(directory)
  local out, recipe = {}, { "---@meta\n" }
  words.lines(function(line) recipe[#recipe + 1] = line end)
  out[1] = write(directory, "recipe.lua", recipe)
  for _, file in ipairs(modules.files()) do out[#out + 1] = write(directory, file.path, file.lines) end
  for i, lines in ipairs(api.files(PORTION)) do
    table.insert(lines, 1, "---@meta\n")
    out[#out + 1] = write(directory, string.format("vim/%d.lua", i), lines)
  end
  return out
end

return library
