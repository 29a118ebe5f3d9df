-- The container image that src/container makes, when there is one: CONTAINER=FILE.tar. Making it takes minutes and the Debian archive.
local cjson = require "cjson"
local builds = require "tests.builds"
local lab = require "tests.lab"

local file = os.getenv "CONTAINER" or "build/container.tar"

local function read(t, dir, descriptor)
  local path = dir .. "/blobs/sha256/" .. descriptor.digest:match "^sha256:(%x+)$"
  t:equal(t:shell("sha256sum < " .. path):match "^%x+", descriptor.digest:sub(8), "the blob is what its name says")
  t:equal(tonumber((t:shell("wc -c < " .. path))), descriptor.size)
  return path
end

-- The image's files below a directory, and its configuration.
local function unpack(t)
  if not io.open(file) then t:skip("there is no " .. file .. ": src/container " .. file) end
  local dir = t:directory()
  t:shell(string.format("tar -xf %s -C %s", file, dir))
  local index = cjson.decode(t:read(dir .. "/index.json"))
  local manifest = cjson.decode(t:read(read(t, dir, index.manifests[1])))
  local config = cjson.decode(t:read(read(t, dir, manifest.config)))
  return dir, config, read(t, dir, manifest.layers[1])
end

local function root_of(t, dir, layer)
  if t:shell("id -u") ~= "0\n" then t:skip "only root can go into it" end
  t:shell(string.format("mkdir %s/root && tar -xzf %s -C %s/root", dir, layer, dir))
  return dir .. "/root"
end

return {
  ["the image is an OCI layout, and luabuild runs in it as its user"] = function(t)
    local dir, config, layer = unpack(t)
    t:equal("sha256:" .. t:shell("gzip -dc " .. layer .. " | sha256sum"):match "^%x+", config.rootfs.diff_ids[1])
    t:equal({ config.config.WorkingDir, config.config.Entrypoint, config.config.User }, { "/project", { "luabuild" }, "1000:1000" })
    local out, status = t:shell("chroot --userspec=1000:1000 " .. root_of(t, dir, layer)
      .. " /bin/sh -c 'cd /project && luabuild check recipes/photon3.lua --var ssh_password=not-a-secret && test -s /etc/ssl/certs/ca-certificates.crt'")
    t:equal(status, 0, out)
  end,
  ["the first process of a container builds an image, and cleans up when it is told to end"] = function(t)
    local dir, _, layer = unpack(t)
    local root = root_of(t, dir, layer)
    local s = builds.setup(t, lab.start(t), { iso_url = nil })
    builds.recipe(s, "provision = { shell 'echo working; sleep 60' },", "slow")
    builds.recipe(s)
    t:shell(string.format("cp %s/*.lua %s %s/project && cp %s %s/tmp/variables.json && cp %s %s/etc/ca.pem", s.dir, s.iso, root, s.vars, root,
      s.lab.env.VCENTER_CA_FILE, root))
    local function command(name)
      return builds.command({ lab = s.lab, dir = "/tmp", vars = "/tmp/variables.json",
        env = setmetatable({ VCENTER_CA_FILE = "/etc/ca.pem" }, { __index = s.lab.env }) },
        { name .. ".lua", "--var", "iso_url=/project/installer.iso", "--var", "output_dir=/project/output" }):gsub(arg[-1]:gsub("%p", "%%%0"), "luabuild")
    end
    local function start(name)
      local script = t:write(root .. "/" .. name .. ".sh", "cd /project; export " .. command(name):gsub(" luabuild ", "; exec luabuild "))
      return string.format("unshare --pid --fork --mount-proc=%s/proc chroot --userspec=1000:1000 %s /bin/sh /%s", root, root, script:match "[^/]*$")
    end
    local out, status = t:shell(start "small")
    t:equal(status, 0, out)
    local pipe <close> = assert(io.popen("echo $$; exec " .. start "slow" .. " 2>&1"))
    local pid = pipe:read "l"
    for line in pipe:lines() do if line:find "working" then break end end
    t:shell("kill -TERM $(cat /proc/" .. pid .. "/task/" .. pid .. "/children)")
    out = pipe:read "a"
    t:contains(out, "undone: virtual machine slow.build-")
  end,
}
