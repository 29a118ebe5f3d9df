local runtime = require "runtime"
local signal = require "signal"
local peer = require "tests.peer"

return {
  ["a near name is found, a far one is not"] = function(t)
    t:equal(runtime.nearest("memoryMb", { "numCPUs", "memoryMB" }), "memoryMB")
    t:equal(runtime.nearest("xyzzy", { "numCPUs", "memoryMB" }), nil)
    t:equal(runtime.nearest("lsit", { "unpack", "list" }), "list", "swapped letters")
    t:equal(runtime.nearest("tcsh", { "bash", "zsh", "fish" }), nil, "half of a short name is another name")
    t:equal(runtime.nearest("verison", { "json", "version" }), "version")
  end,
  ["a message does not talk to the terminal"] = function(t)
    t:contains(t:fails("notfound", require("load").source("a\27[2J\127\nb\u{9b}2J\t")), "'a?[2J?\nb??2J\t'")
  end,
  ["a message is UTF-8, whatever was said, and where it is cut off"] = function(t)
    t:contains(t:fails("notfound", require("load").source("ü\255\xc3x")), "'ü??x'")
    for n = 600, 601 do
      local message = t:fails("notfound", require("load").source(("x"):rep(n) .. ("ü"):rep(600)))
      t:ok(#message > 1000 and utf8.len(message), n)
    end
  end,
  ["what is printed goes to no file, with the standard streams closed"] = function(t)
    local dir = t:directory()
    local script = t:write(dir .. "/s.lua", [[
      local files = {}
      for n = 1, 3 do files[n] = io.open(arg[1] .. "/" .. n, "w") end
      print "screen"
      io.stdout:flush()
      io.stderr:write "error"
      files[1]:write(tostring(io.read()))]])
    local _, status = t:shell(arg[-1] .. " run " .. script .. " " .. dir .. " <&- >&- 2>&-")
    t:equal({ status, t:read(dir .. "/1"), t:read(dir .. "/2"), t:read(dir .. "/3") }, { 1, "nil", "", "" })
  end,
  ["sleep waits and the clock moves forward"] = function(t)
    local before = signal.now()
    signal.sleep(0.01)
    t:ok(signal.now() - before >= 0.01)
  end,
  ["the time of day is os.time's, with its fraction"] = function(t)
    local before, now = os.time(), signal.time()
    t:equal(math.type(now), "float")
    t:ok(now >= before and now < os.time() + 2)
  end,
  ["a signal ends a sleep with the error cancelled"] = function(t)
    local script = t:write(t:directory() .. "/s.lua", "io.stdout:write('ready\\n') io.stdout:flush() require('signal').sleep(30)")
    local status, out = peer.interrupt(t, arg[-1] .. " run " .. script, "ready")
    t:equal(status, 130)
    t:contains(out, "interrupted")
  end,
  ["a hang-up ends nothing under nohup; other signals do"] = function(t)
    local script = t:write(t:directory() .. "/s.lua", [[
      local function sleep(signal)
        io.popen("kill -" .. signal .. " $PPID"):close()
        return (pcall(require "signal".sleep, 0.02))
      end
      print(sleep "HUP", sleep "TERM", sleep "HUP")]])
    t:equal(t:shell("nohup " .. arg[-1] .. " run " .. script .. " </dev/null"), "true\tfalse\tfalse\n")
    t:equal(t:shell(arg[-1] .. " run " .. script), "false\tfalse\tfalse\n")
  end,
  ["a signal between two waits ends the next one, not what comes before it"] = function(t)
    local script = t:write(t:directory() .. "/s.lua", [[
      local function kill() io.popen("kill -INT $PPID"):close() end
      local function made() for _ = 1, 1000 do tostring(_) end return "made" end
      kill()
      print(made())
      require("signal").sleep(30)]])
    local out, status = t:shell(arg[-1] .. " run " .. script)
    t:equal(status, 130, out)
    t:contains(out, "made\n")
  end,
  ["a signal ends Lua that waits for nothing, and one that only calls what takes its time"] = function(t)
    for _, loop in ipairs { "x = x + 1", "x = #('x'):rep(1000000)" } do
      local script = t:write(t:directory() .. "/s.lua", "local x = 0 print 'ready' io.stdout:flush() while true do " .. loop .. " end")
      t:equal(peer.interrupt(t, arg[-1] .. " run " .. script, "ready"), 130)
    end
  end,
  ["a limit ends a wait, and every wait after it, until it is lifted"] = function(t)
    local function sleep() return pcall(signal.sleep, 30) end
    t:defer(function() signal.limit(0) end)
    signal.limit(0.02)
    for _ = 1, 2 do
      local ok, e = sleep()
      t:equal({ ok, e.code, e.message }, { false, "cancelled", "out of time" })
      signal.acknowledge()
    end
    signal.limit(0)
    signal.acknowledge()
    t:equal(signal.sleep(1.1), true)
    t:raises("seconds expected", signal.limit, -1)
  end,
  ["two signals at once are one; the third kills, whichever they are"] = function(t)
    local dir = t:directory()
    local script = t:write(dir .. "/s.lua", [[
      local signal = require "signal"
      io.stdout:setvbuf "line"
      for n = 1, 3 do
        print("waits " .. n)
        print(pcall(signal.sleep, 30) and "slept" or "ended")
        os.execute "sleep 0.3" -- the second of two at once comes before the first is acknowledged
        signal.acknowledge()
      end]])
    local _, status = t:shell(string.format([[
      reach() { until grep -q "waits $1" %s/out; do kill -0 $pid || exit; sleep 0.02; done; }
      %s run %s > %s/out & pid=$!
      reach 1; kill -HUP $pid; kill -TERM $pid; reach 2; kill -INT $pid; reach 3; kill -TERM $pid; wait $pid]],
      dir, arg[-1], script, dir))
    t:equal(status, 128 + 15)
    t:equal(t:read(dir .. "/out"), "waits 1\nended\nwaits 2\nended\nwaits 3\n")
  end,
}
