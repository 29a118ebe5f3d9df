-- Steps of the builder's side of provisioning, in the lab's mode without boot; those in a guest that booted: tests/boot
local builds = require "tests.builds"
local lab = require "tests.lab"
local peer = require "tests.peer"

local function site(t) return builds.setup(t, lab.start(t)) end

return {
  ["local_shell runs here, with the guest in its environment, and its output is shown"] = function(t)
    local s = site(t)
    local out, status = builds.run(s, builds.recipe(s, [[provision = { local_shell { "echo at $LUABUILD_USER@$LUABUILD_ADDRESS:$LUABUILD_PORT $X",
      env = { X = "given" }, name = "say" } },]]))
    t:equal(status, 0, out)
    t:match(out, "say> at root@127%.%d+%.%d+%.%d+:" .. s.lab.env.LAB_SSH_PORT .. " given")
  end,
  ["a script is read by what its first line says, there and here, whatever its ends of lines"] = function(t)
    local s = site(t)
    t:write(s.dir .. "/bash.sh", "#!/bin/bash\r\nfalse\r\n[[ x == x ]] && echo bash $#\r\n")
    t:write(s.dir .. "/python.py", "#!/usr/bin/env python3\nimport os\nprint('python', os.path.isabs(os.environ.get('LUABUILD_OUTPUT', '/')))\n")
    t:write(s.dir .. "/archive.sh", "#! /bin/sh\ntail -c 2 \"$0\" | od -An -c\nexit\n\0\r\n")
    t:write(s.dir .. "/plain.sh", "false\necho never\n")
    local out, status = builds.run(s, builds.recipe(s, [[provision = { shell { script = "bash.sh" }, shell { script = "python.py" },
      shell { script = "archive.sh" }, local_shell { script = "python.py", name = "here" }, shell { script = "bash.sh", interpreter = "/bin/bash -e" } } ]]))
    t:match(out, "shell> bash 0\n.*shell> python True\n.*shell>  +\\r +\\n\n.*here> python True\n")
    t:contains(out, "provision 5 shell: ")
    t:equal(status, 1)
    out, status = builds.run(s, builds.recipe(s, [[provision = { shell { script = "plain.sh" } } ]]))
    t:equal({ status, out:find "never" }, { 1 }, out)
  end,
  ["several files go into a directory that is not there yet, to the guest and back"] = function(t)
    local s = site(t)
    for _, name in ipairs { "one", "two" } do t:write(s.dir .. "/" .. name, name .. "\n") end
    local out, status = builds.run(s, builds.recipe(s, string.format([[provision = { upload { "%s/one", "%s/two", to = "/tmp/both" },
      upload { from = { "/tmp/both/one", "/tmp/both/two" }, to = "%s/back" } },]], s.dir, s.dir, s.dir)))
    t:equal(status, 0, out)
    t:equal({ t:read(s.dir .. "/back/one"), t:read(s.dir .. "/back/two") }, { "one\n", "two\n" })
  end,
  ["a failing local command fails the build with its last lines, and a slow one is killed"] = function(t)
    local s = site(t)
    local out, status = builds.run(s, builds.recipe(s, [[provision = { local_shell { "echo the reason; printf 'half a line'; exit 3" } },]]))
    t:equal(status, 1)
    t:contains(out, "local> half a line\n")
    t:contains(out, "ended with status 3")
    t:contains(out, "the reason")
    local file = s.dir .. "/pid"
    out, status = builds.run(s, builds.recipe(s, [[provision = { local_shell { "sleep 60 & echo $! > ]] .. file .. [[; wait", timeout = "300ms" } },]]))
    t:equal(status, 1)
    t:contains(out, "it still ran after 0.3s")
    local started = t:read(file):match "%d+"
    t:ok(t:eventually(function() return peer.ended(started) end), "what it started is killed too")
    for _, command in ipairs { "exec yes", "exec sleep 60 >&- 2>&-" } do
      out, status = builds.run(s, builds.recipe(s, 'provision = { local_shell { "' .. command .. '", timeout = "300ms" } },'))
      t:equal(status, 1)
      t:contains(out:sub(-2000), "it still ran after 0.3s", command)
    end
    t:equal(builds.state(s), { vms = {}, files = {}, sessions = 0 })
  end,
}
