-- files: where the files are that a recipe names, and the recipes that were installed with the program; files of ours, whole or not at all
local lfs = require "lfs"
local err = require "core.err"

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

--[[
files.make(path, what, hint) -> string
Make a directory and those above it, as far as they are not there; returns the path.
  what, hint     string            for the error: "make the output directory", "set output_dir"
Raises: io.
Blocks: no.
]]
function files.make(path, what, hint)
  local at = path:sub(1, 1) == "/" and "/" or ""
  for part in path:gmatch("[^/]+") do
    at = at .. part
    if not lfs.attributes(at, "mode") then
      local ok, message = lfs.mkdir(at)
      if not ok and not lfs.attributes(at, "mode") then err.raise("io", message, { op = what, target = at, hint = hint }) end
    end
    at = at .. "/"
  end
  return path
end

--[[
files.write(path, text) -> nothing
Write a file, or leave none; a device, a pipe or a link stays what it is.
Raises: io.
Blocks: no.
]]
function files.write(path, text)
  local file, message = io.open(path, "wb")
  if file then
    local written, why = file:write(text)
    local closed, late = file:close() -- a disk may tell only then that it is full
    if written and closed then return end
    if lfs.symlinkattributes(path, "mode") == "file" then os.remove(path) end
    message = why or late
  end
  err.raise("io", message, { op = "write", target = path })
end

--[[
files.replace(path, text) -> nothing
Write a file that has its name only when it is whole.
Raises: io.
Blocks: no.
]]
function files.replace(path, text)
  local part = path .. ".part" -- ours, whatever it is
  local written, e = pcall(files.write, part, text)
  if not written then
    os.remove(part)
    error(e, 0)
  end
  local ok, message = os.rename(part, path)
  if not ok then err.raise("io", message, { op = "write", target = path }) end
end

--[[
files.absolute(path) -> string
The path from the root on, for whoever reads it in another directory.
Blocks: no.
]]
function files.absolute(path) return path:find("^/") and path or lfs.currentdir() .. "/" .. path end

--[[
files.state(name) -> string
The directory for what has to outlive a run on this machine, made if need be: $XDG_STATE_HOME/luabuild/NAME, else
~/.local/state/luabuild/NAME.
Raises: io.
Blocks: no.  Source: XDG Base Directory Specification.
]]
function files.state(name)
  local base = os.getenv "XDG_STATE_HOME"
  if not base or base:sub(1, 1) ~= "/" then base = (os.getenv "HOME" or ".") .. "/.local/state" end
  return files.make(base .. "/luabuild/" .. name, "make the state directory", "set XDG_STATE_HOME to a directory that can be written")
end

return files
