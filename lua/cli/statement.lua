-- statement: from typed lines to a chunk that can be run
local statement = {}

-- local at the prompt would end with its line: what it names stays, as a name of the REPL.
local function kept(text)
  local name = text:match("^%s*local%s+function%s+([%a_][%w_]*)")
  if name then return (text:gsub("^(%s*)local%s+", "%1", 1)) end
  local list, rest = text:match("^%s*local%s+([%a_][%w_%s,]*)(.*)$")
  if not list or list:find("^function%f[%W]") then return text end
  if rest:find("^=[^=]") or rest == "=" then return (text:gsub("^(%s*)local%s+", "%1", 1)) end
  return rest == "" and (text:gsub("^(%s*)local%s+", "%1", 1)) .. " = nil" or text
end

-- A quoted string ends with its line: one that does not is a mistake, not a beginning.
local function unfinished(message) return message:find("near <eof>", 1, true) ~= nil and not message:find("unfinished string", 1, true) end

--[[
statement.read(text, environment [, name, line]) -> function
                                                 -> nil, message
                                                 -> nil
Make a chunk of what was typed: an expression, whose value it returns, or statements. nil alone when the text is fine as far as
it goes: it wants more lines. A local variable is one of the environment instead.
  environment    table             the chunk's names
  name           string = "prompt" where errors say they are
  line           integer = 1       which line of it the text begins at
]]
function statement.read(text, environment, name, line)
  local before = string.rep("\n", (line or 1) - 1)
  name = "=" .. (name or "prompt")
  local chunk, why = load(before .. "return " .. text, name, "t", environment)
  if chunk then -- called in the middle of something, not last: a tail call would not know its line
    local inner = load(before .. "return (...)(1, " .. text .. ")", name, "t", environment)
      or load(before .. "return (...)(1, " .. text .. "\n)", name, "t", environment) -- it ends with a comment
    return inner and function() return inner(select) end or chunk
  end
  local message
  chunk, message = load(before .. kept(text), name, "t", environment)
  if chunk then return chunk end
  if unfinished(message) or unfinished(why) then return nil end
  return nil, message
end

return statement
