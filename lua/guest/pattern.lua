-- pattern: what a line of text has to look like: "text", "/expression/", and "!" in front for the opposite
local regex = require "regex"
local err = require "core.err"

local pattern = {}

-- ---- from the expressions people write (Go's, as goss takes them) to POSIX's ----

local OUTSIDE = { d = "[0-9]", D = "[^0-9]", t = "\t", r = "\r", n = "\n", A = "^", z = "$" }
local INSIDE = { d = "0-9", s = "[:space:]", w = "[:alnum:]_", t = "\t", r = "\r", n = "\n" }

-- In brackets POSIX has no escapes: what may be taken for something else stands where it cannot be.
local function bracket(text, at)
  local negated = text:sub(at + 1, at + 1) == "^"
  local i, first, last, out = at + (negated and 2 or 1), "", "", {}
  local start = i
  while true do
    local class = text:match("^%[:%a+:%]", i)
    local c = text:sub(i, i)
    if c == "" then return nil end
    if c == "]" and i > start then break end
    if class then
      out[#out + 1], i = class, i + #class
    else
      local escaped = c == "\\" and text:sub(i + 1, i + 1)
      local one = escaped or c
      if one == "]" then first = "]"
      elseif escaped == "-" then last = last .. "-"
      elseif escaped == "^" then last = "^" .. last
      else out[#out + 1] = escaped and INSIDE[escaped] or one end
      i = i + (escaped and 2 or 1)
    end
  end
  local body = first .. table.concat(out) .. last
  if body:sub(1, 1) == "^" and not negated then body = #body == 1 and "\\^" or body:sub(2) .. "^" end
  if body == "\\^" then return body, i + 1 end
  return (negated and "[^" or "[") .. body .. "]", i + 1
end

-- The POSIX form of an expression, and whether case is ignored; nil and why there is none.
local function translate(text)
  local ignore, rest = false, text:match("^%(%?i%)(.*)$")
  if rest then ignore, text = true, rest end
  local out, i = {}, 1
  while i <= #text do
    local c, two = text:sub(i, i), text:sub(i, i + 1)
    if c == "\\" then
      local escaped = two:sub(2)
      out[#out + 1], i = OUTSIDE[escaped] or two, i + 2
    elseif c == "[" then
      local set, after = bracket(text, i)
      if not set then return nil, "[ without ]" end
      out[#out + 1], i = set, after
    elseif text:find("^%(%?:", i) then
      out[#out + 1], i = "(", i + 3
    elseif two == "(?" then
      return nil, "(? is understood as (?: anywhere and as (?i) at the beginning only"
    else
      out[#out + 1], i = c, i + 1
      -- whether something fits does not depend on how little is taken
      if (c == "*" or c == "+" or c == "?" or c == "}") and text:sub(i, i) == "?" then i = i + 1 end
    end
  end
  return table.concat(out), ignore
end

--[[
pattern.parse(text) -> { text, negated = boolean, plain|expression = string }
                    -> nil, message, code
Read a pattern as goss writes them: "ok" is contained in a line; "/^a.*z$/" is a regular expression that fits in a line; "!"
in front of either: no line is like that. A text that begins with one of those characters is written "\\!x", "\\/x".
Expressions are POSIX extended ones (as for grep -E), with \d \D \s \w \b, (?:…), lazy repetition and (?i) at the beginning, so
that what people write for goss is taken. They are matched on this machine, the same for every guest.
Codes: format.
]]
function pattern.parse(text)
  local negated, rest = text:match("^(!?)(.*)$")
  local self = { text = text, negated = negated == "!" }
  local inner = rest:match("^/(.*)/$")
  if not inner then
    self.plain = rest:gsub("^\\([!/\\])", "%1")
    return self
  end
  local posix, ignore = translate(inner)
  if not posix then return nil, string.format("%q: %s", text, ignore), "format" end
  local ok, message = regex.match("", posix, ignore)
  if ok == nil then return nil, string.format("%q is no regular expression: %s", text, message:match(": ([^:]*)$") or message), "format" end
  self.expression, self.ignore_case = posix, ignore
  return self
end

--[[
pattern.found(self, text) -> boolean
Is there a line in `text` that is like the pattern, the "!" left aside?
  self           pattern           from pattern.parse
Raises: format (an expression too large to be matched).
]]
function pattern.found(self, text)
  if self.plain then return text:find(self.plain, 1, true) ~= nil end
  return err.check(regex.match(text, self.expression, self.ignore_case))
end

return pattern
