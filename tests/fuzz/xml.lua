-- xml: any bytes as a document; what is read can be written and is the same then
local xml = require "xml"

local PREFIXES = { ovf = "http://schemas.dmtf.org/ovf/envelope/1" }

return function(bytes)
  local doc <close> = xml.parse(bytes, PREFIXES)
  if not doc then return end
  local text = doc:text()
  local again <close> = assert(xml.parse(text, PREFIXES))
  assert(again:text() == text, "another document when read again")
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
