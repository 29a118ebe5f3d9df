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

-- name; before: a recipe to be built first; recipe; vms: what is there afterwards
return {
  { name = "base", recipe = base, vms = { "image" } },
  { name = "clone", before = parent, recipe = clone, vms = { "image", "parent" } },
}
