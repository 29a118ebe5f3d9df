-- rows: what tables of options look like to people: name, type, default and meaning, from the declarations of core.spec
local rows = {}

local DEEPEST = 4

local function is_list(kind) return kind.item ~= nil and kind.name:find("^list") ~= nil end

-- A type in a few words: "integer 1 to 768", "bios | efi", "list of size or table".
local function type_text(kind)
  if kind.called then return kind.called end
  if kind.values then return table.concat(kind.values, " | ") end
  if kind.name == "integer" and kind.min and kind.max then return string.format("integer %d to %d", kind.min, kind.max) end
  if kind.name == "integer" and kind.min then return "integer from " .. kind.min end
  if is_list(kind) then return "list of " .. type_text(kind.item) end
  if kind.item then return "table: name = " .. type_text(kind.item) end
  if kind.fields then
    for _, field in ipairs(kind.fields) do if field[1] == kind.short then return type_text(field[2]) .. " or table" end end
    return kind.positional and "list with options" or "table"
  end
  if kind.among then
    local out = {}
    for i, one in ipairs(kind.among) do out[i] = type_text(one) end
    return table.concat(out, " or ")
  end
  return kind.name
end

local function default_text(value)
  if value == nil or type(value) == "function" then return nil end
  if type(value) ~= "table" then return type(value) == "string" and string.format("%q", value) or tostring(value) end
  local out = {}
  for i, one in ipairs(value) do out[i] = tostring(default_text(one)) end
  return #out > 0 and "{ " .. table.concat(out, ", ") .. " }" or nil
end

-- The records inside a type, with what stands between their names and that of the field.
local function inner_records(kind, separator, out)
  if kind.fields then out[#out + 1] = { record = kind, separator = separator .. "." }
  elseif kind.item then inner_records(kind.item, is_list(kind) and "[]" or separator .. ".NAME", out)
  else for _, one in ipairs(kind.among or {}) do inner_records(one, separator, out) end end
  return out
end

local function add(record, prefix, depth, out)
  for _, field in ipairs(record.fields) do
    local kind, name = field[2], prefix .. field[1]
    local default = default_text(field.default)
    out[#out + 1] = { name, type_text(kind) .. (default and " = " .. default or ""), (field.required and "required; " or "") .. (field.doc or ""),
      unit = kind.unit and "a " .. kind.name .. " is " .. kind.unit, depth = depth, short = field[1] }
    for _, inner in ipairs(depth < DEEPEST and inner_records(kind, "", {}) or {}) do
      add(inner.record, name .. inner.separator, depth + 1, out)
    end
  end
  return out
end

--[[
rows.of(record [, skip]) -> {row, ...}, string|nil
The options of a record, those inside tables after them by their whole name ("hardware.memory", "hardware.disks[].size"); and a line
about the units that occur.
  record         type              of core.spec
  skip           function|nil      field -> true to leave it out
row = { name, type with default, meaning, depth = integer, short = the last part of the name }
]]
function rows.of(record, skip)
  local wanted, units, seen = { fields = {} }, {}, {}
  for _, field in ipairs(record.fields) do if not (skip and skip(field)) then table.insert(wanted.fields, field) end end
  local out = add(wanted, "", 1, {})
  for _, row in ipairs(out) do
    if row.unit and not seen[row.unit] then seen[row.unit], units[#units + 1] = true, row.unit end
  end
  return out, #units > 0 and table.concat(units, "; "):gsub("^%l", string.upper) .. "." or nil
end

--[[
rows.problems(record [, path]) -> {string, ...}
The options of a record, and of those inside it, that nothing is said about; a test wants none.
]]
function rows.problems(record)
  local out = {}
  for _, row in ipairs(add(record, "", 1, {})) do
    if row[3] == "" or row[3] == "required; " then out[#out + 1] = record.name .. ": " .. row[1] end
  end
  return out
end

return rows
