-- contract: the comments above public functions, as help prints them
local load = require "load"
local sorted = require "core.sorted"

local contract = {}

-- The blocks of one file in their order: { name, text }; the name is the signature's, up to its parenthesis.
local function blocks(file, text)
  local out = {}
  local pattern = file:match("%.lua$") and "%-%-%[%[\n(.-)\n%]%]\n" or "\n/%*\n(.-)\n%*/\n"
  for body in text:gmatch(pattern) do
    local name = body:match("^([%w_]+[.:][%w_]+)")
    if name then out[#out + 1] = { name = name, text = body, file = file } end
  end
  return out
end

-- Read when they are first asked for: all blocks by name, and groups of them: what one area says of one module or kind of object.
local cache

local function read()
  if cache then return cache end
  cache = { byname = {}, groups = {}, double = {} }
  local found = {}
  for _, file in ipairs(load.list()) do
    for _, one in ipairs(blocks(file, "\n" .. load.source(file))) do
      local module = one.name:match("^[%w_]+")
      local key = file:match("^(.*)/") .. " " .. module
      local known = cache.byname[one.name]
      if known and (known.file == file or not one.name:find(":", 1, true)) then table.insert(cache.double, one.name) end
      cache.byname[one.name] = one
      found[key] = found[key] or { name = module, file = file }
      if file:find("/" .. module .. "%.%w+$") then found[key].file = file end
      table.insert(found[key], one)
    end
  end
  for _, group in pairs(found) do table.insert(cache.groups, group) end
  table.sort(cache.groups, function(x, y) return x.name < y.name or (x.name == y.name and x.file < y.file) end)
  return cache
end

--[[
contract.all() -> {name = text}, {name = file}
The contracts of every public function, by name ("ssh.connect"), and the file each stands in.
]]
function contract.all()
  local out, files = {}, {}
  for name, one in pairs(read().byname) do out[name], files[name] = one.text, one.file end
  return out, files
end

--[[
contract.names() -> {string, ...}
The names of everything that has a contract, sorted.
]]
function contract.names() return sorted.keys(read().byname) end

--[[
contract.groups([name]) -> { { name, file, { name, text, file }, ... }, ... }
What the contracts are about, sorted, or what of it has this name: modules ("ssh") and kinds of objects ("guest", "VirtualMachine"), with
their contracts in the order of the source, and the file they are mostly in.
]]
function contract.groups(name)
  if not name then return read().groups end
  local out = {}
  for _, group in ipairs(read().groups) do if group.name == name then out[#out + 1] = group end end
  return out
end

--[[
contract.double() -> {string, ...}
Names that have more than one contract: there should be none. Methods may, since several files can make objects of one kind.
]]
function contract.double() return read().double end

--[[
contract.exact(name) -> string|nil, string|nil
The contract of this name, and its file.
]]
function contract.exact(name)
  local one = read().byname[name]
  if one then return one.text, one.file end
end

--[[
contract.find(name) -> string|nil
The contract of one function ("ssh.connect"), or the contracts of one module ("ssh") together.
]]
function contract.find(name)
  local text = contract.exact(name)
  if text then return text end
  local found = {}
  for _, group in ipairs(contract.groups(name)) do
    for _, one in ipairs(group) do found[#found + 1] = one.text end
  end
  return #found > 0 and table.concat(found, "\n\n") or nil
end

return contract
