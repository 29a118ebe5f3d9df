-- Every public function has a contract beside it, and every contract a function.
local load = require "load"
local check = require "guest.check"
local recipe = require "build.recipe"
local standard = require "build.standard"
local variables = require "build.variables"
local vocabulary = require "build.vocabulary"
local contract = require "cli.contract"
local rows = require "cli.help.rows"
local words = require "cli.help.words"

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
  ["every public function of a Lua module has a contract"] = function(t)
    local all, missing, seen = contract.all(), {}, 0
    for _, file in ipairs(load.list()) do
      local module = not file:find("^guest/checks/") and file:match("^%w+/.*%f[%w_]([%w_]+)%.lua$") -- those are kinds, in one form
      for name in load.source(file):gmatch("\nfunction " .. (module or "%f[%w]%f[%W]") .. "[.:]([%a][%w_]*)%(") do
        seen = seen + 1
        local own = all[module .. ":" .. name] or all[module .. "." .. name]
        if name:sub(1, 2) ~= "__" and not own and not load.source(file):find("\n%-%-%[%[\n[%w_]+[.:]" .. name .. "%f[^%w_]") then
          missing[#missing + 1] = file .. ": " .. name
        end
      end
    end
    t:ok(seen > 200)
    table.sort(missing)
    t:equal(missing, {})
  end,
  ["what follows a contract in Lua is what it is about"] = function(t)
    local gone, seen = {}, 0
    for _, file in ipairs(load.list()) do
      for name, line in (file:find("%.lua$") and load.source(file) or ""):gmatch("%-%-%[%[\n[%w_]+[.:]([%w_]+)[^\n]*.-\n%]%]\n([^\n]*)") do
        seen = seen + 1
        if not line:find("[.:]" .. name .. "%f[^%w_]") and not line:find("function " .. name .. "%f[^%w_]") then gone[#gone + 1] = file .. ": " .. name end
      end
    end
    t:ok(seen > 200)
    t:equal(gone, {})
  end,
  ["help knows every variable of the environment that is asked for"] = function(t)
    local unknown, known = {}, { HOME = true, TERM = true, COLUMNS = true }
    for _, row in ipairs(words.environment().parts[1][2]) do for name in row[1]:gmatch "[%w_]+" do known[name] = true end end
    for _, file in ipairs(load.list()) do
      for name in load.source(file):gmatch 'getenv%s*%(?"([%u_]*%u)"' do if not known[name] then unknown[#unknown + 1] = file .. ": " .. name end end
    end
    t:equal(unknown, {})
  end,
  ["nothing has two contracts"] = function(t)
    t:ok(#contract.names() > 300)
    t:equal(contract.double(), {})
  end,
  ["every word of recipes is in the vocabulary, and every word there is one of recipes"] = function(t)
    local path = t:write(t:directory() .. "/words.lua", "local names = {}\nfor name, value in pairs(_ENV) do\n"
      .. "if type(value) == 'table' then for inner in pairs(value) do names[#names + 1] = name .. '.' .. inner end\n"
      .. "else names[#names + 1] = name end end\ntable.sort(names)\nerror(table.concat(names, ' '), 0)")
    local e = t:raises("", function() recipe.loader(variables.new {}):load(path) end)
    local names = {}
    for _, word in ipairs(vocabulary) do names[#names + 1] = word[1] end
    table.sort(names)
    t:equal(e.message:match(": ([^:]*)$"):gsub("require ", ""), table.concat(names, " "))
  end,
  ["something is said about every option of every word, and of every kind of check"] = function(t)
    local silent, kinds = {}, {}
    for _, kind in ipairs(check.kinds) do kinds[kind.name] = true end
    for _, word in ipairs(vocabulary) do
      t:ok(word.doc and word.form and word.example and word.returns, word[1])
      for _, one in ipairs(word.spec and rows.problems(word.spec) or {}) do
        if not kinds[one:match("^check: (%S+)$")] then silent[#silent + 1] = one end
      end
    end
    for _, kind in ipairs(check.kinds) do
      t:ok(kind.doc and kind.example, kind.name)
      table.move(rows.problems { name = kind.name, fields = kind.fields }, 1, 100, #silent + 1, silent)
    end
    for _, declared in ipairs(standard) do if not declared.doc then silent[#silent + 1] = declared[1] end end
    t:equal(silent, {})
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
