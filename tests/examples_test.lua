-- Every script in tests/examples runs, and prints what its comments "--> …" say.
local lfs = require "lfs"

local program, folder = arg[-1], arg[0]:match("^(.*)/[^/]*$") .. "/examples"
local tests = {}

for name in lfs.dir(folder) do
  if name:match("%.lua$") then
    tests[name .. " prints what it says"] = function(t)
      local path, want = folder .. "/" .. name, {}
      for line in io.lines(path) do want[#want + 1] = line:match("^%s*%-%-> ?(.*)$") end
      t:ok(#want > 0, "no line '--> …' in " .. path)
      local out, status = t:shell(program .. " run " .. path .. " " .. t:directory())
      t:equal(out, table.concat(want, "\n") .. "\n")
      t:equal(status, 0)
    end
  end
end

return tests
