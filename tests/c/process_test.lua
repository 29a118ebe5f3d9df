local process = require "process"
local signal = require "signal"
local peer = require "tests.peer"

local function run(t, options)
  local p <close> = assert(process.start(options))
  local out = { out = "", err = "" }
  for stream, bytes in function() return p:read(10) end do out[stream] = out[stream] .. bytes end
  local result = p:wait(10)
  t:ok(result, "it has ended")
  return out.out, out.err, result
end

-- Has the process ended, or does it soon?
local function gone(t, pid) return t:eventually(function() return peer.ended(pid) end) end

local probe, why = process.start { command = { "true" } }
if not probe and why:find("Function not implemented", 1, true) then
  return { ["children"] = function(t) t:skip("no pidfd_open here, as under valgrind") end }
end
if probe then probe:close() end

return {
  ["output, errors and exit status are told apart"] = function(t)
    local out, errors, result = run(t, { command = { "sh", "-c", "echo one; echo two >&2; exit 7" } })
    t:equal({ out, errors, result }, { "one\n", "two\n", { status = 7 } })
  end,
  ["arguments, variables, directory and input arrive as they are"] = function(t)
    local dir = t:directory()
    local out = run(t, { command = { "sh", "-c", 'printf "%s|%s|%s|" "$1" "$X" "$(pwd -P)"; cat', "sh", "a b'c\"$" },
      env = { X = "y=z\n", HOME = "/nowhere" }, directory = dir, stdin = "in\0put" })
    local real = t:shell("cd " .. dir .. " && pwd -P"):gsub("\n$", "")
    t:equal(out, "a b'c\"$|y=z\n|" .. real .. "|in\0put")
  end,
  ["output comes from where it was written, however many files are open"] = function(t)
    local open = {} -- the next process has higher and higher descriptors, across the one that ties it to this process
    for count = 1, 120 do
      open[count] = assert(io.open("/dev/null"))
      if count > 80 then
        local out = { run(t, { command = { "sh", "-c", "echo one; echo two >&2; cat" }, stdin = "three" }) }
        t:equal(out, { "one\nthree", "two\n", { status = 0 } })
      end
    end
    for _, file in ipairs(open) do file:close() end
  end,
  ["it has no files of this process, nor connections"] = function(t)
    local file <close> = assert(io.open("/dev/null"))
    local pipe <close> = assert(io.popen "cat >/dev/null") -- made by the C library
    t:ok(file and pipe)
    t:equal(run(t, { command = { "ls", "/proc/self/fd" } }), "0\n1\n100\n2\n3\n", "standard ones, the tie, the directory it lists")
  end,
  ["a megabyte of output comes whole"] = function(t)
    local out = run(t, { command = { "head", "-c", "1000000", "/dev/zero" } })
    t:equal(#out, 1000000)
  end,
  ["one that never stops writing keeps nobody else waiting"] = function(t)
    local p <close> = assert(process.start { command = { "yes" } })
    local ticked = false
    local _ <close> = signal.tick(0.2, function() ticked = true end)
    t:defer(function() signal.limit(0) signal.acknowledge() end)
    signal.limit(20)
    while not ticked do
      t:equal(p:read(10), "out")
      local from = signal.now()
      repeat until signal.now() > from + 0.02 -- slower than it writes
    end
  end,
  ["a program or directory that is not there is refused"] = function(t)
    t:contains(t:fails("notfound", process.start { command = { "/nonexistent/program" } }), "start /nonexistent/program: No such file")
    t:fails("notfound", process.start { command = { "true" }, directory = "/nonexistent" })
  end,
  ["a signal ends it, and says which"] = function(t)
    local p <close> = assert(process.start { command = { "sleep", "60" } })
    t:equal(p:read(0), false)
    t:equal(p:wait(0), false)
    p:signal "TERM"
    t:equal(p:wait(10), { signal = 15 })
    p:signal "TERM"
  end,
  ["how it ended is known, also where the parent of this process ignored the end of its children"] = function(t)
    local script = t:write(t:directory() .. "/s.lua", [[
      local p <close> = require "process".start { command = { "sh", "-c", "exit 7" } }
      print(p:wait(10).status)]])
    t:equal(t:shell("env --ignore-signal=CHLD " .. arg[-1] .. " run " .. script), "7\n")
  end,
  ["closing kills what it started as well"] = function(t)
    local p = assert(process.start { command = { "sh", "-c", "sleep 61 & echo $!; wait" } })
    local _, pid = p:read(10)
    p:close()
    p:close()
    t:ok(gone(t, pid))
  end,
  ["what a process started gets a signal when that process is killed, and so does what it started in turn"] = function(t)
    local parent = t:write(t:directory() .. "/parent.lua", [[
      local p = require "process".start { command = { "sh", "-c", "sleep 62 & echo $$ $!; sleep 63" } }
      print(select(2, p:read()))
      io.stdout:flush()
      require "signal".sleep(30)]])
    local p <close> = peer.child(t, { command = { arg[-1], "run", parent } })
    local _, line = p:read(30)
    p:signal "KILL"
    for pid in line:gmatch "%d+" do t:ok(gone(t, pid), pid .. " is there still") end
  end,
  ["what an ended process left running is let alone"] = function(t)
    local p = assert(process.start { command = { "sh", "-c", "sleep 64 >&- 2>&- & echo $!" } })
    local _, pid = p:read(10)
    t:equal(p:wait(10), { status = 0 })
    p:close()
    t:equal(t:shell("kill " .. pid), "", "it was there to be ended")
  end,
  ["several are waited for at once"] = function(t)
    local slow <close> = assert(process.start { command = { "sleep", "60" } })
    local quick <close> = assert(process.start { command = { "echo", "x" } })
    local ready = process.ready({ slow, quick }, 10)
    t:equal(#ready, 1)
    t:ok(ready[1] == quick)
    t:equal(process.ready({ slow }, 0), {})
  end,
  ["mistakes are refused where they are made"] = function(t)
    t:raises("unknown option 'comand': did you mean 'command'", process.start, { comand = {} })
    t:raises("must be a list", process.start, { command = {} })
    t:raises("word 2 is no string", process.start, { command = { "true", 1 } })
    t:raises("word 1 is no string without zero", process.start, { command = { "true\0" } })
    for name, value in pairs { [""] = "x", ["A=B"] = "x", C = "x\0y", D = 1 } do
      t:raises("bad option 'env'", process.start, { command = { "true" }, env = { [name] = value } })
    end
    local p = assert(process.start { command = { "true" } })
    p:close()
    t:raises("closed process", p.read, p)
  end,
}
