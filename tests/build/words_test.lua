-- Steps of a build in the lab's mode without boot: what comes back from the guest, what is tried again, what is left to do after a failure
local builds = require "tests.builds"
local lab = require "tests.lab"

local function site(t) return builds.setup(t, lab.start(t)) end
local CLEAN = { vms = {}, files = {}, sessions = 0 }

return {
  ["upload brings files from the guest, too"] = function(t)
    local s = site(t)
    t:shell("mkdir -p " .. s.dir .. "/got " .. s.dir .. "/tree/sub && echo deep > " .. s.dir .. "/tree/sub/file")
    local out, status = builds.run(s, builds.recipe(s, string.format([[provision = {
      upload { content = "made there", to = "/root/one" }, upload { "tree", to = "/root" },
      upload { from = { "/root/one", "/root/tree" }, to = "%s/got" }, upload { from = "/root/one", to = "%s/other" } }]], s.dir, s.dir)))
    t:equal(status, 0, out)
    t:equal({ t:read(s.dir .. "/got/one"), t:read(s.dir .. "/got/tree/sub/file"), t:read(s.dir .. "/other") }, { "made there", "deep\n", "made there" })
    t:match(out, "  3 upload +[%d.]+s  /root/one, /root/tree of the guest → " .. s.dir:gsub("%p", "%%%0") .. "/got\n")
    out, status = builds.run(s, builds.recipe(s, [[provision = { upload { from = "/root/nothing", to = "/nowhere" } }]]), "--force")
    t:equal(status, 1)
    t:match(out, "provision 1 upload: look at /root/nothing at [^\n]*: no such file")
    for fields, message in pairs { ['"a", from = "/b", to = "/c"'] = "has files and from: choose one",
      ['from = "/b", mode = 1, to = "/c"'] = "has mode and from", ['to = "/c"'] = "names no file" } do
      out, status = builds.run(s, builds.recipe(s, "provision = { upload { " .. fields .. " } }"))
      t:equal(status, 2)
      t:contains(out, message)
    end
  end,

  ["a command that fails is run again as often as it is said"] = function(t)
    local s = site(t)
    local step = [[provision = { shell { "n=$(cat %s/n || echo 0); n=$((n + 1)); echo $n > %s/n; [ $n -ge 3 ]", retries = %d, retry_interval = "10ms" } }]]
    local out, status = builds.run(s, builds.recipe(s, step:format(s.dir, s.dir, 1)))
    t:equal({ status, t:read(s.dir .. "/n") }, { 1, "2\n" }, out)
    t:contains(out, "the script ended with status 1; try 2 of 2 in ")
    t:equal(builds.state(s), CLEAN)
    os.remove(s.dir .. "/n")
    out, status = builds.run(s, builds.recipe(s, step:format(s.dir, s.dir, 5)))
    t:equal({ status, t:read(s.dir .. "/n") }, { 0, "3\n" }, out)
    t:match(out, "  1 shell +[%d.]+s  3 tries\n")
  end,

  ["a command whose connection broke is run again, and what is left of it ended"] = function(t)
    local s = site(t)
    local building = builds.start(s, builds.recipe(s, string.format([[provision = {
      shell { "[ ! -e ~/once ] || exit 0; touch ~/once; trap '' HUP; echo $$ > %s/pid; echo begun; sleep 60", retries = 2, retry_interval = "1s" } }]], s.dir)))
    t:ok(building:wait_for "begun", building:output())
    s.lab:fault { fault = "noboot" } -- its connections end
    s.lab:control("DELETE", "/fault")
    local out, status = building:wait()
    t:equal(status, 0, out)
    t:match(out, "  1 shell +[%d.]+s  2 tries\n")
    t:equal(t:shell("grep -s '^State:.[^ZX]' /proc/" .. t:read(s.dir .. "/pid"):match "%d+" .. "/status"), "")
  end,

  ["the guest restarts among the steps, and they go on"] = function(t)
    local s = site(t)
    local out, status = builds.run(s, builds.recipe(s, [[provision = { function(guest) return guest:fact "boot_id" end, reboot(),
      function(guest) return guest:fact "boot_id" end }]]))
    t:equal(status, 0, out)
    t:match(out, "  2 reboot +[%d.]+s  back as 127%.")
    local before, after = out:match " 1 function +[%d.]+s  (%x%S+)\n.* 3 function +[%d.]+s  (%x%S+)\n"
    t:ok(before and after and before ~= after, out)
  end,

  ["the steps of on_error run before a failed build is cleaned up"] = function(t)
    local s = site(t)
    local out, status = builds.run(s, builds.recipe(s, string.format([[provision = { upload { content = "ruined\n", to = "/root/log" }, shell { "exit 3" } },
      on_error = { upload { from = "/root/log", to = "%s/log" }, function(guest) return "seen " .. guest:run("cat /root/log") end }]], s.dir)))
    t:equal({ status, t:read(s.dir .. "/log") }, { 1, "ruined\n" }, out)
    t:match(out, "  on_error:\n.*    2 function +[%d.]+s  seen ruined\n.*undone: virtual machine")
    t:match(out, "small: failed: provision 2 shell: [^\n]*the script ended with status 3")
    t:equal(builds.state(s), CLEAN)
    -- and they are no second failure: each is run and told, and none of them is what --until means
    out, status = builds.run(s, builds.recipe(s, [[provision = { shell { "exit 3" } },
      on_error = { shell { "exit 4", name = "collector" }, function() error "no such thing" end, shell { "echo collected" } }]]), "--until", "shell")
    t:equal(status, 1)
    t:match(out, "\n    warning: on_error 1 collector: [^\n]*status 4")
    t:match(out, "\n    warning: on_error 2 function: [^\n]*no such thing")
    t:contains(out, "shell> collected")
    t:match(out, "\n    1 collector  +[%d.]+s  failed\n")
    t:match(out, "small: failed: provision 1 shell: [^\n]*status 3")
    t:equal(builds.state(s), CLEAN)
    -- nor are they run when there is no failure, or no guest
    out, status = builds.run(s, builds.recipe(s, [[on_error = { shell { "echo never" } }]]))
    t:equal({ status, out:find("never", 1, true) }, { 0 }, out)
    s.lab:fault { fault = "noboot" }
    out, status = builds.run(s, builds.recipe(s, [[ssh = { timeout = "1s" }, address = { timeout = "1s" }, on_error = { shell { "echo never" } }]]), "--force")
    t:equal(status, 1)
    t:contains(out, "on_error was not run: the guest was not reached")
    out, status = builds.run(s, builds.recipe(s, [[on_error = { upload { "nosuch", to = "/x" } }]]))
    t:equal(status, 2)
    t:contains(out, "on_error[1]: nosuch: no such file or directory")
  end,
}
