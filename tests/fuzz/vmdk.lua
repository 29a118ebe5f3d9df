-- vmdk: any bytes as a disk: header, grain directory, footer
local ova = require "ova"

local PATH = os.tmpname()

return function(bytes)
  local file <close> = assert(io.open(PATH, "wb"))
  file:write(bytes)
  file:close()
  local found, message, code = ova.vmdk(PATH)
  if not found then return assert(type(message) == "string" and code == "format", "no triple") end
  assert(found.kind == "streamOptimized" or found.kind == "monolithicSparse", found.kind)
  assert(math.type(found.capacity) == "integer" and found.capacity >= 0, "no capacity")
  ova.vmdk(PATH, #bytes // 2, #bytes)
end
