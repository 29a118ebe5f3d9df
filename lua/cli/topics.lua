-- topics: what help knows about
local vim = require "vim"
local contract = require "cli.contract"

local topics = {}

--[[
topics.complete(begun) -> {string, ...}
The topics, besides commands, that begin with a text, sorted: functions, modules and, behind a capital, types of the vSphere API.
]]
function topics.complete(begun)
  local found, names = { events = true }, {}
  for name in pairs(contract.all()) do
    found[name], found[name:match("^[%w_]+")] = true, true
  end
  for _, name in ipairs(begun:find("^%u") and vim.complete(begun) or {}) do found[name] = true end
  for name in pairs(found) do if name:sub(1, #begun) == begun then names[#names + 1] = name end end
  table.sort(names)
  return names
end

return topics
