-- How a build learns the guest's address where VMware Tools do not tell it. The guest's requests are made in its place, from its address.
local builds = require "tests.builds"
local lab = require "tests.lab"

local function site(t, more)
  local l = lab.start(t)
  l:fault { fault = "notools" }
  return builds.setup(t, l, more)
end

-- A recipe whose boot command is the guest's: it fetches `path` of the kickstart server from the machine's address, or from `source`.
local function fetching(s, path, source, more)
  return builds.recipe(s, string.format([[
  kickstart = { files = { ["ks.cfg"] = "reboot" } },
  boot = function(vm)
    local guest = %q
    for _, one in ipairs(require("cjson").decode(require("http").client { insecure = true }:request { url = %q }.body)) do
      if one.name == vm.vm.name and guest == "" then guest = one.address end
    end
    assert(os.execute("curl -fsS -o /dev/null --interface " .. guest .. " " .. vm.known.http .. "/%s"))
  end, %s]], source or "", s.lab.env.LAB_CONTROL .. "/vms", path, more or ""))
end

-- The first machine's address in a lab: one that was given back is the first to be given again.
local function first_address(s)
  local vc <close> = s.lab:connect()
  local vm = s.lab:create_vm(vc, "probe")
  local address = s.lab:vms()[1].address
  vm:destroy()
  return address
end

return {
  ["a guest that phones home is found"] = function(t)
    local s = site(t)
    local out, status = builds.run(s, fetching(s, "hello"))
    t:equal(status, 0, out)
    t:match(out, "address +[%d.]+s  127%.%d+%.%d+%.1 %(phone%-home%)")
  end,
  ["whoever fetched the kickstart is the guest, for want of better"] = function(t)
    local s = site(t)
    local out, status = builds.run(s, fetching(s, "ks.cfg"))
    t:equal(status, 0, out)
    t:match(out, "address +[%d.]+s  127%.%d+%.%d+%.1 %(it fetched the kickstart%)")
  end,
  ["a request from an address of the builder's own says nothing of the guest's"] = function(t)
    local s = site(t)
    local out, status = builds.run(s, fetching(s, "hello", "127.0.0.1", "address = { timeout = '2s' },"))
    t:equal(status, 1, out)
    t:contains(out, "hello 200")
    t:contains(out, "no address of the guest within 2.0s: VMware Tools do not run yet")
    t:equal(builds.state(s), { vms = {}, files = {}, sessions = 0 })
  end,
  ["a static address is taken as it is"] = function(t)
    local s = site(t)
    local address = first_address(s)
    local out, status = builds.run(s, builds.recipe(s, string.format("address = { static = %q }", address)))
    t:equal(status, 0, out)
    t:contains(out, address .. " (static)")
  end,
  ["the kickstart server listens on loopback alone when the vCenter is there, whatever the guest is told"] = function(t)
    local s = site(t, { http_ip = "10.0.2.2" })
    local building = builds.start(s, builds.recipe(s, [[kickstart = { files = { ["ks.cfg"] = "reboot" } }, boot = { wait = "1m", "<enter>" } ]]))
    t:ok(building:wait_for "power on", building:output())
    local port = tonumber(building:output():match "http://10%.0%.2%.2:(%d+)")
    local listening = {}
    for address in t:read("/proc/net/tcp"):gmatch(string.format("\n *%%d+: (%%x+):%04X 00000000:0000 0A", port)) do listening[#listening + 1] = address end
    t:equal(listening, { "0100007F" }) -- 127.0.0.1
    building:interrupt()
    t:equal(select(2, building:wait()), 130)
  end,
  ["under a random path only who was told finds the kickstart, and nobody when the guest is off"] = function(t)
    local s = builds.setup(t, lab.start(t))
    local path = builds.recipe(s, [[
  kickstart = { files = { ["ks.cfg"] = "rootpw x" } }, http = { random_path = true },
  boot = function(vm)
    URL.known = vm.known.http
    assert(URL.known:match("^http://127.0.0.1:%d+/%x%x%x%x%x%x%x%x%x%x%x%x%x%x%x%x$"), URL.known)
    assert(os.execute("curl -fs -o /dev/null " .. URL.known .. "/ks.cfg"))
    assert(not os.execute("curl -fs -o /dev/null " .. URL.known:match("^http://[^/]*") .. "/ks.cfg"))
    vm:wait_fetched("ks.cfg")
  end,
  after = { function() assert(select(3, os.execute("curl -s -o /dev/null " .. URL.known .. "/ks.cfg")) == 7, "still served") end },]])
    t:write(path, "local URL = {}\n" .. t:read(path))
    local out, status = builds.run(s, path)
    t:equal(status, 0, out)
    t:match(out, "kickstart +[%d.]+s  http://127.0.0.1:%d+/%x+")
  end,
}
