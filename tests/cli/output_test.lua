-- What is on the screen: lines for people, JSON lines, times, colours; a reader who goes away; the small commands.
local cjson = require "cjson.safe"
local builds = require "tests.builds"
local declared = require "build.events"
local lab = require "tests.lab"

local function site(t) return builds.setup(t, lab.start(t)) end

-- Run luabuild with its two streams apart.
local function run(s, ...)
  local err_file = s.dir .. "/stderr"
  local out, status = s.t:shell("{ env " .. builds.command(s, { ... }) .. "; } 2>" .. err_file)
  return out, status, s.t:read(err_file)
end

local function events(t, out)
  local list, seen = {}, {}
  for line in out:gmatch("[^\n]+") do
    local event, message = cjson.decode(line)
    t:ok(event, tostring(message) .. ": " .. line)
    t:match(event.time, "^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d%.%d%d%dZ$")
    t:equal(declared.wrong(event), nil, line)
    list[#list + 1], seen[event.event] = event, event
  end
  return list, seen
end

return {
  ["--json: one object a line, and nothing else on stdout"] = function(t)
    local s = site(t)
    local recipe = builds.recipe(s, [[provision = { shell "printf 'odd \\377 \\033[31m \"bytes\\\\\\n'" },]])
    local out, status, said = run(s, recipe, "--json")
    t:equal({ status, said }, { 0, "" }, out)
    local _, seen = events(t, out)
    t:equal({ seen["image.start"].image, seen["image.decided"].decision, seen["image.done"].result }, { "small", "build", "built" })
    t:equal(seen.output.text, 'odd ?  "bytes\\')
    for _, command in ipairs { "check", "plan", "inspect" } do
      out, status, said = run(s, command, recipe, "--json")
      t:equal({ status, said }, { 0, "" }, command)
      t:ok(#events(t, out) >= 1, command)
    end
  end,
  ["--json: a failure is an event with its step"] = function(t)
    local s = site(t)
    local out, status, said = run(s, builds.recipe(s, 'provision = { shell "exit 3" },'), "--json")
    t:equal({ status, said }, { 1, "" })
    local _, seen = events(t, out)
    local e = seen["image.failed"]
    t:equal({ e.image, e.step, #e.left }, { "small", "provision", 0 })
    t:contains(e.error, ": the script ended with status 3")
    t:equal({ seen["step.failed"].step, seen.undo.name:match("^virtual machine small") }, { "provision", "virtual machine small" })
  end,
  ["times and colours only when asked for"] = function(t)
    local s = site(t)
    local recipe = builds.recipe(s)
    local out = run(s, "check", recipe)
    t:match(out, "^small: fine %(")
    t:match(run(s, "check", recipe, "--timestamps"), "^%d%d:%d%d:%d%d small: fine %(")
    t:contains(run(s, "check", recipe, "--color=always"), "\27[32mfine\27[0m")
    local on_terminal = "script -qec \"%s\" /dev/null"
    local command = builds.command(s, { "check", recipe })
    t:contains(t:shell(on_terminal:format("env -u NO_COLOR TERM=xterm " .. command)), "\27[32m")
    t:ok(not t:shell(on_terminal:format("env NO_COLOR=1 TERM=xterm " .. command)):find("\27", 1, true))
    t:ok(not t:shell(on_terminal:format("env -u NO_COLOR TERM=dumb " .. command)):find("\27", 1, true))
  end,
  ["on a terminal marks, colours and one line that moves; in a pipe none of them"] = function(t)
    local s = site(t)
    local recipe = builds.recipe(s, 'boot = { wait = "300ms", "<enter>" },')
    local on_terminal = "script -qec \"%s\" /dev/null"
    local function seen(environment, ...)
      return (t:shell(on_terminal:format("env -u NO_COLOR TERM=xterm LC_ALL=C.UTF-8 " .. environment .. builds.command(s, { recipe, "--force", ... }))))
    end
    local out = seen ""
    t:contains(out, "\27[32m✓\27[0m boot ")
    t:match(out, "⠹.* boot")
    t:match(out, "\27%[J.*small: built")
    out = seen "NO_COLOR=1 "
    t:contains(out, "✓ boot")
    t:ok(not out:find("\27%[%d*m"), out)
    t:contains(seen "LC_ALL=C ", "+\27[0m boot")
    for _, environment in ipairs { "TERM=dumb ", "" } do
      out = seen(environment, environment == "" and "--quiet" or nil)
      t:ok(not out:find("\27[J", 1, true) and not out:find("\r[^\n]"), out)
    end
    t:ok(not run(s, recipe, "--force"):find("[\27\r]"))
  end,
  ["--quiet: how it ended, what was made, warnings, failures"] = function(t)
    local s = site(t)
    local recipe = builds.recipe(s, "export = { format = 'ova' },")
    local out, status = run(s, recipe, "--quiet")
    t:equal(status, 0)
    t:match(out, "^small: built in [^\n]+\n[^\n]+/output/small%.ova\n$")
    out, status = run(s, builds.recipe(s, 'provision = { shell "exit 3" },', "broken"), "--quiet")
    t:equal(status, 1)
    t:match(out, "^broken: failed: provision 1 shell: [%d.]+: the script ended with status 3\n")
    t:match(run(s, "plan", recipe, "--quiet"), "^small: nothing to do")
  end,
  ["every build leaves a log with all its requests; ten are kept"] = function(t)
    local s = site(t)
    local recipe = builds.recipe(s)
    t:shell("mkdir -p " .. s.dir .. "/output/log && cd " .. s.dir .. "/output/log && touch other.log other-20200101T000000Z-0a.log")
    for i = 10, 22 do t:write(s.dir .. "/output/log/small-202001" .. i .. "T000000Z-0a.log", "") end
    local path = run(s, recipe):match("\n  log: (%S+)\n")
    local text = t:read(path)
    t:match(text, "^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d%.%d%d%dZ small  ")
    t:match(text, "\n%S+     CreateVM_Task Folder folder%-%d+: 200 in [%d.]+s, [%d.]+ KiB sent, ")
    t:match(text, "\n%S+     waiting until the guest is off, 5m00s at most\n")
    t:match(text, "\n%S+ small: built in ")
    t:ok(not text:find("<CreateVM_Task", 1, true), "bodies only with --debug")
    local names = t:shell("ls " .. s.dir .. "/output/log")
    t:match(names, "^other%-20200101T000000Z%-0a.log\nother.log\nsmall%-20200114T")
    t:equal(select(2, names:gsub("small", "")), 10)
    run(s, recipe)
    t:contains(t:shell("tail -n 2 $(ls -t " .. s.dir .. "/output/log/small* | head -n 1)"), "small: up to date", "also when there was nothing to do")
  end,
  ["a log that cannot be written is a warning"] = function(t)
    local s = site(t)
    t:shell("mkdir " .. s.dir .. "/output && touch " .. s.dir .. "/output/log")
    local out, status = run(s, builds.recipe(s))
    t:equal(status, 0, out)
    t:match(out, "warning: no log: %S+/log/small%-%S+: Not a directory")
  end,
  ["a reader who goes away ends a build, which is undone"] = function(t)
    local s = site(t)
    local out = t:shell("{ env " .. builds.command(s, { builds.recipe(s, 'boot = { wait = "1s" },') }) .. "; echo status $? >&2; } | head -n 1")
    t:contains(out, "luabuild: the output was closed")
    t:contains(out, "status 1")
    t:equal(builds.state(s), { vms = {}, files = {}, sessions = 0 })
    t:equal(t:shell("{ env " .. builds.command(s, { "inspect", builds.recipe(s) }) .. "; } | head -n 1"):match("\n(.*)$"), "", "a query ends silently")
    s.lab:fault { method = "PowerOffVM_Task", fault = "slow", delay = 1 }
    local recipe = builds.recipe(s, 'boot = function() os.execute "kill -TERM $PPID" end,')
    t:shell("{ env " .. builds.command(s, { recipe, "--json" }) .. "; } | sed '/step.failed/q'")
    t:equal(builds.state(s), { vms = {}, files = {}, sessions = 0 }, "nobody listens from the clean-up on")
  end,
  ["output that cannot be written is a failure, said unless it was a pipe that had enough"] = function(t)
    local program = arg[-1]
    for _, command in ipairs { "version", "help --man", "completion bash", "help VirtualMachine" } do
      local out, status = t:shell(program .. " " .. command .. " >/dev/full")
      t:equal(status, 1, command)
      t:match(out, "^luabuild: the output could not be written[^\n]*\n$", command)
    end
    t:equal(t:shell("{ " .. program .. " help --man; echo $? >&2; } | true"), "1\n")
    t:match(t:shell(program .. " version 3>&1 >&- 2>&3"), "^luabuild: the output could not be written")
  end,
  ["plan says what a build would do, and does nothing"] = function(t)
    local s = site(t)
    local out, status = run(s, "plan", builds.recipe(s, 'provision = { shell "true" },'))
    t:equal(status, 0)
    t:match(out, "^small: build %(not there yet%)\n  where  [^\n]+, DC0/DC0_C0, datastore LocalDS_0, folder Packer, pool Packer, network VM Network\n"
      .. "  steps  iso, kickstart, create, power on, boot, address, ssh, provision, shut")
    t:match(out, "\n1 image: 1 to build\n$")
    t:equal(builds.state(s), { vms = {}, files = {}, sessions = 0 })
    local _, failed, said = run(s, "plan", builds.recipe(s), "--var", "datastore=LocalDS_9")
    t:equal(failed, 1)
    t:contains(said, "luabuild: no datastore 'LocalDS_9'\n  did you mean 'LocalDS_0'?")
  end,
  ["--debug shows the requests of plan and of check --connect, too"] = function(t)
    local s = site(t)
    for _, arguments in ipairs { { "plan" }, { "check", "--connect" } } do
      local out, status = run(s, arguments[1], builds.recipe(s), "--debug", arguments[2])
      t:equal(status, 0)
      t:match(out, "Login SessionManager SessionManager: 200 in [%d.]+s, %d+ B sent, %d+ B received\n")
    end
  end,
  ["inspect shows values and where they come from, secrets not"] = function(t)
    local s = site(t)
    local out, status = run(s, "inspect", builds.recipe(s), "--var", "cpu=3", "--var", "ssh_password=some-secret-word")
    t:equal(status, 0)
    t:match(out, "\n  cpu +3 +%-%-var\n")
    t:match(out, "\n  memory +512 +" .. s.vars:gsub("%p", "%%%0") .. "\n")
    t:match(out, "\n  ssh_password +%(secret%) +%-%-var\n")
    t:match(out, "\n  password +%(secret%) +VCENTER_PASSWORD\n")
    t:ok(not out:find("some-secret-word", 1, true))
  end,
  ["inspect shows what a recipe still needs"] = function(t)
    local out, status = t:shell("env -u LUABUILD_VAR_ssh_password " .. arg[-1] .. " inspect recipes/photon3.lua")
    t:equal(status, 0, out)
    t:match(out, "ssh_password +%- +needed: not set yet")
  end,
  ["inspect shows the graph: a parent first, and what a clone is made from"] = function(t)
    local dir = t:directory()
    t:write(dir .. "/iso", "x")
    t:write(dir .. "/parent.lua", 'return base { name = "parent", guest_id = "g", iso = { url = "iso", checksum = "none" }, ssh = { password = "long-word" } }')
    local recipe = t:write(dir .. "/r.lua", [[
return { clone { name = "one", from = import "parent" }, clone { name = "two", from = "debian", ssh = { agent = true } } }]])
    local out, status = t:shell(arg[-1] .. " inspect " .. recipe .. " | grep -v '^  '")
    t:equal(status, 0, out)
    t:equal(out:gsub("%S*/", ""), "parent  (base image, parent.lua)\none  (clone of parent, r.lua)\ntwo  (clone of debian, r.lua)\n")
    t:contains(t:shell(arg[-1] .. " inspect --json " .. recipe .. " one"), '"from":"parent"')
  end,
  ["help and version"] = function(t)
    local s = site(t)
    for _, arguments in ipairs { {}, { "help" }, { "--help" }, { "-h" } } do
      local out, status = t:shell(arg[-1] .. " " .. table.concat(arguments, " "))
      t:equal(status, 0)
      for _, part in ipairs { "luabuild RECIPE…", "\n  check ", "\n  keys ", "--var=NAME=VALUE", "--force" } do t:contains(out, part) end
    end
    for _, command in ipairs { "build", "check", "plan", "inspect", "keys", "run", "help", "version" } do
      local out, status = t:shell(arg[-1] .. " help " .. command)
      t:equal(status, 0)
      t:contains(out, "luabuild ", command)
      t:contains(out, command, command)
    end
    t:contains(t:shell(arg[-1] .. " check --help"), "luabuild check RECIPE…")
    t:contains(t:shell(arg[-1] .. " help keystroke.parse"), "<wait5>")
    t:match(t:shell(arg[-1] .. " version"), "^luabuild %S+\n$")
    t:equal(t:shell(arg[-1] .. " --version"), t:shell(arg[-1] .. " version"))
    t:equal(#s.lab:log(), 0)
  end,
  ["screenshot saves the console of a virtual machine"] = function(t)
    local s = site(t)
    local vc <close> = s.lab:connect()
    local vm, dir = s.lab:create_vm(vc, "console"), t:directory()
    local function shot(...) return t:shell("env " .. builds.command(s, { "screenshot", ... })) end
    local out, status = shot("console", dir .. "/off.png")
    t:equal({ status, (out:match "[^\n]+") }, { 1, "luabuild: screenshot: the virtual machine console is off: it has no console" })
    t:match(out, 'find%("vm%-%d+"%):power_on%(%)')
    vm:power_on()
    out, status = shot("con*", dir .. "/now.png")
    t:equal(status, 0, out)
    t:match(out, "now.png: the console of console, [%d.]+ KiB\n$")
    t:match(t:read(dir .. "/now.png"), "^\137PNG\r\n\26\n")
    t:match(shot("console", "-"), "^\137PNG\r\n\26\n")
    out, status = shot("console", dir .. "/none/now.png")
    t:equal(status, 1)
    t:contains(out, "No such file or directory")
    t:equal(t:shell("ls " .. dir), "now.png\n")
    t:shell("ln -s now.png " .. dir .. "/link")
    shot("console", dir .. "/link")
    t:equal(t:shell("readlink " .. dir .. "/link; ls " .. dir), "now.png\nlink\nnow.png\n", "a link stays one, and so does a device")
  end,
  ["keys types at a virtual machine as govc does, and boot commands"] = function(t)
    local s = site(t)
    local vc <close> = s.lab:connect()
    local vm = s.lab:create_vm(vc, "console")
    vm:power_on()
    local function keys(...)
      s.lab:control("DELETE", "/log")
      local out, status = t:shell("env " .. builds.command(s, { "keys", ... }))
      t:equal(status, 0, out)
      local typed = {}
      for _, r in ipairs(s.lab:log()) do
        if r.method == "PutUsbScanCodes" then
          typed[#typed + 1] = string.format("%x", math.tointeger(r.xml:match("<usbHidCode>(%d+)<")) >> 16) .. (r.xml:match("<(%l+%u%l+)>true<") or "")
        end
      end
      return table.concat(typed, " "), out
    end
    local typed, out = keys("--vm", "console", "-s", "aB<")
    t:equal({ typed, out }, { "4 5leftShift 36leftShift", "typed 3 keys at console\n" })
    t:equal((keys("-c", "0x28", "-c", "KEY_A")), "28 4")
    t:equal((keys("-c", "KEY_DELETE", "-lc", "--vm=con*")), "4cleftControl")
    t:equal((keys("<tab><wait100ms>x<enter>")), "2b 1b 28")
    out = t:shell("env " .. builds.command(s, { "keys", "--vm", "consule", "x" }))
    t:contains(out, "no virtual machine 'consule'\n  did you mean 'console'?")
    s.lab:create_vm(vc, "other")
    t:contains((t:shell("env " .. builds.command(s, { "keys", "x" }))), "which virtual machine? There are")
    t:contains((t:shell("env " .. builds.command(s, { "keys", "x" }))), "\n  set --vm\n")
  end,
}
