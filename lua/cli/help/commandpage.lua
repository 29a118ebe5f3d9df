-- commandpage: a command's declaration as a page of help
local commands = require "cli.commands"
local options = require "cli.options"

local commandpage = {}

--[[
commandpage.options(declared) -> {row, ...}
Options of a command line as rows of a page.
]]
function commandpage.options(declared)
  local out = {}
  for i, o in ipairs(declared) do
    local default = o.default and " (" .. o.default .. ")" or ""
    local values = o.values and #o.values > 4 and ": " .. table.concat(o.values, ", ") or ""
    out[i] = { options.shown(o), "", o.doc .. values .. default .. (o.many and "; may be repeated" or "") }
  end
  return out
end

local function action_rows(command)
  local out = {}
  for i, action in ipairs(command.actions) do out[i] = { action[1], "", action.doc } end
  return out
end

--[[
commandpage.of(command) -> page
What help says about a command, or an action of one. For page see cli.help.pages.
]]
function commandpage.of(command)
  local parts = { { "code", table.concat(commands.usage(command), "\n") }, { "text", command.doc:gsub("^%l", string.upper) .. "." } }
  for paragraph in ((command.text or "") .. "\n\n"):gmatch("(.-)\n\n+") do -- one in columns stays as it is
    if paragraph ~= "" then table.insert(parts, { paragraph:find("%S   +%S") and "code" or "text", paragraph }) end
  end
  if command.actions then
    table.insert(parts, { "heading", "Actions" })
    table.insert(parts, { "rows", action_rows(command) })
  end
  if command.options and #command.options > 0 then
    table.insert(parts, { "heading", "Options" })
    table.insert(parts, { "rows", commandpage.options(command.options) })
  end
  for i, example in ipairs(command.examples or {}) do
    if i == 1 then table.insert(parts, { "heading", "Examples" }) end
    table.insert(parts, { "code", example[1] .. "\n    " .. example[2] })
  end
  return { name = command.name, kind = "command", title = "luabuild " .. command.name, parts = parts }
end

return commandpage
