-- lex: the tokens of a piece of Lua that may stop anywhere
local lex = {}

-- Lua's words that are no names: { ["and"] = true, … }. Source: Lua 5.4 Reference Manual, 3.1.
lex.KEYWORDS = {}
for word in ("and break do else elseif end false for function goto if in local nil not or repeat return then true until while"):gmatch "%a+" do
  lex.KEYWORDS[word] = true
end

-- Longest first.
local OPERATORS = { "...", "..", "==", "~=", "<=", ">=", "::", "//", "<<", ">>" }

local function operator(text, at)
  for _, op in ipairs(OPERATORS) do if text:sub(at, at + #op - 1) == op then return op end end
  return text:sub(at, at)
end

-- A quoted string from `at` on: its last byte and whether it is closed there. It ends with its line.
local function quoted(text, at)
  local quote, to = text:sub(at, at), at + 1
  while to <= #text do
    local c = text:sub(to, to)
    if c == quote then return to, true end
    if c == "\n" then return to - 1, true end
    to = to + (c == "\\" and 2 or 1)
  end
  return #text, false
end

-- A long bracket that begins at `at`: its last byte, whether it is closed, and its text.
local function long(text, at)
  local _, e, level = text:find("^%[(=*)%[", at)
  if not e then return nil end
  local from, to = text:find("]" .. level .. "]", e + 1, true)
  return to or #text, to ~= nil, text:sub(e + 1, (from or #text + 1) - 1)
end

local function next_token(text, at)
  local first = text:sub(at, at)
  if text:find("^%-%-", at) then
    local to, closed = long(text, at + 2)
    if not to then
      local newline = text:find("\n", at, true)
      to, closed = newline or #text, newline ~= nil
    end
    return { kind = "comment", to = to, closed = closed }
  end
  if first == '"' or first == "'" then
    local to, closed = quoted(text, at)
    return { kind = "string", to = to, closed = closed, quote = first, text = text:sub(at + 1, closed and to - 1 or to) }
  end
  local to, closed, inside = long(text, at)
  if to then return { kind = "string", to = to, closed = closed, text = inside } end
  local name = text:match("^[%a_][%w_]*", at)
  if name then return { kind = "name", to = at + #name - 1, closed = true, text = name } end
  local number = text:match("^%.?%d[%w.]*", at)
  if number then return { kind = "number", to = at + #number - 1, closed = true, text = number } end
  local op = operator(text, at)
  return { kind = "op", to = at + #op - 1, closed = true, text = op }
end

--[[
lex.tokens(text) -> {token, ...}
The tokens of a Lua text, comments among them; whatever the text is, all of it is in some token or blank.
token = { kind = "name"|"string"|"number"|"op"|"comment", text, from, to = bytes, closed = boolean (false: the text stops in the middle of a
string or comment), quote = string|nil }
]]
function lex.tokens(text)
  local out, at = {}, text:find("%S")
  while at do
    local token = next_token(text, at)
    token.from = at
    out[#out + 1] = token
    at = text:find("%S", token.to + 1)
  end
  return out
end

--[[
lex.code(tokens) -> {token, ...}
The tokens but for comments.
]]
function lex.code(tokens)
  local out = {}
  for _, token in ipairs(tokens) do if token.kind ~= "comment" then out[#out + 1] = token end end
  return out
end

local OPENERS = { [")"] = "(", ["]"] = "[", ["}"] = "{" }

--[[
lex.pair(tokens) -> {closer = opener}, {integer, ...}
Which bracket belongs to which, by their indices, and the brackets that are still open at the end, innermost last.
]]
function lex.pair(tokens)
  local pairs_, open = {}, {}
  for i, token in ipairs(tokens) do
    if token.kind == "op" then
      if token.text == "(" or token.text == "[" or token.text == "{" then
        open[#open + 1] = i
      elseif OPENERS[token.text] and #open > 0 and tokens[open[#open]].text == OPENERS[token.text] then
        pairs_[i] = table.remove(open)
      end
    end
  end
  return pairs_, open
end

return lex
