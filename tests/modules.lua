-- modules: tests/NAME.lua as require "tests.NAME", for the programs that luabuild runs from below tests; to be called with the path of tests
return function(here)
  table.insert(package.searchers, function(name)
    local path = name:match("^tests%.(.+)$")
    if not path then return "not a test module" end
    local chunk, message = loadfile(here .. "/" .. path:gsub("%.", "/") .. ".lua")
    return chunk or message
  end)
end
