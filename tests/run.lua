-- luabuild run tests/run.lua [FILTER]: run tests/**/*_test.lua (those whose "file: test" contains FILTER), print TAP,
-- end with "N passed, N failed[, N skipped]"; exit 1 if one failed.
local lfs = require "lfs"
local err = require "core.err"

local here = arg[0]:match("^(.*)/[^/]*$") or "."
local filter = arg[1]

dofile(here .. "/modules.lua")(here)
local tap = require "tests.tap"

local function files(dir, found)
  local names = {}
  for name in lfs.dir(dir) do if not name:match("^%.") then names[#names + 1] = name end end
  table.sort(names)
  for _, name in ipairs(names) do
    local path = dir .. "/" .. name
    if lfs.attributes(path, "mode") == "directory" then files(path, found)
    elseif name:match("_test%.lua$") then found[#found + 1] = path end
  end
  return found
end

local function sorted(tests)
  local names = {}
  for name in pairs(tests) do names[#names + 1] = name end
  table.sort(names)
  return names
end

local passed, failed, skipped = 0, 0, 0

local function run_one(label, f)
  local result, why = tap.run(label, f)
  if result == "ok" then
    passed = passed + 1
    print("ok - " .. label)
  elseif result == "skip" then
    skipped = skipped + 1
    print("ok - " .. label .. " # SKIP " .. why)
  else
    failed = failed + 1
    print("not ok - " .. label .. "\n  # " .. why:gsub("\n", "\n  # "))
  end
  io.stdout:flush()
end

for _, path in ipairs(files(here, {})) do
  local file = path:sub(#here + 2)
  local chunk, message = loadfile(path)
  local ok, tests = pcall(chunk or function() error(message, 0) end)
  if not ok and err.is(tests, "cancelled") then error(tests, 0) end
  if not ok then tests = { load = function() error(tests, 0) end } end
  for _, name in ipairs(sorted(tests)) do
    local label = file:gsub("_test%.lua$", "") .. ": " .. name
    if not filter or label:find(filter, 1, true) then run_one(label, tests[name]) end
  end
end

if filter and passed + failed + skipped == 0 then
  failed = 1
  print("not ok - no test's name contains " .. filter)
end
print(string.format("%d passed, %d failed%s", passed, failed, skipped > 0 and ", " .. skipped .. " skipped" or ""))
return failed == 0 and 0 or 1
