-- The k3s recipe from the installer CD to an OVA whose disk starts elsewhere, on a guest with a real systemd, bash, curl and jq. What it
-- fetches is served on loopback; for k3s and the cluster behind it stands tests/lab/k3s. Beside it a clone with every kind of check.
local builds = require "tests.builds"
local cjson = require "cjson"
local httpd = require "httpd"
local lab = require "tests.lab"
local lfs = require "lfs"
local peer = require "tests.peer"
local process = require "process"
local shell = require "guest.shell"

local PASSWORD = "not the default's"

-- What the recipe fetches, as the guest reaches it.
local function mirror(t)
  local dir, files = t:directory(), {}
  local out, status = t:shell("tests/lab/k3s/mirror.sh " .. dir .. " " .. lab.K3S)
  t:equal(status, 0, out)
  for name in lfs.dir(dir) do if not name:find "^%.+$" then files[name] = { file = dir .. "/" .. name } end end
  local server = assert(httpd.start { bind = "127.0.0.1", port_min = 20000, port_max = 30000, files = files })
  t:defer(function() server:close() end)
  return "http://10.0.2.2:" .. server:port(), server
end

local function site(t)
  for _, path in ipairs { lab.SYSTEMD, lab.K3S } do
    if not lfs.attributes(path) then t:skip("there is no " .. path .. ": make k3s-tools") end
  end
  local url, server = mirror(t)
  local s = builds.setup(t, lab.start(t, { boot = true }), { iso_url = lab.SYSTEMD, boot_wait = "4s", cpu = "2", memory = "2048",
    disk_controller_type = "pvscsi", ssh_password = PASSWORD, ssh_timeout = "20m", http_ip = "10.0.2.2",
    release_version = "1", mirror = url, k3s_images_url = url .. "/images.tar" })
  s.mirror, s.server = url, server
  return s
end

-- Everything that can be asked of a guest, and what needs a living one: another boot, the temporary key, zeros.
local KINDS = [==[
local MIRROR = %q
return clone {
  name = "kinds", from = import "photon3", linked = true,
  ssh = { temporary_key = true },
  provision = {
    shell { "useradd -M -d /srv/worker -u 1234 worker", "echo one > /root/kept", "head -c 9000000 /dev/urandom > /boot/large", "sync", "rm /boot/large" },
    local_shell { [[ssh -F none -i "$LUABUILD_KEY" -p "$LUABUILD_PORT" -o IdentitiesOnly=yes -o BatchMode=yes -o StrictHostKeyChecking=no \
      -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR "$LUABUILD_USER@$LUABUILD_ADDRESS" 'echo "the key opens $(uname -n)"']], name = "key" },
    reboot(),
    check {
      package      = { "curl", "systemd", cowsay = { installed = false } },
      file         = { ["/root/kept"] = { mode = "0644", owner = "root", size = 4, contains = { "one" } }, ["/boot/large"] = { exists = false } },
      mount        = { ["/"] = { filesystem = "ext4", opts = { "rw" }, usage = { lt = 60 } }, ["/boot"] = { filesystem = "ext2" } },
      user         = { worker = { uid = 1234, groups = { "worker" }, home = "/srv/worker" }, ["nobody-else"] = { exists = false } },
      group        = { worker = { gid = 1234 } },
      kernel_param = { ["kernel.ostype"] = { value = "Linux" } },
      interface    = { eth0 = { addrs = { "10.0.2.15/24" } } },
      process      = { "sshd", "systemd-journald" },
      service      = { "sshd", "systemd-networkd", ["getty@tty1"] = { enabled = true, running = true }, ssh = { enabled = false, running = false } },
      port         = { ["tcp:22"] = { ip = { "0.0.0.0" } }, "tcp6:22", ["tcp:81"] = { listening = false } },
      addr         = { "tcp://127.0.0.1:22", ["tcp://127.0.0.1:81"] = { reachable = false } },
      dns          = { localhost = { addrs = { "127.0.0.1" } }, ["no.such.name.invalid"] = { resolvable = false } },
      http         = { [MIRROR .. "/SHA256SUMS"] = { status = 200, body = { "/k3s$/" } }, [MIRROR .. "/not-there"] = 404 },
      command      = { ["systemctl is-enabled sshd"] = { out = { "enabled" } }, ["exit 3"] = { status = 3 } },
      matching     = { hostname = { content = function(guest) return guest:run "uname -n" end, matches = "photon" } },
      timeout      = "10m", interval = "2s",
    },
    function(guest)
      local report = guest:zero_free_space { trim = false, only = { "/boot" } }
      assert(report[1].way == "zeroed" and report.bytes > 20 << 20, "zeros on /boot")
    end,
  },
}
]==]

