local template = require "core.template"
local err = require "core.err"

local function problem(t, text, values, where)
  local e = t:raises("", template.fill, text, values or {}, where)
  t:ok(err.is(e, "recipe"), "code recipe")
  return e.message
end

return {
  ["names in braces are filled in, all else stays"] = function(t)
    local values = { name = "box", n = 4, f = 2.5, whole = 3.0, yes = true, empty = "", _x1 = "u" }
    for text, want in pairs {
      ["a ${name} b"] = "a box b", ["${name}${n}${f}${whole}${yes}${empty}${_x1}"] = "box42.53trueu",
      ["$name $(name) $1 $$ {name} $ {name} %{name} $"] = "$name $(name) $1 $$ {name} $ {name} %{name} $",
      ["$${name} and $${a:-b}"] = "${name} and ${a:-b}", ["$$${name}"] = "$${name}", ["100%$${"] = "100%${",
      ["line\n${name}\n"] = "line\nbox\n", [""] = "", ["}${name}{"] = "}box{",
      ["hash $6$salt$x ${name}"] = "hash $6$salt$x box",
    } do t:equal(template.fill(text, values), want, text) end
  end,

  ["a value is put in as it is, once"] = function(t)
    t:equal(template.fill("${a}", { a = "%1 ${b} $${c}\\" }), "%1 ${b} $${c}\\")
  end,

  ["an unknown name is reported with file, line and the nearest known one"] = function(t)
    t:equal(problem(t, "one\ntwo ${ssh_pasword}\n", { ssh_password = "x", http = "y" }, "ks.cfg"),
      "ks.cfg:2: nothing is known as ${ssh_pasword}: did you mean ${ssh_password}?")
    t:equal(problem(t, "${xyzzy}", { http = "y" }), "template: nothing is known as ${xyzzy}; a literal ${ is written $${")
  end,

  ["all problems are reported at once"] = function(t)
    local message = problem(t, "${a}\n${b:-c}\n${t}\n${open\n$${fine}\n", { t = {} }, "ks.cfg")
    for _, part in ipairs { "ks.cfg:1: nothing is known as ${a}", "ks.cfg:2: '${b:-c}' is not a name", "ks.cfg:3: ${t} is a table",
      "ks.cfg:4: '${open' is not a name" } do t:contains(message, part) end
    t:equal(select(2, message:gsub("\n", "")), 3)
  end,

  ["values may come from a metatable, and a known name may lack its value"] = function(t)
    local values = setmetatable({}, { __index = function(_, name) return name == "http" and "u" or nil end,
      __pairs = function() return next, { http = true, ssh_password = true }, nil end })
    t:equal(template.fill("${http}", values), "u")
    t:contains(problem(t, "${ssh_password}", values), "${ssh_password} has no value")
    t:contains(problem(t, "${htpp}", values), "did you mean ${http}?")
  end,
}
