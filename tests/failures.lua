-- failures: builds that go wrong in a lab, described in a table and checked all in the same way
local builds = require "tests.builds"

local failures = {}

-- An ISO that no run before has uploaded.
local function new_iso(s) s.t:shell("head -c 300000 /dev/urandom > " .. s.iso) end

local function arguments(s, name, case)
  local out = { builds.recipe(s, "\n" .. (case.fields or ""), name) }
  for _, v in ipairs(case.vars or {}) do table.move({ "--var", v }, 1, 2, #out + 1, out) end
  for _, a in ipairs(case.arguments or {}) do out[#out + 1] = a end
  if case.new_iso then
    new_iso(s)
    table.move({ "--var", "iso_checksum=none" }, 1, 2, #out + 1, out)
  end
  return out
end

-- What holds after every failure: a message and no traceback, the console's picture if the machine was on.
local function check_output(t, s, name, case, out)
  t:ok(not out:find("traceback", 1, true) and not out:find("internal error", 1, true), name .. ": " .. out)
  for _, part in ipairs(case.says or {}) do t:contains(out, (part:gsub("IMAGE", name)), name) end
  local picture = out:match("the console when it failed: (%S+%.png)")
  t:equal(picture ~= nil, case.console or false, name .. ": the console's picture: " .. out)
  if picture then t:match(t:read(picture), "^\137PNG", name) end
  t:equal(t:shell("find " .. s.dir .. "/cache " .. s.dir .. "/output -name '*.part' 2>/dev/null"), "", name .. ": partial files")
end

local function check_state(t, s, name, left)
  t:equal(builds.state(s), { vms = left, files = {}, sessions = 0 }, name)
end

local function sorted(cases)
  local names = {}
  for name in pairs(cases) do names[#names + 1] = name end
  table.sort(names)
  return names
end

--[[
failures.run(s, cases) -> nothing
Run the builds one after the other, in the order of their names; each must end as it says, and leave nothing but what was there.
  cases          {name = { fields = text in base { … }, vars = {"name=value"}, arguments, faults = {lab fault}, new_iso = boolean,
                 says = {text} (IMAGE stands for the image's name), status = 1, console = boolean, env = table }}
]]
function failures.run(s, cases)
  local t, left = s.t, builds.state(s).vms
  for _, label in ipairs(sorted(cases)) do
    local case, name = cases[label], (label:gsub("[^%w]+", "-"))
    for _, fault in ipairs(case.faults or {}) do s.lab:fault(fault) end
    s.env = case.env
    local out, status = builds.run(s, table.unpack(arguments(s, name, case)))
    s.lab:control("DELETE", "/fault")
    t:equal(status, case.status or 1, label .. ": " .. out)
    check_output(t, s, name, case, out)
    if status == 0 then
      left[#left + 1] = name
      table.sort(left)
    end
    check_state(t, s, label, left)
  end
  s.env = nil
end

--[[
failures.run_together(s, cases) -> nothing
The same at the same time, for builds without faults that end before anything is made.
]]
function failures.run_together(s, cases)
  local t, running = s.t, {}
  for label, case in pairs(cases) do
    s.env = case.env
    running[label] = builds.start(s, table.unpack(arguments(s, (label:gsub("[^%w]+", "-")), case)))
  end
  s.env = nil
  for _, process in pairs(running) do process:wait() end -- while one runs, there are unfinished files of its
  for label, case in pairs(cases) do
    local out, status = running[label]:wait()
    t:equal(status, case.status or 1, label .. ": " .. out)
    check_output(t, s, (label:gsub("[^%w]+", "-")), case, out)
  end
  check_state(t, s, "all", {})
end

return failures
