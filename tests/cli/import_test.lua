-- import-packer: JSON templates of Packer become recipes that are checked, read well, and build in the lab
local cjson = require "cjson"
local builds = require "tests.builds"
local lab = require "tests.lab"
local lfs = require "lfs"
local recipe = require "cli.packer.recipe"
local template = require "cli.packer.template"

local function here(path) return path:find("^/") and path or lfs.currentdir() .. "/" .. path end
local program = here(arg[-1])
local folder = here(arg[0]:match("^(.*)/[^/]*$") or ".") .. "/cli/packer"

-- A directory with what the template of the tests names.
local function site(t)
  local dir = t:directory()
  t:shell(string.format("cd %s && mkdir files scripts installer && printf '#!/usr/bin/env bash\n' > scripts/tidy.sh && touch installer/preseed.cfg", dir))
  t:shell(string.format("cp %s/appliance.json %s", folder, dir))
  return dir
end

local function run(t, dir, arguments) return t:shell(string.format("cd %s && env -u VCENTER_USERNAME %s %s", dir, program, arguments)) end

-- The recipe of a template that has one builder with these options. `more` goes into the template; its installer's files: path -> content.
local function import(t, builder, more)
  local dir = t:directory()
  local installer = more and more.installer
  if more then more.installer = nil end
  for path, content in pairs(installer or {}) do
    t:shell("mkdir -p " .. dir .. "/" .. path:match "^(.*)/")
    t:write(dir .. "/" .. path, content)
  end
  local object = { builders = { builder } }
  for key, value in pairs(more or {}) do object[key] = value end
  builder.type, builder.name = builder.type or "vsphere-iso", "one"
  t:write(dir .. "/t.json", cjson.encode(object))
  local text, status = run(t, dir, "import-packer t.json 2>lost " .. (more and more.arguments or ""))
  t:equal(status, 0, text)
  return text, t:read(dir .. "/lost"), dir
end

local function commands(execute)
  return { { type = "shell", inline = { "true" }, execute_command = execute } }
end

