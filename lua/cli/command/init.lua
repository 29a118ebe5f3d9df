-- init [DIR]: a folder for recipes of one's own, and an editor that knows their words
local lfs = require "lfs"
local err = require "core.err"
local files = require "build.files"
local options = require "cli.options"

local RECIPE = [[
-- image.lua — an image made from a virtual machine or template that is there already.
--   luabuild check image.lua                          is the recipe right? Contacts nobody
--   luabuild plan image.lua --var-file vcenter.json   what would be done, and why
--   luabuild image.lua --var-file vcenter.json        do it
-- luabuild help clone lists all options; luabuild help base those of an image that is installed from its ISO.
local v = vars {
  source  = { default = "debian-12", description = "the virtual machine or template to start from" },
  release = git.describe(),
}

return clone {
  name      = "my-image-" .. v.release,
  from      = v.source,
  ssh       = { username = v.ssh_username, agent = true }, -- or key_file = "…", or password = v.ssh_password
  hardware  = { cpus = v.cpu, memory = v.memory },
  provision = {
    shell { "uname -a", "uptime" },
    check { service = { "ssh" }, port = { "tcp:22" }, timeout = "1m" },
  },
  -- export = { format = "ova" },
}
]]

local VARIABLES = [[
{
  "vcenter_server": "vcenter.example.com",
  "username": "administrator@vsphere.local",
  "datacenter": "DC",
  "cluster": "Cluster",
  "datastore": "datastore1",
  "folder": "images",
  "network": "VM Network",
  "ssh_username": "root"
}
]]

local IGNORED = [[
# what builds leave here; keep passwords in the environment (VCENTER_PASSWORD, LUABUILD_VAR_ssh_password), not in files
/output/
]]

local SETTINGS = [[
{
  "runtime.version": "Lua 5.4",
  "workspace.library": [%q],
  "workspace.checkThirdParty": false
}
]]

-- A path as JSON has it.
local function quoted(path) return (path:gsub('[\\"]', "\\%0")) end

-- The annotations that make install has put beside the program; without these, ones of the folder's own.
local function annotations(dir)
  local recipes = files.installed()
  local installed = recipes and recipes:gsub("recipes$", "editor")
  if installed and lfs.attributes(installed, "mode") == "directory" then return installed end
  require("cli.editor.library").write(dir .. "/.luabuild")
  return ".luabuild"
end

local function write(path, text)
  if lfs.symlinkattributes(path, "mode") then return print(path .. " is there already: left as it is") end
  files.write(path, text)
  print(path)
end

-- Settings of the folder's own stay; what the editor needs is said.
local function write_settings(path, library)
  local file <close> = io.open(path, "rb")
  local there = file and file:read "a"
  write(path, (SETTINGS:gsub("%%q", function() return '"' .. quoted(library) .. '"' end)))
  if there and not there:find(quoted(library), 1, true) then
    print(string.format('  for the editor, add to it: "workspace.library": ["%s"]', quoted(library)))
  end
end

local function run(_, words)
  local dir = words[1] or "."
  if lfs.attributes(dir, "mode") == "file" then err.raise("usage", dir .. " is a file, not a directory") end
  files.make(dir, "make the directory")
  local library = annotations(dir)
  write(dir .. "/image.lua", RECIPE)
  write(dir .. "/vcenter.json", VARIABLES)
  write(dir .. "/.gitignore", IGNORED .. (library == ".luabuild" and "/.luabuild/\n" or ""))
  write_settings(dir .. "/.luarc.json", library)
  local at = dir == "." and "" or "cd " .. dir .. " && "
  print("next: fill in vcenter.json, then " .. at .. "luabuild check image.lua")
  return 0
end

return {
  doc = "begin a folder of recipes: a first one, variables, settings for editors",
  text = "Nothing that is there is replaced. With .luarc.json an editor that uses the Lua language server completes the words of recipes, "
    .. "their options, the modules and the vSphere API, and shows what each means.",
  words = { { "DIRECTORY", optional = true, kind = "directory" } },
  options = options.of(),
  examples = { { "luabuild init images && luabuild check images/image.lua", "begin, and see that the recipe is right" } },
  run = run,
}
