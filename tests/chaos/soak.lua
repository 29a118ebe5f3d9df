-- luabuild run tests/chaos/soak.lua [N]: N builds (200) in a row by one process, in the lab where nothing boots. Its memory and open files
-- and the vCenter's sessions are looked at after each; exit 1 when they grow.
-- What 200 builds add, some 2 MB, is what a run knows of its images until its end: after a full collection, 9 KB of Lua for each
-- (4 with --json, which has no summary at the end).
local here = arg[0]:match("^(.*)/[^/]*/[^/]*$") or "."
dofile(here .. "/modules.lua")(here)
local lfs = require "lfs"
local signal = require "signal"
local builds = require "tests.builds"
local lab = require "tests.lab"
local tap = require "tests.tap"

local COUNT = tonumber(arg[1] or 200)
local GROWTH = 4096 -- KiB that the second half of the builds may need more than the first, for what allocators do

local RECIPE = [[
local v = vars {}
local images = {}
for i = 1, %d do
  images[i] = base { name = "image-" .. i, guest_id = "otherLinux64Guest", iso = { url = v.iso_url, checksum = v.iso_checksum },
    kickstart = { files = { ["ks.cfg"] = "rootpw ${ssh_password}" } }, boot = { "<enter>" }, shutdown = "poweroff",
    provision = { shell "echo at work", upload { content = "x", to = "/root/x" }, check { command = { ["true"] = {} } },
      function(_, vm) io.open(%q, "a"):write(vm.name, "\n"):close() end } }
end
return images
]]

local function resident(pid)
  local file <close> = io.open("/proc/" .. pid .. "/status")
  return file and tonumber(file:read("a"):match("VmRSS:%s+(%d+)"))
end

local function open_files(pid)
  local n = 0
  for _ in lfs.dir("/proc/" .. pid .. "/fd") do n = n + 1 end
  return n
end

-- One sample for each build, taken while its function step has just run.
local function watch(s, process, marks)
  local samples, seen = {}, 0
  while process:running() do
    local file <close> = io.open(marks)
    local _, lines = (file and file:read("a") or ""):gsub("\n", "\n")
    if lines > seen then
      seen = lines
      local ok, files = pcall(open_files, process.pid)
      samples[#samples + 1] = ok and { memory = resident(process.pid), files = files, sessions = builds.state(s).sessions } or nil
    end
    signal.sleep(0.02)
  end
  return samples
end

local function highest(samples, from, to, field)
  local out = 0
  for i = from, to do out = math.max(out, samples[i] and samples[i][field] or 0) end
  return out
end

local function run(t)
  local s = builds.setup(t, lab.start(t), { disk_size = "16" })
  local marks = s.dir .. "/marks"
  local path = t:write(s.dir .. "/many.lua", string.format(RECIPE, COUNT, marks))
  local process = builds.start(s, path, "--jobs=1", "--quiet")
  local samples = watch(s, process, marks)
  local out, status = process:wait()
  t:equal(status, 0, out)
  local n, half = #samples, #samples // 2
  local report = {}
  for _, field in ipairs { "memory", "files", "sessions" } do
    report[#report + 1] = string.format("%-9s first half at most %6d, second half %6d", field,
      highest(samples, n // 10 + 1, half, field), highest(samples, half + 1, n, field))
  end
  print(string.format("%d builds, %d samples\n%s", COUNT, n, table.concat(report, "\n")))
  t:ok(n >= COUNT // 2, "too few samples")
  t:ok(highest(samples, half + 1, n, "memory") <= highest(samples, n // 10 + 1, half, "memory") + GROWTH, "memory grows")
  t:ok(highest(samples, half + 1, n, "files") <= highest(samples, n // 10 + 1, half, "files"), "open files grow")
  t:ok(highest(samples, 1, n, "sessions") <= 1, "sessions stay")
  t:equal(builds.state(s).sessions, 0)
  t:equal(#builds.state(s).vms, COUNT)
end

local result, why = tap.run("soak", run)
print(result == "ok" and "flat" or why)
return result == "ok" and 0 or 1
