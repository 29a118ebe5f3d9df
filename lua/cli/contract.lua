-- contract: the comments above public functions, as help prints them
local load = require "load"

local contract = {}

-- The blocks of one file: "name -> text"; the name is the signature's, up to its parenthesis.
local function blocks(file, text)
  local out = {}
  local pattern = file:match("%.lua$") and "%-%-%[%[\n(.-)\n%]%]\n" or "\n/%*\n(.-)\n%*/\n"
  for body in text:gmatch(pattern) do
    local name = body:match("^([%w_]+[.:][%w_]+)")
    if name then out[name] = body end
  end
  return out
end

--[[
contract.all() -> {name = text}, {name = file}
The contracts of every public function, by name ("ssh.connect"), and the file each stands in.
]]
function contract.all()
  local out, files = {}, {}
  for _, file in ipairs(load.list()) do
    for name, body in pairs(blocks(file, "\n" .. load.source(file))) do out[name], files[name] = body, file end
  end
  return out, files
end

--[[
contract.find(name) -> string|nil
The contract of one function ("ssh.connect"), or the contracts of one module ("ssh") together.
]]
function contract.find(name)
  local all = contract.all()
  if all[name] then return all[name] end
  local found = {}
  for known in pairs(all) do
    if known:match("^([%w_]+)[.:]") == name then found[#found + 1] = known end
  end
  table.sort(found)
  for i, known in ipairs(found) do found[i] = all[known] end
  return #found > 0 and table.concat(found, "\n\n") or nil
end

return contract
