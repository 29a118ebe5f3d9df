-- screenshot NAME [FILE]: what a virtual machine's console shows, as a PNG file
local lfs = require "lfs"
local units = require "core.units"
local files = require "build.files"
local connection = require "cli.connection"
local options = require "cli.options"

-- The file has its name only when it is complete: "-" is standard output. What is no plain file, such as a device, a pipe or a link,
-- stays what it is.
local function write(path, bytes)
  if path == "-" then return io.stdout:write(bytes) end
  local mode = lfs.symlinkattributes(path, "mode")
  local put = (mode == nil or mode == "file") and files.replace or files.write
  put(path, bytes)
end

local function run(given, words)
  local _ <close>, vm = connection.console(given, words[1], "screenshot")
  local picture, name = vm:screenshot(), vm:get "name"
  local path = words[2] or name:gsub("[^%w._-]", "_") .. ".png"
  write(path, picture)
  if path ~= "-" then print(string.format("%s: the console of %s, %s", path, name, units.format_bytes(#picture))) end
  return 0
end

return {
  doc = "save what a virtual machine's console shows as a PNG file",
  text = "NAME is a name, with * and ? too, a path below the datacenter's vm folder, or an id. FILE is NAME.png by default; - is standard output.",
  words = { { "NAME", kind = "machine" }, { "FILE", optional = true, kind = "files *.png" } },
  options = options.of "variables",
  examples = { { "luabuild screenshot photon now.png", "look at a console without a browser" } },
  run = run,
}
