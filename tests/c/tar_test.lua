-- tar: archives of headers and padding, read by tar
local tar = require "tar"

return {
  ["a stream of files is what tar reads"] = function(t)
    local dir, parts, expected = t:directory(), {}, {}
    local files = { ["a b"] = { "", 384 }, ["ü"] = { "x", 420 }, [("d/"):rep(60) .. "long"] = { ("y"):rep(512), 493 }, s = { ("z"):rep(1000), 2541 } }
    for name, file in pairs(files) do
      parts[#parts + 1] = tar.header(name, #file[1], { mode = file[2], mtime = 1700000000 }) .. file[1] .. tar.padding(#file[1])
      expected[#expected + 1] = string.format("%o %d 1700000000 %s", file[2], #file[1], name)
    end
    t:write(dir .. "/x.tar", table.concat(parts) .. tar.ending)
    t:equal(select(2, t:shell("cd " .. dir .. " && mkdir x && tar -C x -xpf x.tar")), 0)
    table.sort(expected)
    local found = {}
    for line in t:shell("cd " .. dir .. "/x && find * -type f -printf '%m %s %T@ %p\\n' | sed 's/\\.0* / /'"):gmatch("[^\n]+") do found[#found + 1] = line end
    table.sort(found)
    t:equal(found, expected)
  end,
  ["what cannot be is refused"] = function(t)
    t:match(t:fails("format", tar.header(("n"):rep(1001), 1)), "too long")
    t:fails("format", tar.header("", 1))
    t:fails("format", tar.header("a\0b", 1))
    t:raises("not negative", tar.header, "a", -1)
    t:raises("not negative", tar.padding, -1)
    t:raises("'mode'", tar.header, "a", 1, { mode = 4096 })
    t:raises("did you mean 'mode'", tar.header, "a", 1, { mod = 1 })
    t:equal({ #tar.padding(0), #tar.padding(1), #tar.padding(512), #tar.header("a", 1 << 40) }, { 0, 511, 0, 512 })
  end,
}
