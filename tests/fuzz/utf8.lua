-- utf8: what is and is not UTF-8, as Lua's own library sees it (names of files are where it is asked)
local floppy = require "floppy"

return function(bytes)
  if bytes == "" or #bytes > 200 or bytes:find("[%z]") or bytes:find("^/") then return end
  local _, message, code = floppy.image { files = { [bytes .. "/.."] = "" } } -- never a name, but looked at after this
  assert(code == "format", "taken")
  assert((message:find("': it is not valid UTF%-8$") == nil) == (utf8.len(bytes) ~= nil), message)
end
