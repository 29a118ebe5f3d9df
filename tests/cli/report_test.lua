-- The page that a build leaves: looked at in a browser that says what it asks for; what guests write is text there.
local builds = require "tests.builds"
local lab = require "tests.lab"
local page = require "cli.view.page"
local report = require "cli.view.report"

local HOSTILE = [[echo '<script>document.title="evil"</script><img src=http://evil.example/x.png onerror=alert(1)></pre><b id=evil>&amp;'; echo wrong >&2]]

local CHROMIUM = "timeout 120 chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
  .. "--disable-component-update --disable-sync --disable-extensions --user-data-dir=%s/profile --proxy-server=127.0.0.1:9 "
  .. "--host-resolver-rules='MAP * ~NOTFOUND, EXCLUDE 127.0.0.1' "

-- The page as a browser has it after loading, and the log of its network, which ends at a proxy that is not there.
local function browse(t, path)
  local dir = t:directory()
  local out, status = t:shell(string.format(CHROMIUM .. "--log-net-log=%s/net.json --dump-dom 'file://%s' 2>/dev/null", dir, dir, path))
  t:equal(status, 0, out)
  return out, t:read(dir .. "/net.json")
end

local function run(t, s, ...)
  local out, status = builds.run(s, ...)
  return out:match("\n  report: (%S+)\n") or t:ok(false, out), status
end

