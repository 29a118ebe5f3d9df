-- wire: SOAP requests, as text, held against the schema; nothing here is shared with the code that made them
local wire = {}

local ENTITIES = { lt = "<", gt = ">", amp = "&", quot = '"', apos = "'" }
local function plain(text) return (text:gsub("&(%l+);", ENTITIES)) end

--[[
wire.parse(xml) -> { name, attributes = {name = value}, text, [1..n] = children }
The root element: enough XML for a request (no comments, no CDATA). Raises what is wrong.
]]
function wire.parse(xml)
  local stack, at = { { name = "" } }, 1
  for before, close, name, rest, stop in xml:gsub("^%s*<%?.-%?>", ""):gmatch("([^<]*)<(/?)([%w:_.-]+)([^<>]*)>()") do
    local top = stack[#stack]
    top.text, at = (top.text or "") .. plain(before), stop
    if close == "/" then
      if top.name ~= name then error("</" .. name .. "> ends <" .. top.name .. ">", 0) end
      table.remove(stack)
    else
      local node = { name = name, attributes = {}, text = "" }
      for key, value in rest:gmatch('([%w:_.-]+)="([^"]*)"') do node.attributes[key] = plain(value) end
      table.insert(top, node)
      if rest:sub(-1) ~= "/" then table.insert(stack, node) end
    end
  end
  if #stack ~= 1 or #stack[1] ~= 1 or at == 1 then error("not one whole element", 0) end
  return stack[1][1]
end

-- what the text of a simple type looks like
local SIMPLE = {
  string = "^.*$", boolean = "^[tf][ra][ul]s?e$", byte = "^%-?%d+$", short = "^%-?%d+$", int = "^%-?%d+$", long = "^%-?%d+$",
  float = "^[%d.eE+-]+$", double = "^[%d.eE+-]+$", dateTime = "^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d.*$", base64Binary = "^[%w+/=%s]*$",
}

local checker = {}
checker.__index = checker

function checker:complain(path, ...) table.insert(self.problems, path .. ": " .. string.format(...)) end

function checker:reference(path, node, declared)
  local kind = node.attributes.type
  if not kind then return self:complain(path, "a reference without its type") end
  if not self.schema:isa("managed", kind, declared) then self:complain(path, "%s is no %s", kind, declared) end
  if #node > 0 or node.text == "" then self:complain(path, "a reference is an id") end
end

-- The data object type or "simple" for what xsi:type or the declaration says.
function checker:value(path, node, declared)
  local schema, said = self.schema, node.attributes["xsi:type"]
  local kind = said and said:gsub("^xsd:", "") or declared
  if kind == "anyType" then return self:complain(path, "anyType needs xsi:type") end
  if kind == "ManagedObjectReference" then return self:reference(path, node, "ManagedObject") end
  if schema.data[kind] then
    if declared ~= "anyType" and not schema:isa("data", kind, declared) then self:complain(path, "%s is no %s", kind, declared) end
    return self:elements(path, node, schema:fields(kind), kind)
  end
  if declared ~= "anyType" and kind ~= declared then return self:complain(path, "%s is no %s", kind, declared) end
  if #node > 0 then return self:complain(path, "%s has no elements", kind) end
  local values = schema.enum[kind]
  if values and not values[node.text] then self:complain(path, "%s has no '%s'", kind, node.text) end
  if not values and not SIMPLE[kind] then return self:complain(path, "no type '%s'", kind) end
  if not values and not node.text:find(SIMPLE[kind]) then self:complain(path, "'%s' is no %s", node.text, kind) end
end

-- The children of node, against what is declared: order, number, types, versions.
function checker:elements(path, node, declared, owner)
  local place, seen, last = {}, {}, 0
  for i, field in ipairs(declared) do place[field.name] = i end
  for _, child in ipairs(node) do
    local i, at = place[child.name], path .. "/" .. child.name
    if not i then
      self:complain(at, "%s has no such element", owner)
    else
      local field = declared[i]
      if i < last then self:complain(at, "comes after %s", declared[last].name) end
      if i == last and not field.list then self:complain(at, "twice") end
      if self.schema:newer(field.version, self.version) then self:complain(at, "is newer than the server: %s", field.version) end
      last, seen[i] = math.max(i, last), true
      self[field.reference and "reference" or "value"](self, at, child, field.type)
    end
  end
  for i, field in ipairs(declared) do
    if not field.optional and not seen[i] then self:complain(path, "%s needs %s", owner, field.name) end
  end
end

function checker:request(root)
  local body = root[1]
  local call = body and body[1]
  if root.name ~= "soapenv:Envelope" or body.name ~= "soapenv:Body" or #root ~= 1 or not call or #body ~= 1 then
    return self:complain("/", "not an envelope with one call in its body")
  end
  local method = self.schema.method[call.name]
  if not method then return self:complain(call.name, "no such method") end
  if call.attributes.xmlns ~= "urn:vim25" then self:complain(call.name, "its namespace is %s", call.attributes.xmlns) end
  if self.schema:newer(method.version, self.version) then self:complain(call.name, "is newer than the server: %s", method.version) end
  local this = { name = "_this", type = method.owner, reference = true }
  self:elements(call.name, call, { this, table.unpack(method.parameters) }, call.name)
end

--[[
wire.check(schema, version, xml) -> array of strings
What is wrong with a request to a server of this API version.
  schema         from schema.read
]]
function wire.check(schema, version, xml)
  local self = setmetatable({ schema = schema, version = version, problems = {} }, checker)
  local ok, root = pcall(wire.parse, xml)
  if ok then self:request(root) else self:complain("/", "%s", root) end
  return self.problems
end

return wire
