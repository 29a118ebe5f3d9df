-- pretty: whole values for people: lists of objects as tables, objects with what stands for them, the rest as cli.nested has it
local vim = require "vim"
local err = require "core.err"
local printable = require "core.printable"
local columns = require "cli.columns"
local grid = require "cli.grid"
local humane = require "cli.humane"
local nested = require "cli.nested"
local list = require "vsphere.list"
local object = require "vsphere.object"
local session = require "vsphere.session"

local pretty = {}

local ROWS = 100 -- of a table

-- ---- tables ----

-- A value in a cell: short, and without quotes.
local function cell(p, value, field, owner)
  if value == nil then return "" end
  if field and field.secret then return nested.SECRET end
  if type(value) == "string" then
    local time = field and field.type == "dateTime" and humane.time(value, p.now)
    return humane.harmless(time or value)
  end
  if type(value) == "number" then return field and humane.unit(field, owner, value) or nested.number(p, value) end
  if type(value) == "table" and not vim.typeof(value) and rawlen(value) > 0 and not (getmetatable(value) or {}).__tostring then
    local cells = {}
    for i, inner in ipairs(value) do cells[i] = cell(p, inner, field, owner) end
    return table.concat(cells, ", ")
  end
  return (nested.text({ paint = function(_, text) return text end, names = p.names, depth = 1, width = math.huge, open = {}, now = p.now,
    describe = p.describe }, value, 0, 0):gsub("\n%s*", " "))
end

local function follow(value, path)
  for name in path:gmatch("[^.]+") do
    if type(value) ~= "table" then return nil end
    value = rawget(value, name)
  end
  return value
end

