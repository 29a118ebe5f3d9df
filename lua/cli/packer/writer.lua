-- writer: a tree of values as Lua source that reads as if somebody had written it
local writer = {}

local WIDTH = 118 -- columns of a line

--[[
writer.lua(text) -> node
An expression as it is.
]]
function writer.lua(text) return { lua = text } end

--[[
writer.list(items) -> node
A table of items; an item is a node, or { comment = text }.
]]
function writer.list(items) return { items = items } end

--[[
writer.fields() -> node
A table of fields, empty at first: node:set(key, node) adds or replaces one, node:get(key) finds it, node:remark(text) adds a line of comment.
  block          boolean|nil       set it: one field a line, however short they are
  fields_first   boolean|nil       set it: the fields stand before the items
]]
function writer.fields()
  local node = { fields = {} }
  function node:get(key)
    for _, field in ipairs(self.fields) do if field.key == key then return field.value end end
  end
  function node:set(key, value)
    for _, field in ipairs(self.fields) do
      if field.key == key then
        field.value = value
        return
      end
    end
    table.insert(self.fields, { key = key, value = value })
  end
  function node:remark(text) table.insert(self.fields, { comment = text }) end
  return node
end

--[[
writer.call(word, argument) -> node
A word of recipes with its table: shell { … }.
]]
function writer.call(word, argument) return { call = word, argument = argument } end

local ESCAPES = { ["\n"] = "\\n", ["\t"] = "\\t", ["\r"] = "\\r", ["\\"] = "\\\\" }

local function quoted(text)
  local quote = text:find('"', 1, true) and not text:find("'", 1, true) and "'" or '"'
  local inner = text:gsub("[%c\\]", function(c) return ESCAPES[c] or string.format("\\%03d", c:byte()) end)
  return quote .. (quote == '"' and inner:gsub('"', '\\"') or inner) .. quote
end

-- Several lines stand as they are, in long brackets.
local function written(text)
  local body = text:match("^(.*\n.*)$")
  if not body or body:find("%]=*%]") or body:find("%]$") or body:find("[%c]") and body:gsub("[\n\t]", ""):find("%c") then return quoted(text) end
  return "[[\n" .. body .. "]]"
end

--[[
writer.scalar(value) -> string
A string, number or boolean as Lua source.
]]
function writer.scalar(value) return type(value) == "string" and written(value) or tostring(value) end

local function key_text(key) return key:find("^[%a_][%w_]*$") and key or "[" .. quoted(key) .. "]" end

local inline

local function inline_items(list, show)
  local out = {}
  for _, item in ipairs(list) do
    local text = not (type(item) == "table" and item.comment) and show(item)
    if not text then return nil end
    out[#out + 1] = text
  end
  return out
end

-- On one line, or nil: comments and several lines of text do not go on one.
function inline(node)
  if type(node) ~= "table" then
    local text = writer.scalar(node)
    return not text:find("\n", 1, true) and text or nil
  end
  if node.lua then return node.lua end
  if node.call then
    local argument = inline(node.argument)
    return argument and node.call .. " " .. argument or nil
  end
  if node.block then return nil end
  local items = inline_items(node.items or {}, inline)
  local fields = inline_items(node.fields or {}, function(field)
    local text = inline(field.value)
    return text and key_text(field.key) .. " = " .. text
  end)
  if not (items and fields) then return nil end
  if node.fields_first then items, fields = fields, items end
  table.move(fields, 1, #fields, #items + 1, items)
  return #items == 0 and "{}" or "{ " .. table.concat(items, ", ") .. " }"
end

local render

-- Broken at blanks; what goes on is moved in.
local function comment_lines(out, text, indent)
  for line in text:gmatch("[^\n]+") do
    local head = indent .. "-- "
    while #head + #line > WIDTH do
      local at = line:sub(1, WIDTH - #head):match("^.*() ") or line:find(" ", 1, true)
      if not at then break end
      out[#out + 1] = head .. line:sub(1, at - 1)
      line, head = line:sub(at + 1), indent .. "--   "
    end
    out[#out + 1] = head .. line
  end
end

local function widest(fields)
  local width = 0
  for _, field in ipairs(fields) do if field.key then width = math.max(width, #key_text(field.key)) end end
  return width
end

local function render_items(node, out, inner)
  for _, item in ipairs(node.items or {}) do
    if type(item) == "table" and item.comment then comment_lines(out, item.comment, inner)
    else out[#out + 1] = inner .. render(item, inner, 0) .. "," end
  end
end

local function render_table(node, indent)
  local out, inner = { "{" }, indent .. "  "
  if not node.fields_first then render_items(node, out, inner) end
  local width = not node.items and widest(node.fields or {}) or 0
  for _, field in ipairs(node.fields or {}) do
    if field.comment then
      comment_lines(out, field.comment, inner)
    else
      local head = key_text(field.key) .. string.rep(" ", width - #key_text(field.key)) .. " = "
      out[#out + 1] = inner .. head .. render(field.value, inner, #head) .. ","
    end
  end
  if node.fields_first then render_items(node, out, inner) end
  out[#out + 1] = indent .. "}"
  return table.concat(out, "\n")
end

-- `used`: columns of the line that something else has taken.
function render(node, indent, used)
  local short = inline(node)
  if short and #indent + used + #short < WIDTH or type(node) ~= "table" or node.lua then return short or writer.scalar(node) end
  if node.call then return node.call .. " " .. render(node.argument, indent, used + #node.call + 1) end
  return render_table(node, indent)
end

--[[
writer.text(node [, used]) -> string
The source of a tree, without a line break at the end.
  used           integer = 0       columns that stand before it on its first line
]]
function writer.text(node, used) return render(node, "", used or 0) end

return writer
