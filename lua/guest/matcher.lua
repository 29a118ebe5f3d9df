-- matcher: what a value found in a guest is compared with: a value, patterns, or a table of comparisons
local err = require "core.err"
local spec = require "core.spec"
local pattern = require "guest.pattern"

local matcher = {}
local SHOWN = 200 -- characters of a found text in a message

-- ---- shapes ----

local patterned = { name = "pattern", read = function(_, value, path, problems)
  if type(value) == "number" or type(value) == "boolean" then return tostring(value) end
  if type(value) ~= "string" then return spec.string:read(value, path, problems) end
  if value:find("${", 1, true) then return value end -- known when the variables are
  local ok, message = pattern.parse(value)
  if not ok then problems[#problems + 1] = { path = path, message = message } end
  return value
end }

local number = { name = "number", read = function(_, value, path, problems)
  if tonumber(value) or (type(value) == "string" and value:find("${", 1, true)) then return value end
  problems[#problems + 1] = { path = path, message = "a number is expected, got " .. tostring(value) }
end }

local scalar = { name = "value", read = function(_, value, path, problems)
  if type(value) == "table" or type(value) == "function" then
    problems[#problems + 1] = { path = path, message = "a value is expected, got a " .. type(value) }
  end
  return value
end }

local comparisons
local patterns = spec.list(patterned, { single = true })

--[[
matcher.type
The type of a value to compare with, for the records of checks:
  a text, number or boolean   that value; of a text with lines or a list of values it is a pattern (see pattern.parse)
  a list                      each of these patterns
  { gt = 1, … }               all of these: equal; gt, ge, lt, le (numbers); matches (patterns); prefix, suffix; contains (each is part
                              of the text, or one of the list); consists (the list is made of these, in any order);
                              length (of the list or text); any, all, none (of a list of such tables or values)
]]
matcher.type = spec.either("a value, a list of patterns or comparisons", function(value)
  if type(value) ~= "table" then return type(value) ~= "function" and patterned or nil end
  if #value > 0 or next(value) == nil then return patterns end
  return comparisons
end)
matcher.type.called = "comparison"

local several = spec.list(matcher.type)
comparisons = spec.record("comparisons", {
  { "equal", scalar }, { "gt", number }, { "ge", number }, { "lt", number }, { "le", number },
  { "matches", patterns }, { "prefix", spec.text }, { "suffix", spec.text }, { "contains", spec.list(spec.text, { single = true }) },
  { "consists", spec.list(spec.text) }, { "length", matcher.type }, { "any", several }, { "all", several }, { "none", several },
})

-- ---- as text, for people ----

local function short(text)
  text = text:gsub("%s+$", "")
  if text == "" then return "nothing" end
  if #text > SHOWN then text = text:sub(1, SHOWN):gsub("[\192-\255]?[\128-\191]*$", "") .. "…" end
  return (text:gsub("\r?\n", " ⏎ "))
end

--[[
matcher.show(value) -> string
A value to compare with, or one found, for people.
]]
function matcher.show(value)
  if value == nil then return "nothing" end
  if type(value) ~= "table" then return short(tostring(value)) end
  local out = {}
  for i, one in ipairs(value) do out[i] = matcher.show(one) end
  if #out > 0 or next(value) == nil then return #out > 0 and short(table.concat(out, ", ")) or "nothing" end
  for name, one in pairs(value) do out[#out + 1] = name .. " " .. matcher.show(one) end
  table.sort(out)
  return table.concat(out, ", ")
end

-- ---- comparing ----

local function same(want, found)
  if type(found) == "table" then found = table.concat(found, " ") end
  if tostring(want) == tostring(found) then return true end
  local a, b = tonumber(want), tonumber(found)
  return a ~= nil and a == b
end

local function is_in(list, want)
  for _, one in ipairs(list) do if same(want, one) then return true end end
  return false
end

local function is_like(one, found)
  if type(found) ~= "table" then return pattern.found(one, tostring(found)) end
  for _, element in ipairs(found) do
    local alike
    if one.plain then alike = same(one.plain, element) else alike = pattern.found(one, element) end
    if alike then return true end
  end
  return false
end

-- What the found value lacks, as a list of patterns: those that are not fulfilled.
local function missing(wanted, found)
  local out = {}
  for _, text in ipairs(wanted) do
    local one = err.check(pattern.parse(text))
    if is_like(one, found) == one.negated then out[#out + 1] = text end
  end
  return out
end

local ops = {}

local function numeric(compare)
  return function(want, found)
    local a, b = tonumber(found), tonumber(want)
    return a ~= nil and b ~= nil and compare(a, b)
  end
end

ops.gt = numeric(function(a, b) return a > b end)
ops.ge = numeric(function(a, b) return a >= b end)
ops.lt = numeric(function(a, b) return a < b end)
ops.le = numeric(function(a, b) return a <= b end)
function ops.equal(want, found) return same(want, type(found) == "string" and found:gsub("%s+$", "") or found) end
function ops.matches(want, found) return #missing(want, found) == 0 end
function ops.prefix(want, found) return tostring(found):sub(1, #want) == want end
function ops.suffix(want, found)
  local text = tostring(found):gsub("%s+$", "")
  return want == "" or text:sub(-#want) == want
end
function ops.contains(want, found)
  for _, one in ipairs(want) do
    if type(found) == "table" then
      if not is_in(found, one) then return false end
    elseif not tostring(found):find(one, 1, true) then return false end
  end
  return true
end
function ops.consists(want, found)
  if type(found) ~= "table" then found = { found } end
  if #want ~= #found then return false end
  for _, one in ipairs(want) do if not is_in(found, one) then return false end end
  for _, one in ipairs(found) do if not is_in(want, one) then return false end end
  return true
end
function ops.length(want, found) return (matcher.test(want, type(found) == "table" and #found or utf8.len(tostring(found)) or #tostring(found))) end
function ops.any(want, found)
  for _, one in ipairs(want) do if matcher.test(one, found) then return true end end
  return false
end
function ops.all(want, found)
  for _, one in ipairs(want) do if not matcher.test(one, found) then return false end end
  return true
end
function ops.none(want, found) return not ops.any(want, found) end

local function by_comparisons(want, found)
  for name, operand in pairs(want) do if not ops[name](operand, found) then return false end end
  return true
end

--[[
matcher.test(want, found [, lines]) -> boolean, string
Compare what was found with what is wanted (of matcher.type); the string is what was found, for people, with what is missing.
  found          string|number|boolean|list|nil   nil fits nothing
  lines          boolean = false   a found text is one of lines: plain patterns are contained in it
Raises: format (an expression that a variable has put together wrongly, or that is too large).
]]
function matcher.test(want, found, lines)
  local shown = matcher.show(found)
  if found == nil then return false, shown end
  if type(want) == "table" and (#want > 0 or next(want) == nil) then
    local gone = missing(want, found)
    return #gone == 0, #gone == 0 and shown or string.format("%s (not fulfilled: %s)", shown, table.concat(gone, ", "))
  end
  if type(want) == "table" then return by_comparisons(want, found), shown end
  if type(found) == "table" or lines then return #missing({ tostring(want) }, found) == 0, shown end
  if same(want, found) then return true, shown end
  if tostring(want):find "^!?/.*/$" then shown = shown .. " (a text is compared as it is; expressions stand in a list)" end
  return false, shown
end

return matcher
