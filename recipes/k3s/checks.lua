-- recipes/k3s/checks.lua — what has to be true of the appliance. A module of the recipe: require "k3s.checks".
--   k3s            of k3s and what comes with it
--   appliance      of everything, k3s included
-- Plain tables for the word check and for guest:check; they read no variable of the recipe.

local API, DNS = "10.43.0.1", "10.43.0.10" -- k3s: the first and the tenth address of its services

-- ssh need not have k3s's directory on the path.
local function says(command, ...)
  return { run = "PATH=$PATH:/usr/local/bin; " .. command, out = { ... }, timeout = "30s" }
end

-- What the guest tells of itself in each round; ${name} in the checks.
local vars = {
  ip_address = function(guest)
    return (guest:run([[ip -4 route get 1.1.1.1 2>/dev/null | sed -n 's/.* src \([0-9.]*\).*/\1/p']]):match("%S+") or guest.address)
  end,
  cpu_core_number       = function(guest) return guest:run("grep -c '^processor' /proc/cpuinfo") end,
  memory_size           = function(guest) return guest:run("awk '/^MemTotal:/ { print $2 }' /proc/meminfo") end, -- KiB
  available_memory_size = function(guest) return guest:run("awk '/^MemAvailable:/ { print $2 }' /proc/meminfo") end,
}

-- The names of those deployments or daemon sets whose pods are all there.
local function complete(kind, namespace)
  local replicas, available = "replicas", "availableReplicas"
  if kind == "daemonset" then replicas, available = "desiredNumberScheduled", "numberAvailable" end
  return string.format("kubectl get %s %s -o json | jq -r '.items[] | select(.status.%s == .status.%s) | .metadata.name' | sort -u",
    kind, namespace, replicas, available)
end

local CONTAINERS = "crictl ps --output=json | jq -r '.containers[].metadata.name' | sort -u"

local k3s = {
  vars = vars,
  dns = { ["kubernetes.default.svc.cluster.local"] = { addrs = { API }, server = DNS, timeout = "600ms" } },
  addr = { ["udp://" .. DNS .. ":53"] = { timeout = "500ms" } },
  interface = { cni0 = { addrs = { "10.42.0.1/24" } } },
  port = { ["tcp:22"] = { ip = { "0.0.0.0" } }, "tcp6:6443" },
  service = { "sshd", "k3s", firewalld = { enabled = false, running = false } },
  command = {
    ["scheduler is healthy"]          = says("curl -ks https://127.0.0.1:10259/healthz", "ok"),
    ["controller manager is healthy"] = says("curl -ks https://127.0.0.1:10257/healthz", "ok"),
    ["cluster runs"] = says("kubectl cluster-info | grep 'is running'", "CoreDNS", "Kubernetes control plane"),
    ["node is ready"] = says([[kubectl get node -o json | jq -r '.items[].status.conditions[] | select(.status == "True") | .type']], "Ready"),
    ["node has this address"] = says([[kubectl get node -o json | jq -r '.items[0].status.addresses[] |
      select(.type == "InternalIP") | .address']], "${ip_address}"),
    ["traefik has this address"] = says([[kubectl -n kube-system get service traefik -o json |
      jq -r '.status.loadBalancer.ingress[].ip']], "${ip_address}"),
    ["containers of k3s run"] = says(CONTAINERS, "coredns", "/lb-.*-443/", "/lb-.*-80/", "traefik"),
    -- nothing is printed when all are well: whatever a pod says of itself has a "kind"
    ["pods of the system are well"] = says([[kubectl -n kube-system get pod -o json | jq -r '.items[] |
      select(.status.phase | IN("Running", "Succeeded", "Completed") | not)']], "!/./"),
    ["deployments of k3s are complete"] = says(complete("deployment", "--all-namespaces"), "coredns", "traefik"),
    ["daemon sets of k3s are complete"] = says(complete("daemonset", "--all-namespaces"), "svclb-traefik"),
  },
}

local appliance = {
  vars = vars,
  include = { k3s },
  dns = {
    ["filebrowser.default.svc.cluster.local"] = { server = DNS, timeout = "600ms" },
    ["argo-workflow-argo-workflows-server.default.svc.cluster.local"] = { server = DNS, timeout = "600ms" },
  },
  http = {
    ["http://${ip_address}/filebrowser/"] = { status = 200, timeout = "600ms" },
    ["http://${ip_address}/workflows/api/v1/version"] = { status = 200, timeout = "600ms" },
  },
  command = {
    ["images are there"] = says([[crictl images --output=json | jq -r '.images[].repoTags[]' | sed 's,.*/,,; s,:.*,,' | sort -u]],
      "argocli", "argoexec", "workflow-controller", "filebrowser", "nginx"),
    ["containers run"] = says(CONTAINERS, "argo-server", "controller", "nginx", "filebrowser"),
    ["deployments are complete"] = says(complete("deployment", "-n default"), "argo-workflow-argo-workflows-server",
      "argo-workflow-argo-workflows-workflow-controller", "filebrowser"),
  },
  matching = {
    ["processors"]              = { content = "${cpu_core_number}", matches = { gt = 1 } },
    ["memory in KiB"]           = { content = "${memory_size}", matches = { gt = 1880000 } },
    ["available memory in KiB"] = { content = "${available_memory_size}", matches = { gt = 600000 } },
  },
}

return { k3s = k3s, appliance = appliance }
