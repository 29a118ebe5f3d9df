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

-- ---- reading ----

local function lister(open)
  return function(_, words)
    local image <close> = open(words[1])
    for entry in image.each do
      local shown = entry.kind == "directory" and entry.name .. "/" or entry.name .. (entry.target and " -> " .. entry.target or "")
      print(string.format("%12d  %s  %s", entry.size, entry.time, shown))
    end
    return 0
  end
end

local function make_directory(path)
  if lfs.attributes(path, "mode") == "directory" then return end
  local ok, message = lfs.mkdir(path)
  if not ok then err.raise("io", "make the directory " .. path .. ": " .. message) end
end

-- The place of an entry below `dir`; its directories are made. No name leads out of it, and no link on the way is followed.
local function place(dir, name, image)
  local bad = name == "" or name:find("^/") or name:find("[%z\\]") or ("/" .. name .. "/"):find("/%.%.?/")
  if bad then err.raise("format", string.format("%s: the entry %q cannot be a file's name", image, name)) end
  local at = dir
  for part in name:gmatch("([^/]+)/") do
    at = at .. "/" .. part
    if lfs.symlinkattributes(at, "mode") == "link" then err.raise("exists", at .. " is a link: what is behind it stays as it is") end
    make_directory(at)
  end
  return dir .. "/" .. name
end

local function unpacker(open)
  return function(given, words)
    local image <close> = open(words[1])
    make_directory(words[2])
    for entry in image.each do
      if entry.name ~= "." then
        local path = place(words[2], entry.name, words[1])
        if entry.kind == "directory" then make_directory(path)
        elseif entry.kind ~= "file" then print("note: " .. entry.name .. " is a " .. entry.kind .. ": passed over")
        elseif lfs.symlinkattributes(path, "mode") and not given.force then
          err.raise("exists", path .. " is there already", { hint = "--force replaces it" })
        else
          image.save(entry, path)
          print(path)
        end
      end
    end
    return 0
  end
end

--[[
medium.command(write, open, about) -> command
The declaration of a command that makes and reads images of a medium.
  write          function(path, { files, label }) -> { size } | nil, message, code    floppy.write or iso.write
  open           function(path) -> { each = iterator of { name, kind, size, time, target }, save = function(entry, path) }, to be closed
  about          table             doc, text, file = "FILE.iso", pattern = "*.iso", label = its rules in words
]]
function medium.command(write, open, about)
  local file, directory = { about.file, kind = "files " .. about.pattern }, { "DIRECTORY", kind = "directory" }
  return {
    doc = about.doc, text = about.text,
    actions = {
      { "pack", doc = "make an image of what is in a directory", words = { file, directory }, run = packer(write) },
      { "list", doc = "show what is in an image", words = { file }, run = lister(open) },
      { "unpack", doc = "put the files of an image into a directory", words = { file, directory }, run = unpacker(open) },
    },
    options = options.of({ "label", argument = "TEXT", doc = about.label }, { "force", doc = "replace what is there" }),
  }
end

return medium
