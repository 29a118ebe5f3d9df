-- Every script in tests/examples runs, and prints what its comments "--> …" say.
local lfs = require "lfs"
local lab = require "tests.lab"
local sshd = require "tests.sshd"

local program, folder = arg[-1], arg[0]:match("^(.*)/[^/]*$") .. "/examples"
local tests = {}

local function guest(t)
  local server = sshd.start(t)
  return "", table.concat({ server.host, server.port, server.username, server.key_file }, " ")
end

-- Each gets a directory of its own, unless it needs something else: variables to set, arguments.
local needs = {
  ["ssh.lua"] = guest,
  ["check.lua"] = guest,
  ["vsphere.lua"] = function(t)
    local set = {}
    for name, value in pairs(lab.start(t).env) do set[#set + 1] = name .. "='" .. value .. "' " end
    return table.concat(set), ""
  end,
}
local function directory(t) return "", t:directory() end

for name in lfs.dir(folder) do
  if name:match("%.lua$") then
    tests[name .. " prints what it says"] = function(t)
      local path, want = folder .. "/" .. name, {}
      for line in io.lines(path) do want[#want + 1] = line:match("^%s*%-%-> ?(.*)$") end
      t:ok(#want > 0, "no line '--> …' in " .. path)
      local set, arguments = (needs[name] or directory)(t)
      local out, status = t:shell(set .. program .. " run " .. path .. " " .. arguments)
      t:equal(out, table.concat(want, "\n") .. "\n")
      t:equal(status, 0)
    end
  end
end

return tests
