-- No secret of a build is to be seen: on the screen, in files, in processes' arguments, in what the server keeps.
local builds = require "tests.builds"
local lab = require "tests.lab"

local WORD = "Wort-mit-Geheimnis-7"

-- Where the word is found below a directory, without the files that the test itself wrote.
local function found(t, s)
  return t:shell("grep -rlF -- '" .. WORD .. "' " .. s.dir .. " | grep -v -e vars.json -e '\\.lua$'")
end

local function check(t, s, out)
  for _, secret in ipairs { WORD, s.lab.env.VCENTER_PASSWORD, (s.lab.env.VCENTER_PASSWORD:gsub("<", "&lt;"):gsub(">", "&gt;")) } do
    t:ok(not out:find(secret, 1, true), "on the screen: " .. out)
  end
  t:equal(found(t, s), "", "in files")
  for _, request in ipairs(s.lab:log()) do t:ok(not (request.xml or ""):find(WORD, 1, true), "sent: " .. (request.xml or "")) end
end

-- A step that looks at the arguments of every process while the build has everything open.
local LOOK = [[
  function(guest)
    guest:run("true")
    for pid in require("lfs").dir("/proc") do
      local file = pid:find("^%d+$") and io.open("/proc/" .. pid .. "/cmdline", "rb")
      local text = file and file:read("a") or ""
      if file then file:close() end
      if text:find("Geheimnis-7", 1, true) and not text:find("ssh-password", 1, true) then error("process " .. pid .. ": " .. text:gsub("%z", " ")) end
    end
  end]]

local function site(t, more)
  return builds.setup(t, lab.start(t, { ssh_password = WORD }), more)
end

return {
  ["a build that works, with --debug"] = function(t)
    local s = site(t)
    local out, status = builds.run(s, builds.recipe(s, [[kickstart = { files = { ["ks.cfg"] = "rootpw ${ssh_password}" } },
      provision = { shell { "echo it is $WORD", env = { WORD = v.ssh_password } }, ]] .. LOOK .. " }, "), "--debug")
    t:equal(status, 0, out)
    t:contains(out, "shell> it is ••••")
    t:contains(out, "CreateVM_Task Folder ", "requests are shown")
    t:contains(t:read(out:match("log: (%S+)")), "<CreateVM_Task", "and are in the log")
    check(t, s, out)
  end,
  ["a build that fails, with --debug and --json"] = function(t)
    local s = site(t)
    local out, status = builds.run(s, builds.recipe(s,
      'provision = { shell { "echo no $WORD >&2; exit 4", env = { WORD = v.ssh_password } } },'), "--debug", "--json")
    t:equal(status, 1, out)
    t:contains(out, "ended with status 4")
    check(t, s, out)
  end,
  ["a password that stands in the recipe, also in that of the image before"] = function(t)
    local s = site(t, { ssh_password = "another-one" })
    local login = 'ssh = { password = "' .. WORD .. '" }, '
    builds.recipe(s, login .. 'provision = { shell "echo it is ' .. WORD .. '" },')
    local recipe = t:write(s.dir .. "/clone.lua", "return clone { name = 'clone', from = import 'small', linked = true, " .. login .. "shutdown = 'poweroff' }")
    local out, status = builds.run(s, recipe, "--debug")
    t:equal(status, 0, out)
    t:contains(out, "> it is ••••")
    check(t, s, out)
  end,
  ["a log-in that is refused"] = function(t)
    local s = site(t, { ssh_timeout = "1s" })
    local out, status = builds.run(s, builds.recipe(s), "--debug", "--var", "ssh_password=x" .. WORD)
    t:equal(status, 1)
    t:contains(out, "ssh: log in as root@")
    check(t, s, out)
    out, status = builds.run(s, builds.recipe(s), "--debug", "--var", "password=" .. WORD .. "-wrong")
    t:equal(status, 1)
    t:contains(out, "InvalidLogin")
    check(t, s, out)
  end,
  ["inspect, check and plan"] = function(t)
    local s = site(t)
    for _, command in ipairs { "inspect", "check", "plan" } do
      local out, status = builds.run(s, command, builds.recipe(s), "--debug")
      t:equal(status, 0, out)
      check(t, s, out)
    end
  end,
}