-- The first partition's and the second one's file system of an image.
local function file_systems(t, dir, image)
  local out, status = t:shell(string.format([[cd %s && qemu-img convert -O raw %s raw && sfdisk -J raw | jq -r '.partitiontable.partitions[].start']],
    dir, image))
  t:equal(status, 0, out)
  local first, second = out:match "(%d+)\n(%d+)"
  t:shell(string.format("cd %s && dd if=raw of=boot bs=1M skip=%d count=64 && dd if=raw of=root bs=1M skip=%d conv=sparse && rm raw", dir,
    first // 2048, second // 2048))
end

-- debugfs: what a file, or a folder, of the file system in dir/root is.
local function look(t, dir, command) return (t:shell("cd " .. dir .. " && debugfs -R '" .. command .. "' root 2>/dev/null")) end

local function listing(t, dir, path)
  local names = {}
  for name, size in look(t, dir, "ls -p " .. path):gmatch "/%d+/%d+/%d+/%d+/([^/\n]+)/(%d*)/" do names[name] = tonumber(size) or 0 end
  return names
end

-- Nothing of the build, of this machine's own, nor of what would be the same in every copy.
local function check_disk(t, dir, kickstart_log)
  t:equal(listing(t, dir, "/etc")["machine-id"], 0, "an empty machine-id")
  local keys = listing(t, dir, "/etc/ssh")
  t:ok(keys["sshd_config"], "the folder was read")
  for name in pairs(keys) do t:ok(not name:find "^ssh_host_", name) end
  for _, name in ipairs { "k3s.log", "installer.log", kickstart_log } do t:equal(listing(t, dir, "/var/log")[name], 0, name) end
  t:equal(listing(t, dir, "/root")["kickstart-post.log"], nil)
  for name in pairs(listing(t, dir, "/var/log/journal")) do t:match(name, "^%.+$", "no journal") end
  t:equal(listing(t, dir, "/var/lib/systemd")["random-seed"], nil, "a seed that every copy would have")
  t:equal(listing(t, dir, "/root/.ssh")["authorized_keys"], nil)
  t:equal(listing(t, dir, "/var/lib/rancher/k3s/agent")["images"], nil, "the archives")
  local blobs = 0
  for name, size in pairs(listing(t, dir, "/var/lib/rancher/k3s/agent/containerd/io.containerd.content.v1.content/blobs/sha256")) do
    if #name == 64 then
      blobs = blobs + 1
      t:ok(size < 1 << 20, "a large blob: " .. size)
    end
  end
  t:ok(blobs >= 5, "the small ones are there")
  t:contains(look(t, dir, "cat /etc/rancher/k3s/registries.yaml"), '"hub.k8s.li":\n    tls:\n      insecure_skip_verify: true')
  t:contains(look(t, dir, "cat /etc/default/k3s"), "K3S_OPTIONS=--disable=local-storage,metrics-server ")
  t:equal(select(2, t:shell("e2fsck -fn " .. dir .. "/root")), 0, "a clean file system")
end

-- Tools that are not ours read what was made. What was written and is free again is not in it.
local function check_archive(t, dir, image, wanted)
  local file = dir .. "/" .. image
  t:equal(t:shell("cd " .. dir .. " && sha256sum -c " .. image .. ".ova.sha256"), image .. ".ova: OK\n")
  t:shell("cd " .. dir .. " && tar xf " .. image .. ".ova")
  for name, hex in t:read(file .. ".mf"):gmatch "SHA256%(([^)]+)%)= (%x+)\n" do
    t:equal(t:shell("sha256sum " .. dir .. "/" .. name):match "^%x+", hex, name)
  end
  local source, status = t:shell("LIBGUESTFS_BACKEND=direct virt-v2v -i ova " .. file .. ".ova --print-source")
  t:equal(status, 0, source)
  t:match(source, "source name: " .. image:gsub("%-", "%%-") .. "\n.*memory: 2147483648 %(bytes%)\n.*nr vCPUs: 2\n")
  local ovf = t:read(file .. ".ovf")
  for _, text in ipairs { "k3s appliance", "v1.23.6+k3s1", 'vmw:osType="' .. wanted.guest_id .. '"' } do t:contains(ovf, text) end
  local record = cjson.decode(t:read(dir .. "/manifest.json")).builds[1]
  t:equal({ record.custom_data.distro_name, record.luabuild.parent }, { wanted.name, wanted.parent })
  local size = lfs.attributes(file .. "-disk-0.vmdk", "size")
  file_systems(t, dir, image .. "-disk-0.vmdk")
  local used = t:shell("dumpe2fs -h " .. dir .. "/root 2>/dev/null | sed -n 's/^\\(Block count\\|Free blocks\\): *//p'")
  local all, free = used:match "(%d+)\n(%d+)"
  t:ok(size < (all - free) * 4096, "compressed, the disk is smaller than what is in use")
end

-- The archive's disk in a machine of its own, on another network than that of the build: as whoever imports the OVA has it.
local function boot(t, dir, image)
  t:equal(select(2, t:shell("cd " .. dir .. " && qemu-img convert -O qcow2 " .. image .. "-disk-0.vmdk disk.qcow2")), 0)
  local port = peer.free_port()
  local machine = assert(process.start { command = { "qemu-system-x86_64", "-nodefaults", "-display", "none", "-accel", "tcg,tb-size=64",
    "-cpu", "max", "-smp", "2", "-m", "2048", "-device", "pvscsi", "-drive", "file=" .. dir .. "/disk.qcow2,if=none,id=disk,cache=unsafe",
    "-device", "scsi-hd,drive=disk", "-device", "vmxnet3,netdev=net", "-netdev",
    "user,id=net,net=10.9.8.0/24,hostfwd=tcp:127.0.0.1:" .. port .. "-:22" } })
  t:defer(function() machine:close() end)
  return port
end

local function check_first_start(t, dir, port)
  local hostkey = cjson.decode(t:read(dir .. "/manifest.json")).builds[1].luabuild.hostkey
  local guest <close> = shell.connect { address = "127.0.0.1", port = port, username = "root", password = PASSWORD, timeout = 900 }
  t:ok(guest:hostkey_fingerprint() ~= hostkey, "host keys of its own")
  t:match(guest:run "cat /etc/machine-id", "^" .. ("%x"):rep(32) .. "$")
  local out, status = t:shell(string.format("LUABUILD_VAR_ssh_password=%q LUABUILD_VAR_ssh_port=%d %s run recipes/k3s/verify.lua 127.0.0.1 900",
    PASSWORD, port, arg[-1]))
  t:equal(status, 0, out)
  t:match(out, "%d+ checks hold\n$")
  local journal = guest:run "journalctl -u k3s-prepare -o cat --no-pager"
  t:contains(journal, "restarting default/filebrowser-", "its pods knew another address")
  t:contains(guest:run "KUBECONFIG=/root/.kube/config /usr/local/bin/kubectl get node -o json", '"10.9.8.15"')
end

local PHOTON3 = { name = "photon", parent = "base-os-photon3", guest_id = "vmwarePhoton64Guest" }
local CENTOS7 = { name = "centos", parent = "base-os-centos7", guest_id = "centos7_64Guest" }

local SAID = { "install> turning firewalld off", "install> starting k3s", "deploy> pulling quay.io/argoproj/argoexec:v3.3.5",
  "prepare> every pod is well", "cleanup> stopping k3s", "seal> sealed", "key> the key opens photon", "kinds: built", "k3s-photon3-1: built" }
local SHOWN = { "service +k3s +running +true", "service +firewalld +running +false", "port +tcp6:6443", "dns +filebrowser%.default",
  "http +http://10%.0%.2%.15/workflows/", "command +images are there", "/ %(ext4%): [%d.]+ MiB", "/boot %(ext2%): [%d.]+ MiB zeroed" }

local function check_output(t, s, out)
  for _, text in ipairs(SAID) do t:contains(out, text) end
  for _, pattern in ipairs(SHOWN) do t:match(out, pattern) end
  t:ok(not out:find("pulling docker.io/library/nginx", 1, true), "what an archive brought is not pulled")
  local fetched = {}
  for _, e in ipairs(s.server:events()) do fetched[e.path:gsub("^/", "")] = e.status end
  for _, name in ipairs { "k3s", "jq-linux64", "helm-v3.8.2-linux-amd64.tar.gz", "argo-workflows-0.15.3.tgz", "images.tar", "SHA256SUMS" } do
    t:equal(fetched[name], 200, name)
  end
end

return {
  ["on both bases, from the CD to an OVA whose disk is clean, starts on another network and is well; beside them every kind of check"] = function(t)
    local s = site(t)
    local centos = builds.start(s, "recipes/k3s.lua", "--var", "base_os=centos7", "--var", "output_dir=" .. s.dir .. "/centos7")
    t:write(s.dir .. "/kinds.lua", KINDS:format(s.mirror))
    local out, status = builds.run(s, "recipes/k3s.lua", s.dir .. "/kinds.lua")
    t:equal(status, 0, out)
    check_output(t, s, out)
    out, status = centos:wait()
    t:equal(status, 0, out)
    for _, text in ipairs { "floppy, 1.4 MiB", "seal> sealed", "k3s-centos7-1: built" } do t:contains(out, text) end
    t:equal(builds.state(s), { vms = { "base-os-centos7", "base-os-photon3", "k3s-centos7-1", "k3s-photon3-1", "kinds" }, files = {}, sessions = 0 })
    check_archive(t, s.dir .. "/centos7", "k3s-centos7-1", CENTOS7)
    check_disk(t, s.dir .. "/centos7")
    local dir = s.dir .. "/output"
    check_archive(t, dir, "k3s-photon3-1", PHOTON3)
    check_disk(t, dir, "kickstart-post.log")
    local ports = { [dir] = boot(t, dir, "k3s-photon3-1"), [s.dir .. "/centos7"] = boot(t, s.dir .. "/centos7", "k3s-centos7-1") }
    for where, port in pairs(ports) do check_first_start(t, where, port) end

    local kinds = t:directory()
    for _, vm in ipairs(s.lab:vms()) do
      if vm.name == "kinds" then file_systems(t, kinds, s.lab.env.LAB_DIR .. "/datastore/" .. vm.disks[1]:match("%] (.*)vmdk$") .. "qcow2") end
    end
    t:contains(look(t, kinds, "cat /root/kept"), "one")
    local bytes = tonumber((t:shell("gzip -c " .. kinds .. "/boot | wc -c")))
    t:ok(bytes > 8 << 20 and bytes < 16 << 20, "the kernel is in /boot, what was deleted there is not: " .. bytes)
    t:equal(listing(t, kinds, "/root/.ssh")["authorized_keys"], nil, "the key is gone")
  end,
}
