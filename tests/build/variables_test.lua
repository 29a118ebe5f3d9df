local variables = require "build.variables"

local function scope(_, options, declarations)
  options.getenv = options.getenv or function() end
  local vars, problems = variables.new(options), {}
  local values = vars:scope(declarations or {}, problems)
  local texts = {}
  for i, p in ipairs(problems) do texts[i] = p.path .. ": " .. p.message end
  return values, texts, vars
end

local function file(t, text, name)
  return t:write(t:directory() .. "/" .. (name or "v.json"), text)
end

-- Packer's way: numbers and booleans as text, one variable in another.
local PACKER = [[{ "cpu": "2", "memory": "4096", "convert_to_template": "false", "create_snapshot": "true", "ssh_timeout": "3m",
  "build_name": "k3s", "output_dir": "./output/{{user `build_version`}}", "build_version": "{{ user `build_name` }}-x",
  "boot_media_path": "http://{{ .HTTPIP }}:{{ .HTTPPort }}", "stamp": "{{timestamp}}" }]]

return {
  ["default < environment < var-files in order < --var"] = function(t)
    local env = { LUABUILD_VAR_a = "env", LUABUILD_VAR_b = "env", LUABUILD_VAR_c = "env" }
    local one, two = file(t, '{"b": "one", "c": "one", "d": "one"}'), file(t, 'return { c = "two", d = "two" }', "v.lua")
    local v = scope(t, { getenv = function(n) return env[n] end, files = { one, two }, assignments = { "d=var" } },
      { a = "default", b = "default", c = "default", d = "default", e = "default" })
    t:equal({ v.a, v.b, v.c, v.d, v.e }, { "env", "one", "two", "var", "default" })
  end,
  ["the connection comes from VCENTER_*, else from GOVC_*"] = function(t)
    local env = { GOVC_URL = "https://me%40x:p%3Aw@vc.example:8443/sdk", GOVC_INSECURE = "1" }
    local v = scope(t, { getenv = function(n) return env[n] end })
    t:equal({ v.vcenter_server, v.username, v.password, v.insecure_connection }, { "vc.example:8443", "me@x", "p:w", true })
    env.GOVC_USERNAME = "you"
    v = scope(t, { getenv = function(n) return env[n] end })
    t:equal({ v.vcenter_server, v.username }, { "vc.example:8443", "you" })
  end,
  ["govc's password does not go to another server"] = function(t)
    local env = { GOVC_URL = "https://me:pw@vc.example", GOVC_PASSWORD = "pw2", VCENTER_SERVER = "other" }
    local v = scope(t, { getenv = function(n) return env[n] end })
    t:equal({ v.vcenter_server, v.username, v.password }, { "other" })
  end,
  ["Packer's var-files: text for numbers and booleans, one variable in another"] = function(t)
    local v, problems = scope(t, { files = { file(t, PACKER) } }, { stamp = "" })
    t:equal(problems, {})
    t:equal({ v.cpu, v.memory, v.convert_to_template, v.create_snapshot, v.ssh_timeout, v.output_dir },
      { 2, "4096", false, true, 180, "./output/k3s-x" })
    t:match(v.stamp, "^%d+$")
  end,
  ["other template functions are refused where they are used"] = function(t)
    local _, problems = scope(t, { files = { file(t, PACKER) } }, { boot_media_path = "" })
    t:equal(#problems, 1)
    t:contains(problems[1], "{{.HTTPIP}} cannot be filled in: only")
  end,
  ["names that no recipe declares are passed over from files and refused with --var"] = function(t)
    local _, _, vars = scope(t, { files = { file(t, '{"zeta": 1, "alpha": 2, "cpu": 3}') }, assignments = { "memroy=1" } })
    local strict, passed = vars:unknown()
    t:equal({ strict, passed }, { { "memroy" }, { "alpha", "zeta" } })
    t:equal(vars:nearest("memroy"), "memory")
  end,
  ["a value of the wrong type names the variable and where it comes from"] = function(t)
    local _, problems = scope(t, { assignments = { "count=many" } }, { count = 3 })
    t:equal(problems, { 'count: a whole number expected, got "many"' })
  end,
  ["a variable may be required, checked and secret"] = function(t)
    local _, problems, vars = scope(t, { assignments = { "port=70000", "token=hunter2-hunter2" } }, {
      must = { required = true, description = "the thing" },
      port = { default = 22, check = function(p) return p < 65536, "is no port" end },
      token = { secret = true },
    })
    table.sort(problems)
    t:equal(#problems, 2)
    t:contains(problems[1], "must: has no value (the thing): set it with --var must=…")
    t:equal(problems[2], "port: is no port")
    t:equal(vars.secrets:mask("a hunter2-hunter2 b"), "a •••• b")
  end,
  ["a mistake in a declaration is said, whatever value is given"] = function(t)
    local _, problems = scope(t, { assignments = { "token=x" } }, { token = { secret = true, doc = "of what" } })
    t:equal(#problems, 1)
    t:match(problems[1], "^token.doc: unknown option 'doc'")
  end,
  ["who does not know a secret is asked for it once"] = function(t)
    local asked = 0
    local values, problems = scope(t, { ask = function() asked = asked + 1 end }, { token = { secret = true, required = true } })
    t:equal({ values.token, #problems > 0, asked }, { nil, true, 1 })
  end,
  ["a broken file says where"] = function(t)
    local path = file(t, '{\n "a": 1,\n "b" 2 }')
    local e = t:raises("json:3: column 6: expected colon", scope, t, { files = { path } })
    t:equal(e.code, "usage")
    t:raises("No such file", scope, t, { files = { "/nonexistent/v.json" } })
    t:raises("an object of names", scope, t, { files = { file(t, "[1,2]") } })
  end,
  ["an assignment without = is refused without showing a value"] = function(t)
    local e = t:raises("NAME=VALUE is expected", scope, t, { assignments = { "novalue" } })
    t:equal(e.code, "usage")
  end,
}
