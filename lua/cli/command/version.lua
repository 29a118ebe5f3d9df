-- version
local runtime = require "runtime"
local options = require "cli.options"

local function run()
  print("luabuild " .. runtime.version)
  return 0
end

return { doc = "print the version", options = options.of(), run = run }