return {
  ["a template of two builders is the recipe that a person would have written"] = function(t)
    local dir = site(t)
    local lost, status = run(t, dir, "import-packer appliance.json -o appliance.lua")
    t:equal(status, 0, lost)
    t:equal(t:read(dir .. "/appliance.lua"), t:read(folder .. "/appliance.recipe"))
    t:contains(lost, "debian: video_ram = 8192: recipes do not have this device")
    t:contains(lost, "vsphere_server is called vcenter_server now")
    t:contains(lost, "not used: left_over")
    t:contains(lost, "manifest: output = m.json: it is manifest.json in the output directory")
    t:contains(lost, "next: luabuild check appliance.lua --var ssh_password=…\n")
    local out
    out, status = run(t, dir, "check appliance.lua --var ssh_password=x --var ram=2048")
    t:equal(status, 0, out)
  end,

  ["the template of the test is one of Packer's"] = function(t)
    if t:shell("command -v packer") == "" then t:skip "there is no packer" end
    local out, status = t:shell(string.format("cd %s && VCENTER_USERNAME=u packer validate -var password=x appliance.json", site(t)))
    t:equal(status, 0, out)
  end,

  ["a file that is there is not overwritten, an HCL template and a var-file are no JSON template"] = function(t)
    local dir = site(t)
    t:write(dir .. "/there.lua", "mine")
    local out, status = run(t, dir, "import-packer appliance.json -o there.lua")
    t:equal(status, 2)
    t:contains(out, "there.lua is there already")
    t:equal(t:read(dir .. "/there.lua"), "mine")
    t:equal(select(2, run(t, dir, "import-packer appliance.json -o there.lua --force")), 0)
    t:write(dir .. "/x.pkr.hcl", "source {}")
    t:contains(run(t, dir, "import-packer x.pkr.hcl"), "an HCL template; JSON ones are read")
    t:contains(run(t, dir, "import-packer appliance.json --var-file x.pkr.hcl"), "an HCL var-file; JSON and Lua ones are read")
    t:contains(run(t, dir, "import-packer ."), ".: a directory")
    t:write(dir .. "/x.pkr.json", '{ "source": {}, "build": {} }')
    t:contains(run(t, dir, "import-packer x.pkr.json"), "HCL written as JSON")
    t:write(dir .. "/vars.json", '{ "cpu": "2" }')
    t:contains(run(t, dir, "import-packer vars.json"), "no builders: it is no template of Packer")
    t:contains(run(t, dir, "import-packer appliance.json --only applianse"), "did you mean 'appliance'?")
  end,

  ["a disk that is full is a failure"] = function(t)
    local out, status = run(t, site(t), "import-packer appliance.json --force -o /dev/full 2>&1")
    t:equal(status, 1, out)
    t:contains(out, "/dev/full: No space left on device")
  end,

  ["names with dashes are Lua's in the recipe, and var-files and --var may keep theirs"] = function(t)
    local text, lost, dir = import(t, { vm_name = "{{user `vm-name`}}", RAM = "{{user `mem`}}", boot_command = { "<enter>" }, iso_paths = { "[d] x.iso" },
      vcenter_server = "{{user `vc-host`}}", username = "{{user `vc-user`}}", password = "{{user `vc-password`}}", guest_os_type = "otherGuest",
      ssh_password = "{{user `ssh_password`}}" }, { variables = { ["vm-name"] = "from-template", mem = "1024", ["vc-host"] = "" } })
    t:contains(text, 'vm_name = "from-template"')
    t:contains(text, "name     = v.vm_name,")
    t:contains(lost, "called vm_name now; var-files and --var may still have the -")
    t:contains(lost, "vc-password is called password now")
    t:ok(not text:find "password = {", "the connection's password is not asked for before there is a connection: " .. text)
    t:write(dir .. "/r.lua", text)
    t:write(dir .. "/v.json", '{ "vm-name": "x-{{user `the-os`}}", "the-os": "from-file" }')
    for arguments, name in pairs { [""] = "from-template", [" --var-file v.json"] = "x-from-file", [" --var vm-name=given"] = "given" } do
      local out, status = run(t, dir, "check r.lua --var ssh_password=secret" .. arguments)
      t:equal(status, 0, out)
      t:contains(out, name .. ": fine")
    end
  end,

  ["a variable without a value in the middle of a text is asked for, or empty where Packer has it so"] = function(t)
    local builder = { vm_name = "x", notes = "a {{user `word`}} b", boot_command = { "{{user `keys`}}{{user `more`}}<enter>" } }
    local text, lost = import(t, builder, { arguments = "-o r.lua" })
    t:equal(text, "")
    t:contains(lost, "next: luabuild check r.lua --var keys=… --var more=… --var word=…\n")
    local clone = { type = "vsphere-clone", template = "{{user `source`}}", vm_name = "x" }
    lost = select(2, import(t, clone, { variables = { source = "" }, arguments = "-o r.lua" }))
    t:contains(lost, "next: luabuild check r.lua --var source=…\n")
    text = import(t, builder, { arguments = "--var keys=k" })
    t:contains(text, 'word = ""')
    t:contains(text, '{ v.keys .. v.more .. "<enter>" }')
  end,

  ["what the var-files turn off is off"] = function(t)
    local text = import(t, { vm_name = "x", create_snapshot = "{{user `create_snapshot`}}" }, { variables = { create_snapshot = "false" } })
    t:contains(text, "create_snapshot = false")
  end,

  ["the machine that a clone has from its source is no part of its recipe"] = function(t)
    local text, lost, dir = import(t, { type = "vsphere-clone", template = "x", vm_name = "y", disk_controller_type = "pvscsi", firmware = "efi",
      vm_version = 14, guest_os_type = "otherGuest", storage = { { disk_size = 1 } }, CPUs = 2, ssh_password = "{{user `ssh_password`}}" })
    for _, name in ipairs { "disk_controller_type", "firmware", "vm_version", "guest_os_type", "storage" } do
      t:match(lost, name .. " = [^\n]*: a clone has it from its source")
    end
    t:write(dir .. "/r.lua", text)
    local out, status = run(t, dir, "check r.lua --var ssh_password=secret")
    t:equal(status, 0, out)
  end,

  ["all files of a directory are the directory, when the medium has nothing else"] = function(t)
    local installer = { ["ks/a"] = "", ["more/b"] = "" }
    t:contains(import(t, { vm_name = "x", cd_files = { "./ks/*" } }, { installer = installer }), 'kickstart = { cd = "ks" }')
    local text, lost = import(t, { vm_name = "x", floppy_files = { "ks/*" }, floppy_dirs = { "more" } }, { installer = installer })
    t:contains(text, 'kickstart = { floppy = { "more" } }')
    t:contains(lost, "ks/*: name the files, or their directory")
  end,

  ["what an installer's shell reads as ${…} stays as it is"] = function(t)
    local iso = { vm_name = "x", iso_url = "file:///dev/null", iso_checksum = "none", ssh_password = "x", boot_command = { "<enter>" } }
    local function builder(more)
      for key, value in pairs(iso) do more[key] = value end
      return more
    end
    local text, _, dir = import(t, builder { http_directory = "ks" }, { installer = { ["ks/7/ks.cfg"] = "echo ${PATH} ${host}\n" } })
    t:contains(text, 'kickstart = { http = "ks", fill = false }')
    t:write(dir .. "/r.lua", text:gsub("file:///dev/null", dir .. "/t.json"))
    local out, status = run(t, dir, "check r.lua --var ssh_password=x")
    t:equal(status, 0, out)
    t:contains(import(t, builder { cd_content = { ks = "${x}" } }), "fill = false")
    local lost
    text, lost = import(t, builder { http_directory = "elsewhere" })
    t:contains(text, "fill = false")
    t:contains(lost, "\"elsewhere\": not found here, so ${…} in its files is not looked for")
  end,

  ["a long environment of several steps is written once"] = function(t)
    local names = {}
    for i = 1, 9 do names[i] = "A_LONG_NAME_" .. i .. "=and its value" end
    local text = import(t, { vm_name = "x" }, { provisioners = { { type = "shell", environment_vars = names, scripts = { "a.sh", "b.sh" } } } })
    t:equal(select(2, text:gsub("A_LONG_NAME_9", "")), 1)
    t:contains(text, "local env = {\n")
    t:contains(text, 'shell { script = "b.sh", env = env }')
    t:ok(load(text, "=r"))
  end,

  ["the environment is read where a boot command or a checksum has it"] = function(t)
    local text = import(t, { vm_name = "x", iso_url = "http://x/y.iso", iso_checksum = "{{user `iso_checksum_type`}}:{{env `SUM`}}" })
    t:contains(text, 'checksum = v.iso_checksum_type .. ":" .. (os.getenv "SUM" or "")')
    t:contains(import(t, { vm_name = "x", boot_command = { "a {{env `CHANNEL`}}<enter>" } }), '"a " .. (os.getenv "CHANNEL" or "") .. "<enter>"')
  end,

  ["values of var-files become defaults; passwords and the place do not"] = function(t)
    local dir = t:directory()
    t:shell("mkdir -p " .. dir .. "/ks/centos && touch " .. dir .. "/ks/centos/ks.cfg")
    t:write(dir .. "/v.json", cjson.encode { iso_url = "http://x/y.iso", ssh_password = "hidden-1", cluster = "c", keys = "<tab> ks=hd:fd0:", memory = "6144",
      sums = "sha1", ks = "./ks/{{user `os`}}/", os = "centos", http = "" })
    t:write(dir .. "/t.json", cjson.encode { builders = { { type = "vsphere-iso", vm_name = "{{user `vm`}}", guest_os_type = "otherLinux64Guest",
      RAM = "{{user `memory`}}", cluster = "{{user `cluster`}}", iso_url = "{{user `iso_url`}}", iso_checksum = "{{user `sums`}}:aa",
      ssh_password = "{{user `ssh_password`}}", boot_command = { "{{user `keys`}}", "/KS/ks.cfg<enter>" }, floppy_dirs = "{{user `ks`}}",
      http_directory = "{{user `http`}}" } } })
    local text = run(t, dir, "import-packer t.json --var-file v.json")
    t:contains(text, 'memory  = "6GiB"')
    t:contains(text, 'boot      = { "<tab> ks=hd:fd0:/KS/ks.cfg<enter>" }')
    t:contains(text, 'kickstart = { floppy = { "ks/centos" } }')
    t:contains(text, "vm      = { required = true }")
    t:ok(not text:find "hidden%-1" and not text:find "cluster", text)
  end,

  ["what logs in is a secret, whatever its variable is called"] = function(t)
    local text = import(t, { vm_name = "x", ssh_password = "{{user `root_pw`}}", password = "{{user `vc_pw`}}", boot_command = { "root<enter>",
      "{{user `root_pw`}}", "<enter>" } }, { variables = { root_pw = "hunter-2", vc_pw = "hunter-3" } })
    t:ok(not text:find "hunter", text)
    t:contains(text, "root_pw = { secret = true, required = true }")
  end,

  ["what is run by sudo and by which interpreter is read out of execute_command"] = function(t)
    local cases = {
      ["chmod +x {{ .Path }}; {{ .Vars }} {{ .Path }}"] = 'shell { "true" }',
      ["echo 'pw' | {{.Vars}} sudo -S -E bash '{{.Path}}'"] = 'shell { "true", sudo = true, interpreter = "bash" }',
      ["sudo -E env {{ .Vars }} {{ .Path }}"] = 'shell { "true", sudo = true }',
      ["{{.Vars}} /bin/bash -x {{.Path}}"] = 'shell { "true", interpreter = "/bin/bash -x" }',
      ["su - other -c '{{.Path}}' > log"] = "-- packer: execute_command = su - other",
    }
    for execute, want in pairs(cases) do
      t:contains(import(t, { vm_name = "x" }, { provisioners = commands(execute) }), want)
    end
  end,

  ["what the machine is told to power off with is the command alone"] = function(t)
    local cases = { ["echo 'x' | sudo -S -E sh -c 'poweroff'"] = "poweroff", ["sudo shutdown -h now"] = "shutdown -h now",
      ["echo x|sudo -S /sbin/halt -p"] = "/sbin/halt -p", ["sync; poweroff"] = "sync; poweroff" }
    for command, want in pairs(cases) do
      t:match(import(t, { vm_name = "x", shutdown_command = command }), 'shutdown += "' .. want:gsub("%p", "%%%0") .. '"')
    end
  end,

  ["what makes an OVA of the export is the export's format, other commands stay"] = function(t)
    local text = import(t, { type = "vsphere-clone", template = "x", vm_name = "y", export = { output_directory = "o" } },
      { ["post-processors"] = { { type = "shell-local", inline = { "./pack-ova.py o", "./upload.sh o" } } } })
    t:contains(text, 'export     = { format = "ova" }')
    t:contains(text, 'local_shell { "./upload.sh o" }')
  end,

  ["one disk and one card, as old templates have them"] = function(t)
    local text = import(t, { vm_name = "x", disk_size = 1024, disk_thin_provisioned = true, network = "n", network_card = "e1000" })
    t:contains(text, 'disks = { { size = "1GiB", provisioning = "thin" } }')
    t:contains(text, 'nics = { { card = "e1000", network = "n" } }')
  end,

  ["unknown options and other builders are named, nothing is left out in silence"] = function(t)
    local text, lost = import(t, { vm_name = "x", CPUS = 3, vTPM = true, boot_order = "disk,cdrom", export = { output_directory = "o", options = { "mac" } },
      winrm_username = "a" }, { provisioners = { { type = "ansible", playbook_file = "site.yml" }, { type = "salt", x = 1 } } })
    t:contains(text, "-- packer: CPUS = 3: not known; is it CPUs?")
    t:contains(text, 'playbook_file = "site.yml"')
    for _, part in ipairs { "vTPM = true", 'export.options = ["mac"]', "winrm_username", "ansible-playbook -i $LUABUILD_ADDRESS,", "provisioner salt" } do
      t:contains(lost, part)
    end
    t:ok(not lost:find "boot_order", lost)
    local dir = t:directory()
    t:write(dir .. "/t.json", '{ "builders": [{ "type": "qemu" }] }')
    t:contains(run(t, dir, "import-packer t.json"), "no builder of vSphere")
  end,

  ["files for a floppy and a CD, contents, and keys that are Packer's"] = function(t)
    local text, _, dir = import(t, { vm_name = "x", cd_files = { "./ks/user-data", "./ks" }, cd_label = "cidata", cd_content = { ["meta-data"] = "" },
      boot_command = { "<esc><wait> linux x<enter>", "<leftCtrlOn>c<leftCtrlOff><wait5s><spacebar>{{ .Name }}<f10>" }, boot_keygroup_interval = "50ms",
      ssh_password = "x", iso_checksum = "none",
      iso_url = "file:///dev/null", CPUs = "3" }, { installer = { ["ks/user-data"] = "x\n" } })
    t:contains(text, 'kickstart = { cd = { "ks/user-data", "ks" }, files = { ["meta-data"] = "" }, label = "cidata" }')
    t:contains(text, 'boot      = {\n    interval = "50ms",\n    "<esc><wait>linux x<enter>",\n    "<leftCtrlOn>c<leftCtrlOff><wait5s><spacebar>one<f10>",\n')
    t:contains(text, "hardware  = { cpus = 3 }")
    t:write(dir .. "/r.lua", text:gsub("file:///dev/null", dir .. "/t.json"))
    local out, status = run(t, dir, "check r.lua --var ssh_password=x")
    t:equal(status, 0, out)
  end,

  ["every option of both builders is known"] = function(t)
    local names = [[http_directory http_content http_port_min http_port_max http_bind_address http_interface http_network_protocol cd_files cd_content
      cd_label vcenter_server username password insecure_connection datacenter vm_version guest_os_type disk_controller_type storage network_adapters
      usb_controller notes destroy vm_name folder cluster host resource_pool datastore datastore_cluster set_host_for_datastore_uploads CPUs cpu_cores
      CPU_reservation CPU_limit CPU_hot_plug RAM RAM_reservation RAM_reserve_all RAM_hot_plug video_ram displays pci_passthrough_allowed_device
      vgpu_profile NestedHV firmware force_bios_setup vTPM precision_clock configuration_parameters tools_sync_time tools_sync_time_periodically
      tools_upgrade_policy vbs_enabled vvtd_enabled iso_checksum iso_url iso_urls iso_target_path iso_target_extension cdrom_type iso_paths remove_cdrom
      reattach_cdroms remove_network_adapter floppy_img_path floppy_files floppy_dirs floppy_content floppy_label boot_order boot_keygroup_interval
      boot_wait boot_command http_ip ip_wait_timeout ip_settle_timeout ip_wait_address communicator pause_before_connecting ssh_host ssh_port
      ssh_username ssh_password ssh_keypair_name temporary_key_pair_name temporary_key_pair_type temporary_key_pair_bits ssh_ciphers
      ssh_clear_authorized_keys ssh_key_exchange_algorithms ssh_private_key_file ssh_certificate_file ssh_pty ssh_timeout ssh_wait_timeout
      ssh_agent_auth ssh_disable_agent_forwarding ssh_handshake_attempts ssh_bastion_host ssh_bastion_port ssh_bastion_agent_auth ssh_bastion_username
      ssh_bastion_password ssh_bastion_interactive ssh_bastion_private_key_file ssh_bastion_certificate_file ssh_file_transfer_method ssh_proxy_host
      ssh_proxy_port ssh_proxy_username ssh_proxy_password ssh_keep_alive_interval ssh_read_write_timeout ssh_remote_tunnels ssh_local_tunnels
      ssh_public_key ssh_private_key winrm_username winrm_password winrm_host winrm_no_proxy winrm_port winrm_timeout winrm_use_ssl winrm_insecure
      winrm_use_ntlm shutdown_command shutdown_timeout disable_shutdown create_snapshot snapshot_name convert_to_template export
      content_library_destination local_cache_overwrite remote_cache_cleanup remote_cache_overwrite remote_cache_datastore remote_cache_path template
      disk_size linked_clone network mac_address vapp customize]]
    for _, kind in ipairs { "vsphere-iso", "vsphere-clone" } do
      local builder = { type = kind }
      for name in names:gmatch "%S+" do builder[name] = "1" end
      local _, lost = import(t, builder)
      t:ok(not lost:find("not known", 1, true), lost)
    end
  end,

  ["whatever a template says, what comes out is Lua, or it is said that it is no template"] = function(t)
    local nasty = { "", "a\nb]", "a\r\nb", "\0\1", "]]", "{{user `os-x`}}/{{user `end`}}", "{{", "{{}}", "{{ | }}", "{{user}}", "${x}", "-- x", "'\"\\", {},
      { 1 }, { a = "b" }, { {} }, cjson.null, true, 4096, "{{isotime}}", "{{ .HTTPIP }}:{{ .HTTPPort }}", "echo 'x' | sudo -S ", "{{env `Q`}}",
      "{{user `c1`}}", "\255" }
    local names = { "vm_name", "RAM", "storage", "network_adapters", "boot_command", "boot_wait", "floppy_files", "http_content", "iso_url",
      "iso_checksum", "export", "notes", "ssh_username", "shutdown_command", "configuration_parameters", "template", "vcenter_server", "firmware" }
    local keys = { "inline", "script", "environment_vars", "execute_command", "source", "destination", "only", "override", "pause_before", "custom_data" }
    local at = 0
    local function any() -- each value comes to stand at each name
      at = at + 1
      return nasty[at % #nasty + 1]
    end
    local function filled(kind, fields)
      local out = { type = kind }
      for _, name in ipairs(fields) do out[name] = any() end
      return out
    end
    local dir = t:directory()
    for _ = 1, #nasty do
      at = at + 1
      t:write(dir .. "/t.json", cjson.encode { variables = { c1 = "{{user `c2`}}", c2 = "{{user `c1`}}" }, description = any(),
        builders = { filled("vsphere-iso", names), filled("vsphere-clone", names) }, provisioners = { filled("shell", keys), filled("file", keys) },
        ["post-processors"] = { filled("manifest", keys), { filled("shell-local", keys) } } })
      local text = recipe.make(template.read(dir .. "/t.json", {}), {}, {})
      t:ok(load(text, "=r", "t"), text)
    end
    for _, text in ipairs { "", "{", "[]", "1", '{"builders": 1}', '{"builders": ["x"]}', '{"builders": [{}], "variables": [1]}',
      '{"builders": [{}], "provisioners": [1]}' } do
      t:write(dir .. "/t.json", text)
      t:equal(t:raises("t.json", template.read, dir .. "/t.json", {}).code, "usage")
    end
  end,

  ["a template whose values are all in var-files, by HTTP or floppy: what was text in three variables is one line, and it builds"] = function(t)
    local s = builds.setup(t, lab.start(t))
    local user = function(names) -- {{user `x`}} for each; another name after a colon
      local out = {}
      for option, variable in names:gmatch "([%w_]+):?([%w_]*)" do out[option] = "{{ user `" .. (variable ~= "" and variable or option) .. "`}}" end
      return out
    end
    local function builder(more)
      for key, value in pairs(user [[vcenter_server username password datacenter cluster datastore folder ssh_username ssh_password create_snapshot
        convert_to_template RAM:memory CPUs:cpu]]) do more[key] = value end
      more.shutdown_command = "echo '{{user `ssh_password`}}' | sudo -S -E sh -c '{{user `shutdown_command`}}'"
      return more
    end
    local base = builder(user "vm_name:base_name guest_os_type:os_type boot_wait firmware floppy_dirs http_directory disk_controller_type")
    base.type, base.name = "vsphere-iso", "from-iso"
    base.storage, base.network_adapters = { user "disk_size disk_thin_provisioned" }, { user "network network_card" }
    base.iso_urls, base.iso_checksum = "{{user `iso_url`}}", "{{user `iso_checksum_type`}}:{{user `iso_checksum`}}"
    base.boot_command = { "{{user `keys_before`}}", "{{user `keys_where`}}", "{{user `keys_after`}}" }
    local clone = builder(user "vm_name:appliance template linked_clone network")
    clone.type, clone.name, clone.export = "vsphere-clone", "from-base", user "output_directory:output_dir manifest:digests"
    t:write(s.dir .. "/t.json", cjson.encode { builders = { base, clone },
      provisioners = { { type = "shell", except = { "from-iso" }, inline = "echo made of $PART",
        environment_vars = { "PART={{user `part`}}" } } },
      ["post-processors"] = { { type = "shell-local", except = { "from-iso" }, inline = { "python3 ova.py --build_dir={{user `output_dir`}}" } } } })
    t:shell("mkdir -p " .. s.dir .. "/ks/a/http/7 && echo x > " .. s.dir .. "/ks/a/http/7/ks.cfg")
    local common = { base_name = "{{user `template`}}", os_type = "otherLinux64Guest", distribution = "a", part = "parts", digests = "none",
      shutdown_command = "poweroff", linked_clone = "true", create_snapshot = "true" }
    local function import_with(more, out)
      for key, value in pairs(common) do more[key] = value end
      t:write(s.dir .. "/v.json", cjson.encode(more))
      local said, status = t:shell(string.format("cd %s && %s import-packer t.json --var-file v.json --var template=a-base --var appliance=a-1 -o %s", s.dir,
        program, out))
      t:equal(status, 0, said)
      return t:read(s.dir .. "/" .. out)
    end
    local text = import_with({ keys_before = "<esc><wait> vmlinuz ks=", keys_where = "http://{{ .HTTPIP }}:{{ .HTTPPort }}",
      keys_after = "/ks.json<enter><wait>", http_directory = "./ks/{{user `distribution`}}/http/" }, "http.lua")
    t:contains(text, '"<esc><wait>vmlinuz ks=${http}/ks.json<enter><wait>"')
    t:contains(text, 'kickstart = { http = "ks/a/http" }')
    text = import_with({ keys_before = "<tab> text ks=hd:fd0:", keys_where = "/HTTP", keys_after = "/7/ks.cfg<enter>",
      floppy_dirs = "./ks/{{user `distribution`}}/http/" }, "floppy.lua")
    for _, part in ipairs { '"<tab> text ks=hd:fd0:/HTTP/7/ks.cfg<enter>"', 'kickstart = { floppy = { "ks/a/http" } }', "from      = from_iso,",
      "shutdown  = v.shutdown_command,", 'format = "ova"' } do t:contains(text, part) end
    local out, status = builds.run(s, s.dir .. "/floppy.lua")
    t:equal(status, 0, out)
    t:contains(out, "shell> made of parts")
    t:equal(builds.state(s).vms, { "a-1", "a-base" })
    t:equal(select(2, t:shell("test -s " .. s.dir .. "/output/a-1.ova")), 0)
  end,

  ["a base and a clone of it build in the lab"] = function(t)
    local s = builds.setup(t, lab.start(t))
    local connection = { vcenter_server = "{{user `vcenter_server`}}", username = "{{user `username`}}", password = "{{user `password`}}",
      datacenter = "{{user `datacenter`}}", cluster = "{{user `cluster`}}", datastore = "{{user `datastore`}}", folder = "{{user `folder`}}",
      ssh_username = "{{user `ssh_username`}}", ssh_password = "{{user `ssh_password`}}", ssh_port = "{{user `ssh_port`}}", shutdown_command = "sudo poweroff",
      CPUs = "{{user `cpu`}}", RAM = "{{user `memory`}}" }
    local function builder(more)
      for key, value in pairs(connection) do more[key] = value end
      return more
    end
    t:write(s.dir .. "/t.json", cjson.encode { variables = { release = "1" }, builders = {
      builder { type = "vsphere-iso", name = "base", vm_name = "imported-base", guest_os_type = "otherLinux64Guest", iso_url = "{{user `iso_url`}}",
        iso_checksum = "{{user `iso_checksum`}}", boot_command = { "<enter>" }, boot_wait = "0s", create_snapshot = true,
        storage = { { disk_size = "{{user `disk_size`}}", disk_thin_provisioned = true } },
        network_adapters = { { network = "{{user `network`}}", network_card = "e1000" } } },
      builder { type = "vsphere-clone", name = "clone", template = "imported-base", vm_name = "imported-{{user `release`}}", linked_clone = true,
        export = { output_directory = "{{user `output_dir`}}", output_format = "ova" } } },
      provisioners = { { type = "file", source = s.dir .. "/t.json", destination = "/tmp/imported.json", only = { "clone" } },
        { type = "shell", inline = { "echo provisioned" }, only = { "clone" } } },
      ["post-processors"] = { { type = "manifest", custom_data = { release = "{{user `release`}}" }, only = { "clone" } } } })
    local out, status = builds.run(s, "import-packer", s.dir .. "/t.json", "-o", s.dir .. "/r.lua")
    t:equal(status, 0, out)
    out, status = builds.run(s, s.dir .. "/r.lua")
    t:equal(status, 0, out)
    t:contains(out, "shell> provisioned")
    t:equal(builds.state(s).vms, { "imported-1", "imported-base" })
    t:equal(select(2, t:shell("test -s " .. s.dir .. "/output/imported-1.ova")), 0)
    t:contains(t:read(s.dir .. "/output/manifest.json"), '"release": "1"')
    out = builds.run(s, s.dir .. "/r.lua")
    t:contains(out, "up to date")
  end,
}
