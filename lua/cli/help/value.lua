-- value: help about a value at hand: a function, an object, a module; what the REPL's help(x) prints
local term = require "term"
local vim = require "vim"
local err = require "core.err"
local contract = require "cli.contract"
local pages = require "cli.help.pages"
local plain = require "cli.help.plain"
local object = require "vsphere.object"
local session = require "vsphere.session"

local value = {}

-- The function that a contract's name stands for, where it can be told: "ssh.connect", "VirtualMachine:type", "session:find".
local function function_of(name)
  local owner, member = name:match("^([%w_]+)[.:]([%w_]+)$")
  if not owner then return nil end
  if owner == "session" then return session[member] end
  if owner:find("^%u") then return object.methods(owner)[member] end
  for _, path in ipairs { owner, "vsphere." .. owner, "core." .. owner, "guest." .. owner, "build." .. owner } do
    local module = package.loaded[path]
    local found = type(module) == "table" and rawget(module, member)
    if type(found) == "function" then return found end
  end
end

--[[
value.name_of(f) -> string|nil
The name of a function under which there is a contract, or of a method of the API.
]]
function value.name_of(f)
  local method = object.method_name(f)
  if method then return method end
  for _, name in ipairs(contract.names()) do if function_of(name) == f then return name end end
end

--[[
value.describe(f) -> string
A function in a line: the first one of its contract.
]]
function value.describe(f)
  local name = value.name_of(f)
  local text = name and contract.find(name)
  return text and "function " .. text:match("^[^\n]*") or name and "function " .. name or "function"
end

-- The topic that a value is about.
local function topic_of(x)
  if type(x) == "string" then return x end
  if type(x) == "function" then return value.name_of(x) end
  local kind = object.is(x) and x.kind or vim.typeof(x)
  if kind then return kind end
  if getmetatable(x) == session then return "session" end
  for name, module in pairs(package.loaded) do
    if module == x and type(x) == "table" and #contract.groups(name:match("[^.]+$")) > 0 then return name:match("[^.]+$") end
  end
end

--[[
value.text(x) -> string
What is known about a value: a function, a managed or data object, a module, a session, or a topic by name ("VirtualMachine.config").
Raises: usage (nothing is known).
]]
function value.text(x)
  local topic = topic_of(x)
  if not topic then err.raise("usage", "no help for this " .. type(x), { hint = "help() says what there is" }) end
  local found = pages.find(topic)
  if #found > 0 then return (plain.text(found, term.is_tty(1) and term.width() or 100):gsub("\n+$", "")) end
  local near = pages.nearest(topic)
  err.raise("usage", string.format("no help for '%s'", topic), { hint = near and "did you mean '" .. near .. "'?" or "help() says what there is" })
end

return value
