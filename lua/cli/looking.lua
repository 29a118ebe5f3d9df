-- looking: the names for looking round at the REPL: vc, find, watch; what help() says of them
local signal = require "signal"
local err = require "core.err"
local pretty = require "cli.pretty"
local inventory = require "vsphere.inventory"
local object = require "vsphere.object"
local property = require "vsphere.property"
local session = require "vsphere.session"

local looking = {}

looking.HELP = [[
vc                    the vCenter or host; connects when it is first used
find("vm/*")          things in the inventory, by path, name, id or glob:
                      an object, or a list of them
vm.guest.net          properties are fields; a list's are read together:
                      find("vm/*").runtime.host.name
vm:PowerOnVM_Task():wait()
                      methods of the API, and luabuild's own: vm:power_on(),
                      vm:type("<esc><wait>x<enter>"), vm:screenshot("now.png")
VirtualMachineConfigSpec { numCPUs = 2 }
                      types of the API; Tab completes fields and values
watch(vm, "guest.ipAddress")
                      say what a property is when it changes, until Ctrl-C,
                      or for the seconds that follow it
show(value, depth)    print more levels of a value
help(x)               about a function, type, method, object: help(vm),
                      help(ssh.connect), help "PowerOnVM_Task"
_                     the last value
exit()                or Ctrl-D; exit(3) for that exit status

Modules need no require: ssh, http, ova, keystroke, floppy, iso, digest, vim, …
Names made with local stay.]]

local function watch(one, ...)
  local paths = { ... }
  if not object.is(one) then err.raise("usage", "watch one object: watch(vm, \"guest.ipAddress\")") end
  local seconds = type(paths[#paths]) == "number" and table.remove(paths) or math.huge
  if #paths == 0 then err.raise("usage", "watch what? watch(vm, \"guest.ipAddress\")") end
  local watcher <close> = property.watch(one, paths)
  local until_, last = signal.now() + seconds, {}
  repeat
    local ok, values = pcall(watcher.next, watcher, math.max(0, math.min(60, until_ - signal.now())))
    if not ok and err.is(values, "cancelled") and values.message == "interrupted" then break end
    if not ok then error(values, 0) end
    for _, path in ipairs(values and paths or {}) do
      local text = values[path] == nil and "-" or pretty.show(values[path])
      if text ~= last[path] then print(os.date("%H:%M:%S  ") .. path .. "  " .. text) end
      last[path] = text
    end
  until signal.now() >= until_
end

-- For Tab: what cannot be told soon is nothing.
local function candidates(connect, begun)
  local ok, found = pcall(function() return inventory.candidates(connect(), begun, { timeout = 3 }) end)
  if not ok and err.is(found, "cancelled") then error(found, 0) end
  return ok and found or {}
end

--[[
looking.options(connect [, is_set]) -> options for repl.run
The names vc, find and watch, the completion of paths, and their help; more names may be put into the field names.
  connect        function          () -> session, made or there already
  is_set         function|nil      () -> boolean: may Tab connect?
]]
function looking.options(connect, is_set)
  local function find(pattern, kind) return connect():find(pattern, kind) end
  return {
    names = { find = find, watch = watch }, made = { vc = connect }, shapes = { vc = { kind = "session" } }, help = looking.HELP,
    finders = { [find] = true, [session.find] = true }, watchers = { [watch] = true },
    paths = function(begun) return (not is_set or is_set()) and candidates(connect, begun) or {} end,
  }
end

-- What a recipe did not write in an image or a step of it, or not there.
local UNWRITTEN = { kind = true, step = true, recipe = true, variables = true, line = true, connection = true }

-- As a recipe writes it: shell { … }. What is empty is left out.
local Written = {}
function Written.__shown(value)
  local out = {}
  for key, inner in next, value do
    if not UNWRITTEN[key] and not (type(inner) == "table" and next(inner) == nil) then out[key] = inner end
  end
  if type(value.from) == "table" and value.from.kind then
    out.from = setmetatable({}, { __tostring = function() return "image " .. value.from.name end })
  end
  return value.kind or value.step, out
end

--[[
looking.image(image) -> image
The same image; it, what it is made from, and their steps are shown as a recipe writes them.
]]
function looking.image(image)
  for _, list in ipairs { image.provision or {}, image.on_error or {}, image.after or {} } do
    for _, step in ipairs(list) do
      if type(step) == "table" then setmetatable(step, Written) end
    end
  end
  if type(image.from) == "table" then looking.image(image.from) end
  return setmetatable(image, Written)
end

--[[
looking.values(variables) -> {name = value}
A recipe's variables as a plain table, which shows its values.
]]
function looking.values(variables)
  local out = {}
  for name in pairs(getmetatable(variables).described) do out[name] = variables[name] end
  return out
end

return looking
