-- What a user gets when the world is not as the recipe wants it: exit status 1, a message that names the cause and the next
-- step, and nothing left behind.
local builds = require "tests.builds"
local failures = require "tests.failures"
local lab = require "tests.lab"
local peer = require "tests.peer"

local function site(t, more) return builds.setup(t, lab.start(t), more) end

local function fault(method, kind, more)
  local f = { method = method, fault = kind }
  for key, value in pairs(more or {}) do f[key] = value end
  return { f }
end

local function refused(method) return fault(method, "task", { message = "the lab says no", type = "SystemError" }) end

local function without_ca(s)
  local env = {}
  for key, value in pairs(s.lab.env) do env[key] = value end
  env.VCENTER_CA_FILE = nil
  return env
end

return {
  ["a server that is not there, not trusted, or does not let us in"] = function(t)
    local s = site(t)
    local thumbprint = s.lab.env.VCENTER_THUMBPRINT
    local web = peer.web(t, t:directory()):match("//(.*)$")
    failures.run_together(s, {
      name = { vars = { "vcenter_server=vcenter.invalid" },
        says = { "connect: could not resolve host: vcenter.invalid (4 tries in", "is vcenter_server (VCENTER_SERVER) right" } },
      refused = { vars = { "vcenter_server=127.0.0.1:1" },
        says = { "connect: 127.0.0.1:1: connection refused (4 tries in", "VCENTER_SERVER" } },
      ["no vCenter"] = { vars = { "vcenter_server=" .. web }, says = { "connect: " .. web } },
      certificate = { env = without_ca(s), says = { "connect: certificate of ", "self-signed", "thumbprint is " .. thumbprint,
        'thumbprint = "' .. thumbprint .. '" (VCENTER_THUMBPRINT)', "ca_file (VCENTER_CA_FILE)" } },
      ["other certificate"] = { vars = { "thumbprint=AA" .. thumbprint:sub(3) }, says = { "is not the pinned one", thumbprint } },
      ["other file"] = { vars = { "ca_file=" .. s.vars }, says = { "certificate file: " .. s.vars, "ca_file (VCENTER_CA_FILE) has to name" } },
      ["no CA file"] = { vars = { "ca_file=/nothing.pem" }, says = { "read the CA file /nothing.pem: No such file" } },
      password = { vars = { "password=some-other-word" },
        says = { "log in as administrator@vsphere.local: 127.0.0.1", "is refused (InvalidLogin", "VCENTER_PASSWORD right?" } },
    })
  end,

  ["places that are not there are named together with what is there"] = function(t)
    local s = site(t)
    failures.run_together(s, {
      datacenter = { vars = { "datacenter=DC9" }, says = { "no datacenter 'DC9'", "did you mean 'DC0'?" } },
      cluster = { vars = { "cluster=nowhere" }, says = { "no cluster or host 'nowhere'", "there: ", "DC0_C0" } },
      host = { vars = { "host=esx-1" }, says = { "no host 'esx-1'", "DC0_C0_H0" } },
      ["host of another"] = { vars = { "host=DC0_H0" }, says = { "host 'DC0_H0' is not in cluster 'DC0_C0'" } },
      pool = { vars = { "resource_pool=pakcer" }, says = { "no resource pool 'pakcer'", "did you mean 'Packer'?" } },
      datastore = { vars = { "datastore=LocalDS_9" }, says = { "no datastore 'LocalDS_9'", "did you mean 'LocalDS_0'?" } },
      folder = { vars = { "folder=Pakcer" }, says = { "no folder 'Pakcer'", "did you mean 'Packer'?" } },
      network = { vars = { "network=VM Netwrk" }, says = { "no network 'VM Netwrk'", "did you mean 'VM Network'?" } },
      ["no cluster"] = { vars = { "cluster=", "resource_pool=" }, says = { "which cluster or host? There are ", "DC0_H0", "set cluster or host" } },
      ["guest id"] = { fields = 'guest_id = "otherLinux65Guest",',
        says = { "DC0_C0 does not know the guest id otherLinux65Guest", "did you mean otherLinux64Guest?" } },
      version = { vars = { "vmx_version=99" },
        says = { "DC0_C0 does not make hardware version 99; the newest there is 19" } },
      ["ISO on a datastore"] = { fields = 'iso = { path = "[LocalDS_0] no/such.iso" },',
        says = { "iso.path: [LocalDS_0] no/such.iso is not there" } },
      several = { vars = { "datastore=x", "folder=y", "network=z" },
        says = { "3 problems:", "  - no datastore 'x'", "  - no folder 'y'", "  - no network 'z'", "there: VM Network" } },
    })
  end,

  ["an ISO that does not come"] = function(t)
    local s = site(t)
    local dir = t:directory()
    local web = peer.web(t, dir)
    t:write(dir .. "/www/other.iso", "something else")
    failures.run(s, {
      checksum = { vars = { "iso_checksum=sha256:" .. ("ab"):rep(32) },
        says = { "installer.iso: its sha256 is " .. s.sum, "the recipe says abab", "correct iso_checksum" } },
      unreadable = { vars = { "iso_url=/proc/self/mem", "iso_checksum=none" }, says = { "read /proc/self/mem: Input/output error" } },
      ["web checksum"] = { vars = { "iso_url=" .. web .. "/other.iso" },
        says = { "/other.iso: its sha256 is ", "the recipe says " .. s.sum } },
      ["web 404"] = { vars = { "iso_url=" .. web .. "/no.iso" },
        says = { "download the ISO: " .. web .. "/no.iso: the server answered 404", "correct iso_url" } },
      ["web 404 unchecked"] = { vars = { "iso_url=" .. web .. "/no.iso", "iso_checksum=none" }, says = { "the server answered 404" } },
      ["web cut"] = { vars = { "iso_url=" .. web .. "/cgi-bin/short" }, says = { "download the ISO: ", "/cgi-bin/short: ", "90 bytes" } },
      ["web refused"] = { vars = { "iso_url=http://127.0.0.1:1/x.iso" },
        says = { "download the ISO: ", "connection refused", "is iso_url right" } },
      ["web untrusted"] = { vars = { "iso_url=https://" .. s.lab.env.VCENTER_SERVER .. "/x.iso" },
        says = { "download the ISO: ", "not trusted", "the vCenter's ca_file and thumbprint are not for other servers" } },
      ["upload cut"] = { new_iso = true, faults = fault("PUT /folder", "cut", { at = 100000, count = -1 }),
        says = { "upload [LocalDS_0] luabuild_cache/" } },
    })
  end,

  ["a cached ISO that is damaged is not used, and not kept"] = function(t)
    local s = site(t)
    local sum = ("ab"):rep(32)
    local cached = s.dir .. "/cache/luabuild/iso/sha256-" .. sum .. ".iso"
    t:shell("mkdir -p " .. cached:match("^(.*)/"))
    t:write(cached, "something else")
    local out, status = builds.run(s, builds.recipe(s), "--var", "iso_url=https://127.0.0.1:1/x.iso", "--var", "iso_checksum=sha256:" .. sum)
    t:equal(status, 1, out)
    t:contains(out, "the recipe says " .. sum)
    t:contains(out, "the cached copy was damaged and is removed: build again")
    t:equal({ io.open(cached) == nil, builds.state(s) }, { true, { vms = {}, files = {}, sessions = 0 } })
  end,

  ["a server that says no, in every step"] = function(t)
    local s = site(t)
    failures.run(s, {
      ["no room"] = { faults = fault(nil, "nospace"),
        says = { "datastore 'LocalDS_0' has 1.0 MiB free, the image needs 512.0 MiB", "free space there" } },
      find = { faults = fault("FindChild", "fault", { message = "the lab says no" }),
        says = { "preflight: the lab says no (SystemError from FindChild" } },
      ["move"] = { new_iso = true, faults = fault("MoveDatastoreFile_Task", "fault", { message = "the lab says no" }),
        says = { "iso: the lab says no", "MoveDatastoreFile_Task" } },
      ["create"] = { faults = refused("CreateVM_Task"), says = { "create: the lab says no (SystemError from CreateVM_Task" } },
      ["boot order"] = { faults = refused("ReconfigVM_Task"),
        says = { "create: the lab says no (SystemError from ReconfigVM_Task", "undone: virtual machine IMAGE.build-" } },
      ["power on"] = { faults = refused("PowerOnVM_Task"), says = { "power on: the lab says no", "undone: virtual machine IMAGE.build-" } },
      ["keys"] = { console = true, faults = fault("PutUsbScanCodes", "fault", { message = "no keyboard", count = -1 }),
        says = { "boot: key 1 of the boot command (<enter>) was not accepted: no keyboard" } },
      ["keys dropped"] = { console = true, faults = fault("PutUsbScanCodes", "dropkeys", { after = 1, count = -1 }), fields = 'boot = { "<tab>ab" },',
        says = { "boot: key 2 of the boot command (a) was not accepted: the server took 0 of 1 keys" } },
      ["detach"] = { faults = fault("ReconfigVM_Task", "task", { after = 1, message = "the lab says no" }),
        says = { "detach: the lab says no" } },
      ["snapshot"] = { faults = refused("CreateSnapshot_Task"), says = { "finish: the lab says no", "CreateSnapshot_Task" } },
      ["template"] = { fields = "template = true,", faults = fault("MarkAsTemplate", "fault", { message = "the lab says no" }),
        says = { "finish: the lab says no (SystemError from MarkAsTemplate" } },
      ["publish"] = { faults = refused("Rename_Task"), says = { "publish: the lab says no", "undone: virtual machine IMAGE.build-" } },
      ["keys lost"] = { console = true, faults = fault("PutUsbScanCodes", "lost"),
        says = { "boot: key 1 of the boot command (<enter>) was not accepted: PutUsbScanCodes: ",
        "whether it was done is not known", "undone: virtual machine" } },
      ["asks"] = { faults = fault("PowerOnVM_Task", "question", { message = "msg.some.thing:Format C:?" }),
        says = { "power on: the virtual machine asks: msg.some.thing:Format C:?", "choices: button.yes (0), button.no (1)", "undone: virtual machine" } },
    })
  end,

  ["what a build survives"] = function(t)
    local s = site(t)
    local other = t:directory() .. "/other.iso"
    t:shell("head -c 300000 /dev/urandom > " .. other)
    local sum = t:shell("sha256sum " .. other):match("^%x+")
    failures.run(s, {
      ["busy at log-in"] = { status = 0, faults = fault("Login", "503") },
      ["busy at create"] = { status = 0, faults = fault("CreateVM_Task", "503") },
      ["busy at keys"] = { status = 0, faults = fault("PutUsbScanCodes", "503") },
      ["a key refused"] = { status = 0, faults = fault("PutUsbScanCodes", "fault", { message = "A general system error occurred: Invalid fault" }) },
      ["a key dropped"] = { status = 0, faults = fault("PutUsbScanCodes", "dropkeys") },
      ["cut"] = { status = 0, faults = fault("RetrievePropertiesEx", "cut") },
      ["download cut"] = { status = 0, vars = { "iso_url=" .. peer.flaky(t, other), "iso_checksum=sha256:" .. sum },
        says = { "the ISO: ", "trying again", "uploaded 293.0 KiB" } },
      ["busy at upload"] = { status = 0, new_iso = true, faults = fault("PUT /folder", "503") },
      ["cut at upload"] = { status = 0, new_iso = true, faults = fault("PUT /folder", "cut", { at = 100000, count = 2 }) },
      ["moved by somebody"] = { status = 0, fields = [[after = { function(_, vm)
          require("vsphere.task").run(vm.parent.parent, "MoveIntoFolder_Task", { list = { vm } })
          vm:rename("elsewhere")
        end },]],
        says = { "somebody has renamed the machine IMAGE.build-", " to elsewhere meanwhile", "somebody has moved the machine to the folder vm meanwhile" } },
      ["create lost"] = { status = 0, faults = fault("CreateVM_Task", "lost") },
      ["publish lost"] = { status = 0, faults = fault("Rename_Task", "lost") },
      ["restart at upload"] = { status = 0, new_iso = true, faults = fault("PUT /folder", "away", { delay = 1 }) },
      ["restart at create"] = { status = 0, faults = fault("CreateVM_Task", "away", { delay = 4 }),
        says = { "the vCenter does not answer (", "asking again for up to 15m", "the vCenter answers again, after" } },
      ["restart at publish"] = { status = 0, faults = fault("Rename_Task", "away", { delay = 1 }) },
      ["news lost"] = { status = 0, faults = fault("WaitForUpdatesEx", "lost", { after = 1 }) },
      ["session expired at upload"] = { status = 0, new_iso = true, faults = fault("PUT /folder", "expire") },
      ["session expired at create"] = { status = 0, faults = fault("CreateVM_Task", "expire") },
      ["session expired at provision"] = { status = 0, fields = string.format('provision = { local_shell "curl -ksS -X POST %s/expire", shell "true" },',
        s.lab.env.LAB_CONTROL) },
      ["session expired at wait"] = { status = 0, faults = fault("WaitForUpdatesEx", "expire", { after = 2 }) },
      ["session expired at publish"] = { status = 0, faults = fault("Rename_Task", "expire") },
      ["slow"] = { status = 0, faults = fault("ReconfigVM_Task", "slow", { delay = 0.5 }) },
      ["publish, answer lost"] = { status = 0, faults = fault("Rename_Task", "lost") },
      ["slow task"] = { status = 0, faults = fault("PowerOnVM_Task", "slowtask", { delay = 0.5 }) },
      ["question"] = { status = 0, faults = fault("PowerOnVM_Task", "question", { message = "msg.cdromdisconnect.locked:Override?" }),
        says = { "answered 'button.yes' to: msg.cdromdisconnect.locked:Override?" } },
    })
  end,

  ["a boot command that was not understood is typed again, at a machine that was restarted"] = function(t)
    local s = site(t)
    local building = builds.start(s, builds.recipe(s, [[kickstart = { files = { ["7/ks.cfg"] = "x" } },
      boot = { "<esc>${http}/7/ks.cfg", interval = 0, fetch_timeout = "500ms", attempts = 100 },]]))
    t:ok(building:wait_for "the machine is switched off and on, and it is typed again", building:output())
    local url = building:output():match "did not fetch 7/ks.cfg from (http://[%d.:]+)"
    t:equal(t:shell("curl -fsS " .. url .. "/7/ks.cfg"), "x")
    local out, status = building:wait()
    t:equal(status, 0, out)
    t:contains(out, "kickstart fetched")
    t:contains(s.lab:vms()[1].typed, "/7/ks.cfg<esc>http")
  end,

  ["a guest that does not do its part"] = function(t)
    local SHORT = 'address = { timeout = "1s" },'
    local s = site(t, { ssh_timeout = "1s" })
    failures.run(s, {
      ["no kickstart"] = { console = true,
        fields = 'kickstart = { files = { ["7/ks.cfg"] = "x" } }, boot = { "${http}/7/ks.cfg", interval = 0, fetch_timeout = "500ms" },',
        says = { "boot: the guest did not fetch 7/ks.cfg from http://127.0.0.1:",
          "set http_ip to an address of this machine", "firewalls for ports 8000-9000" } },
      ["no tools"] = { console = true, fields = SHORT, faults = fault(nil, "notools"),
        says = { "address: no address of the guest within 1.0s: VMware Tools do not run yet",
        "Is open-vm-tools installed by the kickstart", "address = { static = … }" } },
      ["no address"] = { console = true, fields = SHORT, faults = fault(nil, "noip"),
        says = { "address: no address of the guest within 1.0s: ", "link-local", "DHCP" } },
      ["no boot"] = { console = true, fields = SHORT, faults = fault(nil, "noboot"),
        says = { "address: no address of the guest", "look at the console picture" } },
      ["no ssh"] = { console = true, fields = 'address = { static = "127.0.0.1" }, ssh = { password = "p", port = 1, timeout = "1s" },',
        says = { "ssh: connect root@127.0.0.1:1: Connection refused (tried ", "does sshd run in the guest, on port 1" } },
      ["password"] = { console = true, vars = { "ssh_password=some-other-word" },
        says = { "ssh: log in as root@127.", "password: refused", "tried", "is root allowed to log in with this password or key? The kickstart sets it" } },
      ["off"] = { fields = "boot = function(console) console.vm:power_off() end,",
        says = { "address: ", "was powered off while the build waited for it", "may end with a shutdown instead of a reboot" } },
      ["provision"] = { console = true, fields = 'provision = { shell { "echo on its way", "exit 3" } },',
        says = { "shell> on its way", "provision 1 shell: ", "the script ended with status 3" } },
      ["provision's mistake"] = { console = true, fields = "provision = { function(guest) guest:nothing() end },",
        says = { "provision 1 function: ", "provision-s-mistake.lua:7: attempt to call a nil value (method 'nothing')" } },
      ["vanished"] = { fields = "provision = { function(_, vm) vm:power_off() vm:destroy() end },",
        says = { "shut down: ", "the virtual machine is not there any more" } },
      ["off by somebody"] = { fields = "provision = { function(guest, vm) vm:power_off() guest:run('true') end },",
        says = { "provision 1 function: ", "the server closed the connection", "the virtual machine is off" } },
      ["script's mistake"] = { console = true, fields = "boot = function(console) console:tipe('x') end,",
        says = { "boot: ", "script-s-mistake.lua:7: attempt to call a nil value (method 'tipe')" } },
      ["no shutdown"] = { console = true, fields = 'shutdown = { command = "true", timeout = "500ms" },',
        says = { "shut down: the guest did not power off within 0.5s", "does `true` power the machine off" } },
    })
  end,

  ["a name that is taken in between"] = function(t)
    local s = site(t)
    local vc <close> = s.lab:connect()
    s.lab:create_vm(vc, "small")
    local out, status = builds.run(s, builds.recipe(s, [[provision = { function(_, vm)
      local find = require("vsphere.finder").new(vm.session)
      require("vsphere.task").run(find:folder(find:datacenter(), "Packer"), "MoveIntoFolder_Task",
        { list = { find:vm(find:datacenter(), "small") } })
    end },]]))
    t:equal(status, 1, out)
    t:contains(out, "publish: the name 'small' is taken")
    t:contains(out, "it was not there when the build began: rename it, or replace it with --force")
    t:contains(out, "undone: virtual machine small.build-")
    t:equal(builds.state(s), { vms = { "small" }, files = {}, sessions = 1 }, "the other one stays")
  end,

  ["a clean-up that fails names what is left"] = function(t)
    local s = site(t)
    s.lab:fault(fault("Destroy_Task", "task", { message = "no, it stays" })[1])
    local out, status = builds.run(s, builds.recipe(s, 'shutdown = { command = "true", timeout = "1ms" },'))
    t:equal(status, 1)
    local vms = builds.state(s).vms
    t:equal(#vms, 1)
    t:contains(out, "not undone: virtual machine " .. vms[1] .. " in the folder Packer: no, it stays")
    t:contains(out, "left behind: virtual machine " .. vms[1] .. " in the folder Packer")
    t:equal(builds.state(s).sessions, 0)
  end,

  ["an output directory that cannot be made is known before anything is"] = function(t)
    local s = site(t)
    local out, status = builds.run(s, builds.recipe(s), "--var", "output_dir=/proc/nothing")
    t:equal(status, 1)
    t:contains(out, "make the output directory: /proc/nothing: ")
    t:contains(out, "set output_dir")
    t:equal(builds.state(s), { vms = {}, files = {}, sessions = 0 })
    for _, r in ipairs(s.lab:log()) do t:ok(r.method ~= "CreateVM_Task" and r.method ~= "PUT") end
  end,

  ["--on-error=abort keeps the machine and says which"] = function(t)
    local s = site(t)
    local out, status = builds.run(s, builds.recipe(s, 'shutdown = { command = "true", timeout = "1ms" },'), "--on-error=abort")
    t:equal(status, 1)
    local state = builds.state(s)
    t:match(state.vms[1], "^small%.build%-%x+$")
    t:contains(out, "kept for a look, --on-error=abort: virtual machine " .. state.vms[1])
    t:equal(state.sessions, 0)
  end,
}
