-- Dependencies point down only: every require of the embedded Lua is compared with the house of DESIGN.md.
local load = require "load"

-- area -> the areas it may require, besides C modules, cjson and lfs
local MAY = {
  core = { core = true },
  vsphere = { core = true, vsphere = true },
  guest = { core = true, guest = true },
  build = { core = true, vsphere = true, guest = true, build = true },
  cli = { core = true, vsphere = true, guest = true, build = true, cli = true },
}

local function wrong(file, area, text, out)
  for name in text:gmatch("require%s*%(?%s*[\"']([%w_.]+)[\"']") do
    local target = name:match("^(%w+)%.") or ""
    if MAY[target] and not MAY[area][target] then out[#out + 1] = file .. " requires " .. name end
  end
end

return {
  ["areas require only what lies below them"] = function(t)
    local found, files = {}, 0
    for _, file in ipairs(load.list()) do
      local area = file:match("^(%w+)/.*%.lua$")
      if MAY[area] then
        files = files + 1
        wrong(file, area, load.source(file), found)
      end
    end
    t:ok(files > 20)
    t:equal(found, {})
  end,
  ["the test itself finds a wrong require"] = function(t)
    local found = {}
    wrong("vsphere/x.lua", "vsphere", 'local s = require "guest.shell"', found)
    t:equal(#found, 1)
  end,
}
