-- strict: a global that nobody defined is an error, not nil

require "lfs"
rawset(_G, "lfs", nil) -- the library also sets a global; modules of luabuild are required, never global

setmetatable(_G, {
  __newindex = function(_, name) error("assignment to undefined global '" .. tostring(name) .. "'", 2) end,
  __index = function(_, name) error("undefined global '" .. tostring(name) .. "'", 2) end,
})
return true