-- Rows numbered from 1, so that list[3] is what is seen at 3.
local function numbered(p, chosen, count, value_of, first)
  local rows, right, heading = {}, { true }, { "" }
  if first then heading[2] = first.heading end
  for _, column in ipairs(chosen) do heading[#heading + 1], right[#heading + 1] = column.heading, true end
  for i = 1, math.min(count, ROWS) do
    rows[i] = { tostring(i), first and first.text(i) }
    for _, column in ipairs(chosen) do
      local value = value_of(i, column.path)
      table.insert(rows[i], cell(p, value, column.field, column.owner))
      if value ~= nil and type(value) ~= "number" then right[#rows[i]] = nil end
    end
  end
  if first then right[2] = nil end
  local lines = grid.lines(rows, { heading = heading, right = right, width = p.width, paint = p.paint, more = p.more })
  if count > ROWS then lines[#lines + 1] = p.paint("dim", string.format("… %d more", count - ROWS)) end
  return table.concat(lines, "\n")
end

local function paths_of(chosen)
  local out = {}
  for i, column in ipairs(chosen) do out[i] = column.path end
  return out
end

-- Columns in which some row has a value.
local function used(chosen, count, value_of)
  local out = {}
  for _, column in ipairs(chosen) do
    for i = 1, count do
      if value_of(i, column.path) ~= nil then
        out[#out + 1] = column
        break
      end
    end
  end
  return out
end

-- The columns of the type that has most to say, and how many types there are: among folders, the machines'.
local function columns_of(objects)
  local out, seen, kinds = {}, {}, 0
  for _, o in ipairs(objects) do
    local own = seen[o.kind] and {} or columns.of_object(o.kind)
    kinds, seen[o.kind] = kinds + (seen[o.kind] and 0 or 1), true
    if #own > #out then out = own end
  end
  return out, kinds
end

local function objects_table(p, objects)
  local shown = table.move(objects, 1, math.min(#objects, ROWS), 1, {})
  local chosen, kinds = columns_of(shown)
  local rows = #chosen > 0 and p.rows(shown, paths_of(chosen)) or {}
  local function value_of(i, path) return (rows[i] or {})[path] end
  local first = #chosen == 0 and { heading = "object", text = function(i) return tostring(shown[i]) end }
    or kinds > 1 and { heading = "type", text = function(i) return shown[i].kind end } or nil
  return numbered(p, used(chosen, #shown, value_of), #objects, value_of, first)
end

local function data_table(p, values)
  local base = vim.typeof(values[1])
  local same = true
  for _, v in ipairs(values) do
    while not vim.isa(vim.typeof(v), base) do base = vim.type(base).base end
    same = same and vim.typeof(v) == vim.typeof(values[1])
  end
  local function value_of(i, path) return follow(values[i], path) end
  local chosen = used(columns.of_data(base), math.min(#values, ROWS), value_of)
  if #chosen == 0 then return nil end
  local first = not same and { heading = "type", text = function(i) return vim.typeof(values[i]) end } or nil
  return numbered(p, chosen, #values, value_of, first)
end

local function column_table(p, value)
  local about = list.about(value)
  local values, shown = {}, {}
  for i = 1, math.min(#value, ROWS) do shown[i], values[i] = about.list[i], value[i] end
  local named = about.path == "name" and not about.follows
  nested.learn(p, { named and {} or shown, values })
  local column = { path = about.path, heading = about.path, field = about.field, owner = about.owner }
  local function name(i) return humane.harmless(p.names[tostring(shown[i])] or tostring(shown[i])) end
  local first = not named and { heading = "", text = name } or nil
  return numbered(p, { column }, #value, function(i) return values[i] end, first)
end

-- ---- whole values ----

local function object_text(p, value)
  local chosen = columns.of_object(value.kind)
  local row = #chosen > 0 and p.rows({ value }, paths_of(chosen))[1] or {}
  p.names[tostring(value)] = row.name
  local widest = 0
  for _, column in ipairs(chosen) do if row[column.path] ~= nil then widest = math.max(widest, #column.path) end end
  local lines = { p.paint("bold", value.kind) .. nested.reference(p, value):sub(#value.kind + 1) }
  for _, column in ipairs(chosen) do
    local inner = row[column.path]
    if inner ~= nil and column.path ~= "name" then
      lines[#lines + 1] = string.format("  %-" .. widest .. "s  %s", column.path, nested.text(p, inner, widest + 4, 1, column.field, column.owner))
    end
  end
  return table.concat(lines, "\n")
end

local function session_text(p, value)
  local user = value.user and value.user.userName or "nobody"
  return string.format("%s\n  %s, API %s, as %s", p.paint("bold", tostring(value)), humane.harmless(value.about.fullName), value.version, humane.harmless(user))
end

-- All of them managed objects, or all data objects?
local function array_of(value)
  if rawlen(value) == 0 then return nil end
  local found
  for i, inner in ipairs(value) do
    local kind = object.is(inner) and "objects" or vim.typeof(inner) and "data" or nil
    if i > 1 and kind ~= found or not kind then return nil end
    found = kind
  end
  return next(value, rawlen(value)) == nil and found or nil
end

local function whole(p, value)
  if type(value) == "string" then
    if humane.binary(value) then return p.paint("dim", humane.binary(value)) end
    return value:find("\n", 1, true) and printable.clean(value) or p.paint("green", humane.quoted(value))
  end
  if type(value) ~= "table" or err.is(value) then return err.is(value) and tostring(value) or nested.text(p, value, 0, 0) end
  if object.is(value) then return object_text(p, value) end
  if getmetatable(value) == session then return session_text(p, value) end
  local of_list = list.is(value)
  if of_list and #value == 0 then return p.paint("dim", "nothing") end
  if of_list == "column" then return column_table(p, value) end
  local array = of_list and "objects" or not vim.typeof(value) and array_of(value)
  local text = array == "objects" and objects_table(p, value) or array == "data" and data_table(p, value)
  if text then return text end
  nested.learn(p, value)
  return nested.text(p, value, 0, 0)
end

local function plain(_, text) return text end

-- One request for all; where that is refused, nothing is known.
local function ask(objects, paths)
  local ok, rows = pcall(objects[1].session and require("vsphere.property").get_many, objects[1].session, objects, paths)
  if not ok and err.is(rows, "cancelled") then error(rows, 0) end
  return ok and rows or {}
end

--[[
pretty.show(value [, options]) -> string
A value as a person wants to see it, without a newline at its end. Managed objects and lists of them ask the server for what stands
in their table, references for their names: one request each.
  options.width  integer = 80      columns
  options.depth  integer = 3       levels of nested values
  options.paint  function|nil      (color, text) -> text; colors: bold, dim, green
  options.mask   function|nil      text -> text without secrets
  options.now    integer|nil       seconds since 1970, for how long ago something was
  options.rows   function|nil      (objects, paths) -> rows, as property.get_many
  options.describe function|nil    function -> what it is, for people
  options.more   string = "…"      stands for what is cut off in a table
Raises: cancelled.
Blocks: yes, for those requests.
]]
function pretty.show(value, options)
  options = options or {}
  local p = { width = options.width or 80, depth = options.depth or 3, paint = options.paint or plain, now = options.now or os.time(),
    rows = options.rows or ask, names = {}, open = {}, describe = options.describe or function() end, more = options.more }
  local text = whole(p, value)
  return options.mask and options.mask(text) or text
end

return pretty
