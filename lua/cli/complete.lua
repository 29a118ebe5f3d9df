-- complete: what could stand at the end of a piece of Lua at the REPL: names, properties, fields, values, paths
local vim = require "vim"
local natural = require "core.natural"
local lex = require "cli.lex"
local shape = require "cli.shape"
local object = require "vsphere.object"
local session = require "vsphere.session"

local complete = {}

local SHOWN = 200 -- candidates that are listed

local function is_op(token, text) return token ~= nil and token.kind == "op" and token.text == text end

-- ---- members ----

local function property_names(kind)
  local out = {}
  for i, field in ipairs((vim.type(kind) or {}).fields or {}) do out[i] = field.name end
  return out
end

local function keys(value, wanted, out)
  for _ = 1, 5 do
    for key, inner in next, value do
      if type(key) == "string" and key:find("^[%a_][%w_]*$") and not key:find("^__") and (not wanted or type(inner) == wanted) then out[#out + 1] = key end
    end
    local meta = getmetatable(value)
    value = type(meta) == "table" and rawget(meta, "__index")
    if type(value) ~= "table" then return out end
  end
  return out
end

local after_dot, after_colon = {}, {}

function after_dot.object(of) return property_names(of.type) end
after_dot.data, after_dot.objects = after_dot.object, after_dot.object
function after_dot.column(of) return of.field and property_names(of.field.type) or {} end
function after_dot.session() return { "about", "content", "host", "is_vcenter", "requests", "user", "version" } end
function after_dot.table(of) return keys(of.value, nil, {}) end
function after_dot.vim(_, begun)
  local out = keys(vim, nil, {})
  return begun == "" and out or table.move(vim.complete(begun), 1, 4000, #out + 1, out)
end

function after_colon.object(of)
  local out = vim.members(of.type).methods
  for name in pairs(object.methods(of.type)) do out[#out + 1] = name end
  return out
end
function after_colon.objects() return { "get", "where" } end
function after_colon.column() return { "each" } end
function after_colon.session() return keys(session, "function", {}) end
function after_colon.table(of) return keys(of.value, "function", {}) end
function after_colon.value(of) return type(of.value) == "string" and keys(string, nil, {}) or {} end

-- ---- inside of braces and parentheses ----

-- What may stand in the braces that token `open` begins: { fields } or { of = field of a list }; nil when it is not known.
local function expected(tokens, closers, opens, depth, env)
  local open = opens[depth]
  local before = tokens[open - 1]
  if is_op(tokens[open], "(") then before = nil end
  if is_op(before, "(") and opens[depth - 1] == open - 1 then before = tokens[open - 2] -- f({ … })
  elseif is_op(before, "=") then
    local outer = depth > 1 and expected(tokens, closers, opens, depth - 1, env)
    local name = tokens[open - 2]
    for _, field in ipairs(outer and outer.fields or {}) do
      if name and field.name == name.text then return field.list and { of = field } or { fields = (vim.type(field.type) or {}).fields } end
    end
    return nil
  elseif is_op(before, "{") or is_op(before, ",") or is_op(before, ";") then
    local outer = depth > 1 and expected(tokens, closers, opens, depth - 1, env)
    return outer and outer.of and { fields = (vim.type(outer.of.type) or {}).fields } or nil
  end
  if not before then return nil end
  local last = is_op(tokens[open - 1], "(") and open - 2 or open - 1
  local of = shape.expression(tokens, closers, last, env)
  if not of then return nil end
  if of.kind == "constructor" then return { fields = vim.type(of.type).fields } end
  if of.kind == "method" then return { fields = of.method.params } end
  local names = of.kind == "function" and env.options and env.options(of.value)
  return names and { fields = names } or nil
end

-- The field whose value begins behind "name =" with token i (which need not be there yet).
local function field_of_value(tokens, closers, opens, i, env)
  if not is_op(tokens[i - 1], "=") or #opens == 0 or not is_op(tokens[opens[#opens]], "{") then return nil end
  local inside = expected(tokens, closers, opens, #opens, env)
  for _, field in ipairs(inside and inside.fields or {}) do
    if tokens[i - 2] and field.name == tokens[i - 2].text then return field end
  end
end

-- An option of one of our functions has no type of the API.
local function values_of(kind) return kind and (vim.type(kind) or {}).values or {} end

-- ---- strings ----

-- The token of the function that is called with the string at token i, which argument of it the string is, and whether it stands in
-- a table there: f "…", f("…", f(x, "…", f { "…", f({ "…".
local function called_with(tokens, opens, i)
  local before, open = tokens[i - 1], opens[#opens]
  if before and (before.kind == "name" or is_op(before, ")")) then return i - 1, 1, false end
  local listed = is_op(tokens[open], "{") and (is_op(before, "{") or is_op(before, ","))
  if listed then
    if opens[#opens - 1] ~= open - 1 then return open - 1, 1, true end
    open = open - 1
  end
  if not open or not is_op(tokens[open], "(") then return nil end
  local place = 1
  for at = open + 1, i - 1 do if is_op(tokens[at], ",") then place = place + 1 end end
  return open - 1, listed and 1 or place, listed
end

-- What could end a path of properties of `of`: guest.ip…; a path does not go through a reference to another object.
local function property_path(of, begun)
  for name in begun:gmatch("([^.]*)%.") do
    of = shape.member(of, name)
    if of and of.kind ~= "data" then of = nil end
  end
  return of and property_names(of.type) or {}, begun:match("[^.]*$")
end

-- The object that stands before the first comma: watch(vm, "guest.ip
local function watched(tokens, closers, open, env)
  local comma = open
  repeat comma = comma + 1 until is_op(tokens[comma], ",")
  local of = shape.expression(tokens, closers, comma - 1, env)
  return of and of.kind == "object" and of or nil
end

local function in_string(tokens, closers, opens, env)
  local i = #tokens
  local begun = tokens[i].text
  local field = field_of_value(tokens, closers, opens, i, env)
  if field then return values_of(field.type), begun, '"' end
  if is_op(tokens[i - 1], "==") or is_op(tokens[i - 1], "~=") then
    local of = shape.expression(tokens, closers, i - 2, env)
    return of and of.kind == "enum" and values_of(of.type) or {}, begun, '"'
  end
  local last, place, listed = called_with(tokens, opens, i)
  local of = last and shape.expression(tokens, closers, last, env)
  if not of then return {}, begun end
  if place == 1 and of.paths_of then return property_path(of.paths_of, begun) end
  if listed then return {}, begun end
  if env.finders and env.finders[of.value] then
    if place == 2 then return vim.complete(begun, "ManagedEntity"), begun, '"' end
    return env.paths and env.paths(begun) or {}, begun:match("[^/]*$"), '"'
  end
  if env.watchers and env.watchers[of.value] and place > 1 then return property_path(watched(tokens, closers, opens[#opens], env), begun) end
  local strings = env.strings and env.strings[of.value]
  return strings and strings(begun) or {}, begun, '"'
end

-- ---- names ----

local function globals(begun, env)
  local out = env.names()
  for word in pairs(lex.KEYWORDS) do out[#out + 1] = word end
  return begun:find("^%u") and table.move(vim.complete(begun), 1, 4000, #out + 1, out) or out
end

-- Where a value of a field stands: words of an enum, constructors of the type and those derived, then any name.
local function value_names(field, begun, env)
  local t = field.type and vim.type(field.type)
  if begun == "" and t and t.kind == "enum" then
    local out = {}
    for i, value in ipairs(t.values) do out[i] = '"' .. value .. '"' end
    return out
  end
  if begun == "" and field.type == "boolean" then return { "false", "true" } end
  local out = t and t.kind == "data" and vim.complete(begun, field.type) or {}
  return #out == 0 and begun ~= "" and globals(begun, env) or out
end

-- At the end of the tokens, where `begun` is a name that is not finished: names, what belongs behind the one that is chosen.
local function in_code(tokens, closers, opens, begun, env)
  local last = #tokens
  local op = tokens[last]
  if is_op(op, ".") or is_op(op, ":") then
    local of = shape.expression(tokens, closers, last - 1, env)
    local names = of and (op.text == "." and after_dot or after_colon)[of.kind]
    return names and names(of, begun) or {}
  end
  local field = field_of_value(tokens, closers, opens, last + 1, env)
  if field then return value_names(field, begun, env) end
  local open = opens[#opens]
  if open and is_op(tokens[open], "{") and (open == last or is_op(op, ",") or is_op(op, ";")) then
    local inside = expected(tokens, closers, opens, #opens, env)
    if inside and inside.fields then
      local names = {}
      for i, one in ipairs(inside.fields) do names[i] = one.name end
      return names, " = "
    end
    if inside and inside.of then return value_names(inside.of, begun, env) end
  end
  return globals(begun, env)
end

-- Those that begin so; when there are none, those that do with other capitals.
local function chosen(names, begun)
  local exact, other, seen = {}, {}, {}
  for _, name in ipairs(names) do
    if not seen[name] then
      if name:sub(1, #begun) == begun then exact[#exact + 1] = name
      elseif name:sub(1, #begun):lower() == begun:lower() then other[#other + 1] = name end
    end
    seen[name] = true
  end
  return natural.sort(#exact > 0 and exact or other)
end

--[[
complete.candidates(text, env) -> {string, ...}, string, string
What could go on at the end of `text`, a piece of Lua: candidates, sorted; the part of each that is there already, in whatever
capitals; and what belongs behind a candidate when it is chosen (" = ", a quote). Nothing of the user's is run, and the server is not
asked, but by env.paths.
  env.shape      function          name of a variable -> its shape (see cli.shape), or nil
  env.names      function          () -> an array of the names of variables, which may be changed
  env.finders    {function = true}|nil     functions like session.find
  env.paths      function|nil      beginning of a path -> the names that its last segment can have
  env.watchers   {function = true}|nil     functions that take an object and paths of its properties
  env.strings    {function = function}|nil function -> (beginning -> strings that its first argument can be)
  env.options    function|nil      function -> {{ name = string }, ...}, the fields of a table that it takes; or nil
]]
function complete.candidates(text, env)
  local all = lex.tokens(text)
  local last = all[#all]
  if last and last.kind == "comment" and not last.closed then return {}, "", "" end
  local tokens, begun = lex.code(all), ""
  if last and last.kind == "name" and last.to == #text then begun = table.remove(tokens).text end
  local closers, opens = lex.pair(tokens)
  local names, behind
  if last and last.kind == "string" and not last.closed then
    names, begun, behind = in_string(tokens, closers, opens, env)
  elseif last and last.kind == "number" and last.to == #text then
    names = {}
  else
    names, behind = in_code(tokens, closers, opens, begun, env)
  end
  return chosen(names, begun), begun, behind or ""
end

-- ---- the key ----

local function common_beginning(names)
  local common = names[1]
  for _, name in ipairs(names) do
    while name:sub(1, #common) ~= common do common = common:sub(1, -2) end
  end
  return common
end

-- The widths of the columns when `count` names stand in so many rows, and what they take together.
local function column_widths(names, count, rows)
  local widths, total = {}, -2
  for first = 1, count, rows do
    local widest = 0
    for i = first, math.min(first + rows - 1, count) do widest = math.max(widest, utf8.len(names[i]) or #names[i]) end
    widths[#widths + 1], total = widest, total + widest + 2
  end
  return widths, total
end

-- In columns, downwards, in as few rows as fit.
local function listing(names, width)
  local count, rows, lines = math.min(#names, SHOWN), 0, {}
  local widths, total
  repeat
    rows = rows + 1
    widths, total = column_widths(names, count, rows)
  until total <= width or rows >= count
  for row = 1, rows do
    local cells = {}
    for column, widest in ipairs(widths) do
      local name = names[(column - 1) * rows + row]
      if name and (column - 1) * rows + row <= count then cells[column] = name .. string.rep(" ", widest - (utf8.len(name) or #name)) end
    end
    lines[row] = table.concat(cells, "  "):gsub(" +$", "")
  end
  if #names > count then lines[#lines + 1] = string.format("… %d more", #names - count) end
  return table.concat(lines, "\n")
end

--[[
complete.at_tab(text, env, width) -> string|nil, string|nil, integer
What the Tab key does behind `text`, in the terms of editor:read in line: what is put in, what is shown below, and how many characters
before the cursor go away first (they were in other capitals).
  width          integer           columns of the terminal
]]
function complete.at_tab(text, env, width)
  if text:match("[^\n]*$"):match("^%s*$") then return "  ", nil, 0 end -- an indent
  local names, begun, behind = complete.candidates(text, env)
  if #names == 0 then return nil, nil, 0 end
  local common = common_beginning(names)
  if #names == 1 and not common:find("/$") then common = common .. (common:find('^"') and "" or behind) end
  local same = common:sub(1, #begun) == begun
  if #common > #begun or (#names == 1 and not same) then
    return same and common:sub(#begun + 1) or common, nil, same and 0 or utf8.len(begun) or #begun
  end
  return nil, #names > 1 and listing(names, width) or nil, 0
end

return complete
