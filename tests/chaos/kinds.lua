-- kinds: the builds that things happen to. Each call of `recipe` changes what the image is made from, so that it is built again.
local function base(s, n)
  if s.iso_of ~= n then s.t:shell("head -c 300000 /dev/urandom > " .. s.iso) end -- one that is not on the datastore yet
  s.iso_of = n
  return s.t:write(s.dir .. "/image.lua", string.format([[
local v = vars {}
return base {
  name = "image", guest_id = "otherLinux64Guest", annotation = "%d",
  iso = { url = v.iso_url, checksum = "none" },
  kickstart = { floppy = "kickstart/centos" }, boot = { "<enter>" }, shutdown = "poweroff",
  provision = { shell "echo at work; sleep 0.2" },
}]], n))
end

-- One of which two stay that it has replaced.
local function kept(s, n)
  return s.t:write(s.dir .. "/image.lua", string.format([[
local v = vars {}
return base { name = "image", guest_id = "otherLinux64Guest", annotation = "%d", iso = { url = v.iso_url, checksum = v.iso_checksum },
  boot = { "<enter>" }, shutdown = "poweroff", keep = 2 }]], n))
end

local function parent(s)
  return s.t:write(s.dir .. "/parent.lua", [[
local v = vars {}
return base { name = "parent", guest_id = "otherLinux64Guest", iso = { url = v.iso_url, checksum = v.iso_checksum },
  boot = { "<enter>" }, shutdown = "poweroff" }]])
end

local function clone(s, n)
  return s.t:write(s.dir .. "/image.lua", string.format([[
return clone { name = "image", from = "parent", linked = true, annotation = "%d", shutdown = "poweroff",
  provision = { shell "echo at work; sleep 0.2", checkpoint "worked" }, export = { format = "ova" } }]], n))
end

-- Two images side by side, a process each, and one that waits for the first.
local function several(s, n)
  return s.t:write(s.dir .. "/image.lua", string.format([[
local v = vars {}
local function small(name)
  return base { name = name, guest_id = "otherLinux64Guest", annotation = "%d", iso = { url = v.iso_url, checksum = v.iso_checksum },
    kickstart = { floppy = "kickstart/centos" }, boot = { "<enter>" }, shutdown = "poweroff", provision = { shell "sleep 0.1" } }
end
local image = small "image"
return { image, small "other", clone { name = "upon", from = image, linked = false, shutdown = "poweroff" } }]], n))
end

local ALONE = { "SIGINT", "SIGTERM", "SIGKILL", "SIGKILL, done", "503", "cut", "lost", "expire", "away" }
local KEPT = { "SIGINT", "SIGKILL", "SIGKILL, done", "lost", "away" }
local TOGETHER = { "SIGINT", "SIGTERM", "SIGKILL", "SIGKILL, one", "lost", "away" }

-- name; before: a recipe to be built first; recipe; images: what it makes; vms: what is there afterwards, and keep: how many images before;
-- faults: what happens to it, and at how many places of each step; moments: at how many random times a signal comes
return {
  { name = "base", recipe = base, images = { "image" }, vms = { "image" }, faults = ALONE, places = 3, moments = 60 },
  { name = "kept", recipe = kept, images = { "image" }, vms = { "image" }, keep = 2, faults = KEPT, places = 3, moments = 20 },
  { name = "clone", before = parent, recipe = clone, images = { "image" }, vms = { "image", "parent" }, faults = ALONE, places = 3, moments = 60 },
  { name = "several", recipe = several, images = { "image", "other", "upon" }, vms = { "image", "other", "upon" }, faults = TOGETHER, places = 1,
    moments = 40 },
}
