-- luabuild repl as a person and as a script use it: the real program, on a terminal and in a pipe.
local lfs = require "lfs"
local lab = require "tests.lab"
local terminal = require "tests.terminal"
local vcsim = require "tests.vcsim"

local program = lfs.currentdir() .. "/" .. arg[-1]
local NOBODY = "env -u VCENTER_SERVER -u VCENTER_USERNAME -u VCENTER_PASSWORD -u GOVC_URL "

local function of_lab(l)
  return string.format("env VCENTER_SERVER='%s' VCENTER_USERNAME='%s' VCENTER_PASSWORD='%s' VCENTER_CA_FILE='%s' ", l.env.VCENTER_SERVER,
    l.env.VCENTER_USERNAME, l.env.VCENTER_PASSWORD, l.env.VCENTER_CA_FILE)
end

local function of_vcsim(address) return "env VCENTER_SERVER=" .. address .. " VCENTER_USERNAME=user VCENTER_PASSWORD=pass-word VCENTER_INSECURE=1 " end

-- Statements through a pipe.
local function pipe(t, env, text, arguments)
  local path = t:write(t:directory() .. "/input", text)
  return t:shell(env .. program .. " repl " .. (arguments or "") .. " <" .. path)
end

-- On a terminal, with a history of its own; every step waits for a prompt first when it says nothing else.
local function at_terminal(t, env, steps, state)
  local all = { { wait = "luabuild> " } }
  for _, step in ipairs(steps) do
    if type(step) == "string" then step = { send = step .. "\r", wait = "luabuild> " } end
    all[#all].send = step.send
    all[#all + 1] = { wait = step.wait }
  end
  all[#all].send = "\4"
  local out, status = terminal.run(t, "env XDG_STATE_HOME=" .. (state or t:directory()) .. " " .. env:gsub("'", '"') .. program .. " repl --color=never", all)
  t:equal(status, 0, out)
  return out
end

return {
  ["piped: values are shown, the first error ends it with status 1"] = function(t)
    local out, status = pipe(t, NOBODY, '1 + 1\n"text"\nlocal x = { 1 }\nx\nfor i = 1, 2 do\n  print("i", i)\nend\nnil\nprint(_[1])')
    t:equal(out, '2\n"text"\n{ 1 }\ni\t1\ni\t2\n1\n')
    t:equal(status, 0)
    out, status = pipe(t, NOBODY, 'print "one"\n\nfor i = 1, 2 do\n  qqqqqq()\nend\nprint "two"')
    t:equal(status, 1)
    t:equal(out, "one\nluabuild: input:4: undefined name 'qqqqqq'\n")
    t:match(pipe(t, NOBODY, "x ="), "input:1: the statement that begins here is not finished")
    t:match(pipe(t, NOBODY, "\nx = = 1"), "input:2: unexpected symbol near '='")
    t:equal(select(2, pipe(t, NOBODY, "exit()\nerror()")), 0)
    t:equal(select(2, pipe(t, NOBODY, "exit(3)")), 3)
  end,

  ["piped: print(vc.about.fullName), in a vCenter and a host"] = function(t)
    local out, status = pipe(t, of_vcsim(vcsim.start(t)), "print(vc.about.fullName)")
    t:match(out, "^VMware vCenter Server 6[^\n]*\n$")
    t:equal(status, 0)
    t:match(pipe(t, of_vcsim(vcsim.start(t, { model = "esx" })), "print(vc.about.fullName)\nfind 'vm/*'"), "^VMware ESXi[^\n]*\n   name .*\n1  ha%-host_VM0 ")
  end,

  ["without variables it starts, and says what to set when vc is used"] = function(t)
    local out = at_terminal(t, NOBODY, { "1", "vc", "help" })
    t:contains(out, "the vCenter or host; connects when it is first used")
    t:contains(out, "No vCenter is set: VCENTER_SERVER")
    t:contains(out, "error: which vCenter? VCENTER_SERVER, VCENTER_USERNAME, VCENTER_PASSWORD are not set")
  end,

  ["the first prompt asks no server; a server that is away is an error, and the session goes on"] = function(t)
    local out = at_terminal(t, "env VCENTER_SERVER=127.0.0.1:9 VCENTER_USERNAME=u VCENTER_PASSWORD=p ",
      { "1 + 41", { send = "vc\3", wait = "luabuild> " }, "2 + 41" })
    t:contains(out, "vc: 127.0.0.1:9, as u; connects when it is used.")
    t:contains(out, "\n42\n")
    t:contains(out, "\n43\n")
  end,

  ["at a terminal: errors, Ctrl-C in a call and in a line keep the session; several lines; _"] = function(t)
    local out = at_terminal(t, NOBODY, { "x = 5", "x.y.z", "vim.VirtualDisk { keys = 1 }", "error { code = 1 }", "for i = 1, 2 do\rprint('i', i)\rend",
      { send = "signal.sleep(100)\r", wait = "sleep(100)" }, { send = "\3", wait = "luabuild> " }, { send = "half a line\3", wait = "luabuild> " },
      { send = "x = {\r", wait = " .. " }, { send = "\4", wait = "luabuild> " },
      { send = "while true do end\r", wait = "end" }, { send = "\3", wait = "luabuild> " }, "x", "_ + 1" })
    t:contains(out, "error: prompt:1: attempt to index a number value (global 'x')")
    t:contains(out, "error: prompt:1: VirtualDisk has no field 'keys': did you mean 'key'?")
    t:contains(out, "error: { code = 1 }")
    t:match(out, "%.%. end\ni\t1\ni\t2\n")
    t:equal(select(2, out:gsub("interrupted\n", "")), 3)
    t:match(out, " %.%. %^D\nluabuild> ")
    t:match(out, "luabuild> x\n5\nluabuild> _ %+ 1\n6\n")
  end,

  ["completion by the key: types, fields, paths of the server"] = function(t)
    local out = at_terminal(t, of_vcsim(vcsim.start(t)), {
      { send = 'vm = find("v\tDC0_H\t', wait = "0_VM" }, { send = "\t", wait = "luabuild> " }, "0\t)",
      "vm.config.hard\t.numCPU\t",
      { send = "VirtualMachineConfigSpec{ num\t\t", wait = "luabuild> " }, "PUs = 2, memoryM\t512 }",
      "vm:poweroff\t():wai\t()" })
    t:contains(out, 'vm = find("vm/DC0_H0_VM0")')
    t:match(out, "vm%.config%.hardware%.numCPU\n1\n")
    t:contains(out, "numCoresPerSocket  numCPUs\n")
    t:contains(out, "VirtualMachineConfigSpec { numCPUs = 2, memoryMB = 512 (512.0 MiB) }")
    t:match(out, "PowerOffVM_Task%(%):wait%(%)\ntrue\n")
  end,

  ["a machine from its console: type, screenshot, watch, tasks; and the server is asked who it is again"] = function(t)
    local l = lab.start(t)
    local vc = l:connect()
    l:create_vm(vc, "web")
    local picture = t:directory() .. "/now.png"
    local out, status = pipe(t, of_lab(l), string.format([[
vm = find "vm/web"
vm:PowerOnVM_Task():wait()
vm:type "<esc>a<enter>"
vm:screenshot()
vm:screenshot %q
watch(vm, "runtime.powerState", 0)
http.client({ insecure = true }):request { url = %q, method = "POST" }.status
vm.runtime.powerState
vm.guest.net
vm]], picture, l.env.LAB_CONTROL .. "/expire"))
    t:equal(status, 0, out)
    t:match(out, "true\n3\na PNG picture, %d+ × %d+, .*%d%d:%d%d:%d%d  runtime.powerState  \"poweredOn\"\n200\n\"poweredOn\"\n")
    t:match(out, "\nVirtualMachine:vm%-%d+ 'web'\n")
    t:equal(t:read(picture):sub(2, 4), "PNG")
  end,

  ["a hundred machines: a table is one request, and a Ctrl-C in a long call ends the call"] = function(t)
    local out, status = pipe(t, of_vcsim(vcsim.start(t, { vms = 50 })),
      'vms = find "vm/*"\nn = vc.requests\nshow(vms)\nvc.requests - n\nn = vc.requests\ntable.concat(vms.runtime.host.name, " "):sub(1, 4)\nvc.requests - n')
    t:equal(status, 0, out)
    t:match(out, '\n100  DC0_H0_VM49 +poweredOn [^\n]*\n1\n"DC0_"\n2\n$')
  end,

  ["--debug tells each request, and where an error came from"] = function(t)
    local out = pipe(t, of_vcsim(vcsim.start(t)), 'vm = find "DC0_H0_VM0"\nvm.name\nvm.nme', "--debug")
    t:match(out, "\nLogin SessionManager [%w-]*: 200, ")
    t:match(out, "\nRetrievePropertiesEx PropertyCollector [%w-]*: 200, [%d.]+s\n\"DC0_H0_VM0\"\n")
    t:match(out, "'nme'.*stack traceback:")
    t:equal(out:find("pass-word", 1, true), nil)
  end,

  ["help: what there is, functions, types, methods, objects"] = function(t)
    local out, status = pipe(t, NOBODY,
      'help()\nhelp(ssh.connect)\nhelp(VirtualE1000)\nhelp "PowerOnVM_Task"\nhelp(VirtualMachine("vm-1"))\nssh.connect\nhelp(digest)')
    t:equal(status, 0, out)
    for _, part in ipairs { "the vCenter or host; connects", "\n  ssh.connect(", "\n  uptCompatibilityEnabled", "InsufficientResourcesFault",
      "VirtualMachine:take_snapshot(", "\nfunction ssh.connect(", "\n  digest.file(" } do t:contains(out, part) end
    t:match(pipe(t, NOBODY, "help(find)"), '^find%("vm/%*"%)  [^\n]+\n  [^\n]+\n$')
    t:contains(pipe(t, NOBODY, "help(help)\nhelp 'show'"), "about a function")
    t:contains(pipe(t, NOBODY, 'help "PowerOnVMTask"'), "did you mean 'PowerOnVM_Task'?")
  end,

  ["the history comes back, only its owner reads it, and lines with secrets are not in it"] = function(t)
    local state = t:directory()
    local env = of_vcsim "127.0.0.1:9"
    at_terminal(t, env, { "remembered = 1", " hidden = 2", "p = 'pass-word'", "o = { password = 'abc' }", "for i = 1, 1 do\rprint(i)\rend" }, state)
    local path = state .. "/luabuild/history"
    t:equal(lfs.attributes(path, "permissions"), "rw-------")
    local text = t:read(path)
    t:contains(text, "remembered")
    for _, secret in ipairs { "hidden", "pass-word", "abc" } do t:equal(text:find(secret, 1, true), nil, secret) end
    t:contains(at_terminal(t, env, { { send = "\16\16\r", wait = "luabuild> " } }, state), "remembered = 1")
  end,

  ["the history keeps what another REPL appends meanwhile"] = function(t)
    local state = t:directory()
    local path = state .. "/luabuild/history"
    at_terminal(t, NOBODY, { "first = 1", "local f <close> = io.open('" .. path .. "', 'a') f:write('other\\n')", "last = 1" }, state)
    t:match(t:read(path), "\nfirst[^\n]+\n[^\n]+\nother\nlast[^\n]+\n$")
  end,

  ["four REPLs that write to the history at once lose nothing"] = function(t)
    local state, commands = t:directory(), {}
    for i = 1, 4 do
      local steps = { { wait = "luabuild> ", send = "" } }
      for j = 1, 25 do steps[#steps + 1] = { wait = j > 1 and "luabuild> " or "", send = string.format("x%d_%d = 1\r", i, j) } end
      steps[#steps + 1] = { wait = "luabuild> ", send = "\4" }
      commands[i] = string.format("TERM=xterm python3 tests/terminal.py %s %s XDG_STATE_HOME=%s %s repl >/dev/null & ",
        t:write(t:directory() .. "/steps.json", require("cjson").encode(steps)), NOBODY, state, program)
    end
    t:shell(table.concat(commands) .. "wait")
    local _, count = t:read(state .. "/luabuild/history"):gsub("\nx%d+_%d+", "")
    t:equal(count, 100)
  end,
  ["secrets are masked in what is shown and in errors"] = function(t)
    local out = pipe(t, of_vcsim "127.0.0.1:9", '{ x = "my pass-word" }\nprint(1, "pass-word", nil)\nerror("pass-word")')
    t:equal(out:find("pass-word", 1, true), nil, out)
    t:match(out, "^{ x = \"my ••••\" }\n1\t••••\tnil\n.*input:3: ••••")
  end,

  ["a recipe brings its image and variables, and vc is its server"] = function(t)
    local dir = t:directory()
    t:write(dir .. "/iso", "x")
    local recipe = t:write(dir .. "/r.lua", [[
local v = vars { size = 7 }
return base { name = "r-image", guest_id = "otherLinux64Guest", iso = { url = "iso", checksum = "none" }, ssh = { password = "in-the-recipe" },
  boot = { "<enter>" } }
]])
    local out, status = pipe(t, NOBODY, "image.name\nvars.size\nvars.cpu\nvc.host\nimage.ssh.password", string.format("%s --var size=8 --var vcenter_server=%s "
      .. "--var username=u --var password=p --var insecure_connection=true", recipe, vcsim.start(t)))
    t:match(out, '^"r%-image"\n8\n2\n"127%.0%.0%.1:%d+"\n"••••"\n$')
    t:equal(status, 0)
  end,

  ["a recipe's image is shown as recipes write it, without what is only ours"] = function(t)
    local dir = t:directory()
    t:write(dir .. "/iso", "x")
    local recipe = t:write(dir .. "/r.lua", [[
local parent = base { name = "r-image", guest_id = "g", iso = { url = "iso", checksum = "none" }, ssh = { password = "in-the-recipe" } }
return { clone { name = "r-clone", from = parent, provision = { shell { "true", name = "nothing" }, wait "3s" } } }
]])
    local out = pipe(t, NOBODY, "image\nimage.from", recipe)
    t:match(out, '^clone {\n  address = ')
    t:contains(out, '\n  from = image r-image,\n')
    t:match(out, '\n  provision = {\n    shell {\n      "true",\n      name = "nothing",\n')
    t:contains(out, '\n    wait { seconds = 3 }\n')
    t:match(out, '\n}\nbase {\n')
    for _, ours in ipairs { "recipe = ", "variables = ", "connection = ", "line = ", "in-the-recipe" } do t:ok(not out:find(ours, 1, true), ours) end
  end,

  ["where only ASCII can be read our own marks are spelt so"] = function(t)
    local deep = 'x = { { { { { 1 } } } } }\nx\n'
    local out = pipe(t, NOBODY .. "LC_ALL=C ", deep .. 'help()')
    t:contains(out, "{ 1 ... }")
    t:contains(out, "vim, ...")
    t:equal(out:match "[^\n]*[\128-\255][^\n]*", nil)
    t:contains(pipe(t, NOBODY .. "LC_ALL=C.UTF-8 ", deep), "{ 1 … }")
    t:contains(t:shell("LC_ALL=C " .. program .. " help"), "luabuild RECIPE... [IMAGE...]")
    t:contains(t:shell("LC_ALL=C " .. program .. " check nothing.lua --var x=1"), "nothing.lua: no such file")
  end,

  ["exit, alone, ends it"] = function(t)
    local out, status = terminal.run(t, "env XDG_STATE_HOME=" .. t:directory() .. " " .. NOBODY .. program .. " repl",
      { { wait = "luabuild> ", send = "exit\r" } })
    t:equal(status, 0, out)
  end,

  ["a terminal that hangs up ends it"] = function(t)
    local out, status = terminal.run(t, "env XDG_STATE_HOME=" .. t:directory() .. " " .. NOBODY .. program .. " repl",
      { { wait = "luabuild> ", hangup = true } })
    t:ok(status ~= 124, out)
  end,
}
