-- secret: values that must never be shown, and the mask that everything shown goes through
local digest = require "digest"
local sorted = require "core.sorted"

local secret = {}
local MARK = "••••"
local SHORT = 6 -- shorter values are masked only where they stand alone
local PIECE = 8 -- characters of base64 that are one of six bytes
local WRAPPED = 40 -- the least columns that base64 is taken to be wrapped at

secret.__index = secret

local function plain(text) return (text:gsub("%p", "%%%0")) end

local function percent(format, keep)
  return function(text) return (text:gsub("[^%w" .. keep .. "]", function(c) return string.format(format, c:byte()) end)) end
end

-- Characters by a table; those of a class that are not in it by a format.
local function escaped(class, names, format)
  return function(text) return (text:gsub(class, function(c) return names[c] or format and string.format(format, c:byte()) or c end)) end
end

local JSON = { ['"'] = '\\"', ["\\"] = "\\\\", ["\n"] = "\\n", ["\t"] = "\\t", ["\r"] = "\\r" }
local JSON_SLASH = { ['"'] = '\\"', ["\\"] = "\\\\", ["/"] = "\\/", ["\n"] = "\\n", ["\t"] = "\\t", ["\r"] = "\\r" }
local XML = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;" }
local XML_TEXT = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;", ["'"] = "&apos;" }

