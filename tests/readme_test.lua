-- readme: what it shows works
local lfs = require "lfs"
local commands = require "cli.commands"
local pages = require "cli.help.pages"

local root = arg[0]:match("^(.*)/tests/[^/]*$") or "."

local function readme(t) return t:read(root .. "/README.md") end

return {
  ["the recipe it shows passes the check"] = function(t)
    local path = t:write(t:directory() .. "/shown.lua", readme(t):match("```lua\n(.-)```"))
    local out, status = t:shell("cd " .. root .. " && env -u VCENTER_SERVER " .. arg[-1] .. " check " .. path .. " --var ssh_password=x")
    t:equal(status, 0, out)
    t:contains(out, "base-os-photon3: fine")
  end,

  ["so does the clone it shows"] = function(t)
    local dir = t:directory()
    t:shell("mkdir " .. dir .. "/files && echo true > " .. dir .. "/files/install.sh")
    local path = t:write(dir .. "/shown.lua", readme(t):match("```lua\n.-```.-```lua\n(.-)```"))
    local out, status = t:shell("cd " .. root .. " && env -u VCENTER_SERVER " .. arg[-1] .. " check " .. path .. " --var ssh_password=x")
    t:equal(status, 0, out)
    t:contains(out, "appliance-")
  end,

  ["the folders of its map are there, and every C module is on it"] = function(t)
    for line in readme(t):match("## The map\n\n[^\n]+\n| %-%-%- | %-%-%- |\n(.-)\n\n"):gmatch("[^\n]+") do
      for place in line:match("^| ([^|]+) |"):gmatch("`([^`]+)`") do t:equal(lfs.attributes(root .. "/" .. place, "mode"), "directory", place) end
    end
    local modules = " " .. readme(t):match("`(vim http [^`]+)`") .. " load runtime "
    for name in lfs.dir(root .. "/src") do
      local module = name:match("^(.*)%.c$")
      if module and t:read(root .. "/src/" .. name):find("\nint luaopen_lb_" .. module .. "%(lua_State %*L%) {") then
        t:contains(modules, " " .. module .. " ")
      end
    end
  end,

  ["the commands, options, files and topics of help that it names are there"] = function(t)
    local text, known = readme(t), {}
    for _, name in ipairs(commands.names()) do
      known[name] = true
      for _, option in ipairs(commands.find(name).options or {}) do known["--" .. option[1]] = true end
    end
    for _, before in ipairs { "`", "\n    " } do
      for name in text:gmatch(before .. "luabuild ([%l-]+)[ `]") do t:ok(known[name], "luabuild " .. name) end
    end
    for option in text:match("(.*)## The lab"):gmatch "[`| ](%-%-%l[%l-]+)" do t:ok(known[option], option) end
    for topic in text:gmatch "luabuild help ([%w_.]+)" do t:ok(#pages.find(topic) > 0, topic) end
    for path in text:gmatch "`([%w_/]+%.%l+)`" do
      if path:find "^%l+/" and not path:find "NAME" then t:equal(lfs.attributes(root .. "/" .. path, "mode"), "file", path) end
    end
  end,

  ["the targets it names exist"] = function(t)
    local makefile = t:shell("cat " .. root .. "/Makefile " .. root .. "/tests/*/*.mk")
    for target in readme(t):gmatch("make ([a-z]+)") do
      if target ~= "for" then t:contains("\n" .. makefile, "\n" .. target .. ":") end
    end
  end,
}
