-- The line editor on a real (pseudo-) terminal: what is typed, completed, given up and remembered.
local lfs = require "lfs"
local terminal = require "tests.terminal"

local program = lfs.currentdir() .. "/" .. arg[-1]

-- A script that reads lines and says what came of each, until the end of the input.
local READER = [[
local line, signal = require "line", require "signal"
local editor <close> = assert(line.open())
local function complete(before, after)
  if before == "na" then return "me" end
  if before == "say oh" then return "é", nil, 2 end
  if before:find "bad$" then error("a bad completion", 0) end
  if before ~= "" then return nil, "one  two  [" .. before .. "|" .. after .. "]" end
end
if arg[1] then print("loaded", editor:load(arg[1])) end
while true do
  signal.catch()
  local ok, text = pcall(editor.read, editor, "\1\27[1m\1ask>\1\27[0m\1 ", complete)
  if ok and text == nil then break end
  print(ok and "got {" .. text .. "}" or "raised {" .. tostring(text) .. "}")
  if ok then editor:remember(text) end
  if ok and arg[1] then assert(editor:save(arg[1])) end
  if text == "sleep" then print("slept", pcall(function() print("sleeping") signal.sleep(60) end)) end
end
print("end", true)
]]

local function run(t, steps, argument)
  local script = t:write(t:directory() .. "/reader.lua", READER)
  return terminal.run(t, program .. " run " .. script .. " " .. (argument or ""), steps)
end

return {
  ["a line is edited, in UTF-8, and ends with Enter; Ctrl-D is the end"] = function(t)
    local out, status = run(t, { { wait = "ask>", send = "grün 日本\2\2\8.\r" }, { wait = "got" }, { wait = "ask>", send = "\4" } })
    t:contains(out, "got {grün.日本}")
    t:contains(out, "end\ttrue")
    t:equal(status, 0)
  end,

  ["a character that is cut off does not take the key after it along"] = function(t)
    local out, status = run(t, { { wait = "ask>", send = "a\xe6\x97\r" }, { wait = "got {a" }, { wait = "ask>", send = "\4" } })
    t:contains(out, "got {a}")
    t:equal(status, 0)
  end,

  ["Tab puts in what the function gives, or shows it below and keeps the line"] = function(t)
    local out = run(t, { { wait = "ask>", send = "na\t\r" }, { wait = "got {name}", send = "abc\2\t" },
      { wait = "[ab|c]", send = "\r" }, { wait = "got {abc}" }, { wait = "ask>", send = "\4" } })
    t:contains(out, "one  two  [ab|c]\nask> abc")
  end,

  ["a completion may take away what is before the cursor"] = function(t)
    t:contains(run(t, { { wait = "ask>", send = "say oh\t!\r" }, { wait = "got {say é!}" }, { wait = "ask>", send = "\4" } }), "got {say é!}")
  end,

  ["what the completion raises is raised by the reading; the editor goes on"] = function(t)
    local out, status = run(t, { { wait = "ask>", send = "bad\t" }, { wait = "raised {a bad completion}", send = "x\r" },
      { wait = "got {x}" }, { wait = "ask>", send = "\4" } })
    t:equal(status, 0, out)
  end,

  ["Ctrl-C gives a line up, and ends a wait; the editor goes on"] = function(t)
    local out, status = run(t, { { wait = "ask>", send = "half" }, { wait = "half", send = "\3" },
      { wait = "raised {interrupted}", send = "sleep\r" }, { wait = "sleeping", send = "\3" },
      { wait = "slept\tfalse\tinterrupted", send = "x\r" }, { wait = "got {x}" }, { wait = "ask>", send = "\4" } })
    t:equal(status, 0, out)
  end,

  ["the history is kept in a file that only its owner reads, and comes back"] = function(t)
    local path = t:directory() .. "/history"
    local out = run(t, { { wait = "ask>", send = "first \"ü\"\r" }, { wait = "got", send = "second\r" }, { wait = "got" },
      { wait = "ask>", send = "\4" } }, path)
    t:contains(out, "loaded\tnil\topen " .. path .. ": No such file or directory\tnotfound")
    t:equal(lfs.attributes(path, "permissions"), "rw-------")
    out = run(t, { { wait = "ask>", send = "\16\16\r" }, { wait = "got" }, { wait = "ask>", send = "\4" } }, path)
    t:contains(out, "loaded\t2")
    t:match(t:read(path), "\nfirst[^\n]+\nsecond\nfirst[^\n]+\n$")
    t:contains(out, "got {first \"ü\"}")
    t:equal(t:shell("ls -A " .. path:match "^(.*)/"), "history\n")
    t:write(path, "not a history\n")
    t:contains(run(t, { { wait = "ask>", send = "\4" } }, path), "format")
  end,

  ["a history that does not fit on the disk stays as it was"] = function(t)
    local dir = t:directory()
    local script = t:write(dir .. "/s.lua", [[
      local editor <close> = assert(require "line".open())
      editor:remember(("x"):rep(100))
      for _ = 1, 2 do print(select(3, editor:save(arg[1]))) end]])
    local kept = "_HiStOrY_V2_\n"
    for n = 1, 600 do kept = kept .. "line " .. n .. " " .. ("y"):rep(50) .. "\n" end
    t:write(dir .. "/history", kept)
    -- files of this process stay below 64 blocks
    local out = t:shell("ulimit -f 64; " .. arg[-1] .. " run " .. script .. " " .. dir .. "/history")
    t:equal(out, "io\nio\n")
    t:equal(t:read(dir .. "/history"), kept)
    t:equal(t:shell("ls -A " .. dir), "history\ns.lua\n")
  end,
}
