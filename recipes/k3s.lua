-- recipes/k3s.lua — an appliance: k3s with Argo Workflows and a file server, made from Photon OS 3 or CentOS 7, exported as an OVA.
-- Makes k3s-<base_os>-<release_version>. Needs ssh_password, as its base does. See k3s/README.md.
local checks = require "k3s.checks"

local DISTRIBUTIONS = {
  photon3 = { name = "photon", version = "3", guest_id = "vmwarePhoton64Guest", title = "VMware Photon OS 64-bit" },
  centos7 = { name = "centos", version = "7", guest_id = "centos7_64Guest", title = "CentOS 7" },
}

-- A text that the scripts give a default when it is empty.
local function optional(description) return { default = "", description = description } end

local v = vars {
  base_os = { default = "photon3", description = "photon3 or centos7",
              check = function(name) return DISTRIBUTIONS[name] ~= nil, "is photon3 or centos7" end },
  release_version   = git.describe(),
  linked_clone      = true,
  insecure_registry = { default = "hub.k8s.li", description = "host[:port] whose certificate is not verified" },

  k3s_version  = "v1.23.6+k3s1",
  k3s_options  = "--disable=local-storage,metrics-server --disable-cloud-controller --disable-network-policy " ..
                 "--flannel-backend=host-gw --log=/var/log/k3s.log",
  jq_version   = "1.6",
  helm_version = "v3.8.2",
  argo_version = { default = "0.15.3", description = "of the chart argo-workflows" },

  bundle = optional "a directory here with every file to fetch and SHA256SUMS: the guest needs no network for them",
  mirror = optional "URL of such a directory; file:///root/bundle with a bundle",
  k3s_url        = optional "the program k3s",
  k3s_checksum   = optional "SHA-256, URL of a list of them, or none; so with the others",
  k3s_images_url = optional "archive of container images, loaded before k3s starts; several with blanks between them",
  k3s_images_checksum = optional "URL of a list with all of them, or none",
  jq_url         = optional "the program jq",
  jq_checksum    = optional "as k3s_checksum",
  helm_url       = optional "helm as tar.gz",
  helm_checksum  = optional "as k3s_checksum",
  argo_chart_url = optional "the chart as tgz",
  argo_chart_checksum = optional "as k3s_checksum",
}

local base_os = v.base_os or "photon3" -- a wrong one is reported, with everything else that is
local distribution = DISTRIBUTIONS[base_os]

-- What the scripts read: the variables in capitals.
local env = { MIRROR = v.mirror == "" and v.bundle ~= "" and "file:///root/bundle" or v.mirror }
for _, name in ipairs { "insecure_registry", "k3s_version", "k3s_options", "k3s_url", "k3s_checksum", "k3s_images_url",
    "k3s_images_checksum", "jq_version", "jq_url", "jq_checksum", "helm_version", "helm_url", "helm_checksum", "argo_version",
    "argo_chart_url", "argo_chart_checksum" } do
  env[name:upper()] = v[name]
end

local function script(name, timeout)
  return shell { "bash /root/scripts/" .. name .. ".sh", env = env, name = name, timeout = timeout }
end

local provision = {
  upload { "recipes/k3s/scripts", "recipes/k3s/resources", to = "/root/" },
  script("install", "30m"),
  check { name = "k3s", include = { checks.k3s }, timeout = "10m", interval = "10s" },
  script("deploy", "45m"),
  script("prepare", "15m"),
  check { name = "the appliance", include = { checks.appliance }, timeout = "10m", interval = "10s" },
  script("cleanup", "10m"),
  function(guest) guest:zero_free_space() end,
  script("seal", "5m"), -- the last: sshd takes no new connections afterwards
}
if v.bundle ~= "" then table.insert(provision, 1, upload { v.bundle .. "/", to = "/root/bundle/" }) end

return clone {
  name      = string.format("k3s-%s-%s", base_os, (v.release_version:gsub("/", "-"))),
  from      = import(base_os),
  linked    = v.linked_clone,
  hardware  = { cpus = v.cpu, cores = v.cpu_cores, memory = v.memory },
  provision = provision,
  shutdown  = v.shutdown_command or "shutdown -h now",
  export    = {
    format   = "ova",
    manifest = "sha256",
    product  = { name = "k3s appliance", version = v.release_version,
                 properties = { K3S_VERSION = v.k3s_version, BASE_OS = base_os } },
    custom_data = {
      release_version = v.release_version, build_name = v.build_name or "k3s-" .. base_os, build_type = "node",
      k3s_version = v.k3s_version, argo_version = v.argo_version,
      cpu = tostring(v.cpu), memory = tostring(v.memory), disk_size = tostring(v.disk_size), firmware = v.firmware,
      distro_name = distribution.name, distro_version = distribution.version, distro_arch = "amd64",
      os_name = distribution.title, vsphere_guest_os_type = distribution.guest_id,
    },
  },
}
