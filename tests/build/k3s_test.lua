-- k3s: the recipe of the appliance, its scripts and its YAML, as far as they can be looked at without k3s
local lfs = require "lfs"
local fingerprint = require "build.fingerprint"
local recipe = require "build.recipe"
local variables = require "build.variables"

local function load(assignments, path)
  table.insert(assignments, "ssh_password=word-of-root")
  local vars = variables.new { getenv = function() end, assignments = assignments }
  return recipe.loader(vars):load(path or "recipes/k3s.lua").images[1]
end

local function files(path, ending, found)
  found = found or {}
  for name in lfs.dir(path) do
    local one = path .. "/" .. name
    if name:find("^%.") == nil and lfs.attributes(one, "mode") == "directory" then files(one, ending, found)
    elseif name:sub(-#ending) == ending then found[#found + 1] = one end
  end
  return found
end

-- What the scripts share, with this said before and that done after.
local function common(t, before, after)
  local path = t:write(t:directory() .. "/try.sh", ("set -euo pipefail\n%s\n. recipes/k3s/scripts/common.sh\n%s\n"):format(before, after))
  return t:shell("bash " .. path)
end

return {
  ["the recipe is made from either system"] = function(t)
    for _, os in ipairs { "photon3", "centos7" } do
      local out, status = t:shell("env -u VCENTER_SERVER " .. arg[-1] ..
        " check recipes/k3s.lua --var ssh_password=x --var release_version=v1/rc --var base_os=" .. os)
      t:equal(status, 0, out)
      t:contains(out, "k3s-" .. os .. "-v1-rc: fine")
      local image = load { "base_os=" .. os }
      t:equal(image.from.name, "base-os-" .. os)
      t:equal({ image.linked, image.export.format, image.export.manifest }, { true, "ova", "sha256" })
    end
    t:raises("base_os is photon3 or centos7", load, { "base_os=debian" })
  end,

  ["a bundle comes first, and everything comes from it"] = function(t)
    local image = load { "bundle=/tmp/things" }
    t:equal({ image.provision[1][1], image.provision[1].to }, { "/tmp/things/", "/root/bundle/" })
    t:equal(image.provision[3].env.MIRROR, "file:///root/bundle")
    t:equal(load({}).provision[2].env.MIRROR, "")
  end,

  ["k3s stops before free space is zeroed, and the seal is last"] = function(t)
    local names = {}
    for i, step in ipairs(load({}).provision) do names[i] = type(step) == "table" and (step.name or step.step) or "function" end
    t:equal(names, { "upload", "install", "k3s", "deploy", "prepare", "the appliance", "cleanup", "function", "seal" })
    t:match(t:read "recipes/k3s/scripts/cleanup.sh", "systemctl stop k3s.*blobs/sha256")
  end,

  ["its fingerprint is that of the scripts, the manifests and the variables"] = function(t)
    local dir = t:directory()
    t:shell(("cp -r recipes kickstart %s/"):format(dir))
    local path = dir .. "/recipes/k3s.lua"
    -- where the test runs has recipes of its own, which come first
    local text = t:read(path):gsub('"recipes/k3s/', '"' .. dir .. "/recipes/k3s/")
    t:write(path, text)
    local function of(...) return fingerprint.whole(load({ "release_version=1", ... }, path)).total end
    local before = of()
    t:equal(of(), before)
    t:ok(of "k3s_version=v1.23.7+k3s1" ~= before, "a version")
    t:ok(of "base_os=centos7" ~= before, "the base")
    for _, name in ipairs { "scripts/seal.sh", "resources/manifests/filebrowser.yaml" } do
      local old = t:read(dir .. "/recipes/k3s/" .. name)
      t:write(dir .. "/recipes/k3s/" .. name, old .. "\n# more\n")
      t:ok(of() ~= before, name)
      t:write(dir .. "/recipes/k3s/" .. name, old)
    end
    t:equal(of(), before)
  end,

  ["the scripts are fine for shellcheck"] = function(t)
    if select(2, t:shell "command -v shellcheck") ~= 0 then t:skip "no shellcheck here" end
    local scripts = files("recipes/k3s/scripts", ".sh")
    t:equal(#scripts, 6)
    t:equal(t:shell("shellcheck -x " .. table.concat(scripts, " ")), "")
    for _, path in ipairs(scripts) do
      if not path:find "common" then t:match(t:read(path), "^#!/bin/bash\n# %S+%.sh — .-\nset %-euo pipefail\n") end
    end
  end,

  ["the scripts do with CentOS 7's bash, 4.2"] = function(t)
    local newer = { ["assignment by another variable's name"] = "%${![%w_]+:?=", ["reference"] = "%f[%w]%l+ %-n [%w_]+=", ["transformation"] = "@%u}",
      ["wait for any"] = "%f[%w]wait %-n", ["delimiter"] = "mapfile %-d" }
    for _, path in ipairs(files("recipes/k3s/scripts", ".sh")) do
      for what, pattern in pairs(newer) do t:ok(not t:read(path):find(pattern), path .. ": " .. what) end
    end
  end,

  ["the YAML is YAML, and says at its head what it makes"] = function(t)
    if select(2, t:shell "/usr/bin/python3 -c 'import yaml'") ~= 0 then t:skip "no python3-yaml here" end
    local found = files("recipes/k3s/resources", ".yaml")
    t:ok(#found >= 7)
    local read = t:write(t:directory() .. "/read.py", [[
import sys, yaml
for path in sys.argv[1:]:
    for one in yaml.safe_load_all(open(path, encoding="utf-8")):
        print(path, one.get("kind", "-"))
        for text in (one.get("data") or {}).values(): yaml.safe_load(text)
]])
    local out, status = t:shell("/usr/bin/python3 " .. read .. " " .. table.concat(found, " "))
    t:equal(status, 0, out)
    for kind in ("Deployment Service Ingress ConfigMap Workflow Middleware ClusterRoleBinding"):gmatch "%u%w+" do t:contains(out, " " .. kind .. "\n") end
    for _, path in ipairs(found) do t:match(t:read(path), "^# %u", path) end
  end,

  ["what is fetched has to have its digest"] = function(t)
    local dir = t:directory()
    t:write(dir .. "/k3s", "the program\n")
    t:shell(("cd %s && sha256sum k3s > SHA256SUMS && seq 100000 >> SHA256SUMS && cp k3s jq-linux64"):format(dir)) -- a mirror of many things
    local mirror, fetch = "MIRROR=file://" .. dir, 'fetch "$K3S_URL" "$K3S_CHECKSUM" ' .. dir .. "/out/k3s; ls " .. dir .. "/out"
    local out, status = common(t, mirror, fetch)
    t:equal(status, 0, out)
    t:contains(out, "fetching file://" .. dir .. "/k3s\nk3s\n")

    t:write(dir .. "/k3s", "another program\n")
    out, status = common(t, mirror, fetch)
    t:equal(status, 1, out)
    t:match(out, "k3s has the SHA%-256 %x+, expected %x+\n")
    t:equal(t:shell("ls " .. dir .. "/out"), "k3s\n", "no part is left")
    t:equal(t:read(dir .. "/out/k3s"), "the program\n", "what was there is as it was")

    out, status = common(t, mirror, 'fetch "$JQ_URL" "$JQ_CHECKSUM" ' .. dir .. "/out/jq")
    t:equal(status, 1, out)
    t:contains(out, "no SHA-256 for jq-linux64: file://")
    t:equal(t:shell("ls " .. dir .. "/out"), "k3s\n", "no part is left")
    out, status = common(t, mirror .. " JQ_CHECKSUM=none", 'fetch "$JQ_URL" "$JQ_CHECKSUM" ' .. dir .. "/out/jq")
    t:equal(status, 0, out)
    t:contains(out, "taken as it came: there is no checksum for jq-linux64")
  end,

  ["without a mirror everything comes from its project, in the version that is asked for"] = function(t)
    local out = common(t, "K3S_VERSION=v1.2.3+k3s4 HELM_VERSION=v9 HELM_CHECKSUM=abc",
      'echo "$K3S_URL $K3S_CHECKSUM $HELM_URL $HELM_CHECKSUM $JQ_CHECKSUM"')
    local k3s = "https://github.com/k3s-io/k3s/releases/download/v1.2.3%2Bk3s4/"
    t:equal(out, k3s .. "k3s " .. k3s .. "sha256sum-amd64.txt https://get.helm.sh/helm-v9-linux-amd64.tar.gz abc " ..
      "af986793a515d500ab2d35f8d2aecd656e764504b789b66d7e1a0b727a124c44\n")
  end,
}
