-- varfile: variables from a file: JSON (Packer's work) or a Lua file that returns a table
local cjson = require "cjson.safe"
local err = require "core.err"

local varfile = {}

local function read(path)
  local file, message = io.open(path, "rb")
  if not file then
    err.raise("usage", message, { op = "read the var-file", hint = "give the path of a JSON file, or of a Lua file that returns a table" })
  end
  local text = file:read("a")
  file:close()
  return text or err.raise("usage", path .. ": not a readable file", { op = "read the var-file" })
end

-- cjson says "Expected value but found T_END at character N": people look for lines.
local function json_message(path, text, message)
  local said, at = message:match("^(.-) at character (%d+)")
  if not at then return path .. ": " .. message end
  local before = text:sub(1, at)
  local _, lines = before:gsub("\n", "")
  said = said:gsub("^%u", string.lower):gsub("T_([A-Z_]+)", function(token) return token:lower():gsub("_", " ") end)
  return string.format("%s:%d: column %d: %s", path, lines + 1, #before:match("[^\n]*$"), said)
end

--[[
varfile.decode(path, text) -> value
JSON text as Lua values; null is cjson.null.
  path           string            for messages
Raises: usage, with the place of a syntax error: "v.json:2: column 11: …".
]]
function varfile.decode(path, text)
  local value, message = cjson.decode(text)
  if value == nil then err.raise("usage", json_message(path, text, message)) end
  return value
end

local function from_lua(path, text)
  local chunk, message = load(text, "@" .. path, "t", setmetatable({}, { __index = _G }))
  if not chunk then err.raise("usage", message) end
  local ok, value = pcall(chunk)
  if not ok then err.raise("usage", tostring(value)) end
  return value
end

--[[
varfile.read(path) -> {name = value, ...}
Read a var-file, by its ending .lua or else as JSON. JSON's null counts as not given.
Raises: usage, with the place of a syntax error.
]]
function varfile.read(path)
  local text = read(path)
  if path:find "%.hcl$" and not text:find "^%s*{" then
    err.raise("usage", path .. ": an HCL var-file; JSON and Lua ones are read", {
      hint = "write name = value as \"name\": value, or as a Lua file: return { name = value }" })
  end
  local value = path:match("%.lua$") and from_lua(path, text) or varfile.decode(path, text)
  if type(value) ~= "table" or #value > 0 then
    err.raise("usage", "an object of names and values is expected", { op = "read the var-file", target = path })
  end
  local out = {}
  for name, given in pairs(value) do
    if given ~= cjson.null then out[name] = given end
  end
  return out
end

--[[
varfile.expand(text, lookup) -> string
                             -> nil, message
Fill Packer's {{user `name`}}, {{timestamp}} and {{isotime}} in a value.
  lookup         function(name) -> string|nil, message|nil
]]
function varfile.expand(text, lookup)
  local failure
  local out = text:gsub("{{%s*(.-)%s*}}", function(expression)
    local name = expression:match("^user%s+`([^`]*)`$") or expression:match('^user%s+"([^"]*)"$')
    if expression == "timestamp" then return tostring(os.time()) end
    if expression == "isotime" then return os.date("!%Y-%m-%dT%H:%M:%SZ") end
    if not name then
      failure = failure or string.format("{{%s}} cannot be filled in: only {{user `name`}}, {{timestamp}} and {{isotime}} are", expression)
      return ""
    end
    local value, message = lookup(name)
    if value == nil then failure = failure or message or string.format("it uses variable '%s', which is not set", name) end
    return value ~= nil and tostring(value) or ""
  end)
  if failure then return nil, failure end
  return out
end

return varfile
