-- builds: run the program against a lab, as a user does
local cjson = require "cjson"
local peer = require "tests.peer"
local signal = require "signal"

local builds = {}

local function quoted(text) return "'" .. tostring(text):gsub("'", "'\\''") .. "'" end

--[[
builds.setup(t, lab [, more]) -> site
A directory with an ISO of some random bytes and a var-file for the lab; `more` are further variables, such as another iso_url.
]]
function builds.setup(t, lab, more)
  local dir = t:directory()
  local iso = more and more.iso_url or dir .. "/installer.iso"
  if not (more and more.iso_url) then t:shell("head -c 300000 /dev/urandom > " .. iso) end
  local sum = t:shell("sha256sum " .. iso):match("^%x+")
  local e = lab.env
  local variables = {
    datacenter = e.LAB_DATACENTER, cluster = e.LAB_CLUSTER, datastore = e.LAB_DATASTORE, network = e.LAB_NETWORK,
    resource_pool = e.LAB_RESOURCE_POOL, folder = e.LAB_FOLDER, iso_url = iso, iso_checksum = "sha256:" .. sum,
    memory = "512", disk_size = "1024", cpu = "1", boot_wait = "0", ssh_port = e.LAB_SSH_PORT, ssh_username = "root",
    ssh_password = e.LAB_SSH_PASSWORD, ssh_timeout = "20s", http_ip = "127.0.0.1", output_dir = dir .. "/output",
    insecure_connection = "false",
  }
  for name, value in pairs(more or {}) do variables[name] = value end
  t:write(dir .. "/vars.json", cjson.encode(variables))
  return { dir = dir, iso = iso, sum = sum, lab = lab, t = t, vars = dir .. "/vars.json" }
end

--[[
builds.recipe(site, fields) -> path
A small recipe whose boot command types little; `fields` is Lua text that goes into base { … }.
]]
function builds.recipe(site, fields, name)
  return site.t:write(site.dir .. "/" .. (name or "small") .. ".lua", string.format([[
local v = vars {}
return base {
  name = "%s", guest_id = "otherLinux64Guest",
  iso = { url = v.iso_url, checksum = v.iso_checksum },
  boot = { "<enter>" }, shutdown = "poweroff",
  %s
}
]], name or "small", fields or ""))
end

--[[
builds.command(site, arguments) -> string
The command line for a run: the lab's environment (site.env when set), the var-file, the arguments.
]]
function builds.command(site, arguments)
  local words = {}
  for _, name in ipairs { "VCENTER_SERVER", "VCENTER_USERNAME", "VCENTER_PASSWORD", "VCENTER_CA_FILE" } do
    words[#words + 1] = name .. "=" .. quoted((site.env or site.lab.env)[name] or "")
  end
  words[#words + 1] = "XDG_CACHE_HOME=" .. quoted(site.dir .. "/cache")
  words[#words + 1] = "XDG_STATE_HOME=" .. quoted(site.dir .. "/state")
  words[#words + 1] = arg[-1]
  for _, a in ipairs(arguments) do words[#words + 1] = a:find("^%-%-?[%w-]+$") and a or quoted(a) end
  return table.concat(words, " ") .. " --var-file " .. quoted(site.vars)
end

--[[
builds.run(site, ...) -> output, status
Run luabuild with these arguments.
]]
function builds.run(site, ...) return site.t:shell(builds.command(site, { ... })) end

--[[
builds.start(site, ...) -> process
Run luabuild with these arguments beside the test.
process = { pid = integer }; process:output() -> string; process:interrupt(); process:kill(); process:wait() -> output, status
]]
function builds.start(site, ...)
  local process = { file = os.tmpname() }
  local pipe = assert(io.popen(string.format("echo $$; exec env %s > %s 2>&1", builds.command(site, { ... }), process.file)))
  process.pid = pipe:read("l")
  local function ended() return peer.ended(process.pid) end
  function process.output() return site.t:read(process.file) end
  local interrupted = false
  function process.interrupt()
    if interrupted then signal.sleep(0.2) end -- sooner it would be taken for the first one's echo
    interrupted = true
    os.execute("kill -INT " .. process.pid)
  end
  function process:wait()
    if pipe then self.status = select(3, pipe:close()) end
    pipe = nil
    return self.output(), self.status
  end
  -- until its output has this text; false when it ended without
  function process:wait_for(text)
    repeat
      local last = ended()
      if self.output():find(text, 1, true) then return true end
      signal.sleep(0.1)
    until last
    return false
  end
  -- until the lab has had this request `times` times (an upload is "PUT /folder"); false when it ended without
  function process:wait_for_request(method, times)
    repeat
      local last, n = ended(), 0
      for _, r in ipairs(site.lab:log()) do
        if r.method == method or (method == "PUT /folder" and r.method == "PUT" and r.kind == "folder") then n = n + 1 end
      end
      if n >= (times or 1) then return true end
      signal.sleep(0.05)
    until last
    return false
  end
  function process.running() return not ended() end
  function process.kill() os.execute("kill -KILL " .. process.pid) end
  site.t:defer(function()
    if not ended() then process.interrupt() end
    process:wait()
    os.remove(process.file)
  end)
  return process
end

-- What the lab holds: names of VMs, files that belong to none, live sessions.
function builds.state(site)
  local names, files = {}, {}
  for _, vm in ipairs(cjson.decode(site.lab:control("GET", "/vms"))) do names[#names + 1] = vm.name end
  for _, file in ipairs(cjson.decode(site.lab:control("GET", "/orphans"))) do
    if not file.vm and not file.path:find("^luabuild_cache/sha256%-") and file.path ~= "luabuild_cache/" then files[#files + 1] = file.path end
  end
  table.sort(names)
  table.sort(files)
  return { vms = names, files = files, sessions = math.tointeger(tonumber(site.lab:control("GET", "/sessions"))) }
end

return builds
