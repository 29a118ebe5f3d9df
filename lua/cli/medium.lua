-- medium: the tools for floppies and CDs as files: what the commands floppy and iso share
local lfs = require "lfs"
local err = require "core.err"
local units = require "core.units"
local options = require "cli.options"

local medium = {}

-- Every file below a directory: name there -> { file = path }.
local function collect(dir, below, files)
  for name in lfs.dir(dir) do
    local path = dir .. "/" .. name
    local mode = lfs.attributes(path, "mode")
    if mode == "directory" and name ~= "." and name ~= ".." then collect(path, below .. name .. "/", files)
    elseif mode == "file" then files[below .. name] = { file = path }
    elseif mode ~= "directory" then err.raise("io", path .. " is " .. (mode and "a " .. mode or "a link to nothing") .. ": only files can be packed") end
  end
  return files
end

local function packer(write)
  return function(given, words)
    local path, dir = words[1], words[2]
    if lfs.attributes(dir, "mode") ~= "directory" then err.raise("usage", dir .. ": no such directory") end
    if lfs.attributes(path, "mode") and not given.force then
      err.raise("exists", path .. " is there already", { hint = "--force replaces it" })
    end
    local files, count = collect(dir:gsub("(.)/+$", "%1"), "", {}), 0
    for _ in pairs(files) do count = count + 1 end
    local made = err.check(write(path, { files = files, label = given.label }))
    print(string.format("%s: %d file%s, %s", path, count, count == 1 and "" or "s", units.format_bytes(made.size)))
    return 0
  end
end

--[[
medium.command(write, about) -> command
The declaration of a command that makes images of a medium.
  write          function(path, { files, label }) -> { size } | nil, message, code    floppy.write or iso.write
  about          table             doc, text, file = "FILE.iso", pattern = "*.iso", label = its rules in words
]]
function medium.command(write, about)
  return {
    doc = about.doc, text = about.text,
    actions = { { "pack", doc = "make an image of what is in a directory",
      words = { { about.file, kind = "files " .. about.pattern }, { "DIRECTORY", kind = "directory" } }, run = packer(write) } },
    options = options.of({ "label", argument = "TEXT", doc = about.label }, { "force", doc = "replace what is there" }),
  }
end

return medium
