local err = require "core.err"
local recipe = require "build.recipe"
local variables = require "build.variables"

local HEAD = [[
local v = vars { iso_url = "http://127.0.0.1/x.iso", iso_checksum = "none" }
]]

local function load(t, text, options)
  options = options or {}
  options.getenv = options.getenv or function() end
  local dir = t:directory()
  local path = t:write(dir .. "/r.lua", text)
  local vars = variables.new(options)
  local ok, result = pcall(function() return recipe.loader(vars):load(path) end)
  return ok and result or nil, ok and vars or tostring(result):gsub("^.-([^/\n]*%.lua)", "%1"):gsub("\n[^\n]*/([^/\n]*%.lua)", "\n%1"), result
end

local function base(fields)
  return HEAD .. [[return base { name = "x", guest_id = "otherLinux64Guest", iso = { url = v.iso_url, checksum = v.iso_checksum },
  ssh = { password = "secret-word" }, ]] .. (fields or "") .. " }"
end

local function rejects(t, text, ...)
  local loaded, message, e = load(t, text)
  t:ok(not loaded, "the recipe is refused")
  t:ok(err.is(e, "recipe"), "as a recipe error")
  for _, part in ipairs { ... } do t:contains(message, part) end
  return message
end

return {
  ["the repository's own recipes load"] = function(t)
    for _, name in ipairs { "photon3", "centos7" } do
      local vars = variables.new { getenv = function() end, assignments = { "ssh_password=word-of-root" } }
      local image = recipe.loader(vars):load("recipes/" .. name .. ".lua").images[1]
      t:equal(image.name, "base-os-" .. name)
      t:equal(image.hardware.memory, 4 << 30)
    end
  end,
  ["sizes take units and bare numbers are MiB, from the recipe and from variables"] = function(t)
    local loaded = load(t, base [[hardware = { memory = "2GiB", disks = { 100, { size = "1TiB", provisioning = "eager" } } }]])
    t:equal(loaded.images[1].hardware.memory, 2 << 30)
    t:equal(loaded.images[1].hardware.disks, { { size = 100 << 20, provisioning = "thin" }, { size = 1 << 40, provisioning = "eager" } })
    loaded = load(t, base(), { assignments = { "memory=4096", "disk_size=65536" } })
    t:equal(loaded.images[1].hardware.memory, 4096 << 20)
    t:equal(loaded.images[1].hardware.disks[1].size, 65536 << 20)
  end,
  ["all problems are reported at once, each with its line"] = function(t)
    rejects(t, HEAD .. "return base {\n  nmae = 'x',\n  guest_id = 'g',\n  iso = v.iso_url,\n  hardware = { memory = 'lots' },\n}",
      "r.lua:3: unknown option 'nmae': did you mean 'name'?", "r.lua:6: hardware.memory: \"lots\" is not a size", "name is required")
  end,
  ["a Lua error has its line"] = function(t) rejects(t, "local x = nil\nreturn x.y", "r.lua:2: attempt to index") end,
  ["a syntax error has its line"] = function(t) rejects(t, "return base {\n  name = = 2 }", "r.lua:2: ") end,
  ["an undefined name is an error that names the nearest"] = function(t) rejects(t, "return bsae {}", "undefined name 'bsae': did you mean 'base'?") end,
  ["a global is refused"] = function(t) rejects(t, "x = 1\nreturn base {}", "r.lua:1: 'x' would be global: write local x") end,
  ["a recipe returns an image"] = function(t) rejects(t, "return 1", "a recipe returns an image") end,
  ["an unknown variable names the nearest"] = function(t) rejects(t, "local v = vars {}\nreturn base { name = v.memroy }",
      "r.lua:2: no variable 'memroy': did you mean 'memory'?") end,
  ["a text made of a variable without a value says which, once"] = function(t)
    rejects(t, 'local v = vars { plain = { type = "string" } }\nreturn base { name = "x-" .. v.plain }',
      "r.lua:2: variable plain has no value: set it with --var plain=…")
    rejects(t, 'local v = vars {}\nreturn base { name = "x-" .. v.vmx_version }', "r.lua:2: variable vmx_version has no value")
    local e = rejects(t, 'local v = vars { word = { required = true } }\nreturn base { name = "x-" .. v.word }',
      "r.lua:1: variable word has no value")
    t:ok(not e:find "concatenate", e)
  end,
  ["an import that is not there says where it was looked for"] = function(t) rejects(t, "import 'photon9'", "no recipe 'photon9': looked for") end,
  ["recipes that import each other are named"] = function(t)
    local dir = t:directory()
    t:write(dir .. "/a.lua", "import 'b'\nreturn {}")
    t:write(dir .. "/b.lua", "import 'a'\nreturn {}")
    t:raises("a.lua → .*b.lua → .*a.lua", function()
      recipe.loader(variables.new { getenv = function() end }):load(dir .. "/a.lua")
    end)
  end,
  ["a base image needs a way in"] = function(t)
    rejects(t, HEAD .. "return base { name = 'x', guest_id = 'g', iso = { url = v.iso_url, checksum = v.iso_checksum } }",
      "ssh.password is missing: set ssh_password")
  end,
  ["checksums say their algorithm, by a word, a variable or their length"] = function(t)
    local sha1, sha256 = string.rep("a", 40), string.rep("B", 64)
    for given, want in pairs { ["sha1:" .. sha1] = "sha1", [sha1] = "sha1", [sha256] = "sha256", ["sha256:" .. sha256] = "sha256" } do
      local loaded = load(t, base(), { assignments = { "iso_checksum=" .. given } })
      t:equal(loaded.images[1].iso.algorithm, want)
      t:equal(loaded.images[1].iso.digest, given:match("%x+$"):lower())
    end
    local _, message = load(t, base(), { assignments = { "iso_checksum=sha256:" .. sha1 } })
    t:contains(message, "a sha256 digest has 64 hexadecimal digits, this has 40")
    _, message = load(t, base(), { assignments = { "iso_checksum=xyz" } })
    t:contains(message, "is no digest")
  end,
  ["steps are read strictly"] = function(t)
    rejects(t, base [[provision = { shell { "true", evn = {} } }]], "unknown option 'evn': did you mean 'env'?")
    rejects(t, base [[provision = { upload { "x" } }]], "upload.to is required")
    rejects(t, base [[provision = { "true" }]], "provision[1]: step expected")
    local loaded = load(t, base [[provision = { shell { "true" }, reboot(), wait "5s", function() end, upload { "a", to = "/b" } }]])
    t:equal(#loaded.images[1].provision, 5)
  end,
  ["modules beside a recipe are required with the recipe's words"] = function(t)
    local dir = t:directory()
    t:write(dir .. "/help.lua", "return function(n) return base { name = n, guest_id = 'g', iso = { path = '[d] x.iso' }, ssh = { agent = true } } end")
    local path = t:write(dir .. "/r.lua", "return require 'help' 'made'")
    t:equal(recipe.loader(variables.new { getenv = function() end }):load(path).images[1].name, "made")
  end,
  ["the files a recipe names are below the working directory, beside the recipe or above it"] = function(t)
    local dir = t:directory()
    t:shell(("mkdir -p %s/recipes/own %s/kickstart/photon %s/kickstart/other"):format(dir, dir, dir))
    t:write(dir .. "/recipes/own/install.sh", "true")
    local path = t:write(dir .. "/recipes/r.lua", base [[kickstart = { http = "kickstart/other" },
      provision = { upload { "own", "recipes/own", "nowhere", "/etc", to = "/x" }, shell { script = "own/install.sh" } } ]])
    local function read() return recipe.loader(variables.new { getenv = function() end }):load(path).images[1] end
    local made = read()
    t:equal(made.kickstart.http, dir .. "/kickstart/other", "above")
    t:equal({ table.unpack(made.provision[1]) }, { dir .. "/recipes/own", dir .. "/recipes/own", "nowhere", "/etc" })
    t:equal(made.provision[2].script, dir .. "/recipes/own/install.sh")
    t:write(path, base [[kickstart = { http = "kickstart/photon" }]])
    t:equal(read().kickstart.http, "kickstart/photon", "the working directory comes first")
  end,
}
