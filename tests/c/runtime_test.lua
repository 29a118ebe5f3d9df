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
  ["a signal ends a loop in a coroutine, in one of one, after one, and one of many"] = function(t)
    for _, body in ipairs { "coroutine.wrap(loop)()", "coroutine.wrap(function() coroutine.wrap(loop)() end)()",
      "coroutine.resume(coroutine.create(loop)) loop()", "while true do coroutine.wrap(tostring)(1) end" } do
      local script = t:write(t:directory() .. "/s.lua", "print 'ready' io.stdout:flush() local function loop() while true do end end " .. body)
      t:equal(peer.interrupt(t, "timeout -s KILL 20 " .. arg[-1] .. " run " .. script, "ready"), 130, body)
    end
  end,
  ["coroutines give and take what they should"] = function(t)
    local function all(...) return { n = select("#", ...), ... } end
    local co = coroutine.create(function(a, b)
      local c = coroutine.yield(a + b)
      return c, nil, coroutine.isyieldable()
    end)
    t:equal(all(coroutine.resume(co, 1, 2)), all(true, 3))
    t:equal(all(coroutine.resume(co, 5)), all(true, 5, nil, true))
    t:equal(all(coroutine.resume(co)), all(false, "cannot resume dead coroutine"))
    local count = coroutine.wrap(function(...)
      local n = select("#", ...)
      while true do n = select("#", coroutine.yield(n)) end
    end)
    t:equal({ count(), count(1, nil), count(nil) }, { 0, 2, 1 })
    local e = {}
    t:equal(all(pcall(coroutine.wrap(function() error(e) end))), all(false, e))
    t:raises("thread expected", coroutine.resume, 3)
    t:raises("function expected", coroutine.wrap, 3)
  end,
  ["a signal that follows at once is the same one, though the first was heard of meanwhile"] = function(t)
    local script = t:write(t:directory() .. "/s.lua", [[
      local signal = require "signal"
      local function kill(name) io.popen("kill -" .. name .. " $PPID"):close() end
      for _ = 1, 100 do
        signal.catch()
        local began = signal.now()
        kill "HUP"
        local heard = signal.acknowledge()
        kill "TERM"
        if signal.now() - began < 0.1 then -- it may take longer where much else runs
          print(heard, signal.pending())
          signal.sleep(0.2)
          kill "HUP"
          return print(signal.acknowledge())
        end
        signal.acknowledge()
        signal.sleep(0.2)
      end]])
    t:equal(t:shell(arg[-1] .. " run " .. script), "1\t0\n1\n")
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
