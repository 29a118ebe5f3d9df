-- core/tail: what is shown of a command that failed
local tail = require "core.tail"

return {
  ["the last lines, without empty ones"] = function(t)
    t:equal(tail.lines("a\r\n\n\nb\nc", 2), "b\nc")
    t:equal(select(2, tail.lines(("x\n"):rep(50)):gsub("x", "")), 20)
    t:equal({ tail.lines "", tail.lines "\n\r\n" }, {})
  end,
  ["a keeper tells on what it hears, and keeps its end"] = function(t)
    local heard = {}
    local listen, last = tail.keeper(function(stream, bytes) heard[#heard + 1] = stream .. ":" .. #bytes end)
    t:equal(last(), nil)
    listen("out", "begin\n" .. ("y"):rep(20000))
    listen("err", "\nend")
    t:equal(heard, { "out:20006", "err:4" })
    t:match(last(), "^y+\nend$")
    t:equal(#last(), 16 * 1024)
  end,
}
