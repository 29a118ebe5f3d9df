-- bench base: what a base image costs
local cjson = require "cjson"
local builds = require "tests.builds"
local lab = require "tests.lab"
local measure = require "tests.bench.measure"

local MIB = 1 << 20
local BOUNDS = {
  { "^start%-up", "the dynamic loader: libcurl, libxml2, libarchive and what they need" },
  { "check of two recipes", "start-up" },
  { "peak PSS", "the libraries' own pages; transfers have buffers of a fixed size" },
  { "^own CPU of a build", "start-up, TLS, and the report and log of the build" },
  { "own CPU of ten", "one long poll every five seconds" },
  { "^upload of", "TLS at both ends and the server's writing; SHA-256 is 1.5 GB/s beside it" },
  { "ISO from", "two files are written, the datastore's and the cache's, on one disk here; two cores for both servers, SHA-256 and TLS at both ends" },
  { "the same ISO", "one HEAD request" },
}
local program, record -- of the runner

local function quiet(command)
  return function() if not os.execute(command .. " >/dev/null") then error(command, 0) end end
end

local function start_up()
  local times = measure.alternate(41, { quiet(program .. " version"), quiet "curl --version" })
  local own, peer = times[1][21], times[2][21]
  record("start-up (version), beyond curl --version", (own - peer) * 1000, "ms", "<= 3", own - peer <= 0.003,
    string.format("%.1f ms, own %.1f ms", peer * 1000, own * 1000))
  local check = measure.alternate(11, { quiet(program .. " check --var ssh_password=secret recipes/photon3.lua recipes/centos7.lua") })[1]
  record("check of two recipes", check[6] * 1000, "ms")
end

-- A site whose ISO has `size` bytes.
local function site_with_iso(t, server, size)
  local site = builds.setup(t, server)
  measure.shell(string.format("head -c %d /dev/urandom > %s/seed; truncate -s %d %s; dd if=%s/seed of=%s conv=notrunc status=none",
    MIB, site.dir, size, site.iso, site.dir, site.iso))
  site.sum = measure.shell("sha256sum " .. site.iso):match("^%x+")
  return site
end

-- As builds.command, with the site's ISO from a URL of its own.
local function build(site, url, ...)
  local words = { builds.recipe(site), "--force", "--var", "iso_checksum=sha256:" .. site.sum, "--var", "iso_url=" .. (url or site.iso), ... }
  return builds.command(site, words)
end

-- PSS shares pages out among those that use them; RSS, which counts them whole, is its upper bound.
local function memory(what, command)
  local pss, rss = measure.peak(command)
  record("peak PSS of a build that " .. what, pss, "MiB", "<= 18", pss <= 18, string.format("RSS %.1f MiB", rss))
end

-- What bounds it, of the 70 ms that a base build with a boot command of 38 keys takes: 8 the dynamic loader and its fifty libraries, 7 loading
-- Lua and the recipe, 7 TLS and preflight, 25 the keys, 15 the other requests, 3 ssh, 5 giving memory back at the end. A request takes
-- 0.15 ms when another one has just been, and 0.5 after a pause: by then the processor's caches belong to others.
local function own_cpu(t, server)
  local site, list = site_with_iso(t, server, MIB), {}
  for i = 0, 3 do
    list[i] = measure.cpu(builds.command(site, { "recipes/centos7.lua", "--force", "--var", "iso_checksum=sha256:" .. site.sum }))
  end
  table.sort(list)
  record("own CPU of a build of centos7 whose ISO is there", list[2], "s", "<= 0.16", list[2] <= 0.16)
end

-- What five seconds of waiting for the server, and five for an ssh that is not there, cost: a loop that spins would show.
local function waiting(t, server)
  local vc <close> = server:connect()
  local vm, started = server:create_vm(vc, "waiting"), os.clock()
  t:ok(not vm:wait_power("poweredOn", 5))
  t:ok(not pcall(require("guest.shell").connect, { address = "127.0.0.1", port = 1, username = "root", password = "x", timeout = 5 }))
  record("own CPU of ten seconds of waiting", (os.clock() - started) * 1000, "ms")
end