-- How a text is written in other languages, as far as its characters go: RFC 3986 and HTML forms; XML in text, in attributes and with
-- numbers; JSON as it must be, as cjson has it, as it is safe in HTML; shells in single quotes, double quotes, with backslashes.
local FORMS = {
  function(text) return text end,
  percent("%%%02X", "%-%._~"), percent("%%%02x", "%-%._~"), percent("%%%02X", "%-%._~!'()*"), percent("%%%02X", "%-%._~!$&'()*+,;=:@/"),
  function(text) return (percent("%%%02X", "%-%._ *")(text):gsub(" ", "+")) end,
  escaped("[&<>]", XML), escaped("[&<>\"]", XML_TEXT), escaped("[&<>\"']", XML_TEXT), escaped("[&<>\"']", XML, "&#%d;"),
  escaped("[&<>\"']", { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;", ["'"] = "&#39;" }),
  escaped("[&<>\"']", XML, "&#x%x;"),
  escaped('[%c"\\]', JSON, "\\u%04x"), escaped('[%c"\\/]', JSON_SLASH, "\\u%04x"),
  escaped("[%c\"\\&<>']", JSON, "\\u%04x"), escaped("[%c\"\\&<>]", JSON, "\\u%04x"),
  escaped("[']", { ["'"] = "'\\''" }), escaped("[']", { ["'"] = "'\"'\"'" }), escaped("[']", { ["'"] = "\\'" }),
  function(text) return (text:gsub('["$`\\]', "\\%0")) end,
  function(text) return (text:gsub("[^%w%-%._/:=@,+\128-\255]", "\\%0")) end, function(text) return (text:gsub('[\\"]', "\\%0")) end,
}

-- The characters of base64 that depend on nothing but `text` when it stands at `offset` (0 to 2) of a group of three; all to the end
-- when nothing comes after it.
local function base64(text, offset, ends)
  local bytes = string.rep("\0", offset) .. text
  local form = digest.base64(ends and bytes or bytes:sub(1, #bytes - #bytes % 3))
  return (form:sub(offset == 0 and 1 or offset + 2):gsub("=+$", ""))
end

--[[
secret.new() -> secrets
Make an empty collection of secret values.
]]
function secret.new() return setmetatable({ values = {}, forms = {}, base64 = {}, short = {} }, secret) end

local function add_form(self, form)
  if #form >= 4 then self.forms[form] = true end
end

local function add_line(self, line)
  for _, encode in ipairs(FORMS) do add_form(self, encode(line)) end
  for offset = 0, 2 do
    for _, form in ipairs { base64(line, offset), base64(line, offset, true), base64(line .. "\n", offset, true) } do
      if #form >= PIECE then
        local url = form:gsub("[+/]", { ["+"] = "-", ["/"] = "_" }) -- RFC 4648, 5
        add_form(self, form)
        add_form(self, url)
        self.base64[form], self.base64[url] = true, true
      end
    end
  end
end

--[[
secrets:add(value) -> boolean
From now on mask hides `value`, each of its lines, and their URL-, XML-, JSON-, shell- and base64-encoded forms; base64 also in the
pieces of 8 characters or more that lines of 40 or more make of it. Values and lines shorter than 6 characters are hidden only where
they stand alone: false when `value` is one.
]]
function secret:add(value)
  if type(value) ~= "string" or value == "" then return true end
  if self.values[value] then return #value >= SHORT end
  self.values[value] = true
  self.sorted = nil
  for line in (value .. "\n"):gmatch("(.-)\r?\n") do
    if #line >= SHORT then add_line(self, line) elseif line ~= "" then self.short[line] = true end
  end
  if #value >= SHORT then add_line(self, value) end
  return #value >= SHORT
end

--[[
secrets:add_urls(text) -> nothing
Hide the passwords of the URLs in a text, as they are written there and as they are meant: https://user:password@host/path.
Source: RFC 3986, 2.1 and 3.2.1.
]]
function secret:add_urls(text)
  for password in text:gmatch("%a[%w+.-]*://[^%s/?#:@]*:([^%s/?#]+)@") do
    self:add(password)
    self:add((password:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end)))
  end
end

-- What a line of wrapped base64 has of a form that the lines before or after it go on with: the last character of its end at the
-- line's start, the first of its beginning at the line's end.
local function pieces(form, line)
  if form:find(line, 1, true) then return #line, #line + 1 end
  local ended, began = 0, #line + 1
  local _, at = line:find(form:sub(-PIECE), 1, true)
  if at and at < #form and line:sub(1, at) == form:sub(-at) then ended = at end
  at = line:find(form:sub(1, PIECE), 1, true)
  if at and line:sub(at) == form:sub(1, #line - at + 1) then began = at end
  return ended, began
end

-- One line without what it has of base64 that goes on in other lines. Text may stand before the first of them.
local function mask_wrapped(self, line)
  if #line < PIECE then return line end
  local before, run, after = line:match("^(%s*)([%w+/_-]+)(=*%s*)$")
  if not run and #line >= WRAPPED and not line:find("[^%w+/_-]", -WRAPPED) then before, run, after = line:match("^(.*[^%w+/_-])(.*)$") end
  if not run or #run < PIECE then return line end
  if not (self.encoded:find(run:sub(1, PIECE), 1, true) or self.encoded:find(run:sub(-PIECE), 1, true)) then return line end -- most have none
  local from, to = 0, #run + 1
  for form in pairs(self.base64) do
    local ended, began = pieces(form, run)
    from, to = math.max(from, ended), math.min(to, began)
  end
  if from == 0 and to > #run then return line end
  return before .. (from > 0 and MARK or "") .. run:sub(from + 1, to - 1) .. (to <= #run and MARK or "") .. (after or "")
end

-- What stands alone has no letter or digit beside a letter or digit of its own.
local function alone(value)
  return (value:find("^%w") and "%f[%w]" or "") .. plain(value) .. (value:find("%w$") and "%f[%W]" or "")
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
    self.encoded = table.concat(sorted.keys(self.base64), "\n")
  end
  for _, form in ipairs(self.sorted) do
    if text:find(form, 1, true) then text = text:gsub(plain(form), MARK) end
  end
  if next(self.base64) then text = text:gsub("[^\r\n]+", function(line) return mask_wrapped(self, line) end) end
  for value in pairs(self.short) do text = text:gsub(alone(value), MARK) end
  return text
end

--[[
secrets:hidden_in(text) -> boolean
Whether a text has a secret in it.
]]
function secret:hidden_in(text) return self:mask(text) ~= text end

return secret
