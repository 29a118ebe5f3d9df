-- manifest: records of an export, read by those who read them
local cjson = require "cjson"
local digest = require "digest"
local manifest = require "build.manifest"

local tests = {}

tests["a manifest has the length that was said, and openssl's form"] = function(t)
  local dir = t:directory()
  t:write(dir .. "/a b.ovf", "x")
  t:write(dir .. "/ü-disk-0.vmdk", ("y"):rep(1000))
  for _, algorithm in ipairs { "sha1", "sha256", "sha512" } do
    local names, files = { "a b.ovf", "ü-disk-0.vmdk" }, {}
    for i, name in ipairs(names) do files[i] = { name = name, hex = digest.file(algorithm, dir .. "/" .. name) } end
    local text = manifest.text(algorithm, files)
    t:equal(#text, manifest.length(algorithm, names))
    for i, file in ipairs(files) do t:equal(manifest.parse(text)[i], { algorithm = algorithm, name = file.name, hex = file.hex }) end
    local out = t:shell("cd " .. dir .. " && openssl dgst -" .. algorithm .. " 'a b.ovf' ü-disk-0.vmdk")
    t:equal(out:gsub("SHA2%-", "SHA"), text)
    local _, status = t:shell("cd " .. dir .. " && " .. algorithm .. "sum -c " .. t:write(dir .. "/m", (text:gsub("%(", " ("):gsub("%)=", ") ="))))
    t:equal(status, 0)
  end
  t:equal({ manifest.text("sha256", {}), manifest.length("sha256", {}) }, { "", 0 })
  t:raises("not a sha256 digest", manifest.text, "sha256", { { name = "a", hex = ("0"):rep(40) } })
end

tests["manifests of others are read"] = function(t)
  local hex = ("aB"):rep(20)
  local entries, bad = manifest.parse("SHA1(a.ovf)= " .. hex .. "\r\nSHA1 (x (1).vmdk) = " .. hex .. "\n\n  \nsha-1(b)=" .. hex .. "\nMD5(c)= 00\nSHA256(d)= "
    .. hex .. "\nnonsense\nSHA1(e)= xyz")
  local got = {}
  for i, e in ipairs(entries) do got[i] = e.algorithm .. " " .. e.name .. " " .. e.hex end
  t:equal(got, { "sha1 a.ovf " .. hex:lower(), "sha1 x (1).vmdk " .. hex:lower(), "sha1 b " .. hex:lower() })
  t:equal(bad, { "MD5(c)= 00", "SHA256(d)= " .. hex, "nonsense", "SHA1(e)= xyz" })
end

tests["sha256sum takes the checksum"] = function(t)
  local dir = t:directory()
  for _, name in ipairs { "k3s-photon3-1.0.ova", "a b.ova", "back\\slash.ova", "ü.ova", "line\nbreak.ova" } do
    t:write(dir .. "/" .. name, name)
    t:write(dir .. "/sum", manifest.checksum(name, digest.string("sha256", name)))
    local out, status = t:shell("cd " .. dir .. " && sha256sum -c sum")
    t:equal(status, 0, out)
    t:write(dir .. "/" .. name, "changed")
    out, status = t:shell("cd " .. dir .. " && sha256sum -c sum")
    t:equal(status, 1, out)
  end
end

tests["manifest.json has what Packer's has, numbers exact, the same every time"] = function(t)
  local build = { name = "k3s-photon3-1.0", kind = "clone", time = 1700000000, run = "run-1",
    files = { { name = "output/k3s.ova", size = 9007199254740993, sha256 = "ab" }, { name = "b", size = 0 } },
    custom_data = { release_version = "1.0", cpus = 2, ok = true },
    details = { parent = { name = "base-os-photon3" }, inputs = { "a", "b" }, nothing = {}, text = "quote \" / \n ü" } }
  local text = manifest.json(build)
  t:equal(manifest.json(build), text)
  t:contains(text, '"size": 9007199254740993')
  t:contains(text, '"name": "output/k3s.ova"')
  local json = cjson.decode(text)
  local entry = json.builds[1]
  t:equal({ entry.name, entry.builder_type, entry.build_time, entry.artifact_id, entry.packer_run_uuid, json.last_run_uuid },
    { "k3s-photon3-1.0", "luabuild-clone", 1700000000, "k3s-photon3-1.0", "run-1", "run-1" })
  t:equal({ #json.builds, #entry.files, entry.files[1].name, entry.files[2].size }, { 1, 2, "output/k3s.ova", 0 })
  t:equal(entry.custom_data, { release_version = "1.0", cpus = "2", ok = "true" })
  t:equal(entry.luabuild, { parent = { name = "base-os-photon3" }, inputs = { "a", "b" }, nothing = {}, text = "quote \" / \n ü" })
  build.files = {}
  t:equal(cjson.decode(manifest.json(build)).builds[1].files, cjson.null)
end

return tests
