-- kickstart: the files an installer is given, collected and filled in; how they travel is not known here
local lfs = require "lfs"
local runtime = require "runtime"
local err = require "core.err"
local template = require "core.template"

local kickstart = {}

local MEDIA = { "http", "floppy", "cd" }
local PROBE = 8000  -- a zero byte within these many makes a file binary, as in git
local DEPTH = 32    -- directories in directories: more is a symbolic link to itself

local function entries(path)
  local names = {}
  for name in lfs.dir(path) do
    if name ~= "." and name ~= ".." then names[#names + 1] = name end
  end
  table.sort(names)
  return names
end

-- What there is instead of a path that is missing: the nearest existing directory above it, and what it has.
local function beside(path)
  local parent, name = path:gsub("/+$", ""):match("^(.*)/([^/]*)$")
  if not parent then parent, name = ".", path end
  if parent == "" then parent = "/" end
  if lfs.attributes(parent, "mode") ~= "directory" then
    if parent == "/" or parent == "." then return nil end
    return beside(parent)
  end
  local names = entries(parent)
  if #names == 0 then return parent .. " is empty" end
  local near = runtime.nearest(name, names)
  local more = #names > 12 and ", …" or ""
  return string.format("%s%s has %s%s", near and "did you mean " .. near .. "? " or "", parent == "." and "this directory" or parent,
    table.concat(names, ", ", 1, math.min(#names, 12)), more)
end

local function check_directory(path)
  local mode = lfs.attributes(path, "mode")
  if mode == "directory" then return end
  err.raise("recipe", string.format("%s: %s", path, mode and "is a " .. mode .. ", not a directory" or "no such directory"),
    { hint = not mode and beside(path) or nil })
end

local function read(path)
  local file <close>, message = io.open(path, "rb")
  if not file then err.raise("recipe", message) end
  local text = file:read(PROBE) or ""
  if text:find("\0", 1, true) then return nil end
  return text .. (file:read "a" or "")
end

-- The text filled in; what is wrong with it joins the problems of the other files.
local function filled(c, text, where)
  if not c.fill then return text end
  local ok, result = pcall(template.fill, text, c.values, where)
  if ok then return result end
  if not err.is(result, "recipe") then error(result, 0) end
  c.problems[#c.problems + 1] = result.message
  return ""
end

local function collect_directory(c, path, prefix, depth)
  if depth > DEPTH then err.raise("recipe", path .. ": more than " .. DEPTH .. " directories deep: a link to itself?") end
  for _, name in ipairs(entries(path)) do
    local full = path .. "/" .. name
    local mode, message = lfs.attributes(full, "mode")
    if mode == "directory" then
      collect_directory(c, full, prefix .. name .. "/", depth + 1)
    elseif mode == "file" then
      local text = read(full)
      c.files[prefix .. name] = text and filled(c, text, full) or { file = full }
    else
      err.raise("recipe", full .. ": " .. (mode and "is a " .. mode .. ", not a file" or message))
    end
  end
end

-- One of a list: a file and a directory stand there by their names, the content of "directory/" by its own.
local function collect_path(c, path)
  local name = path:match("[^/]+$")
  if not name then
    path = path:gsub("(.)/+$", "%1")
    check_directory(path)
    return collect_directory(c, path, "", 1)
  end
  local mode = lfs.attributes(path, "mode")
  if mode == "directory" then return collect_directory(c, path, name .. "/", 1) end
  if mode ~= "file" then
    err.raise("recipe", string.format("%s: %s", path, mode and "is a " .. mode .. ", not a file" or "no such file or directory"),
      { hint = not mode and beside(path) or nil })
  end
  local text = read(path)
  c.files[name] = text and filled(c, text, path) or { file = path }
end

local function given(c, name, value)
  if type(value) ~= "function" then return filled(c, value, "files['" .. name .. "']") end
  local made = value(c.values)
  if type(made) ~= "string" then
    err.raise("recipe", string.format("files['%s']: the function returned %s instead of the content", name,
      made == nil and "nothing" or "a " .. type(made)))
  end
  return made
end

--[[
kickstart.collect(options, values) -> files, medium
Collect an installer's files. The content of a directory stands at the root: kickstart/centos/7/ks.cfg of the directory
"kickstart/centos" is /7/ks.cfg on the floppy and ${http}/7/ks.cfg over HTTP. Of a list, each file and directory stands there by its
own name, and the content of "directory/" at the root. Text is filled in by template.fill, unless it is to stay as it is; a file with a
zero byte in its first 8000 is binary and always does.
  options.http, options.floppy, options.cd  string|{string, ...}|nil  a directory, or a list of paths; one of the three at most
  options.files  table = {}        name -> content to be filled in, or a function: values -> content, taken as it is;
                                   these stand beside those of the directory, and in the place of one of the same name
  options.fill   boolean = true    fill text in
  values         table             for ${name}: name -> string|number|boolean
files = { ["7/ks.cfg"] = string|{ file = path } }, as httpd, floppy and iso take it; medium: "http", "floppy" or "cd"
Raises: recipe (a directory that is not there, with what is beside; every name without a value, with file and line), and
whatever a function raises.
Blocks: no.
]]
function kickstart.collect(options, values)
  local c, medium = { files = {}, values = values, fill = options.fill ~= false, problems = {} }, "http"
  for _, kind in ipairs(MEDIA) do
    local paths = options[kind]
    if paths then medium = kind end
    for _, path in ipairs(type(paths) == "table" and paths or { paths and (paths:gsub("/*$", "/", 1)) }) do collect_path(c, path) end
  end
  for name, value in pairs(options.files or {}) do c.files[name] = given(c, name, value) end
  if #c.problems > 0 then err.raise("recipe", table.concat(c.problems, "\n")) end
  if not next(c.files) then err.raise("recipe", "there are no files to give to the installer") end
  return c.files, medium
end

return kickstart
