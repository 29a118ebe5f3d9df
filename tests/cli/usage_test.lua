-- What a user gets for a mistake: exit status 2, the place of the mistake and what to do, and no server is asked anything.
local lab = require "tests.lab"

-- A directory with a recipe that is fine but for `wrong`, Lua text that goes into its base { … }, and what else `files` has.
local function write(t, dir, case)
  t:write(dir .. "/iso", "not much of an ISO")
  for name, text in pairs(case.files or {}) do
    os.execute("mkdir -p '" .. dir .. "/" .. (name:match("^(.*)/") or "") .. "'")
    t:write(dir .. "/" .. name, text)
  end
  t:write(dir .. "/r.lua", case.recipe or string.format([[
-- memory and kickstart in a comment are no place
local v = vars { count = 3 }
return base {
  name = "x", guest_id = "otherLinux64Guest",
  %s
  ssh = { password = "secret-word" }, %s
}
]], case.iso or 'iso = { url = "iso", checksum = "none" },', case.wrong or ""))
end

local function run(t, server, case)
  local dir = t:directory()
  write(t, dir, case)
  local arguments = case.arguments or "r.lua"
  return t:shell(string.format("program=$(realpath %s); cd %s; %s %s $program %s", arg[-1], dir, server, case.env or "", arguments))
end

