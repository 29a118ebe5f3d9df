-- Every script in tests/examples runs, and prints what its comments "--> …" say.
local lfs = require "lfs"
local sshd = require "tests.sshd"

local program, folder = arg[-1], arg[0]:match("^(.*)/[^/]*$") .. "/examples"
local tests = {}

-- Each gets a directory of its own, unless it needs something else.
local arguments = {
  ["ssh.lua"] = function(t)
    local server = sshd.start(t)
    return table.concat({ server.host, server.port, server.username, server.key_file }, " ")
  end,
}

for name in lfs.dir(folder) do
  if name:match("%.lua$") then
    tests[name .. " prints what it says"] = function(t)
      local path, want = folder .. "/" .. name, {}
      for line in io.lines(path) do want[#want + 1] = line:match("^%s*%-%-> ?(.*)$") end
      t:ok(#want > 0, "no line '--> …' in " .. path)
      local out, status = t:shell(program .. " run " .. path .. " " .. (arguments[name] or t.directory)(t))
      t:equal(out, table.concat(want, "\n") .. "\n")
      t:equal(status, 0)
    end
  end
end

return tests
