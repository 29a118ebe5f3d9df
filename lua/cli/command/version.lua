-- version
local runtime = require "runtime"
return { doc = "print the version", usage = "luabuild version", run = function()
  print("luabuild " .. runtime.version)
  return 0
end }
