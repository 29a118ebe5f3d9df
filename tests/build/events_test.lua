-- What a build says is what is declared: build/events.lua is the contract of --json.
local cjson = require "cjson"
local builds = require "tests.builds"
local events = require "build.events"
local lab = require "tests.lab"

local function run(t, s, ...)
  local out, list = builds.run(s, "--json", ...), {}
  for line in out:gmatch("[^\n]+") do
    list[#list + 1] = cjson.decode(line)
    local e = list[#list]
    e.time, e.at = e.time or "", e.at or 0
    t:equal(events.wrong(e), nil, line)
  end
  return list
end

local function kinds(list)
  local seen = {}
  for _, e in ipairs(list) do seen[e.event] = true end
  return seen
end

return {
  ["every event of builds that work and that fail is declared, with its fields"] = function(t)
    local s = builds.setup(t, lab.start(t))
    local seen = kinds(run(t, s, builds.recipe(s, [[
      provision = { upload { content = "x", to = "/tmp/luabuild-events-test" }, shell { "echo hello; rm -f /tmp/luabuild-events-test", name = "say" },
        check { file = "/etc/passwd" }, function() return "something" end }, export = { format = "ova" },]])))
    for _, kind in ipairs { "image.start", "image.decided", "step.start", "step.done", "output", "check", "progress", "picture", "request", "image.done" } do
      t:ok(seen[kind], kind)
    end
    seen = kinds(run(t, s, builds.recipe(s, 'provision = { shell "exit 3" },', "broken")))
    for _, kind in ipairs { "step.failed", "undo", "image.failed" } do t:ok(seen[kind], kind) end
  end,
  ["parts of a step have it as their parent, and what happens in them says so"] = function(t)
    local s = builds.setup(t, lab.start(t))
    local list = run(t, s, builds.recipe(s, 'provision = { shell { "echo hello", name = "say" } },'))
    local found = {}
    for _, e in ipairs(list) do
      if e.parent and e.event ~= "request" then found[#found + 1] = { e.event, e.step, e.parent, e.text } end
    end
    t:equal(found, { { "step.start", "1 say", "provision" }, { "output", "1 say", "provision", "hello" }, { "step.done", "1 say", "provision" } })
  end,
  ["what a step does or waits for is told; of a line that is written over each whole state, and the last as the line"] = function(t)
    local s = builds.setup(t, lab.start(t))
    local list = run(t, s, builds.recipe(s, [[boot = { wait = "2s", "<enter>" },
      provision = { shell { "printf '10%%\\r20%%\\rpass'; sleep 0.3; printf 'word\\r30%%\\r\\n'", name = "load" }, wait "10ms" },]]))
    local found = {}
    for _, e in ipairs(list) do
      if e.event == "doing" or e.event == "output" then
        found[#found + 1] = e.step .. ": " .. (e.what or e.text) .. (e.timeout and string.format(" %gs", e.timeout) or "")
      end
    end
    local told = table.concat(found, "\n")
    t:match(told, "^boot: waiting before it types 2s\n.*ssh: logging in as root at [%d.]+ 20s\n1 load: 20%%\n1 load: 30%%\n2 wait: waiting 0.01s\n"
      .. "shut down: waiting until the guest is off")
    t:ok(not told:find "pass", "half a state may be half a secret")
  end,
  ["what a recipe prints is an event while its image is built, and on standard error while it is read"] = function(t)
    local s = builds.setup(t, lab.start(t))
    local path = builds.recipe(s, 'provision = { function() print("two\\nlines", 7) end },')
    t:write(path, 'print("read")\n' .. t:read(path))
    local out, status = t:shell("{ env " .. builds.command(s, { path, "--json" }) .. "; } 2>" .. s.dir .. "/said")
    t:equal({ status, t:read(s.dir .. "/said") }, { 0, "read\n" })
    t:match(out, '"text":"two"[^\n]+\n[^\n]*"text":"lines\\t7"')
  end,
  ["progress comes ten times a second at most, and its end always"] = function(t)
    local said = {}
    local context = require "build.context"
    local b = context.new({ name = "x" }, {}, function(e) said[#said + 1] = e.done end)
    for n = 1, 1000 do b.progress(n, 1000) end
    t:ok(#said < 100, #said .. " events")
    t:equal(said[#said], 1000)
  end,
  ["what is not declared is found"] = function(t)
    local fine = { event = "note", time = "", at = 0, message = "x" }
    t:equal(events.wrong(fine), nil)
    for field, want in pairs { event = "there is no event '1'", message = "note: message is no string: 1", other = "note: other is not declared" } do
      local e = { event = "note", time = "", at = 0, message = "x" }
      e[field] = 1
      t:equal(events.wrong(e), want)
    end
    t:equal(events.wrong { event = "note", time = "", at = 0 }, "note has no message")
  end,
}
