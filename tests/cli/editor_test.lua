-- What editors are told: every name in the annotations is in the program, and every name of the program is in them
local vim = require "vim"
local lfs = require "lfs"
local cjson = require "cjson"
local check = require "guest.check"
local standard = require "build.standard"
local vocabulary = require "build.vocabulary"
local contract = require "cli.contract"
local library = require "cli.editor.library"

local PROGRAM = lfs.currentdir() .. "/" .. arg[-1]

-- All annotations together: classes = { name = { base, fields = {name = line} } }, aliases = { name = {value, ...} }, functions.
local function read(t)
  local found = { classes = {}, aliases = {}, functions = {}, paths = library.write(t:directory()) }
  for _, path in ipairs(found.paths) do
    local text, class, alias = t:read(path), nil, nil
    t:ok(#text < 500000, path .. " is too big for the language server")
    t:ok(load(text, "=" .. path, "t", {}))
    for line in text:gmatch "[^\n]+" do
      local name, base = line:match "^%-%-%-@class ([%w_.]+):? ?([%w_.]*)"
      if name then
        class, found.classes[name] = name, found.classes[name] or { base = "", fields = {} }
        if base ~= "" then found.classes[name].base = base end -- our own methods come as a second part of the class
      end
      local field = class and (line:match "^%-%-%-@field ([%w_]+)" or line:match "^%-%-%-@field %[\"(%w+)\"%]")
      if field then found.classes[class].fields[field] = line end
      alias = line:match "^%-%-%-@alias ([%w_.]+)$" or (line:find "^%-%-%-|" and alias) or nil
      if alias then
        found.aliases[alias] = found.aliases[alias] or {}
        table.insert(found.aliases[alias], line:match '^%-%-%-| "(.*)"$')
      end
      local called = line:match "^function ([%w_.:]+)%(" or line:match "^([%w_]+%.[%w_]+) = nil$"
      if called then found.functions[called] = path end
    end
  end
  return found
end

local function names(list, of)
  local out = {}
  for _, one in ipairs(list) do out[of and one[of] or one] = true end
  return out
end

local function keys(map)
  local out = {}
  for name in pairs(map) do out[name] = true end
  return out
end

return {
  ["the vSphere API: every type with its base, fields, values and methods, and no other"] = function(t)
    local found = read(t)
    for _, kind in ipairs { "data", "managed" } do
      for _, name in ipairs(vim.types(kind)) do
        local description, class = vim.type(name), found.classes["vim." .. name]
        t:equal(class and class.base, description.base and "vim." .. description.base or "", name)
        local wanted = {}
        for _, f in ipairs(description.fields) do if f.owner == name then wanted[f.name] = true end end
        for _, m in ipairs(kind == "managed" and vim.members(name).methods or {}) do if vim.method(m).owner == name then wanted[m] = true end end
        t:equal(keys(class.fields), wanted, name)
      end
    end
    for _, name in ipairs(vim.types "enum") do t:equal(names(found.aliases["vim." .. name] or {}), names(vim.type(name).values), name) end
    for name in pairs(found.classes) do
      local of_api = name:match "^vim%.(%w+)$"
      t:ok(not of_api or vim.type(of_api), name)
    end
    for name in pairs(found.aliases) do t:ok(vim.type(name:match "^vim%.(.*)$"), name) end
    t:equal(keys(found.classes.vim.fields), names(vim.complete ""))
    t:match(found.classes["vim.VirtualMachine"].fields.CloneVM_Task,
      "arguments: { folder: vim.Folder, name: string, spec: vim.VirtualMachineCloneSpec }%): vim.Task")
    t:match(found.classes["vim.VirtualMachineConfigSpec"].fields.memoryMB, "memoryMB%? integer")
  end,
  ["recipes: every word, its options, kinds of checks and variables, and no other"] = function(t)
    local found, words = read(t), {}
    for _, word in ipairs(vocabulary) do
      words[word[1]] = true
      t:ok(found.functions[word[1]], word[1])
      if word.spec and word[1] ~= "vars" then t:equal(keys(found.classes["luabuild." .. word[1]].fields), names(word.spec.fields, 1), word[1]) end
    end
    for called, path in pairs(found.functions) do
      if path == found.paths[1] then t:ok(words[called], called) end
    end
    for _, kind in ipairs(check.kinds) do t:equal(keys(found.classes["luabuild.check." .. kind.name].fields).skip, kind.skip or true) end
    t:equal(keys(found.classes["luabuild.values"].fields), names(standard, 1))
    t:match(found.classes["luabuild.base.hardware"].fields.firmware, '"bios"|"efi"|"efi%-secure"')
  end,
  ["modules: every function that has a contract, and no other, where require finds it"] = function(t)
    local found, all = read(t), {}
    for _, name in ipairs(contract.names()) do
      all[name] = true
      t:ok(found.functions[name], name)
    end
    for called, path in pairs(found.functions) do t:ok(all[called] or path == found.paths[1], called) end
    t:match(found.functions["ssh.connect"], "/ssh%.lua$")
    t:match(found.functions["session:invoke"], "/vsphere/session%.lua$")
    t:ok(found.classes["src.session"].fields.exec and found.classes["src.session"].fields.upload)
  end,
  ["every type that an annotation names is one"] = function(t)
    local found, defined = read(t), {}
    for word in ("string number integer boolean table nil any fun function true false"):gmatch "%a+" do defined[word] = true end
    for name in pairs(found.classes) do defined[name] = true end
    for name in pairs(found.aliases) do defined[name] = true end
    for name in ("size duration comparison step"):gmatch "%a+" do defined["luabuild." .. name] = true end -- these are of one line
    local function known(text, line)
      text = text:gsub('"[^"]*"', ""):gsub("[%a_][%w_]*%??:", " ") -- what is quoted, names of parameters and fields
      for name in text:gmatch "[%a_][%w_.]*" do t:ok(defined[name], name .. " in " .. line) end
    end
    for _, path in ipairs(found.paths) do
      for line in io.lines(path) do
        local rest = line:match "^%-%-%-@field %S+ (.*)$" or line:match "^%-%-%-@param %S+ (.*)$" or line:match "^%-%-%-@return (.*)$"
        if rest then known(rest:match "^fun%b(): %S+" or rest:match "^fun%b()" or rest:match "^%b()%S*" or rest:match "^%S+", line) end
      end
    end
  end,
  ["init makes a folder whose recipe is right at once, and replaces nothing"] = function(t)
    local dir = t:directory() .. "/mine"
    local function run(command) return t:shell(string.format("cd '%s' && %s", lfs.attributes(dir) and dir or "/", command:gsub("PROGRAM", PROGRAM))) end
    local out, status = run("PROGRAM init " .. dir)
    t:equal(status, 0, out)
    for _, arguments in ipairs { "", "--var-file vcenter.json", "--var release=2" } do
      out, status = run("env -u VCENTER_SERVER PROGRAM check image.lua " .. arguments)
      t:equal(status, 0, out)
    end
    t:contains(out, "my-image-2: fine")
    local settings = cjson.decode(t:read(dir .. "/.luarc.json"))
    t:ok(lfs.attributes(dir .. "/" .. settings["workspace.library"][1] .. "/vsphere/session.lua"))
    t:contains(t:read(dir .. "/.gitignore"), "/output/")
    t:write(dir .. "/image.lua", "mine")
    out, status = run "PROGRAM init"
    t:equal(status, 0)
    t:contains(out, "image.lua is there already: left as it is")
    t:equal(t:read(dir .. "/image.lua"), "mine")
    t:ok(not out:find "add to it", out)
    t:write(dir .. "/.luarc.json", "{}")
    t:contains(run "PROGRAM init", 'for the editor, add to it: "workspace.library": ["' .. settings["workspace.library"][1] .. '"]')
  end,
}
