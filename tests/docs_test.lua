-- Every public function has a contract beside it, and every contract a function.
local contract = require "cli.contract"
local load = require "load"

-- Modules in C: their files are src/NAME*.c, found by the one that opens them.
local function c_modules()
  local out = {}
  for _, file in ipairs(load.list()) do
    local name = file:match("^src/([%w_]+)%.c$")
    if name and load.source(file):find("\nint luaopen_lb_" .. name .. "%(lua_State %*L%) {") then out[#out + 1] = name end
  end
  return out
end

local function documented(name, all)
  if all[name] then return true end
  return all[(name:gsub("%.", ":"))] ~= nil
end

return {
  ["every function of a C module has a contract"] = function(t)
    local all, missing = contract.all(), {}
    for _, module in ipairs(c_modules()) do
      for name, value in pairs(require(module)) do
        local full = module .. "." .. name
        local of_schema = module == "vim" and require("vim").type(name) -- constructors of the API's types
        if type(value) == "function" and not of_schema and not documented(full, all) then missing[#missing + 1] = full end
      end
    end
    table.sort(missing)
    t:equal(missing, {})
  end,
  ["every function of a C module's handles has a contract"] = function(t)
    local all, missing, seen = contract.all(), {}, 0
    for type_name, meta in pairs(debug.getregistry()) do
      local methods = type(meta) == "table" and type(type_name) == "string" and rawget(meta, "live") and rawget(meta, "__index")
      for name in pairs(methods or {}) do
        local module, handle = type_name:match("^([%w_]+)%.?([%w_]*)$")
        seen = seen + 1
        if name ~= "close" and not (all[handle .. ":" .. name] or all[module .. "." .. name]) then missing[#missing + 1] = type_name .. ":" .. name end
      end
    end
    table.sort(missing)
    t:equal(missing, {})
    t:ok(seen > 0)
  end,
  ["every public function of a Lua module below core, vsphere and guest has a contract"] = function(t)
    local all, missing = contract.all(), {}
    for _, file in ipairs(load.list()) do
      local area = file:match("^(%w+)/[%w_]+%.lua$")
      if area == "core" or area == "vsphere" or area == "guest" or area == "build" then
        local module = file:match("([%w_]+)%.lua$")
        for separator, name in load.source(file):gmatch("\nfunction " .. module .. "([.:])([%a][%w_]*)%(") do
          if name:sub(1, 2) ~= "__" and not (all[module .. ":" .. name] or all[module .. "." .. name] or contract.find(module .. separator .. name)) then
            local found
            for known in pairs(all) do found = found or known:match("[.:]" .. name .. "$") end
            if not found then missing[#missing + 1] = file .. ": " .. name end
          end
        end
      end
    end
    table.sort(missing)
    t:equal(missing, {})
  end,
  ["every contract of a C module is of a function that is there"] = function(t)
    local all, files = contract.all()
    local gone, methods = {}, {}
    for type_name, meta in pairs(debug.getregistry()) do
      local own = type(meta) == "table" and type(type_name) == "string" and rawget(meta, "live") and rawget(meta, "__index")
      for name in pairs(own or {}) do methods[type_name:match("^[%w_]+") .. "." .. name] = true end
    end
    for name in pairs(all) do
      local module, separator, member = name:match("^([%w_]+)([.:])([%w_]+)$")
      local own = files[name]:match("^src/([%w_]+)%.c$")
      if own and separator == "." then
        local ok, loaded = pcall(require, module)
        if not methods[name] and (not ok or type(loaded) ~= "table" or loaded[member] == nil) then gone[#gone + 1] = name end
      end
    end
    table.sort(gone)
    t:equal(gone, {})
  end,
}