local function environment(l)
  local words = {}
  for _, name in ipairs { "VCENTER_SERVER", "VCENTER_USERNAME", "VCENTER_PASSWORD", "VCENTER_CA_FILE" } do
    words[#words + 1] = name .. "='" .. l.env[name] .. "'"
  end
  return table.concat(words, " ")
end

-- All cases: the message has each of `says`, begins with the program's name, is no traceback; and the server heard nothing.
local function refused(cases)
  return function(t)
    local l = lab.start(t)
    for name, case in pairs(cases) do
      local out, status = run(t, environment(l), case)
      t:equal(status, 2, name .. ": " .. out)
      t:match(out, "^luabuild: ", name)
      t:ok(not out:find("traceback", 1, true), name .. ": " .. out)
      for _, part in ipairs(case.says) do t:contains(out, part, name) end
    end
    t:equal(#l:log(), 0, "requests")
  end
end

local KS = "%s kickstart = { %s }, boot = { '<enter>',\n    '${http}<esc>' },"

return {
  ["a recipe that cannot be read as Lua"] = refused {
    missing = { arguments = "recipes.lua", files = { ["recipe.lua"] = "" },
      says = { "recipes.lua: no such file", "did you mean recipe.lua?" } },
    ["missing directory"] = { arguments = "recipes/r.lua",
      says = { "recipes/r.lua: no such file", "there is no directory recipes" } },
    directory = { arguments = "./", says = { "./ is a directory, not a recipe", "r.lua" } },
    syntax = { recipe = "return base {\n  name = =\n}", says = { "r.lua:2: unexpected symbol near '='" } },
    ["Lua error"] = { recipe = "local x\nreturn base { name = x.y }",
      says = { "r.lua:2: attempt to index a nil value (local 'x')" } },
    ["error of its own"] = { recipe = "error { 'no text' }", says = { "r.lua: an error that is no text was raised" } },
    ["unknown word"] = { recipe = "return bass {}", says = { "r.lua:1: undefined name 'bass': did you mean 'base'?" } },
    global = { recipe = "\nv = vars {}", says = { "r.lua:2: 'v' would be global: write local v = …" } },
    ["no image"] = { recipe = "return 5",
      says = { "r.lua: a recipe returns an image (return base { … }), this one returns a number" } },
    nothing = { recipe = "local x = 5", says = { "this one returns nothing" } },
    import = { recipe = "import 'photon9'", says = { "r.lua:1: no recipe 'photon9': looked for" } },
    module = { recipe = "local c = require 'comon'", says = { "r.lua:1: no module 'comon': neither ./comon.lua nor" } },
  },
  ["a recipe that says what cannot be"] = refused {
    option = { wrong = "\n\n  hardwre = {},", says = { "r.lua:8: unknown option 'hardwre': did you mean 'hardware'?" } },
    ["option inside"] = { wrong = "\n  hardware = { cpu = 1 },",
      says = { "r.lua:7: hardware: unknown option 'cpu': did you mean 'cpus'?" } },
    ["several of one line, by name"] = { wrong = "\n hardware = { nicss = 1, memroy = 1, diks = {}, cpu = 1 },",
      says = { "option 'cpu': did you mean 'cpus'?\nr.lua:7: hardware: unknown option 'diks': did you mean 'disks'?\n"
        .. "r.lua:7: hardware: unknown option 'memroy': did you mean 'memory'?\nr.lua:7: hardware: unknown option 'nicss'" } },
    ["wrong type"] = { wrong = "\n  hardware = {\n   cpus = 'two' },",
      says = { 'r.lua:8: hardware.cpus: a whole number expected, got "two"' } },
    ["bad unit"] = { wrong = "\n  hardware = { memory = '4 gigs' },",
      says = { 'r.lua:7: hardware.memory: "4 gigs" is not a size: write 4GiB' } },
    ["bad duration"] = { wrong = "\n boot = { wait = '5 parsecs' },",
      says = { 'r.lua:7: boot.wait: "5 parsecs" is not a duration: write 15s' } },
    ["several at once"] = { wrong = "\n  hardware = { cpus = 0,\n firmware = 'uefi' },",
      says = { "r.lua:7: hardware.cpus: 0 is out of range", "r.lua:8: hardware.firmware: \"uefi\" is not one of bios, efi" } },
    ["required"] = { recipe = "\nreturn base { name = 'x', guest_id = 'y', ssh = { password = 'p' } }",
      says = { "r.lua:2: iso is required" } },
    ["long name"] = { recipe = "return base { name = ('n'):rep(66), guest_id = 'y', iso = { url = 'iso', checksum = 'none' },\n"
      .. "ssh = { password = 'p' } }", says = { "r.lua:1: name is longer than 65 bytes: vSphere takes 80" } },
    ["no password"] = { recipe = "return base { name = 'x', guest_id = 'y', iso = { url = 'iso', checksum = 'none' } }",
      says = { "r.lua:1: ssh.password is missing: set ssh_password" } },
    ["checksum's form"] = { iso = "iso = { url = 'iso',\n checksum = 'sha256:abc' },",
      says = { "r.lua:6: iso.checksum: a sha256 digest has 64 hexadecimal digits, this has 3" } },
    ["checksum's algorithm"] = { iso = "iso = { url = 'iso', checksum = 'crc32:abc' },",
      says = { "r.lua:5: iso.checksum: crc32 is no algorithm of ours: sha256" } },
    ["no checksum"] = { iso = "iso = { url = 'iso' },", says = { "r.lua:5: iso.checksum is required" } },
    ["step's option"] = { wrong = "\n provision = {\n shell { 'true', timeut = 3 } },",
      says = { "r.lua:8: shell: unknown option 'timeut': did you mean 'timeout'?" } },
  },
  ["files and keys that a recipe names"] = refused {
    iso = { iso = "iso = { url = 'nothing.iso', checksum = 'none' },", says = { "r.lua:5: iso.url: nothing.iso: no such file" } },
    ["iso on a datastore"] = { iso = "iso = {\n path = 'dir/x.iso' },",
      says = { "r.lua:6: iso.path: 'dir/x.iso' is not a path on a datastore", '"[datastore] directory/file.iso"' } },
    ["iso on a datastore, without a file"] = { iso = "iso = { path = '[store] ' },", says = { "r.lua:5: iso.path: '[store] ' is not a path" } },
    scheme = { iso = "iso = { url = 'ftp://a/b', checksum = 'none' },",
      says = { "r.lua:5: iso.url: ftp: only http, https and files" } },
    upload = { wrong = "\n provision = { upload { 'iso', to = '/x' },\n upload { 'nothing', to = '/x' } },",
      says = { "r.lua:8: provision[2]: nothing: no such file" } },
    script = { wrong = "\n provision = { shell { script = 'nothing.sh' } },",
      says = { "r.lua:7: provision[1]: nothing.sh: no such file" } },
    ["key file"] = { recipe = "return base { name = 'x', guest_id = 'y', iso = { url = 'iso', checksum = 'none' },\n ssh = { key_file = 'id' } }",
      says = { "r.lua:2: ssh.key_file: id: no such file" } },
    kickstart = { wrong = KS:format("\n", "http = 'ks'"), says = { "r.lua:7: kickstart: ks: no such directory" } },
    ["kickstart's name"] = { wrong = KS:format("\n", "http = 'ks'"), files = { ["ks/7/ks.cfg"] = "install\n${http} $x $(y)\nrootpw ${ssh_pasword}\n" },
      says = { "luabuild: ks/7/ks.cfg:3: nothing is known as ${ssh_pasword}: did you mean ${ssh_password}?" } },
    floppy = { wrong = "\n kickstart = { floppy = 'ks' },", files = { ["ks/blob"] = string.rep("\0", 3000000) },
      arguments = "check r.lua",
        says = { "r.lua:7: kickstart.floppy: ", "68", "too many", "'blob'", "kickstart = { cd = … } holds more" } },
    ["boot command"] = { wrong = (KS:format("", "files = { a = 'b' }"):gsub("<esc>", "<esq>")),
      says = { "r.lua:7: boot[2]: column 8: ", "<esq>", "did you mean <esc>" } },
    ["boot command's name"] = { wrong = "boot = '${htp}/x',",
      says = { "r.lua:6: boot[1]: nothing is known as ${htp}: did you mean ${http}?" } },
    ["no kickstart"] = { wrong = "\nboot = { '<tab>',\n '${http}/x' },",
      says = { "r.lua:8: boot: uses ${http}, but there is no kickstart" } },
  },
  ["variables"] = refused {
    unknown = { arguments = "r.lua --var memroy=3",
      says = { "--var memroy: no recipe knows this variable", "did you mean 'memory'?" } },
    ["unknown, and what it was for is missing"] = { arguments = "r.lua --var conut=3 --var count=many",
      says = { '--var count: a whole number expected, got "many"', "--var conut: did you mean 'count'?" } },
    form = { arguments = "r.lua --var memory", says = { "--var memory: NAME=VALUE is expected" } },
    type = { arguments = "r.lua --var count=many", says = { '--var count: a whole number expected, got "many"' } },
    unit = { arguments = "r.lua --var memory=4GB2", says = { '--var memory: "4GB2" is not a size' } },
    ["environment"] = { env = "LUABUILD_VAR_count=x", says = { 'LUABUILD_VAR_count: a whole number expected, got "x"' } },
    ["file's value"] = { arguments = "r.lua --var-file v.json", files = { ["v.json"] = '{ "memory": 4,\n  "count": "x" }' },
      says = { 'v.json:2: count: a whole number expected, got "x"' } },
    ["a word of vars is misspelt"] = { recipe = "local v = vars { size = { default = 3, defualt = 4 } }",
      says = { "r.lua:1: size: unknown option 'defualt': did you mean 'default'?" } },
    thumbprint = { env = "VCENTER_THUMBPRINT=AA:BB", says = { 'VCENTER_THUMBPRINT: "AA:BB" is not a thumbprint: 40' } },
    ["thumbprint, no recipe"] = { arguments = "gc", env = "VCENTER_THUMBPRINT=AA:BB", says = { 'VCENTER_THUMBPRINT: "AA:BB" is not a thumbprint' } },
    port = { arguments = "check r.lua", env = "VCENTER_SERVER=127.0.0.1:99999", says = { "VCENTER_SERVER", "ports go to 65535" } },
    ["blank in a name"] = { arguments = "gc", env = "VCENTER_SERVER='a b'", says = { 'VCENTER_SERVER: "a b" is not a host or host:port' } },
    insecure = { arguments = "gc", env = "VCENTER_INSECURE=perhaps", says = { 'VCENTER_INSECURE: true or false expected, got "perhaps"' } },
    ["no file"] = { arguments = "r.lua --var-file v.json", says = { "read the var-file: v.json: No such file" } },
    ["broken file"] = { arguments = "r.lua --var-file v.json", files = { ["v.json"] = '{ "memory": 4,\n  "count" }' },
      says = { "v.json:2: column 11: expected colon but found obj end" } },
    ["broken Lua file"] = { arguments = "r.lua --var-file v.lua", files = { ["v.lua"] = "return {\n memory = nil .. 3 }" },
      says = { "v.lua:2: attempt to concatenate a nil value" } },
    ["no object"] = { arguments = "r.lua --var-file v.json", files = { ["v.json"] = "[1]" },
      says = { "v.json: an object of names and values is expected" } },
    ["Packer's template"] = { arguments = "r.lua --var-file v.json", files = { ["v.json"] = '{ "count": "{{env `X`}}" }' },
      says = { "v.json:1: count: {{env `X`}} cannot be filled in" } },
  },
  ["the command line"] = refused {
    ["no recipe"] = { arguments = "build", says = { "which recipe?", "recipes/photon3.lua" } },
    command = { arguments = "chek r.lua", says = { "unknown command 'chek'", "did you mean 'check'?" } },
    ["name of a recipe"] = { arguments = "base", files = { ["recipes/base.lua"] = "" },
      says = { "unknown command 'base'", "by its path: luabuild recipes/base.lua" } },
    ["name of a recipe for a command"] = { arguments = "check r", says = { "'r' is not the path of a recipe", "did you mean r.lua?" } },
    ["no path"] = { arguments = "plan nothing", says = { "'nothing' is not the path of a recipe", "recipes/photon3.lua" } },
    ["JSON as a recipe"] = { arguments = "check v.json", files = { ["v.json"] = "{}" },
      says = { "v.json is JSON, not a recipe", "--var-file v.json", "import-packer" } },
    option = { arguments = "r.lua --forse", says = { "unknown option --forse", "did you mean --force?" } },
    ["short option"] = { arguments = "r.lua -x", says = { "unknown option -x", "luabuild help" } },
    value = { arguments = "r.lua --var", says = { "--var wants a value: --var=NAME=VALUE" } },
    choice = { arguments = "r.lua --color=red", says = { "--color: 'red' is not one of auto, always, never" } },
    ["jobs: not a number"] = { arguments = "r.lua --jobs many", says = { '--jobs: "many" is not a number from 1 to 64' } },
    ["jobs: too many"] = { arguments = "r.lua --jobs=65", says = { '--jobs: "65" is not a number from 1 to 64' } },
    ["nobody to ask"] = { arguments = "r.lua --on-error=ask", says = { "--on-error=ask needs a terminal", "--on-error=abort" } },
    image = { arguments = "r.lua y", says = { "no image 'y'", "the recipes make: x" } },
    ["one name twice"] = { arguments = "r.lua ./r.lua other.lua",
      files = { ["other.lua"] = 'return base { name = "x", guest_id = "g", iso = { url = "iso", checksum = "none" }, ssh = { password = "secret-word" } }' },
      says = { "other.lua:1: the name 'x' is that of another image, too: r.lua:3" } },
    only = { arguments = "r.lua --only 'centos*'", says = { "no image 'centos*'", "the recipes make: x" } },
    ["nothing left"] = { arguments = "r.lua --except x", says = { "no image is left to build" } },
    ["no server"] = { env = "VCENTER_SERVER= VCENTER_PASSWORD=",
      says = { "which vCenter? VCENTER_SERVER, VCENTER_PASSWORD are not set", "--var" } },
    ["plan without a password"] = { arguments = "plan r.lua", env = "VCENTER_PASSWORD=",
      says = { "which vCenter? VCENTER_PASSWORD is not set" } },
    help = { arguments = "help buidl", says = { "no help for 'buidl'", "did you mean 'build'?" } },
    keys = { arguments = "keys '<tab><foo>'", says = { "column 6: <foo>: unknown tag" } },
    ["no keys"] = { arguments = "keys --vm x", says = { "which keys?", "-s TEXT" } },
    ["keys twice"] = { arguments = "keys -s a -c 40", says = { "too much to type" } },
    ["misspelt version"] = { arguments = "--verison", says = { "unknown option --verison", "did you mean --version?" } },
    script = { arguments = "run nothing.lua", says = { "nothing.lua" } },
  },
}
