local lockfile = require "lockfile"
local peer = require "tests.peer"

-- A process that holds the file until it is ended.
local function holder(t, path)
  local script = t:write(path .. ".lua", string.format(
    "local f <close> = assert(require('lockfile').open(%q)) io.stdout:write('held\\n') io.stdout:flush() require('signal').sleep(60)", path))
  local child = peer.child(t, { command = { arg[-1], "run", script } })
  t:defer(function() child:close() end)
  t:equal(select(2, child:read(30)), "held\n")
  return child
end

return {
  ["a file is one process's, and one handle's"] = function(t)
    local path = t:directory() .. "/a"
    do
      local _ <close> = assert(lockfile.open(path))
      t:equal(lockfile.open(path), false)
    end
    local again <close> = assert(lockfile.open(path))
    t:ok(again)
  end,
  ["what is appended is in the file, which only its owner can read"] = function(t)
    local path = t:directory() .. "/a"
    do
      local file <close> = assert(lockfile.open(path))
      t:ok(file:append "one\n")
    end
    local file <close> = assert(lockfile.open(path))
    t:ok(file:append "two\n")
    t:equal(t:read(path), "one\ntwo\n")
    t:equal(require("lfs").attributes(path, "permissions"), "rw-------")
  end,
  ["the lock of a process that is killed is free"] = function(t)
    local path = t:directory() .. "/a"
    local child = holder(t, path)
    t:equal(lockfile.open(path), false)
    child:signal "KILL"
    child:wait()
    local file <close> = lockfile.open(path)
    t:ok(file)
  end,
  ["a file that was removed is made anew, and each has its own"] = function(t)
    local path = t:directory() .. "/a"
    local first = assert(lockfile.open(path))
    t:ok(first:remove())
    t:equal(require("lfs").attributes(path), nil)
    local second <close> = assert(lockfile.open(path))
    t:equal(lockfile.open(path), false)
    t:raises("closed lockfile", first.append, first, "x")
    first:close()
    t:ok(second:append "y")
  end,
  ["what cannot be opened says why"] = function(t)
    local dir = t:directory()
    t:fails("notfound", lockfile.open(dir .. "/no/such"))
    t:contains(t:fails("io", lockfile.open(dir)), "open " .. dir)
    t:shell("ln -s /etc/passwd " .. dir .. "/link")
    t:fails("io", lockfile.open(dir .. "/link"))
  end,

  ["a text that does not fit on the disk is not there at all"] = function(t)
    local dir = t:directory()
    local script = t:write(dir .. "/s.lua", [[
      local file <close> = assert(require("lockfile").open(arg[1] .. "/f"))
      print(file:append(("x"):rep(32000)), select(3, file:append(("y"):rep(40000))), file:append("z\n"))]])
    -- files of this process stay below 64 blocks
    local out = t:shell("ulimit -f 64; " .. arg[-1] .. " run " .. script .. " " .. dir)
    t:equal(out, "true\tio\ttrue\n")
    t:equal(t:read(dir .. "/f"), ("x"):rep(32000) .. "z\n")
  end,
}
