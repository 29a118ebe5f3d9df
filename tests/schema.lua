-- schema: src/vim25.schema read line by line, for tests that must not trust the tables the program is built with
local schema = {}

-- "NAME[CARD][!] TYPE[&] [@VERSION]" -> the declaration
local function member(text)
  local name, card, kind, reference, version = text:match("^([%w_]+)([?*+]?)!? (%w+)(&?) ?@?([%w.]*)$")
  if not name then error("src/vim25.schema: " .. text) end
  return { name = name, optional = card == "?" or card == "*", list = card == "*" or card == "+", type = kind,
    reference = reference == "&", version = version ~= "" and version or nil }
end

local function parameters(text)
  local list = {}
  for one in (text .. ", "):gmatch("(.-), ") do if one ~= "" then list[#list + 1] = member(one) end end
  return list
end

local add = {}

function add.versions(self, rest)
  for version in rest:gmatch("%S+") do
    self.count = (self.count or 0) + 1
    self.order[version] = self.count
  end
end

function add.enum(self, rest)
  local name, values = rest:match("^(%S+) (.*)$")
  self.enum[name] = {}
  for value in values:gmatch("[^%s@]+") do self.enum[name][value] = true end
end

function add.data(self, rest)
  local name, base = rest:match("^(%w+) ?:? ?(%w*)")
  self.data[name] = { base = base ~= "" and base or nil, fields = {} }
  return self.data[name]
end

function add.managed(self, rest)
  local name, base = rest:match("^(%w+) ?:? ?(%w*)")
  self.managed[name] = { base = base ~= "" and base or nil }
  return name
end

local function add_member(self, owner, text)
  local name, rest = text:match("^([%w_]+)(%(.*)$")
  if name then
    local list, tail = rest:match("^%((.-)%)(.*)$")
    self.method[name] = { owner = owner, parameters = parameters(list), version = tail:match("@([%w.]+)$") }
  elseif type(owner) == "table" then
    table.insert(owner.fields, member(text))
  end
end

--[[
schema.read(path) -> { data, enum, managed, method, order }
data[name] = { base, fields }, enum[name][value] = true, managed[name] = { base }, method[name] = { owner, parameters, version };
a field or parameter is { name, type, reference, optional, list, version }; order[version] is its place among the versions.
]]
function schema.read(path)
  local self = setmetatable({ data = {}, enum = {}, managed = {}, method = {}, order = {} }, { __index = schema })
  local owner
  for line in io.lines(path) do
    if line:sub(1, 1) == " " then
      add_member(self, owner, line:sub(2))
    else
      local word, rest = line:match("^(%w+) (.*)$")
      owner = add[word] and add[word](self, rest)
    end
  end
  return self
end

-- schema:isa("data"|"managed", name, base) -> boolean
function schema:isa(kind, name, base)
  while name and name ~= base do name = self[kind][name] and self[kind][name].base end
  return name ~= nil
end

-- schema:fields(name) -> array: those of the base types first
function schema:fields(name)
  local own = self.data[name]
  local list = own.base and self:fields(own.base) or {}
  return table.move(own.fields, 1, #own.fields, #list + 1, list)
end

-- schema:newer(version, than) -> boolean
function schema:newer(version, than) return version ~= nil and self.order[version] > self.order[than] end

return schema
