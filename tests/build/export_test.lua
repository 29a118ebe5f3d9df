-- Exports against the lab: the bytes come from real disks over real leases, and tools that are not ours read the result
local builds = require "tests.builds"
local lab = require "tests.lab"

local function site(t) return builds.setup(t, lab.start(t)) end

local function recipe(s, export, fields)
  builds.recipe(s, fields)
  return s.t:write(s.dir .. "/copy.lua", string.format([[
return clone { name = "copy", from = import "small", linked = true, shutdown = "poweroff", export = %s }
]], export))
end

return {
  ["an OVA that tar, sha256sum and qemu-img read"] = function(t)
    local s = site(t)
    local out, status = builds.run(s, recipe(s, "{ custom_data = { release = '1.2' } }"))
    t:equal(status, 0, out)
    local dir = s.dir .. "/output"
    t:equal(t:shell("cd " .. dir .. " && tar tf copy.ova"), "copy.ovf\ncopy.mf\ncopy-disk-0.vmdk\n")
    t:equal(t:shell("cd " .. dir .. " && sha256sum -c copy.ova.sha256"), "copy.ova: OK\n")
    t:shell("mkdir " .. dir .. "/x && tar xf " .. dir .. "/copy.ova -C " .. dir .. "/x")
    t:contains(t:shell("qemu-img info " .. dir .. "/x/copy-disk-0.vmdk"), "virtual size: 1 GiB")
    for name, hex in t:read(dir .. "/x/copy.mf"):gmatch("SHA256%(([^)]+)%)= (%x+)\n") do
      t:equal(t:shell("sha256sum < " .. dir .. "/x/" .. name):match("^%x+"), hex, name)
    end
    local record = require("cjson").decode(t:read(dir .. "/manifest.json"))
    t:equal({ record.builds[1].name, record.builds[1].files[1].name, record.builds[1].custom_data.release }, { "copy", "copy.ova", "1.2" })
    t:equal(builds.state(s), { vms = { "copy", "small" }, files = {}, sessions = 0 })
  end,
  ["separate files with format ovf"] = function(t)
    local s = site(t)
    local out, status = builds.run(s, recipe(s, "{ format = 'ovf', manifest = 'sha1' }"))
    t:equal(status, 0, out)
    t:equal(t:shell("ls " .. s.dir .. "/output | grep -v -e console -e log -e report"), "copy-disk-0.vmdk\ncopy.mf\ncopy.ovf\nmanifest.json\n")
    t:contains(t:read(s.dir .. "/output/copy.mf"), "SHA1(copy-disk-0.vmdk)= ")
  end,
  ["an export that is gone is made again from the image that is there; one of somebody else is not touched"] = function(t)
    local s = site(t)
    local file = recipe(s, "{}")
    t:equal(select(2, builds.run(s, file)), 0)
    os.remove(s.dir .. "/output/copy.ova")
    local out, status = builds.run(s, file)
    t:equal(status, 0, out)
    t:contains(out, "its export is not there")
    t:ok(not out:find("power on", 1, true), "nothing was built")
    t:equal(t:shell("cd " .. s.dir .. "/output && sha256sum -c copy.ova.sha256"), "copy.ova: OK\n")
    local text = t:read(file):gsub('name = "copy"', 'name = "other"')
    t:write(s.dir .. "/other.lua", text)
    t:write(s.dir .. "/output/other.ova", "precious")
    out, status = builds.run(s, s.dir .. "/other.lua")
    t:equal(status, 1)
    t:contains(out, "other.ova is there")
    t:equal(t:read(s.dir .. "/output/other.ova"), "precious")
  end,
  ["a base image is exported, and again when only that is gone, as a template too"] = function(t)
    local s = site(t)
    local file = builds.recipe(s, "template = true, export = {},")
    local out, status = builds.run(s, file)
    t:equal(status, 0, out)
    t:equal(t:shell("cd " .. s.dir .. "/output && sha256sum -c small.ova.sha256"), "small.ova: OK\n")
    os.remove(s.dir .. "/output/small.ova")
    t:match(builds.run(s, "plan", file), "small: export.*its export is not there")
    out, status = builds.run(s, file)
    t:equal(status, 0, out)
    t:contains(out, "small: exported")
    t:equal(t:shell("cd " .. s.dir .. "/output && sha256sum -c small.ova.sha256"), "small.ova: OK\n")
    t:equal(s.lab:vms()[1].template, true)
    os.remove(s.dir .. "/output/small.ova")
    s.lab:fault { method = "GET /nfc", fault = "cut", at = 4096 }
    t:equal(select(2, builds.run(s, file)), 1)
    t:equal(s.lab:vms()[1].template, true, "a template again after a failure, too")
  end,
  ["the server takes SHA-256 of what it sends; one that cannot takes SHA-1, and all that it says is compared"] = function(t)
    local s = site(t)
    local file = recipe(s, "{ format = 'ovf' }")
    t:equal(select(2, builds.run(s, file)), 0)
    local function digests_of(version, fault)
      if fault then s.lab:fault { method = "HttpNfcLeaseSetManifestChecksumType", fault = "fault", type = "NotSupported" } end
      local vc <close> = s.lab:connect()
      vc.version = version or vc.version
      local held <close> = require("vsphere.lease").export(s.lab:vm(vc, "copy"))
      local taken = held:use_digest "sha256"
      held:download(held.items[1], { max_body = 1 << 20 })
      return { taken, held:manifest()[held.items[1].key].algorithm }
    end
    t:equal({ digests_of(), digests_of("6.5"), digests_of(nil, true) }, { { true, "sha256" }, { false, "sha1" }, { false, "sha1" } })
    os.remove(s.dir .. "/output/copy.ovf")
    s.lab:fault { method = "HttpNfcLeaseSetManifestChecksumType", fault = "fault", type = "NotSupported" }
    local out, status = builds.run(s, file)
    t:equal(status, 0, out)
    t:ok(not out:find("not compared", 1, true), out)
  end,
  ["every manifest, and a server that tells little of what it sends: the archive is right, and its records are"] = function(t)
    local s = site(t)
    local file = builds.recipe(s, "export = { manifest = os.getenv 'MANIFEST' }, hardware = { cpus = 1, memory = '512MiB', disks = { '1GiB', '1GiB' } },")
    local function export(manifest, says)
      os.remove(s.dir .. "/output/small.ova")
      local out, status = t:shell("MANIFEST=" .. manifest .. " " .. builds.command(s, { file }))
      t:equal({ status, out:find("not compared", 1, true) ~= nil }, { 0, says }, out)
      local dir, sums = s.dir .. "/output", {}
      t:equal(select(2, t:shell("cd " .. dir .. " && sha256sum -c small.ova.sha256 && rm -rf x && mkdir x && tar xf small.ova -C x")), 0)
      if manifest ~= "none" then
        t:equal(t:shell("cd " .. dir .. "/x && " .. manifest .. "sum --tag *.ovf *.vmdk | sed 's/ (/(/;s/) =/)=/'"), t:read(dir .. "/x/small.mf"))
      end
      for i = 0, 1 do sums[i + 1] = t:shell("sha256sum < " .. dir .. "/x/small-disk-" .. i .. ".vmdk"):match "^%x+" end
      local content = require("cjson").decode(t:read(dir .. "/manifest.json")).builds[1].luabuild.content
      t:equal({ content[1].sha256, content[2].sha256 }, sums)
    end
    for _, manifest in ipairs { "sha256", "sha1", "sha512", "none" } do export(manifest, false) end
    s.lab:fault { fault = "oldsum" }
    export("sha256", false)
    s.lab:fault { method = "HttpNfcLeaseSetManifestChecksumType", fault = "fault", type = "NotSupported" }
    export("sha256", false)
    s.lab:fault { fault = "nomanifest" }
    export("sha256", true)
  end,
  ["several disks, and the nvram of EFI"] = function(t)
    local s = site(t)
    local file = builds.recipe(s, string.format([[export = {},
      hardware = { cpus = 1, memory = "512MiB", disks = { "1GiB", "2GiB", "1GiB" }, firmware = "efi" },
      provision = { function(_, vm)
        local path = "%s/datastore/" .. vm:get("config.files.vmPathName"):match("%%] (.*)vmx$") .. "nvram"
        local file <close> = assert(io.open(path, "wb"))
        file:write(("n"):rep(8684))
      end },]], s.lab.env.LAB_DIR))
    s.lab:fault { method = "GET /nfc", after = 1, fault = "slow", delay = 2 }
    local out, status = builds.run(s, file, "--json")
    t:equal(status, 0, out)
    t:contains(out, '"what":"small-disk-1.vmdk, 2 of 4"', "nobody knows how many bytes, but how many files")
    local dir = s.dir .. "/output"
    t:equal(t:shell("cd " .. dir .. " && tar tf small.ova"),
      "small.ovf\nsmall.mf\nsmall-disk-0.vmdk\nsmall-disk-1.vmdk\nsmall-disk-2.vmdk\nsmall.nvram\n")
    t:contains(t:shell(arg[-1] .. " ova verify " .. dir .. "/small.ova"), "small.ova: fine, 4 files named by the descriptor, checked by sha256")
    t:shell("mkdir " .. dir .. "/x && tar xf " .. dir .. "/small.ova -C " .. dir .. "/x")
    t:contains(t:shell("qemu-img info " .. dir .. "/x/small-disk-1.vmdk"), "virtual size: 2 GiB")
    t:equal(t:read(dir .. "/x/small.nvram"), ("n"):rep(8684))
  end,
  ["a host beside the vCenter is trusted by the thumbprint that the lease tells of it"] = function(t)
    local s = site(t)
    local vc <close> = s.lab:connect()
    local vm = s.lab:create_vm(vc, "one")
    local function fetch(thumbprint)
      local held <close> = require("vsphere.lease").export(vm)
      local item = held.items[1]
      item.url, item.thumbprint = item.url:gsub("%*", (s.lab.env.VCENTER_SERVER:gsub("127.0.0.1", "localhost"))), thumbprint or item.thumbprint
      return held:download(item, {}).size
    end
    t:ok(fetch() > 0)
    t:equal(t:raises("is not the pinned one", fetch, ("AB"):rep(20)).code, "tls")
  end,
  ["a transfer that is cut fails the build, leaves no file, no lease and no machine"] = function(t)
    local s = site(t)
    local file = recipe(s, "{}")
    s.lab:fault { method = "GET /nfc", fault = "cut", at = 4096 }
    local out, status = builds.run(s, file)
    t:equal(status, 1)
    t:match(out, "failed: download disk%-0%.vmdk: ", "it says which")
    t:equal(t:shell("ls " .. s.dir .. "/output | grep -v -e console -e log -e report"), "")
    t:equal(builds.state(s), { vms = { "small" }, files = {}, sessions = 0 })
    t:equal(select(2, builds.run(s, file)), 0)
  end,
}
