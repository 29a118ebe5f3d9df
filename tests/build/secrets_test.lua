-- Random secrets with characters that every encoding writes in another way, in builds of each kind: nothing that is left anywhere, on
-- the screen, in files, in lists of processes, in the vCenter, has one of them in any encoding.
local cjson = require "cjson"
local digest = require "digest"
local lfs = require "lfs"
local secret = require "core.secret"
local builds = require "tests.builds"
local lab = require "tests.lab"

local QUOTED = [['"<>&\\/ $%+;]]

-- 20 characters, some of which need quoting in XML, JSON, URLs and shells
local function random_secret(more)
  local letters = digest.hex(digest.random(7))
  local out = letters:sub(1, 4)
  for i = 1, 6 do
    local at = digest.random(1):byte() % #QUOTED + 1
    out = out .. QUOTED:sub(at, at) .. letters:sub(4 + i, 4 + i)
  end
  return out .. letters:sub(11) .. (more or "")
end

local RECIPE = [=[
local v = vars { db_password = { default = "", secret = true }, key_text = { default = "", secret = true }, mirror = "" }
local function look()
  local lfs = require "lfs"
  local secrets = require("core.secret").new()
  for _, value in ipairs { v.db_password, v.key_text, v.ssh_password } do secrets:add(value) end
  for pid in lfs.dir "/proc" do
    local file = pid:find "^%d+$" and io.open("/proc/" .. pid .. "/cmdline", "rb")
    local text = file and file:read "a":gsub("%z", " ") or ""
    if file then file:close() end
    -- the lab's, and the shell of the test itself, are not ours
    local other = text:find("-ssh-password", 1, true) or text:find "^sh %-c PATH="
    if not other and secrets:hidden_in(text) then error("process " .. pid .. ": " .. text) end
  end
end
local function quoted(text) return "'" .. text:gsub("'", "'\\''") .. "'" end
local provision = {
  shell { "echo " .. quoted(v.mirror), "printf '%s\\n' \"$DB\"", "printf '%s\\n' \"$KEY\"", "printf '%s\\n' " .. quoted(v.db_password),
    "printf %s \"$DB\" | base64 -w0; echo", "set -x; : \"$DB\"",
    env = { DB = v.db_password, KEY = v.key_text } },
  local_shell { "printf '%s\\n' " .. quoted(v.db_password), "tr '\\0' ' ' < /proc/$$/cmdline", "tr '\\0' ' ' < /proc/$PPID/cmdline; echo" },
  upload { content = v.key_text, to = "/root/key" },
  function(guest)
    print(guest:run(
      "printf '%s\\n' " .. quoted(v.db_password) .. "; tr '\\0' ' ' < /proc/$$/cmdline"):gsub(v.db_password:gsub("%p", "%%%0"), "hidden"))
    guest:run("rm -f /root/key")
    look()
  end,
  check { command = { ["printf '%s\\n' " .. quoted(v.db_password)] = { status = 0 } } },
  LAST
}
]=]

local BASE = RECIPE .. [=[
return base { name = "small", guest_id = "otherLinux64Guest", iso = { url = v.iso_url, checksum = v.iso_checksum }, boot = { "<enter>" },
  kickstart = { files = { ["ks.cfg"] = "rootpw ${ssh_password} ${db_password} ${key_text}" } }, shutdown = "poweroff", provision = provision }
]=]
local CLONE = RECIPE .. [=[
return clone { name = "other", from = "small", shutdown = "poweroff", provision = provision,
  export = { format = "ova", custom_data = { mirror = v.mirror, db = v.db_password } } }
]=]

local function recipe(s, name, text, last)
  return s.t:write(s.dir .. "/" .. name .. ".lua", (text:gsub("LAST", function() return last or "" end)))
end

local function each_file(path, visit)
  if lfs.symlinkattributes(path, "mode") == "directory" then
    for name in lfs.dir(path) do if name ~= "." and name ~= ".." then each_file(path .. "/" .. name, visit) end end
  elseif lfs.attributes(path, "mode") == "file" then visit(path) end
end

-- Where one of them is, in any encoding
local function check(t, s, secrets, out, label)
  local masked = secrets:mask(out)
  if masked ~= out then error(label .. ": on the screen: " .. masked:match("[^\n]*••••[^\n]*")) end
  t:ok(out ~= "", label)
  each_file(s.dir, function(path)
    if path == s.vars or path:find("%.lua$") or path:find("%.ova$") then return end
    local text = t:read(path)
    if secrets:hidden_in(text) then error(label .. ": in the file " .. path:sub(#s.dir + 2) .. ": " .. secrets:mask(text):match("[^\n]*••••[^\n]*")) end
  end)
  for _, request in ipairs(s.lab:log()) do
    if secrets:hidden_in(request.xml or "") then error(label .. ": sent: " .. request.method) end
  end
end

-- All that the vCenter knows of its machines, as text
local function known_by_server(vc)
  local property, out = require "vsphere.property", {}
  local function walk(value, depth)
    if type(value) ~= "table" then out[#out + 1] = tostring(value) return end
    if depth > 12 or rawget(value, "moid") then return end
    for key, inner in pairs(value) do
      out[#out + 1] = tostring(key)
      walk(inner, depth + 1)
    end
  end
  local found = property.collect(vc, { { propSet = { { type = "VirtualMachine", all = false, pathSet = { "config", "snapshot", "guest", "summary" } } },
    objectSet = { { obj = vc.content.viewManager:CreateContainerView { container = vc.content.rootFolder, type = { "VirtualMachine" }, recursive = true },
      skip = true, selectSet = { require("vim").TraversalSpec { type = "ContainerView", path = "view", skip = false } } } } } })
  for _, values in pairs(found) do walk(values, 0) end
  return table.concat(out, "\n")
end

return {
  ["builds of each kind, that work and that fail"] = function(t)
    local ssh_password, db_password, key_text = random_secret(), random_secret(), random_secret("\n") .. random_secret()
    local url_password = random_secret()
    local s = builds.setup(t, lab.start(t, { ssh_password = ssh_password }), { db_password = db_password, key_text = key_text, ssh_password = ssh_password,
      mirror = "https://me:" .. url_password:gsub("%W", function(c) return string.format("%%%02X", c:byte()) end) .. "@example.com/x" })
    local secrets = secret.new()
    for _, value in ipairs { url_password, ssh_password, db_password, key_text, s.lab.env.VCENTER_PASSWORD } do secrets:add(value) end
    local fail = [[shell { 'echo "$DB" >&2; exit 3', env = { DB = v.db_password } },]]
    for _, case in ipairs {
      { "base that fails", 1, recipe(s, "one", BASE, fail), "--debug" }, { "base that fails, JSON", 1, recipe(s, "two", BASE, fail), "--debug", "--json" },
      { "base", 0, recipe(s, "three", BASE), "--debug" }, { "up to date", 0, recipe(s, "three", BASE), "--json" },
      { "clone that fails", 1, recipe(s, "four", CLONE, "function() error('no ' .. v.db_password) end,"), "--debug" },
      { "clone", 0, recipe(s, "five", CLONE), "--debug", "--json", "--var", "db_password=" .. db_password },
    } do
      local out, status = builds.run(s, table.unpack(case, 3))
      t:equal(status, case[2], case[1] .. ": " .. out)
      check(t, s, secrets, out, case[1])
    end
    local text = known_by_server(s.lab:connect())
    t:contains(text, "luabuild.run")
    t:ok(not secrets:hidden_in(text), "in the vCenter")
    t:equal(cjson.decode(t:read(s.dir .. "/output/manifest.json")).builds[1].name, "other")
  end,
  ["there is no core file to find them in, unless somebody wants one"] = function(t)
    local script = t:write(t:directory() .. "/s.lua", 'print((io.open("/proc/self/limits"):read("a"):match("Max core file size%s+(%S+)")))')
    t:equal(t:shell(arg[-1] .. " run " .. script), "1\n")
    t:ok(t:shell("ulimit -c 8; LUABUILD_CORE=1 " .. arg[-1] .. " run " .. script) ~= "1\n", "what the system allows") -- 0 with ASan
  end,
}
