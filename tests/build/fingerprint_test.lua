-- What an image is made from, and what is said of a change.
local fingerprint = require "build.fingerprint"
local recipe = require "build.recipe"
local variables = require "build.variables"

-- The fingerprint of the recipe's image with these variables.
local function of(t, text, assignments)
  local path = t:write(t:directory() .. "/r.lua", text)
  local vars = variables.new { assignments = assignments or {} }
  return fingerprint.of(recipe.loader(vars):load(path).images[1])
end

local function image(fields)
  return [[local v = vars { token = { secret = true, default = "" }, note = "" }
    return base { name = "x", guest_id = "otherLinux64Guest", iso = { url = "https://host/x.iso", checksum = "none" },
      boot = { "<enter>" }, shutdown = "poweroff",
      ssh = { username = "root", password = "not-a-secret" }, ]] .. fields .. " }"
end

local function changed(t, old, new) return fingerprint.changes(of(t, image(old)).parts, of(t, image(new)).parts) end

return {
  ["secrets are not in it, wherever they stand; what is no secret is"] = function(t)
    local text = image [[provision = { shell { "use " .. v.token, env = { TOKEN = v.token, NOTE = v.note } }, upload { content = v.token, to = "/x" } },
      kickstart = { files = { ks = "a" }, values = { token = v.token } }, annotation = "https://me:" .. v.token .. "@host/"]]
    local one = of(t, text, { "token=first-token" })
    t:equal(one, of(t, text, { "token=second-one" }))
    t:ok(one.total ~= of(t, text, { "token=first-token", "note=x" }).total)
  end,
  ["a change is told by the field, the file, the step"] = function(t)
    t:equal(changed(t, "hardware = { memory = 512 }", "hardware = { memory = 1024, cpus = 3 }"), { "hardware (cpus, memory)" })
    t:equal(changed(t, "kickstart = { files = { ['ks.cfg'] = 'a', b = 'b' } }", "kickstart = { files = { ['ks.cfg'] = 'c', b = 'b' } }"),
      { "kickstart (ks.cfg)" })
    t:equal(changed(t, "provision = { shell 'a', shell 'b' }", "provision = { shell 'new', checkpoint 'c', shell 'a', shell { 'x', name = 'last' } }"),
      { "provision (1 shell, 4 last)" })
    t:equal(changed(t, "provision = { shell 'a', shell 'b' }", "provision = { shell 'b' }"), { "provision" }, "one was taken out")
    t:equal(changed(t, "export = { format = 'ova', manifest = 'sha1' }", "export = { format = 'ova' }"), { "export (manifest)" })
  end,
  ["many changes are cut, and what was made by an earlier version has no pieces"] = function(t)
    local new = of(t, image "provision = { shell '1', shell '2', shell '3', shell '4', shell '5', shell '6' }").parts
    local old = of(t, image "provision = { shell 'a' }").parts
    t:equal(fingerprint.changes(old, new), { "provision (1 shell, 2 shell, 3 shell, 4 shell, 5 shell, …)" })
    for name in pairs(old) do if name:find(".", 1, true) then old[name] = nil end end
    t:equal(fingerprint.changes(old, new), { "provision" })
  end,
}