-- A report fed with events by hand: { events taken, files written }
local function fed(t, output, list)
  local said = {}
  local view = report.new(function(e) said[#said + 1] = e end)
  view:event { event = "image.start", image = "x", at = 0, time = "2026-01-01T00:00:00.000Z", recipe = "r.lua", kind = "base", output = output, run = "0a" }
  for _, e in ipairs(list) do
    e.image, e.at = "x", e.at or 1
    view:event(e)
  end
  return said, said[1] and said[1].path and t:read(said[1].path)
end

return {
  ["a build leaves a page with its steps, pictures, output, checks and artifacts, and nothing leaves the page"] = function(t)
    local s = builds.setup(t, lab.start(t))
    local path, status = run(t, s, builds.recipe(s, 'provision = { shell { [[' .. HOSTILE .. ']], name = "<i>say</i>" }, '
      .. 'check { file = "/etc/passwd" } }, export = { format = "ova" },'))
    t:equal({ status, path }, { 0, s.dir .. "/output/small-report.html" })
    local dom, net = browse(t, path)
    t:contains(dom, '<h1>small</h1><span class="badge good">built</span>')
    t:contains(dom, "&lt;script&gt;document.title=\"evil\"&lt;/script&gt;&lt;img src=http://evil.example/x.png onerror=alert(1)&gt;&lt;/pre&gt;")
    t:contains(dom, "&lt;i&gt;say&lt;/i&gt;")
    t:contains(dom, '<span class="err">wrong</span>')
    t:contains(dom, '<td><span class="good" role="img" aria-label="holds">✓</span></td><td>file /etc/passwd</td><td>exists</td>')
    t:match(dom, '<b>small%.ova</b> <span class="soft">[%d.]+ KiB</span>%s*<div class="sum">sha256 <code>%x+</code></div>')
    t:match(dom, "<figcaption>typed, at the step boot, after [%d.]+s</figcaption>")
    t:equal(select(2, dom:gsub('<img alt="the console: [%w-]+" src="data:image/png;base64,iVBORw0KGgo', "")), 4, "pictures")
    for _, word in ipairs { "<script", "<i>say", 'id="evil"', "<b id", "<a ", "<link", "href=", " onerror=alert(1)>" } do
      t:ok(not dom:find(word, 1, true), word)
    end
    for host in net:gmatch('"url":"%a+://([^/"]+)') do -- the browser's maker is asked for news of the browser
      t:ok(host:find("%.google%.com$") or host:find("%.googleapis%.com$"), "asked " .. host)
    end
    local _, other = browse(t, t:write(s.dir .. "/other.html", "<img src=http://evil.example/x.png>"))
    t:contains(other, '"url":"http://evil.example/x.png"', "a page that asks would be seen")
  end,
  ["what changed since the last build is on the page, also of one that goes on from a checkpoint"] = function(t)
    local s = builds.setup(t, lab.start(t))
    run(t, s, builds.recipe(s, 'provision = { checkpoint "one", shell "true" },'))
    run(t, s, builds.recipe(s, 'provision = { checkpoint "one", shell { "exit 3", name = "two" } }, hardware = { memory = "300MiB" },'))
    local path = run(t, s, builds.recipe(s, 'provision = { checkpoint "one", shell { "exit 0", name = "two" } }, hardware = { memory = "300MiB" },'))
    t:match(t:read(path), "<dt>Changed since the last build</dt><dd>hardware %(memory%), provision %(2 two%); goes on from the checkpoint")
  end,
  ["on paper the steps begin below the head, and what is folded is there"] = function(t)
    local s = builds.setup(t, lab.start(t))
    local path = run(t, s, builds.recipe(s, 'provision = { shell "seq 120" },'))
    local file = s.dir .. "/report.pdf"
    local out, status = t:shell(string.format(CHROMIUM .. "--print-to-pdf=%s 'file://%s' 2>&1", s.dir, file, path))
    t:equal(status, 0, out)
    t:match(t:shell("pdftotext -layout -l 1 " .. file .. " -"), "Steps.-preflight.-provision.-\n%s+%d+\n")
    t:match(t:shell("pdftotext -layout " .. file .. " -"), "\n%s+120\n.-shut down.-The console")
  end,
  ["a failure is on top of the page, with its picture; its step is open"] = function(t)
    local s = builds.setup(t, lab.start(t), { output_dir = t:directory() .. "/small" })
    local path, status = run(t, s, builds.recipe(s, 'provision = { shell "seq 3000; exit 3" },'))
    t:equal(status, 1)
    t:match(path, "/small/report%.html$")
    local text = t:read(path)
    local failure = text:match('<section class="card failure">(.-)</section>')
    t:contains(failure, "<h2>Failed at provision</h2>")
    t:contains(failure, "the script ended with status 3")
    t:contains(failure, '<img alt="the console: failed"')
    t:match(text, "<details open><summary>.-provision.-</details>")
    t:match(text, "200\n<span class=\"cut\">… %d+ lines are left out here</span>\n%d+\n")
    t:contains(text, "\n3000</code></pre>")
    t:contains(text, "Undone: virtual machine small.build-")
  end,
  ["a build that cannot begin leaves one too; one that finds nothing to do leaves the last as it is"] = function(t)
    local s = builds.setup(t, lab.start(t))
    local path = run(t, s, builds.recipe(s, "guest_id = 'nosuch',"))
    t:contains(t:read(path), "does not know the guest id nosuch")
    path = run(t, s, builds.recipe(s))
    local before = t:read(path)
    t:ok(not builds.run(s, builds.recipe(s)):find("report:", 1, true))
    t:equal(t:read(path), before)
  end,
  ["what is in the page stays small, and what cannot be written is a warning"] = function(t)
    local dir = t:directory()
    local list = { { event = "image.decided", decision = "build", reason = "not there yet", steps = { "boot" } }, { event = "step.start", step = "boot" } }
    local file = t:write(dir .. "/p.png", "\137PNG")
    for _ = 1, 100 do list[#list + 1] = { event = "picture", step = "boot", path = file, name = "p" } end
    for i = 1, 20000 do list[#list + 1] = { event = "output", step = "boot", name = "x", stream = "out", text = "line " .. i } end
    list[#list + 1] = { event = "step.done", step = "boot", seconds = 1 }
    list[#list + 1] = { event = "image.done", result = "built", seconds = 1, artifacts = {} }
    local _, text = fed(t, dir, list)
    t:ok(#text < 100000, #text)
    t:equal(select(2, text:gsub("<img", "")), 30)
    local first, left, last = text:match("line (%d+)\n<span class=\"cut\">… (%d+) lines are left out here</span>\nline (%d+)\n")
    t:equal(first + left + 1, tonumber(last), "none is lost in the count")
    t:equal(fed(t, dir .. "/nowhere", list)[1].message:match("^no report: "), "no report: ")
  end,
  ["escaping covers elements and attributes"] = function(t)
    t:equal(page.escape([[<a href="x" title='y'>&amp;]]), "&lt;a href=&quot;x&quot; title=&#39;y&#39;&gt;&amp;amp;")
  end,
}
