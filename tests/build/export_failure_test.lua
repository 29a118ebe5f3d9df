-- Exports that go wrong: one message that names the cause, exit status 1, no file under its final name, no lease left open, no
-- machine left over.
local builds = require "tests.builds"
local failures = require "tests.failures"
local lab = require "tests.lab"

local function site(t) return builds.setup(t, lab.start(t)) end

local function fault(method, kind, more)
  local f = { method = method, fault = kind }
  for key, value in pairs(more or {}) do f[key] = value end
  return f
end

local function refused(method, message) return { fault(method, "fault", { message = message or "the lab says no" }) } end

-- The files of the output directory, pictures of the console left out.
local function output(s) return (s.t:shell("ls -A " .. s.dir .. "/output 2>/dev/null | grep -v -e console -e log -e report")) end

local function leases(s) return s.lab:control("GET", "/leases") end

-- Cases of failures.run with an export; after all of them nothing of one is left.
local function run(s, cases, export)
  for _, case in pairs(cases) do
    case.fields = "export = " .. (case.export or export or "{}") .. ", " .. (case.fields or "")
    case.export = nil
  end
  failures.run(s, cases)
  s.t:equal({ output(s), leases(s) }, { "", "0\n" })
end

return {
  ["a server that ends, breaks off or spoils the export"] = function(t)
    local s = site(t)
    run(s, {
      ["not ready"] = { faults = refused("ExportVm"), says = { "export: the lab says no (SystemError from ExportVm" } },
      ["expired before"] = { faults = { fault(nil, "shortlease", { delay = 1 }), fault("CreateDescriptor", "slow", { delay = 2 }),
        fault("HttpNfcLeaseProgress", "hang", { count = -1 }) }, says = { "the server ended the export: ", "the lease was not renewed" } },
      ["expired meanwhile"] = { faults = { fault(nil, "shortlease", { delay = 1 }), fault("GET /nfc", "hang"),
        fault("HttpNfcLeaseProgress", "hang", { count = 5 }) }, says = { "the server ended the export: ", "the lease was not renewed" } },
      ["cut"] = { faults = { fault("GET /nfc", "cut", { at = 4096 }) }, says = { "download disk-0.vmdk: " } },
      ["cut, separate files"] = { export = "{ format = 'ovf' }", faults = { fault("GET /nfc", "cut", { at = 4096 }) },
        says = { "download disk-0.vmdk: " } },
      ["busy"] = { faults = { fault("GET /nfc", "503") }, says = { "download: disk-0.vmdk: HTTP status 503" } },
      ["truncated"] = { faults = { fault("GET /nfc", "short", { at = 4096 }) },
        says = { "truncated-disk-0.vmdk: it is cut off", "the transfer broke: build again" } },
      ["empty"] = { faults = { fault("GET /nfc", "short", { at = 0 }) }, says = { "empty-disk-0.vmdk: it is no VMDK, or cut off: 0 bytes" } },
      ["damaged"] = { faults = { fault("GET /nfc", "flip", { at = 1500 }) },
        says = { "damaged-disk-0.vmdk: ", "arrived with sha256 ", "the server sent ", "the transfer broke: build again" } },
      ["damaged, with digests on the way"] = { export = "{ manifest = 'sha512' }", faults = { fault("GET /nfc", "flip", { at = 1500 }) },
        says = { "disk-0.vmdk: ", "arrived with sha256 ", "the server sent ", "the transfer broke: build again" } },
      ["damaged, and another digest told"] = { faults = { fault("GET /nfc", "flip", { at = 1500 }), fault(nil, "oldsum") },
        says = { "disk-0.vmdk: ", "arrived with sha1 ", "the server sent ", "the transfer broke: build again" } },
      ["damaged, and another digest told, separate files"] = { export = "{ format = 'ovf' }",
        faults = { fault("GET /nfc", "flip", { at = 1500 }), fault(nil, "oldsum") },
        says = { "disk-0.vmdk: ", "arrived with sha1 ", "the server sent ", "the transfer broke: build again" } },
      ["no manifest"] = { faults = refused("HttpNfcLeaseGetManifest"), says = { "export: the lab says no" } },
      ["no descriptor"] = { faults = refused("CreateDescriptor"), says = { "export: the lab says no" } },
      ["not completed"] = { faults = refused("HttpNfcLeaseComplete"), says = { "export: the lab says no" } },
    })
  end,

  ["a lease is kept alive while its bytes do not come, and while another call takes long"] = function(t)
    local s = site(t)
    s.lab:fault(fault(nil, "shortlease", { delay = 4 }))
    s.lab:fault(fault("CreateDescriptor", "slow", { delay = 5 }))
    s.lab:fault(fault("GET /nfc", "slow", { delay = 5 }))
    local out, status = builds.run(s, builds.recipe(s, "export = {},"))
    t:equal({ status, leases(s) }, { 0, "0\n" }, out)
    t:match(t:read(out:match "\n  log: (%S+)"), "\n%S+     HttpNfcLeaseProgress HttpNfcLease session%-[%x-]+: 200 in [%d.]+s, ",
      "renewals are requests like others")
  end,

  ["a renewal whose answer does not come is asked again, and no failure"] = function(t)
    local s = site(t)
    s.lab:fault(fault(nil, "shortlease", { delay = 8 }))
    s.lab:fault(fault("GET /nfc", "slow", { delay = 3 }))
    s.lab:fault(fault("HttpNfcLeaseProgress", "hang"))
    local out, status = builds.run(s, builds.recipe(s, "export = {},"))
    t:equal({ status, leases(s) }, { 0, "0\n" }, out)
    t:match(t:read(out:match "\n  log: (%S+)"), "HttpNfcLeaseProgress HttpNfcLease session%-[%x-]+: not waited for any more in ")
  end,

  ["a renewal gets on in whatever waits, and nothing waits for its answer"] = function(t)
    local server = lab.start(t)
    local vc = server:connect()
    local vm = server:create_vm(vc, "one")
    server:fault(fault(nil, "shortlease", { delay = 60 }))
    server:fault(fault("HttpNfcLeaseProgress", "hang", { count = -1 }))
    local held <close> = require("vsphere.lease").export(vm)
    held.due, held.interval = 0, math.huge -- now, and never again
    local function served()
      for _, r in ipairs(server:log()) do if r.method == "HttpNfcLeaseProgress" then return r.seconds end end
    end
    t:equal(t:eventually(served), 0, "it is under way")
    t:ok(held:download(held.items[1], {}).size > 0)
    t:ok(held:manifest()[held.items[1].key])
    held:keep()
    t:equal(served(), 0, "and still is")
  end,

  ["a server that forgets the session in the middle of an export"] = function(t)
    local s = site(t)
    s.lab:fault(fault(nil, "shortlease", { delay = 4 }))
    s.lab:fault(fault("GET /nfc", "slow", { delay = 5 }))
    s.lab:fault(fault("HttpNfcLeaseProgress", "expire"))
    local out, status = builds.run(s, builds.recipe(s, "export = {},"))
    t:equal({ status, leases(s) }, { 0, "0\n" }, out)
  end,

  ["a local disk that is full"] = function(t)
    local s = site(t)
    if select(2, t:shell("unshare -rm mount -t tmpfs -o size=1m none /mnt")) ~= 0 then t:skip("no name spaces for users here") end
    builds.recipe(s, "export = {}, hardware = { disks = { '4MiB' }, memory = '512MiB', cpus = 1 },")
    t:shell("mkdir " .. s.dir .. "/output")
    for _, format in ipairs { "ova", "ovf" } do
      local recipe = builds.recipe(s, string.format("export = { format = '%s' },", format))
      local inside = string.format("mount -t tmpfs -o size=64k none %s/output && { env %s; }; status=$?; ls %s/output; exit $status", s.dir,
        builds.command(s, { recipe }), s.dir)
      local out, status = t:shell("unshare -rm sh -c '" .. inside:gsub("'", "'\\''") .. "'")
      t:equal(status, 1, out)
      t:match(out, "small: failed: download disk%-0.vmdk: [^\n]*: No space left on device\n  it is written to [^\n]*/output: is there room", format)
      t:ok(not out:find("\nsmall%.ov"), out)
      t:equal({ builds.state(s), leases(s) }, { { vms = {}, files = {}, sessions = 0 }, "0\n" })
    end
  end,

  ["a local disk that gets full with the last words: the rest of the package is not left alone"] = function(t)
    local s = site(t)
    t:shell("mkdir " .. s.dir .. "/output")
    for name, format in pairs { ["manifest.json"] = "ova", ["small.mf"] = "ovf" } do
      t:shell("ln -s /dev/full " .. s.dir .. "/output/" .. name .. ".part")
      local out, status = builds.run(s, builds.recipe(s, string.format("export = { format = '%s' },", format)))
      t:equal({ status, output(s), leases(s), builds.state(s).vms }, { 1, "", "0\n", {} }, out)
      t:contains(out, "/output/" .. name .. ".part: No space left on device")
    end
  end,

  ["an output that exists is not touched, by a base image either"] = function(t)
    local s = site(t)
    t:shell("mkdir " .. s.dir .. "/output; echo precious > " .. s.dir .. "/output/small.ova")
    local recipe = builds.recipe(s, "export = {},")
    local out, status = builds.run(s, recipe)
    t:equal(status, 1)
    t:contains(out, "small.ova is there, and the image it would be made from is not")
    t:contains(out, "--force")
    t:equal({ t:read(s.dir .. "/output/small.ova"), builds.state(s) }, { "precious\n", { vms = {}, files = {}, sessions = 0 } })
    out, status = builds.run(s, recipe, "--force")
    t:equal(status, 0, out)
    t:equal(select(2, t:shell("cd " .. s.dir .. "/output && sha256sum -c small.ova.sha256")), 0)
  end,

  ["an export that fails leaves what there was of the one before, and nothing beside it"] = function(t)
    local s = site(t)
    local recipe = builds.recipe(s, "export = {},")
    t:equal(select(2, builds.run(s, recipe)), 0)
    os.remove(s.dir .. "/output/small.ova")
    local function files() return t:shell("cd " .. s.dir .. "/output && sha256sum small.* manifest.*") end
    local before = files()
    s.lab:fault(fault("GET /nfc", "flip", { at = 1500 }))
    local out, status = builds.run(s, recipe)
    t:equal({ status, files(), leases(s) }, { 1, before, "0\n" }, out)
    t:contains(out, "the transfer broke: build again")
  end,

  ["--on-error=abort keeps the machine of a failed export, and says which; its lease is ended"] = function(t)
    local s = site(t)
    s.lab:fault(fault("GET /nfc", "short", { at = 4096 }))
    local out, status = builds.run(s, builds.recipe(s, "export = {},"), "--on-error=abort")
    local vms = builds.state(s).vms
    t:equal({ status, #vms, leases(s), output(s) }, { 1, 1, "0\n", "" }, out)
    t:contains(out, "kept for a look, --on-error=abort: virtual machine " .. vms[1])
  end,

  ["Ctrl-C in the middle of an export leaves nothing"] = function(t)
    local s = site(t)
    s.lab:fault(fault("GET /nfc", "hang"))
    local process = builds.start(s, builds.recipe(s, "export = {},"))
    t:ok(t:eventually(function() return leases(s) ~= "0\n" end), "a lease is open")
    require("signal").sleep(0.5)
    process.interrupt()
    local out, status = process:wait()
    t:equal({ status, leases(s), output(s), builds.state(s) }, { 130, "0\n", "", { vms = {}, files = {}, sessions = 0 } }, out)
  end,

  ["Ctrl-C while an archive is read for its digest ends that at once, and leaves nothing"] = function(t)
    local dir = t:directory()
    local script = t:write(t:directory() .. "/s.lua", string.format([[
      local p = require("build.package").archive("%s", "big", { { name = "big.ovf", room = 3 } })
      local _ <close> = setmetatable({}, { __close = function() p:close() end })
      local path, at = p:place "big-disk-0.vmdk"
      os.execute(string.format("truncate -s %%d %%s", at + (1 << 40), path)) -- that takes many minutes
      p:done("big-disk-0.vmdk", 1 << 40)
      p:put("big.ovf", "ovf")
      p:finish({}, function() io.stdout:write "reading\n" io.stdout:flush() end)]], dir))
    local status, out = require("tests.peer").interrupt(t, arg[-1] .. " run " .. script, "reading")
    t:equal({ status, (t:shell("ls -A " .. dir)) }, { 130, "" }, out)
  end,
}
