-- The container image that src/container makes, when there is one: CONTAINER=FILE.tar. Making it takes minutes and the Debian archive.
local cjson = require "cjson"

local file = os.getenv "CONTAINER" or "build/container.tar"

local function read(t, dir, descriptor)
  local path = dir .. "/blobs/sha256/" .. descriptor.digest:match "^sha256:(%x+)$"
  t:equal(t:shell("sha256sum < " .. path):match "^%x+", descriptor.digest:sub(8), "the blob is what its name says")
  t:equal(tonumber((t:shell("wc -c < " .. path))), descriptor.size)
  return path
end

return {
  ["the image is an OCI layout, and luabuild runs in it"] = function(t)
    if not io.open(file) then t:skip("there is no " .. file .. ": src/container " .. file) end
    local dir = t:directory()
    t:shell(string.format("tar -xf %s -C %s", file, dir))
    local index = cjson.decode(t:read(dir .. "/index.json"))
    local manifest = cjson.decode(t:read(read(t, dir, index.manifests[1])))
    local config = cjson.decode(t:read(read(t, dir, manifest.config)))
    local layer = read(t, dir, manifest.layers[1])
    t:equal("sha256:" .. t:shell("gzip -dc " .. layer .. " | sha256sum"):match "^%x+", config.rootfs.diff_ids[1])
    t:equal({ config.config.WorkingDir, config.config.Entrypoint }, { "/project", { "luabuild" } })
    if t:shell("id -u") ~= "0\n" then return end
    t:shell(string.format("mkdir %s/root && tar -xzf %s -C %s/root", dir, layer, dir))
    local out, status = t:shell("chroot " .. dir .. "/root /bin/sh -c 'cd /project && luabuild check recipes/photon3.lua --var ssh_password=not-a-secret'")
    t:equal(status, 0, out)
  end,
}
