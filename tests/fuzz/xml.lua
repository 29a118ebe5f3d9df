-- xml: any bytes as a document; what is read can be written, and is the same from the second time on: an empty CDATA section goes at
-- the first, and indents what is around it
local xml = require "xml"

local PREFIXES = { ovf = "http://schemas.dmtf.org/ovf/envelope/1" }

return function(bytes)
  local doc <close> = xml.parse(bytes, PREFIXES)
  if not doc then return end
  local second <close> = assert(xml.parse(doc:text(), PREFIXES))
  local third <close> = assert(xml.parse(second:text(), PREFIXES))
  assert(third:text() == second:text(), "another document when read again")
  doc:root():name()
  doc:value("count(//*)")
  for _, node in ipairs(doc:find("//ovf:File | //b")) do
    node:get("ovf:href")
    node:append("ovf:c", node:text())
    node:set("d", node:value("@*") or "")
    if node ~= doc:root() then node:text("e") end
  end
  assert(xml.parse(doc:text(), PREFIXES)):close()
end
