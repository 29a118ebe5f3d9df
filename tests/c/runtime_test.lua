local runtime = require "runtime"
local signal = require "signal"

return {
  ["a near name is found, a far one is not"] = function(t)
    t:equal(runtime.nearest("memoryMb", { "numCPUs", "memoryMB" }), "memoryMB")
    t:equal(runtime.nearest("xyzzy", { "numCPUs", "memoryMB" }), nil)
  end,
  ["a message does not talk to the terminal"] = function(t)
    t:contains(t:fails("notfound", require("load").source("a\27[2J\127\nb")), "'a?[2J?\nb'")
  end,
  ["sleep waits and the clock moves forward"] = function(t)
    local before = signal.now()
    signal.sleep(0.01)
    t:ok(signal.now() - before >= 0.01)
  end,
  ["a signal ends a sleep with the error cancelled"] = function(t)
    local program = arg[-1]
    local dir = t:directory()
    local script = t:write(dir .. "/s.lua", "io.stdout:write('ready\\n') io.stdout:flush() require('signal').sleep(30)")
    local out, status = t:shell(program .. " run " .. script .. " & pid=$!; sleep 0.3; kill -INT $pid; wait $pid")
    t:equal(status, 130)
    t:contains(out, "interrupted")
  end,
}
