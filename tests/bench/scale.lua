-- bench scale: images built side by side against a server that is as slow as a vCenter, and has machines that need no boot.
local builds = require "tests.builds"
local lab = require "tests.lab"
local measure = require "tests.bench.measure"

local BOUNDS = {
  { "64 images side by side", "two cores for the builds and for the lab, which is vCenter and all the guests: 0.25 s an image" },
  { "^1 images, PSS", "one alone has the pages of the libraries for itself" },
}
local REQUEST, TASK = 0.03, 1 -- seconds that a vCenter takes for a request and, more, for a task

local RECIPE = [[
local v, images = vars {}, {}
for i = 1, %d do
  images[i] = base { name = "scale-" .. i, guest_id = "otherLinux64Guest", iso = { url = v.iso_url, checksum = v.iso_checksum },
    boot = { "<enter>" }, shutdown = { command = "poweroff", timeout = "120s" } }
end
return images
]]

-- Seconds of CPU that a process has used, and those of all processors together (proc(5)): in clock ticks of 10 ms.
local function used(pid)
  local file <close> = assert(io.open("/proc/" .. pid .. "/stat"))
  local user, system = file:read("a"):match("%) %S+" .. (" %S+"):rep(10) .. " (%d+) (%d+)")
  return (user + system) / 100
end

local function side_by_side(b, server, site, images)
  local path = b.t:write(site.dir .. "/scale.lua", RECIPE:format(images))
  local command = builds.command(site, { path, "--force", "--quiet", "--jobs=" .. images })
  local before = used(server.pid)
  local cost = measure.cost(command)
  return cost, used(server.pid) - before, measure.peak(command) / images
end

return function(b)
  b.bounds = BOUNDS
  local server = lab.start(b.t)
  local site = builds.setup(b.t, server, { ssh_timeout = "120s" })
  assert(builds.run(site, b.t:write(site.dir .. "/first.lua", RECIPE:format(1)), "--quiet")) -- the ISO is there for all that follow
  server:fault { fault = "slow", delay = REQUEST, count = -1 }
  server:fault { fault = "slowtask", delay = TASK, count = -1 }
  local one
  for _, images in ipairs { 1, 4, 16, 64 } do
    local cost, theirs, pss = side_by_side(b, server, site, images)
    one = one or cost.seconds
    local ratio = cost.seconds / one
    b.record(string.format("%d images side by side, time to one's", images), ratio, "", "<= 1.25", ratio <= 1.25,
      string.format("own %.1f s, one %.1f s; CPU: own %.1f s, the server's %.1f s", cost.seconds, one, cost.cpu, theirs))
    b.record(string.format("%d images, PSS of each", images), pss, "MiB", "<= 10", pss <= 10)
  end
end
