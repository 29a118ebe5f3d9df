-- What goes wrong at a console: keys that are lost, an installer that does not understand, somebody who presses Ctrl-C.
local builds = require "tests.builds"
local lab = require "tests.lab"
local lfs = require "lfs"

local function site(t)
  return builds.setup(t, lab.start(t, { boot = true }), { iso_url = lab.GUEST, boot_wait = "4s", memory = "384", disk_size = "600",
    ssh_password = "secret", ssh_timeout = "20m", http_ip = "10.0.2.2" })
end

local function recipe(s, name, boot)
  return s.t:write(s.dir .. "/" .. name .. ".lua", string.format([[
local v = vars {}
return base {
  name = "%s", guest_id = "otherLinux64Guest",
  iso = { url = v.iso_url, checksum = v.iso_checksum },
  kickstart = { http = "kickstart/photon" },
  boot = { %s },
}
]], name, boot))
end

local MENU = '"<esc><wait>vmlinuz initrd=initrd.img photon.media=cdrom '

-- The picture named in a failure's message: a PNG with something on it.
local function check_picture(t, out)
  local path = out:match "the console when it failed: (%S+%.png)"
  t:ok(path, out)
  local bytes = t:read(path)
  t:equal(bytes:sub(1, 8), "\137PNG\r\n\26\n")
  local width, height = string.unpack(">I4I4", bytes, 17)
  t:ok(width >= 640 and height >= 400, width .. " x " .. height)
  t:ok(#bytes > 3000, "text on it: an empty screen is some hundred bytes")
end

local function alive(pid) return lfs.attributes("/proc/" .. math.tointeger(pid), "mode") ~= nil end

return {
  ["a key that the server never takes is noticed, and which"] = function(t)
    local s = site(t)
    s.lab:fault { method = "PutUsbScanCodes", fault = "dropkeys", after = 4, count = -1 }
    local out, status = builds.run(s, recipe(s, "lost", MENU .. 'ks=${http}/3/ks.json<enter>"'))
    t:equal(status, 1, out)
    t:contains(out, "key 5 of the boot command (i) was not accepted: ")
    t:contains(out, "0 of 1")
    check_picture(t, out)
    t:equal(builds.state(s), { vms = {}, files = {}, sessions = 0 })
  end,
  ["a boot command that the installer does not understand is told soon, with a picture; Ctrl-C meanwhile leaves nothing"] = function(t)
    local s = site(t)
    local mistyped = builds.start(s, recipe(s, "mistyped", 'fetch_timeout = "2m", attempts = 1, ' .. MENU .. 'ks=${http}/3/ks.jsn<enter>"'))
    local stopped = builds.start(s, recipe(s, "stopped", MENU .. 'ks=${http}/3/ks.json<enter>"'))
    t:ok(stopped:wait_for "http 3/ks.json 200", stopped:output())
    local pid
    for _, vm in ipairs(s.lab:vms()) do if vm.name:find "^stopped" then pid = vm.pid end end
    t:ok(alive(pid))
    stopped:interrupt()
    local out, status = stopped:wait()
    t:equal(status, 130, out)
    t:contains(out, "undone: virtual machine")
    t:ok(not alive(pid), "QEMU is gone")

    out, status = mistyped:wait()
    t:equal(status, 1, out)
    t:contains(out, "did not fetch 3/ks.jsn")
    t:contains(out, "it asked for 3/ks.jsn, which is not there")
    check_picture(t, out)
    t:equal(builds.state(s), { vms = {}, files = {}, sessions = 0 })
  end,
}
