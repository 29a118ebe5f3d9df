-- What is seen of a build: made from its events and nothing else, on terminals of any width.
local cjson = require "cjson"
local builds = require "tests.builds"
local json = require "cli.view.json"
local lab = require "tests.lab"
local live = require "cli.view.live"
local model = require "cli.view.model"
local plain = require "cli.view.plain"
local events = require "build.events"
local render = require "cli.render"
local screen = require "tests.screen"
local secret = require "core.secret"
local style = require "cli.view.style"
local term = require "term"

local MIB = 1 << 20

-- A build of two images, as events with the seconds at which they come.
local function story(more)
  local list = {
    { 0, { event = "run.start", format = 1, program = "luabuild 1", images = { "base", "k3s-日本" } } },
    { 0, { event = "image.start", recipe = "r.lua", kind = "base", output = "output/base" } },
    { 0, { event = "step.start", step = "preflight" } }, { 0.2, { event = "step.done", step = "preflight", seconds = 0.2, detail = ("detail "):rep(30) } },
    { 0.2, { event = "image.decided", decision = "build", reason = "not there yet", steps = { "iso", "provision" } } },
    { 0.2, { event = "step.start", step = "iso" } },
    { 1, { event = "progress", step = "iso", done = 100 * MIB, total = 400 * MIB, unit = "bytes", what = "upload" } },
    { 3, { event = "progress", step = "iso", done = 300 * MIB, total = 400 * MIB, unit = "bytes", what = "upload" } },
    { 4, { event = "step.done", step = "iso", seconds = 3.8, detail = "uploaded 400 MiB" } },
    { 4, { event = "step.start", step = "provision" } }, { 4, { event = "step.start", step = "1 install", parent = "provision" } },
    { 5, { event = "output", step = "1 install", parent = "provision", name = "install", stream = "out", text = "tab\tand 日本語 " .. ("x"):rep(300) } },
    { 6, { event = "step.done", step = "1 install", parent = "provision", seconds = 2 } },
  }
  local ending = more or {
    { 6, { event = "step.done", step = "provision", seconds = 2, detail = "1 step" } },
    { 6, { event = "image.done", result = "built", seconds = 6, artifacts = {
      { name = "base.ova", path = "output/base/base.ova", size = 5 * MIB, sha256 = ("ab"):rep(32) } } } },
    { 6, { event = "image.file", kind = "log", path = "output/base/log/base.log" } },
    { 6, { event = "image.skipped", image = "k3s-日本", reason = "just so" } },
    { 6, { event = "run.done", status = "done", seconds = 6 } },
  }
  local out = {}
  for _, from in ipairs { list, ending } do
    for _, one in ipairs(from) do
      local e = one[2]
      e.at, e.time, e.image = one[1], "2026-01-01T00:00:00.000Z", e.image or not e.event:find("^run") and "base" or nil
      out[#out + 1] = e
    end
  end
  return out
end

local function fresh_style(options)
  local s = style.new { color = options.color, unicode = not options.ascii }
  for key, value in pairs(options) do if key ~= "color" then s[key] = value end end
  return s
end

-- A live view of so many columns: { view, text, screen, at }
local function watch(options)
  local w = { text = {}, screen = screen.new(options.columns), columns = options.columns, at = 0 }
  local s = fresh_style(options)
  s.marked = true
  w.view = live.new { style = s, resumed = options.resumed, size = function() return w.columns, options.rows or 24 end,
    now = function() return w.at end, write = function(text)
      w.text[#w.text + 1] = text
      w.screen:write(text)
    end }
  function w.show(list)
    for _, e in ipairs(list) do
      w.at = e.at
      w.view:event(e)
      if not w.silent then w.view:tick() end
    end
    return w
  end
  return w
end

local function last(w) return w.screen:lines()[#w.screen:lines()] end

return {
  ["the events of the story are as declared"] = function(t)
    for _, e in ipairs(story()) do t:equal(events.wrong(e), nil) end
  end,
  ["a --json stream, read again, gives the same view on a terminal"] = function(t)
    for _, columns in ipairs { 40, 80, 160 } do
      local direct = watch { columns = columns, color = true, prefix = true }.show(story())
      local recorded = {}
      for _, e in ipairs(story()) do recorded[#recorded + 1] = cjson.decode(json.encode(e)) end
      local replayed = watch { columns = columns, color = true, prefix = true }.show(recorded)
      t:equal(table.concat(replayed.text), table.concat(direct.text))
      t:ok(#direct.text > 20)
    end
  end,
  ["the --json stream of a build that was recorded shows that build"] = function(t)
    local s = builds.setup(t, lab.start(t))
    local out = builds.run(s, builds.recipe(s, 'provision = { shell { "echo hello", name = "say" } },'), "--json")
    local recorded = {}
    for line in out:gmatch("[^\n]+") do recorded[#recorded + 1] = cjson.decode(line) end
    t:equal({ recorded[1].event, recorded[#recorded].event, recorded[#recorded].status }, { "run.start", "run.done", "done" })
    local text = table.concat(watch { columns = 80 }.show(recorded).screen:lines(), "\n")
    t:match(text, "▸ provision\n    ▸ 1 say\n      │ hello\n    ✓ 1 say +%d%.%ds\n  ✓ provision .*  ✓ publish .*small: built in .*log: %S+$")
  end,
  ["the line below says step, time, how far, how fast and how long still"] = function(t)
    local list = story()
    local w = watch { columns = 100 }.show(table.move(list, 1, 8, 1, {}))
    t:equal(last(w), "  " .. last(w):match("%S+") .. " iso 2.8s   " .. ("█"):rep(11) .. ("░"):rep(3)
      .. "   75%   1.0s left  100.0 MiB/s  300.0 MiB of 400.0 MiB  upload  1/2")
    w.at = 4.9
    w.view:tick()
    t:match(last(w), "iso 4%.7s")
  end,
  ["the line below says what is waited for, and what a script has on its line"] = function(t)
    local w, list = watch { columns = 80 }, story()
    w.show(table.move(list, 1, 6, 1, {}))
    w.show { { event = "doing", image = "base", at = 1, step = "iso", what = "waiting for something that has a long name", timeout = 300 } }
    t:match(last(w), "^  %S+ iso 0%.8s  1/2  waiting for something that has a long name, 5m00s left$")
    w.at = 61
    w.view:tick()
    t:match(last(w), ", 4m00s left$")
    w.columns = 40
    w.view:tick()
    t:match(last(w), "^  %S+ iso 1m01s  1/2  wait…, 4m00s left$")
    w.show { list[7] }
    t:match(last(w), "25%%")
    w.columns = 80
    w.show { { event = "doing", image = "base", at = 62, step = "iso", what = "45% [=== ]" } }
    t:match(last(w), "1/2  45%% %[=== %]$")
    w.show { { event = "output", image = "base", at = 62, step = "iso", name = "x", stream = "out", text = "over" } }
    t:match(last(w), "1/2$")
    t:ok(not table.concat(w.screen:lines(), "\n"):find("[===", 1, true))
  end,
  ["a transfer of nobody knows how much says how much it is so far"] = function(t)
    local w = watch { columns = 80 }
    w.show(table.move(story(), 1, 6, 1, {}))
    local e = { event = "progress", image = "base", step = "iso", at = 1, done = 5 * MIB, unit = "bytes", what = "disk-0.vmdk" }
    w.show { e }
    t:match(last(w), "iso 0.8s  5.0 MiB  disk%-0.vmdk  1/2$")
    e.at, e.done = 3, 25 * MIB
    w.show { e }
    t:match(last(w), "iso 2.8s  10.0 MiB/s  25.0 MiB  disk%-0.vmdk  1/2$")
  end,
  ["the times of steps stand below each other, however long their names; on a terminal of 40 columns, too"] = function(t)
    local long = { "1 install k3s", "2 install Güte 日本語 and all its agents" }
    local list = story {
      { 7, { event = "output", step = long[2], parent = "provision", name = "x", stream = "out", text = "y" } },
      { 7, { event = "step.start", step = long[2], parent = "provision" } },
      { 9, { event = "step.done", step = long[2], parent = "provision", seconds = 2.5, detail = "well" } },
      { 9, { event = "step.failed", step = "provision", seconds = 3.5, error = "x" } },
    }
    list[2].parts = long
    local text = {}
    local view = plain.new { style = fresh_style {}, write = function(one) text[#text + 1] = one end }
    local w = watch { columns = 40 }
    for _, e in ipairs(list) do view:event(e) end
    w.show(list)
    for name, shown in pairs { plain = table.concat(text), live = table.concat(w.screen:lines(), "\n") } do
      for _, time in ipairs { "0.2s", "3.8s", "2.0s", "2.5s", "3.5s" } do
        local line = shown:match("[^\n]*" .. time:gsub("%.", "%%.") .. "[^\n]*")
        local _, column = term.cut(line:match("^.*" .. time), 80)
        t:equal(column, name == "live" and 25 or 36, name .. ": " .. line)
      end
    end
    t:contains(table.concat(text), "2 install Güte 日本語 a…    2.5s  well")
    t:contains(table.concat(text), long[2] .. ":\n", "the whole name stands above what happens in it")
    local beside = watch { columns = 40, prefix = true }.show(list)
    for _, time in ipairs { "0.2s", "3.8s", "2.0s", "2.5s", "3.5s" } do
      t:contains(table.concat(beside.screen:lines(), "\n"), time, "also behind the name of an image")
    end
  end,
  ["the line below keeps its clock beside a long name"] = function(t)
    local w = watch { columns = 40, silent = true }
    w.show(story { { 7, { event = "step.start", step = "2 install all that there is", parent = "provision" } } })
    w.at = 9
    w.view:tick()
    t:contains(last(w), "… 2.0s")
  end,
  ["checks stand in columns, and one that fails fits into 80"] = function(t)
    local w = watch { columns = 80 }.show(story {
      { 7, { event = "check", step = "2 check", parent = "provision", kind = "file", name = "/etc/passwd", property = "mode", ok = true,
        expected = "0644", found = "0644" } },
      { 7, { event = "check", step = "2 check", parent = "provision", kind = "file", name = "/etc/ssh/sshd_config", property = "mode", ok = false,
        expected = "0600", found = "0644" } },
      { 7, { event = "check", step = "2 check", parent = "provision", kind = "command", name = "uname -r", property = "out", ok = false,
        expected = "4.19.190", found = "6.1.0-28-amd64" } } })
    t:contains(table.concat(w.screen:lines(), "\n"), [[
      ok   file       /etc/passwd              mode       0644
      FAIL file       /etc/ssh/sshd_config     mode       0644, expected 0600
      FAIL command    uname -r                 out        6.1.0-28-amd64,
        expected 4.19.190]])
  end,
  ["while a failed image is undone the line below says so"] = function(t)
    local w = watch { columns = 80 }.show(story { { 7, { event = "step.failed", step = "provision", seconds = 3, error = "broken" } } })
    w.at = 9
    w.view:tick()
    t:match(last(w), "^  %S+ cleaning up 2%.0s$")
  end,
  ["what is below is gone in the end, and every line above is whole"] = function(t)
    for _, columns in ipairs { 20, 40, 80, 160 } do
      local w = watch { columns = columns }.show(story())
      local text = table.concat(w.screen:lines(), "\n")
      for _, spinner in ipairs(w.view.style.marks.spinner) do t:ok(not text:find(spinner, 1, true), text) end
      t:contains(text:gsub("\n", ""), ("x"):rep(300), "remote output is shown whole")
      t:contains(text, "✓ iso")
    end
  end,
  ["after a stop the terminal's lines are those of a shell, and stay"] = function(t)
    local resumed = 0
    local w = watch { columns = 80, resumed = function() return resumed end, prefix = true }
    w.show(table.move(story(), 1, 8, 1, {}))
    w.screen:write "^Z\nStopped\n$ echo hi\nhi\n$ fg\n"
    resumed = 1
    w.view:tick()
    w.view:tick()
    local shown = w.screen:lines()
    t:contains(table.concat(shown, "\n"), "^Z\nStopped\n$ echo hi\nhi\n$ fg\n")
    t:contains(shown[#shown - 1], " iso ")
    t:equal(shown[#shown - 2], "$ fg")
  end,
  ["sentences are broken at blanks, each line with the image's name; paths and remote output stay whole"] = function(t)
    local path = "/a/path/" .. ("x"):rep(60) .. ".png"
    for _, prefix in ipairs { true, false } do
      local w = watch { columns = 60, prefix = prefix, color = true }.show(story {
        { 6, { event = "note", step = "provision", message = "a note about something that takes more room than there is" } },
        { 7, { event = "undo", name = "virtual machine with-a-long-name.build-12345678 in the folder Packer of somebody" } },
        { 7, { event = "image.failed", code = "build", seconds = 7,
          error = "it broke in a way that takes more than one line to say\n  the console: " .. path } } })
      local text = table.concat(w.screen:lines(), "\n")
      t:contains(text, prefix and [[

base         a note about something that takes more room
base           than there is
base       undone: virtual machine
base         with-a-long-name.build-12345678 in the folder
base         Packer of somebody
base     failed: it broke in a way that takes more than one
base       line to say
base       the console:
base         /a/path/xxxxx]] or [[

  undone: virtual machine with-a-long-name.build-12345678
    in the folder Packer of somebody
base: failed: it broke in a way that takes more than one
  line to say
  the console:
    /a/path/xxxxx]])
      t:contains(text:gsub("\n", ""), path)
      t:match(table.concat(w.text), "\27%[2m[^\27\n]*somebody\27%[0m\n")
    end
  end,
  ["a terminal that changes its width leaves no rests"] = function(t)
    local w, list = watch { columns = 120 }, story()
    for i, e in ipairs(list) do
      if i == 8 or i == 11 then
        w.columns = i == 8 and 40 or 90
        w.screen:resize(w.columns)
      end
      w.show { e }
    end
    local text = table.concat(w.screen:lines(), "\n")
    for _, spinner in ipairs(w.view.style.marks.spinner) do t:ok(not text:find(spinner, 1, true), text) end
    local _, count = text:gsub("base%s*✓ iso", "")
    t:equal(select(2, text:gsub("✓ iso", "")), 1, text .. count)
  end,
  ["no line below is as wide as the terminal, and none too many for it"] = function(t)
    local many = { event = "run.start", at = 0, format = 1, program = "x", images = {} }
    local list = { many }
    for i = 1, 12 do
      local name = "image-with-a-long-name-" .. i
      many.images[i] = name
      list[#list + 1] = { event = "image.start", image = name, at = 0, recipe = "r", kind = "base", output = "o" }
      list[#list + 1] = { event = "step.start", image = name, at = 0, step = ("step "):rep(20) }
    end
    local w = watch { columns = 40, rows = 10, prefix = true, color = true }.show(list)
    w.text = {}
    w.view:tick()
    local below = table.concat(w.text):match("\27%[J(.*)$")
    local count = 0
    for line in (below .. "\n"):gmatch("([^\n]*)\n") do
      count = count + 1
      t:ok(select(2, term.cut(line, 1000)) <= 37, line) -- with "^C" behind it the line is one still
    end
    t:ok(count <= 9 and count > 5, count)
    t:contains(below, "and 5 more")
  end,
  ["pause gives the terminal away, resume takes it back; events go on being told"] = function(t)
    local w, list = watch { columns = 80 }, story()
    w.show(table.move(list, 1, 8, 1, {}))
    w.view:pause()
    t:match(last(w), "not there yet")
    w.screen:write("Go on? yes\n")
    w.view:tick()
    w.show { list[9] }
    t:match(last(w), "✓ iso")
    w.view:resume()
    w.show { list[10] }
    t:match(last(w), " provision 0%.0s")
    t:contains(table.concat(w.screen:lines(), "\n"), "Go on? yes\n")
  end,
  ["without colours and beyond ASCII nothing, when asked for so"] = function(t)
    local w = watch { columns = 80, ascii = true }
    local list = story()
    list[12].text = "plain"
    w.show(table.move(list, 1, 13, 1, {}))
    local text = table.concat(w.text)
    t:ok(not text:find("\27%[[%d;]*m") and not text:find("[\128-\255]"), text)
    t:contains(text, "+ iso")
  end,
  ["where only ASCII can be read our own marks are spelt so, in texts too; others' text stays"] = function(t)
    for _, ascii in ipairs { true, false } do
      local w = watch { columns = 80, ascii = ascii }.show(story {
        { 6, { event = "output", step = "1 install", parent = "provision", name = "install", stream = "out", text = "•••• Grüße" } },
        { 6, { event = "step.done", step = "provision", seconds = 2, detail = "a → b" } } })
      local text = table.concat(w.screen:lines(), "\n")
      t:contains(text, ascii and "**** Grüße" or "•••• Grüße")
      t:contains(text, ascii and "a -> b" or "a → b")
    end
  end,
  ["of several images a failed one has its reason in the summary, too"] = function(t)
    local w = watch { columns = 80, prefix = true }.show(story {
      { 7, { event = "image.failed", error = "it broke\n  because", code = "build", step = "provision", seconds = 7 } },
      { 7, { event = "image.skipped", image = "k3s-日本", reason = "base failed" } },
      { 7, { event = "run.done", status = "failed", seconds = 7 } } })
    local text = table.concat(w.screen:lines(), "\n")
    t:contains(text, "\n\nbase: failed in 7.0s: it broke\n")
    t:match(text, "k3s%-日本: skipped: base failed\n2 images: 1 failed, 1 skipped, in 7.0s$")
  end,
  ["plain lines: of a silence it is told what is waited for"] = function(t)
    local out, now = {}, 3
    local view = plain.new { style = fresh_style {}, write = function(text) out[#out + 1] = text end, now = function() return now end }
    for _, e in ipairs(table.move(story(), 1, 6, 1, {})) do view:event(e) end
    view:event { event = "doing", image = "base", at = 1, step = "iso", what = "waiting for the guest" }
    now = 63
    view:tick()
    t:equal(out[#out], "  iso goes on for 1m03s: waiting for the guest\n")
  end,
  ["plain lines with times: each has one, also of the summary and of a silence"] = function(t)
    local out, list = {}, story()
    local view = plain.new { style = fresh_style {}, write = function(text) out[#out + 1] = text end, now = function() return 3600 end,
      stamp = function() return "TIME " end }
    for _, e in ipairs(list) do
      view:event(e)
      if e.event == "progress" then view:tick() end
    end
    local text = table.concat(out)
    t:contains(text, "TIME   iso goes on for ")
    t:contains(text, "TIME     sha256 ")
    for line in text:gmatch "[^\n]+" do t:match(line, "^TIME ") end
  end,
  ["a failure: marks, the whole message, where to read on"] = function(t)
    local w = watch { columns = 80 }.show(story {
      { 7, { event = "step.failed", step = "provision", seconds = 3, error = "broken" } },
      { 7, { event = "undo", name = "virtual machine x" } },
      { 7, { event = "image.failed", error = "it broke\n  because", code = "build", step = "provision", seconds = 7 } },
      { 7, { event = "image.file", kind = "report", path = "output/base/report.html" } },
      { 7, { event = "run.done", status = "failed", seconds = 7 } } })
    local text = table.concat(w.screen:lines(), "\n")
    t:contains(text, "  ✗ provision       3.0s  failed\n  undone: virtual machine x\nbase: failed: it broke\n  because\n")
    t:contains(text, "report: output/base/report.html")
  end,
  ["plain lines: a silence is told, with how far it is"] = function(t)
    local out, list = {}, story()
    local now = 3
    local view = plain.new { style = fresh_style {}, write = function(text) out[#out + 1] = text end, now = function() return now end }
    for i = 1, 8 do view:event(list[i]) end
    now = 30
    view:tick()
    t:equal(#out, 3)
    now = 63
    view:tick()
    view:tick()
    t:equal(out[4], "  iso goes on for 1m03s: 75%, 300.0 MiB of 400.0 MiB, 100.0 MiB/s, 1.0s left\n")
    t:equal(#out, 4)
  end,
  ["what is seen has no secrets, whatever field they are in; a variable's name may be one"] = function(t)
    local secrets, got = secret.new(), nil
    secrets:add "password"
    secrets:add(("long enough for two lines "):rep(4))
    local emit = render.sink({ { event = function(_, e) got = e end } }, function(text) return secrets:mask(text) end)
    emit { event = "output", name = "x", stream = "out", text = "bG9uZyBlbm91Z2ggZm9yIHR3byBsaW5lcyBsb25nIGVub3VnaCBmb3IgdHdvIGxp" }
    t:equal({ got.name, got.text }, { "x", "••••" })
    emit { event = "image.done", artifacts = { { name = "the password" } } }
    t:equal(got.artifacts[1].name, "the ••••")
    emit { event = "variable", name = "ssh_password", value = "a password" }
    t:equal({ got.name, got.value }, { "ssh_password", "a ••••" })
  end,
  ["a view that makes a mistake ends; the build and the other views go on, and hear of it"] = function(t)
    local heard, mistakes = {}, 0
    local bad = { event = function() mistakes = mistakes + 1 error "a mistake" end }
    local good = { event = function(_, e) heard[#heard + 1] = e.event .. ": " .. e.message:match("[^\n]*") end }
    local emit = render.sink({ bad, good }, function(text) return (text:gsub("secret", "****")) end)
    emit { event = "note", message = "a secret" }
    emit { event = "note", message = "\27[1mtwo\27[0m" }
    t:equal({ mistakes, heard[1], heard[3] }, { 1, "note: a ****", "note: two" })
    t:match(heard[2], "^warning: internal error: a view of the build ended: .*a mistake")
  end,
  ["a bar keeps its width, whatever stands beside it; there is no guess before it can be a good one"] = function(t)
    for _, columns in ipairs { 60, 80, 120 } do
      local w, widths = watch { columns = columns }, {}
      w.show(table.move(story(), 1, 6, 1, {}))
      for second = 1, 550, 7 do
        w.show { { event = "progress", image = "base", at = second + 0.3, step = "iso", done = second * 4 * MIB, total = 2200 * MIB, unit = "bytes" } }
        local bar = last(w):match(" ([█░]+) ")
        widths[utf8.len(bar)] = true
        t:equal(last(w):find(" left", 1, true) ~= nil, second > 1, last(w))
      end
      t:ok(next(widths) and not next(widths, (next(widths))), columns)
    end
  end,
  ["the time that is left does not follow each change of the rate"] = function(t)
    local m = model.new()
    local function at(seconds, done)
      m:take { event = "progress", image = "base", at = seconds, done = done, total = 10000, unit = "bytes" }
      return m.by_name.base.progress
    end
    for second = 0, 30 do at(second, second * 100) end
    t:equal(at(31, 3100).left, 69)
    for second = 32, 36 do at(second, 3100 + (second - 31) * 10) end
    local p = at(36, 3150)
    t:equal(p.rate, 10)
    t:ok(p.left > 75 and p.left < 85, p.left)
  end,
  ["a rate is that of the last seconds"] = function(t)
    local m = model.new()
    for _, e in ipairs(story()) do if e.event ~= "progress" then m:take(e) end if e.step == "iso" then break end end
    local function at(seconds, done)
      m:take { event = "progress", image = "base", at = seconds, done = done, total = 10000, unit = "bytes" }
      return m.by_name.base.progress.rate
    end
    t:equal(at(1, 0), nil)
    t:equal(at(2, 1000), 1000)
    for second = 3, 20 do at(second, 1000 + (second - 2) * 10) end
    t:equal(at(21, 1190), 10)
  end,
}
