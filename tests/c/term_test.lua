-- How much of a text fits into a line, and what is called while something waits.
local signal = require "signal"
local term = require "term"

-- text, columns -> what is left, columns taken
local CUTS = {
  { "hello", 3, "hel", 3 }, { "hello", 9, "hello", 5 }, { "", 4, "", 0 }, { "hello", 0, "", 0 },
  { "a日本b", 3, "a日", 3 }, { "a日本b", 2, "a", 1 }, { "日x", 1, "", 0 },               -- wide characters are not halved
  { "e\u{301}x", 1, "e\u{301}", 1 }, { "✓ ok", 1, "✓", 1 }, { "█▏", 5, "█▏", 2 },
  { "\27[31mhello\27[0m", 2, "\27[31mhe\27[0m", 2 }, { "\27[1;38;5;4mx", 0, "\27[1;38;5;4m", 0 },
  { "\27]0;t\7", 2, "\27]", 2 }, { "\27[3", 9, "\27[3", 3 },                             -- other sequences are characters like any
  { "\255\254abc", 3, "\255\254a", 3 }, { "\xe6\x97", 9, "\xe6\x97", 2 },                 -- and so is what is no UTF-8
}

return {
  ["cut: columns, not bytes or characters"] = function(t)
    for _, c in ipairs(CUTS) do t:equal({ term.cut(c[1], c[2]) }, { c[3], c[4] }, c[1]) end
    t:equal(#term.cut(("x"):rep(100000), 99999), 99999)
  end,
  ["width: nil where there is no terminal, columns and rows of one"] = function(t)
    local script = t:write(t:directory() .. "/w.lua", "print(require('term').width())")
    t:equal((t:shell(arg[-1] .. " run " .. script .. " | cat")), "nil\n")
    t:equal((t:shell("script -qec 'stty cols 71 rows 23; " .. arg[-1] .. " run " .. script .. "' /dev/null")), "71\t23\r\n")
  end,
  ["tick: called while something waits, until it fails or is taken away"] = function(t)
    local calls = 0
    local failing <close> = signal.tick(0.01, function()
      calls = calls + 1
      if calls == 3 then error "enough" end
    end)
    while calls < 3 do signal.sleep(0.02) end
    signal.sleep(0.05)
    t:equal(calls, 3)
    local closed = signal.tick(0.01, function() calls = calls + 1 end)
    closed:close()
    failing:close()
    signal.sleep(0.03)
    t:equal(calls, 3)
    t:raises("more than 0", signal.tick, 0, print)
    t:raises("function expected", signal.tick, 1)
  end,
  ["resumed: counts how often a process went on after a stop"] = function(t)
    local script = t:write(t:directory() .. "/r.lua", [[
      local signal = require "signal"
      local before = signal.resumed()
      os.execute "p=$PPID; (sleep 0.1; kill -CONT $p) & kill -STOP $p; wait"
      print(before, signal.resumed())
    ]])
    t:equal((t:shell(arg[-1] .. " run " .. script)), "0\t1\n")
  end,
  ["tick: several, each in its time; one may open and close others"] = function(t)
    local said, inner = {}, nil
    local rare <close> = signal.tick(60, function() said.rare = true end)
    local often <close> = signal.tick(0.01, function() said.often = (said.often or 0) + 1 end)
    local outer <close> = signal.tick(0.02, function()
      if inner then inner:close() end
      inner = signal.tick(0.01, function() said.inner = true end)
      signal.sleep(0)
    end)
    while not (said.inner and said.often > 3) do signal.sleep(0.01) end
    inner:close()
    t:ok(not said.rare)
    t:ok(tostring(rare) and tostring(often) and tostring(outer))
  end,
  ["tick: none is called again before it has returned, whatever waits in it"] = function(t)
    local depth, deepest, calls = 0, 0, 0
    local slow <close> = signal.tick(0.001, function()
      depth, calls = depth + 1, calls + 1
      deepest = math.max(deepest, depth)
      signal.sleep(0.01)
      depth = depth - 1
    end)
    while calls < 3 do signal.sleep(0.01) end
    t:equal({ deepest, depth, slow ~= nil }, { 1, 0, true })
  end,
  ["tick: a signal that comes in it ends the wait, and it goes on afterwards"] = function(t)
    local script = t:write(t:directory() .. "/s.lua", [[
      local process, signal = require "process", require "signal"
      local calls = 0
      local tick <close> = signal.tick(0.01, function()
        calls = calls + 1
        if calls == 1 then os.execute("kill -TERM " .. process.id()) end
      end)
      print(pcall(signal.sleep, 30))
      signal.acknowledge()
      while calls < 3 do signal.sleep(0.01) end
      print "goes on"]])
    t:equal((t:shell(arg[-1] .. " run " .. script)), "false\tterminated\ngoes on\n")
  end,
}
