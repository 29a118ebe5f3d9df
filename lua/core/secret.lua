-- secret: values that must never be shown, and the mask that everything shown goes through
local secret = {}
local MARK = "••••"
local SHORT = 6 -- shorter values are masked only where they stand alone

secret.__index = secret

local function plain(text) return (text:gsub("%p", "%%%0")) end

local function url(text) return (text:gsub("[^%w%-%._~]", function(c) return string.format("%%%02X", c:byte()) end)) end
local function xml(text) return (text:gsub("[&<>\"']", { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;", ["'"] = "&apos;" })) end
local function json(text) return (text:gsub('[%c"\\/]', function(c)
  local short = { ['"'] = '\\"', ["\\"] = "\\\\", ["/"] = "\\/", ["\n"] = "\\n", ["\t"] = "\\t", ["\r"] = "\\r" }
  return short[c] or string.format("\\u%04x", c:byte())
end)) end
local function shell(text) return (text:gsub("'", "'\\''")) end

local ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
-- The characters of base64 that depend on nothing but `text` when it stands at `offset` (0 to 2) of a group of three.
local function base64(text, offset)
  local out = {}
  local padded = string.rep("\0", offset) .. text
  for i = 1, #padded - 2, 3 do
    local a, b, c = padded:byte(i, i + 2)
    local bits = a << 16 | b << 8 | c
    for shift = 18, 0, -6 do
      local index = (bits >> shift & 63) + 1
      out[#out + 1] = ALPHABET:sub(index, index)
    end
  end
  return table.concat(out):sub(offset == 0 and 1 or offset + 2)
end

--[[
secret.new() -> secrets
Make an empty collection of secret values.
]]
function secret.new() return setmetatable({ values = {}, forms = {} }, secret) end

local function add_form(self, form)
  if #form >= 4 then self.forms[form] = true end
end

--[[
secrets:add(value) -> nothing
From now on mask hides `value`, each of its lines, and their URL-, XML-, JSON-, shell- and base64-encoded forms. Values
shorter than 6 characters are hidden only where they stand alone.
]]
function secret:add(value)
  if type(value) ~= "string" or value == "" or self.values[value] then return end
  self.values[value] = true
  self.sorted = nil
  if #value < SHORT then return end
  for line in (value .. "\n"):gmatch("(.-)\r?\n") do
    if #line >= SHORT then
      for _, encode in ipairs { function(s) return s end, url, xml, json, shell } do add_form(self, encode(line)) end
      for offset = 0, 2 do
        local form = base64(line, offset)
        if #form >= 8 then add_form(self, form) end
      end
    end
  end
  add_form(self, value)
end

--[[
secrets:mask(text) -> string
The text with every secret replaced by a mark.
]]
function secret:mask(text)
  if not self.sorted then -- longest first, so that no tail of a longer one is left
    self.sorted = {}
    for form in pairs(self.forms) do self.sorted[#self.sorted + 1] = form end
    table.sort(self.sorted, function(a, b) return #a > #b or (#a == #b and a < b) end)
  end
  for _, form in ipairs(self.sorted) do
    if text:find(form, 1, true) then text = text:gsub(plain(form), MARK) end
  end
  for value in pairs(self.values) do
    if #value < SHORT then text = text:gsub("%f[%w]" .. plain(value) .. "%f[%W]", MARK) end
  end
  return text
end

return secret
