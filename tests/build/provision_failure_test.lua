-- Provisioning that goes wrong, in the lab's mode without boot: what is not there is known before anything is made, everything else
-- ends the build with one message that names it
local builds = require "tests.builds"
local failures = require "tests.failures"
local lab = require "tests.lab"

local function site(t) return builds.setup(t, lab.start(t)) end

return {
  ["files that are not there are told before anything is made"] = function(t)
    local s = site(t)
    failures.run_together(s, {
      script = { status = 2, fields = 'provision = { shell { script = "no-such.sh" } },',
        says = { "script.lua:7: provision[1]: no-such.sh: no such file or directory" } },
      ["local script"] = { status = 2, fields = 'provision = { local_shell { script = "no-such.sh" } },',
        says = { "local-script.lua:7: provision[1]: no-such.sh: no such file or directory" } },
      upload = { status = 2, fields = 'provision = { upload { "no-such-file", to = "/root" } },',
        says = { "upload.lua:7: provision[1]: no-such-file: no such file or directory" } },
    })
    for _, r in ipairs(s.lab:log()) do t:ok(r.method ~= "CreateVM_Task", "nothing was made") end
  end,

  ["what the guest does not take or do"] = function(t)
    local s = site(t)
    t:write(s.dir .. "/file", "x")
    local file = '"' .. s.dir .. '/file"'
    failures.run(s, {
      ["no directory"] = { console = true, fields = "provision = { upload { " .. file .. ', to = "/nothing/at/all" } },',
        says = { "provision 1 upload: ", "/nothing/at/all", "no such file or directory" } },
      ["not writable"] = { console = true, fields = 'provision = { upload { content = "x", to = "/root/file" }, upload { ' .. file
        .. ', to = "/root/file/below" } },', says = { "provision 2 upload: ", "/root/file/below" } },
      ["nothing to fetch"] = { console = true, fields = 'provision = { upload { from = "/root/nothing", to = "' .. s.dir .. '" } },',
        says = { "provision 1 upload: ", "/root/nothing", "no such file or directory" } },
      ["hangs"] = { console = true, fields = 'provision = { shell { "echo before", "sleep 2", timeout = "300ms" } },',
        says = { "provision 1 shell: ", ": the script still ran after 0.3s\n  before\n" } },
      ["no interpreter"] = { console = true, fields = 'provision = { shell { "x", interpreter = "/bin/no-such-shell" } },',
        says = { "provision 1 shell: ", "the script ended with status 127", "no-such-shell" } },
      ["checks"] = { console = true, fields = 'provision = { check { file = { "/no/such" }, port = { "tcp:1" } } },',
        says = { "provision 1 check: ", "2 checks failed", "file /no/such exists: expected true, found false" } },
    })
  end,

  ["a script that runs too long is ended, with what it started, before it is tried again"] = function(t)
    local s = site(t)
    local script = string.format("trap '' HUP; echo $$ >> %s/pids; sleep 1000 & echo $! >> %s/pids; wait", s.dir, s.dir)
    failures.run(s, { ["hangs twice"] = { console = true, says = { "the script still ran after 0.5s; try 2 of 2" },
      fields = string.format("provision = { shell { %q, timeout = '500ms', retries = 1, retry_interval = '0s' } },", script) } })
    local _, tries = t:read(s.dir .. "/pids"):gsub("%d+", "")
    t:equal(tries, 4)
    t:equal(t:shell("for p in $(cat " .. s.dir .. "/pids); do grep -s '^State:.[^ZX]' /proc/$p/status; done"), "")
  end,

  ["a guest that loses its network"] = function(t)
    local s = site(t)
    local away = string.format([[provision = { function(guest)
      local client <close> = require("http").client { insecure = true }
      assert(client:request { url = "%s/fault", method = "POST", body = '{"fault":"noboot"}' })
      guest:run("true")
    end },]], s.lab.env.LAB_CONTROL)
    failures.run(s, { ["network lost"] = { console = true, fields = away, says = { "provision 1 function: ", "the server closed the connection" } } })
  end,

  ["--on-error=abort keeps the machine that failed"] = function(t)
    local s = site(t)
    local out, status = builds.run(s, builds.recipe(s, 'provision = { shell "exit 4" },'), "--on-error=abort")
    local state = builds.state(s)
    t:equal({ status, #state.vms, state.sessions }, { 1, 1, 0 }, out)
    t:match(out, "provision 1 shell: 127[%d.]+: the script ended with status 4")
    t:contains(out, "kept for a look, --on-error=abort: virtual machine " .. state.vms[1])
    t:equal(s.lab:vms()[1].power, "poweredOn", "as it was when it failed")
  end,

  ["a fault about a device of a clone names the device"] = function(t)
    local s = site(t)
    t:equal(select(2, builds.run(s, builds.recipe(s))), 0)
    s.lab:fault { method = "CloneVM_Task", fault = "task", type = "InvalidDeviceSpec", message = "Invalid configuration for device '0'." }
    local out, status = builds.run(s, t:write(s.dir .. "/copy.lua",
      [[return clone { name = "copy", from = import "small", linked = true, hardware = { nics = { "e1000" } }, shutdown = "poweroff" }]]))
    t:equal(status, 1)
    t:match(out, "copy: failed: clone: Network adapter 1 [^\n]* is not accepted", out)
  end,
}
