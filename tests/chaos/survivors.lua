-- luabuild run tests/chaos/survivors.lua: what is there after a fault boots: five cases in the lab whose machines do. A base image is
-- installed once; the builds that suffer are clones of it. Prints a JSON object for each, as kind.lua does.
local here = arg[0]:match("^(.*)/[^/]*/[^/]*$") or "."
dofile(here .. "/modules.lua")(here)
local cjson = require "cjson"
local builds = require "tests.builds"
local case = require "tests.chaos.case"
local faults = require "tests.chaos.faults"
local lab = require "tests.lab"
local tap = require "tests.tap"
local shell = require "guest.shell"

local PASSWORD = "secret"

local SAMPLE = { -- fault, method, which of its requests; what boots afterwards
  { "SIGINT", "CloneVM_Task", 1, "image" },
  { "lost", "CloneVM_Task", 1, "image" },
  { "away", "GET /nfc", 1, "image" },
  { "SIGKILL", "Rename_Task", 1, "image" }, -- it is still the one before
  { "SIGKILL, done", "Rename_Task", 2, "copy" }, -- a linked clone of what has the name now
}

local function parent(s)
  return s.t:write(s.dir .. "/parent.lua", [[
local v = vars {}
return base {
  name = "parent", guest_id = "otherLinux64Guest",
  iso = { url = v.iso_url, checksum = v.iso_checksum },
  kickstart = { http = "kickstart/photon" },
  boot = { "<esc><wait>vmlinuz initrd=initrd.img photon.media=cdrom ks=${http}/3/ks.json<enter>" },
  ssh = { password = v.ssh_password },
}]])
end

local function recipe(s, n)
  return s.t:write(s.dir .. "/image.lua", string.format([[
return clone { name = "image", from = "parent", linked = true, annotation = "%d", provision = { shell "echo made > /root/made" },
  export = { format = "ova" } }]], n))
end

local function copy(s)
  return s.t:write(s.dir .. "/copy.lua", [[return clone { name = "copy", from = "image", linked = true }]])
end

-- Somebody starts the machine, logs in, and finds what the build has made. What is wrong, or nil.
local function boots(s, name)
  local vc <close> = s.lab:connect()
  local vm = s.lab:vm(vc, name)
  vm:power_on()
  local address
  for _, one in ipairs(s.lab:vms()) do if one.name == name then address = one.address end end
  local guest <close> = shell.connect { address = address, port = tonumber(s.lab.env.LAB_SSH_PORT), username = "root", password = PASSWORD, timeout = 120 }
  local made = guest:run "cat /root/made"
  vm:power_off()
  if made ~= "made" then return name .. " boots, but has not what was made: " .. made end
end

local function look(s, name)
  if name == "image" then return boots(s, name) end
  local out, status = builds.run(s, copy(s))
  if status ~= 0 then return out end
  local why = boots(s, name)
  local vc <close> = s.lab:connect()
  s.lab:vm(vc, name):destroy()
  return why
end

local function named(list, name) for _, one in ipairs(list) do if one.name == name then return one end end end

local function run(t)
  local s = builds.setup(t, lab.start(t, { boot = true }), { iso_url = lab.GUEST, boot_wait = "4s", memory = "384", disk_size = "600",
    ssh_username = "root", ssh_password = PASSWORD, ssh_timeout = "5m", http_ip = "10.0.2.2" })
  for _, path in ipairs { parent(s), recipe(s, 0) } do
    local out, status = builds.run(s, path)
    t:equal(status, 0, out)
  end
  for n, one in ipairs(SAMPLE) do
    local kind = { name = "boot", recipe = recipe, images = { "image" }, vms = { "image", "parent" }, look = function() return look(s, one[4]) end }
    local why, out, ended = case.run(s, kind, n, named(faults, one[1]), { method = one[2], number = one[3], only = true })
    print(cjson.encode { label = string.format("boot %s %s, then %s boots", one[1], one[2], one[4]), fault = one[1], why = why, out = out, ended = ended })
    io.stdout:flush()
  end
end

local result, why = tap.run("chaos boot", run)
if result == "ok" then return 0 end
io.stderr:write(why, "\n")
return 1
