-- choose: the thing that a name, path, id or glob means, among those that are there
local runtime = require "runtime"
local err = require "core.err"
local glob = require "core.glob"

local choose = {}

local function fits(entry, wanted)
  if entry.name == wanted or entry.object.moid == wanted or entry.path == wanted then return true end
  local tail = wanted:gsub("^/+", "")
  if #entry.path > #tail and entry.path:sub(-#tail - 1) == "/" .. tail then return true end
  return wanted:find("[*?]") and (glob.match(entry.name, wanted) or glob.match(entry.path, wanted))
end

local function listed(entries)
  local names = {}
  for i, entry in ipairs(entries) do
    if i > 12 then
      names[i] = "…"
      break
    end
    names[i] = entry.path:find("/", 1, true) and entry.path or entry.name
  end
  return table.concat(names, ", ")
end

local function not_found(what, wanted, entries)
  local names = {}
  for i, entry in ipairs(entries) do names[i] = entry.name end
  local near = runtime.nearest(wanted, names)
  err.raise("notfound", string.format("no %s '%s'", what, wanted),
    { hint = near and "did you mean '" .. near .. "'?" or (#entries > 0 and "there: " .. listed(entries) or "there is none at all") })
end

--[[
choose.one(what, wanted, entries, option) -> entry
The one of these that is called so: by name, path or its end, id, or a glob; nil stands for the only one.
  what           string            "resource pool", for messages
  entries        array of { name = string, path = string, object = managed object }
  option         string            what to set when nothing is wanted and there are several
Raises: notfound (none, with the nearest name or those there are; several).
]]
function choose.one(what, wanted, entries, option)
  if wanted then
    local found = {}
    for _, entry in ipairs(entries) do if fits(entry, wanted) then found[#found + 1] = entry end end
    if #found == 1 then return found[1] end
    if #found == 0 then not_found(what, wanted, entries) end
    err.raise("notfound", string.format("several %ss are called '%s': %s", what, wanted, listed(found)), { hint = "give the path, or the id" })
  end
  if #entries == 1 then return entries[1] end
  err.raise("notfound", #entries == 0 and string.format("there is no %s", what) or string.format("which %s? There are %s", what, listed(entries)),
    { hint = "set " .. option })
end

return choose