local LOGIN = '<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/"><Body><Login xmlns="urn:vim25"><_this type="SessionManager">'
  .. "SessionManager</_this><userName>%s</userName><password>%s</password></Login></Body></Envelope>"

local function xml(text) return (text:gsub("[&<>]", { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;" })) end

-- A curl command that has logged in, and a file's URL on the datastore.
local function curl(t, server)
  local e, dir = server.env, t:directory()
  t:write(dir .. "/login", LOGIN:format(xml(e.VCENTER_USERNAME), xml(e.VCENTER_PASSWORD)))
  local with = string.format("curl -sSf --cacert %s -b %s/cookies -c %s/cookies", e.VCENTER_CA_FILE, dir, dir)
  measure.shell(string.format("%s -H 'SOAPAction: urn:vim25/6.0' -d @%s/login https://%s/sdk", with, dir, e.VCENTER_SERVER))
  return with, string.format("'https://%s/folder/bench.iso?dcPath=%s&dsName=%s'", e.VCENTER_SERVER, e.LAB_DATACENTER, e.LAB_DATASTORE)
end

local function upload_rate(t, server, size)
  local vc <close> = server:connect()
  local find = require "vsphere.finder".new(vc)
  local datastore = find:datastore(find:datacenter())
  local site = site_with_iso(t, server, size * MIB)
  local with, url = curl(t, server)
  local times = measure.alternate(7, {
    function() t:ok(datastore:upload("bench.iso", { file = site.iso, digest = { "sha256" } }).digest.sha256 == site.sum) end,
    function() measure.shell(with .. " -T " .. site.iso .. " " .. url) end,
  })
  local own, peer = times[1][1], times[2][1]
  record("upload of " .. size .. " MiB with its SHA-256, rate to curl -T's", peer / own, "", ">= 0.9", peer / own >= 0.9,
    string.format("%.0f MiB/s, own %.0f MiB/s", size / peer, size / own))
end

-- Seconds of a build's step that gets the ISO.
local function iso_step(command)
  for line in measure.shell("env " .. command .. " --json"):gmatch "[^\n]+" do
    local event = cjson.decode(line)
    if event.event == "step.done" and event.step == "iso" then return event.seconds end
  end
end

-- From an HTTP server to the datastore, when neither it nor this machine has it.
local function relay(t, server, size)
  local site = site_with_iso(t, server, size * MIB)
  local there = server.env.LAB_DIR .. "/datastore/luabuild_cache/sha256-" .. site.sum .. ".iso"
  local source <close> = assert(require("httpd").start { bind = "127.0.0.1", files = { ["big.iso"] = { file = site.iso } } })
  local http = string.format("http://127.0.0.1:%d/big.iso", source:port())
  local command, with, url = build(site, http), curl(t, server)
  local own = {}
  local function forget() measure.shell(string.format("rm -rf %s %s/cache && sync", there, site.dir)) end
  local times = measure.alternate(3, {
    function() measure.shell(with .. " -T " .. site.iso .. " " .. url) end,
    function() measure.shell("curl -sSf " .. http .. " | " .. with .. " -T - " .. url) end,
    forget,
    function() own[#own + 1] = iso_step(command) end,
  })
  table.sort(own)
  t:equal(measure.shell("sha256sum " .. there):match("^%x+"), site.sum)
  local peer = times[1][1]
  record(string.format("ISO from an HTTP server, %d MiB with SHA-256, rate to curl -T's", size), peer / own[1], "", ">= 0.9", peer / own[1] >= 0.9,
    string.format("curl -T of a file %.2f s, curl | curl -T - %.2f s, own %.2f s", peer, times[2][1], own[1]))
  local again = iso_step(command)
  record("the same ISO, when the datastore has it", again, "s", "<= 0.3", again <= 0.3)
  forget()
  memory(string.format("relays %d MiB", size), command)
end

return function(b)
  program, record, b.bounds = b.program, b.record, BOUNDS
  local t = b.t
  start_up()
  local server = lab.start(t)
  waiting(t, server)
  own_cpu(t, server)
  memory("uploads 1 MiB", build(site_with_iso(t, server, MIB)))
  upload_rate(t, server, b.sized(512))
  relay(t, server, b.sized(2048))
end
