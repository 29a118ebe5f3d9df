-- hidden: the secrets of one image, for what leaves the build by another way than its events
local secret = require "core.secret"

local hidden = {}

--[[
hidden.of(image) -> secrets
The values of its secret variables and of its logins, and the passwords of URLs; see core.secret. The same table each time.
Blocks: no.
]]
function hidden.of(image)
  if image.hidden then return image.hidden end
  local secrets, values = secret.new(), image.variables
  for name, about in pairs(getmetatable(values).described) do
    if about.secret and values[name] then secrets:add(tostring(values[name])) end
    if type(values[name]) == "string" then secrets:add_urls(values[name]) end
  end
  secrets:add_urls(image.iso and image.iso.url or "")
  secrets:add(image.ssh and image.ssh.password)
  secrets:add(image.connection and image.connection.password)
  image.hidden = secrets
  return secrets
end

return hidden
