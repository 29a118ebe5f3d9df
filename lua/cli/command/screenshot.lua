-- screenshot NAME [FILE]: what a virtual machine's console shows, as a PNG file
local lfs = require "lfs"
local err = require "core.err"
local units = require "core.units"
local connection = require "cli.connection"
local options = require "cli.options"

-- The file has its name only when it is complete: "-" is standard output. What is no plain file, such as a device, a pipe or a link,
-- stays what it is.
local function write(path, bytes)
  if path == "-" then return io.stdout:write(bytes) end
  local mode = lfs.symlinkattributes(path, "mode")
  local temporary = (mode == nil or mode == "file") and path .. ".new" or path
  local file, message = io.open(temporary, "wb")
  local ok = file
  if file then
    ok, message = file:write(bytes)
    local closed, why = file:close()
    ok, message = ok and closed, message or why
  end
  if ok and temporary ~= path then ok, message = os.rename(temporary, path) end
  if ok then return end
  if temporary ~= path then os.remove(temporary) end
  err.raise("io", message)
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
