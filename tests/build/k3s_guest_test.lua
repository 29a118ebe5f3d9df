-- k3s in a guest: what its checks and prepare.sh make of a cluster's answers. kubectl, crictl, curl and ip are stand-ins that tell what
-- real ones of k3s 1.23 would, as far as it is asked for; sshd, bash and jq are real.
local check = require "guest.check"
local shell = require "guest.shell"
local sshd = require "tests.sshd"

local checks = dofile "recipes/k3s/checks.lua"

local WELL = {
  ["node.json"] = [[{"items":[{"status":{"addresses":[{"type":"InternalIP","address":"192.0.2.7"},{"type":"Hostname","address":"photon"}],
    "conditions":[{"type":"DiskPressure","status":"False"},{"type":"Ready","status":"True"}]}}]}]],
  ["traefik.json"] = [[{"status":{"loadBalancer":{"ingress":[{"ip":"192.0.2.7"}]}}}]],
  ["pod.json"] = [[{"items":[{"kind":"Pod","metadata":{"namespace":"kube-system","name":"coredns-1"},
    "status":{"phase":"Running","containerStatuses":[{"ready":true}]}},
    {"kind":"Pod","metadata":{"namespace":"kube-system","name":"helm-1"},"status":{"phase":"Succeeded","containerStatuses":[{"ready":false}]}}]}]],
  ["deployment.json"] = [[{"items":[{"metadata":{"name":"coredns"},"status":{"replicas":1,"availableReplicas":1}},
    {"metadata":{"name":"traefik"},"status":{"replicas":1,"availableReplicas":1}},
    {"metadata":{"name":"filebrowser"},"status":{"replicas":1,"availableReplicas":1}},
    {"metadata":{"name":"argo-workflow-argo-workflows-server"},"status":{"replicas":1,"availableReplicas":1}},
    {"metadata":{"name":"argo-workflow-argo-workflows-workflow-controller"},"status":{"replicas":1,"availableReplicas":1}}]}]],
  ["daemonset.json"] = [[{"items":[{"metadata":{"name":"svclb-traefik"},"status":{"desiredNumberScheduled":1,"numberAvailable":1}}]}]],
  ["ps.json"] = [[{"containers":[{"metadata":{"name":"coredns"}},{"metadata":{"name":"lb-port-443"}},{"metadata":{"name":"lb-port-80"}},
    {"metadata":{"name":"traefik"}},{"metadata":{"name":"argo-server"}},{"metadata":{"name":"controller"}},{"metadata":{"name":"nginx"}},
    {"metadata":{"name":"filebrowser"}}]}]],
  ["images.json"] = [[{"images":[{"repoTags":["quay.io/argoproj/argocli:v3.3.5"]},{"repoTags":["quay.io/argoproj/argoexec:v3.3.5"]},
    {"repoTags":["quay.io/argoproj/workflow-controller:v3.3.5"]},{"repoTags":["docker.io/filebrowser/filebrowser:v2.21.1"]},
    {"repoTags":["docker.io/library/nginx:1.21.6"]},{"repoTags":[]}]}]],
}

local KUBECTL = [[#!/bin/sh
cd "${0%/*}"
case "$*" in
  cluster-info) printf 'Kubernetes control plane is running at https://127.0.0.1:6443\nCoreDNS is running at https://127.0.0.1:6443/x\n' ;;
  "get --raw /readyz" | *"get deployment coredns") echo ok ;;
  *"get service traefik -o json") cat traefik.json ;;
  *"get node -o json") cat node.json ;;
  *"get pods "*"-o json" | *"get pod -o json") cat pod.json ;;
  *deployment*"-o json") cat deployment.json ;;
  *daemonset*"-o json") cat daemonset.json ;;
  *"delete pod "*) echo "$*" >> deleted; [ ! -e next.json ] || mv next.json pod.json ;;
  *) echo "kubectl $*: not known here" >&2; exit 1 ;;
esac
]]

-- A directory with the stand-ins and what they tell.
local function cluster(t)
  if select(2, t:shell "command -v jq") ~= 0 then t:skip "no jq here" end
  local dir = t:directory()
  for name, text in pairs(WELL) do t:write(dir .. "/" .. name, text) end
  t:write(dir .. "/kubectl", KUBECTL)
  t:write(dir .. "/crictl", '#!/bin/sh\ncat "${0%/*}/$1.json"\n')
  t:write(dir .. "/curl", "#!/bin/sh\nprintf ok\n")
  t:write(dir .. "/sleep", "#!/bin/sh\n") -- nobody waits here
  t:write(dir .. "/ip", "#!/bin/sh\necho '1.1.1.1 via 192.0.2.1 dev eth0 src 192.0.2.7 uid 0'\n")
  t:shell(("chmod 755 %s && cd %s && chmod 755 kubectl crictl curl sleep ip"):format(dir, dir))
  return dir
end

-- The names of the checks by command that do not hold.
local function failing(guest)
  local problems, names = {}, {}
  local given = { vars = checks.appliance.vars, command = checks.appliance.command, include = { { command = checks.k3s.command } } }
  local read = check.read(given, problems)
  for _, r in ipairs(check.run(guest, read)) do if not r.ok then names[#names + 1] = r.name .. ": " .. r.property end end
  table.sort(names)
  return table.concat(names, ", "), #problems
end

return {
  ["checks hold for a cluster that is well, and each sees what is not"] = function(t)
    local dir = cluster(t)
    local server = sshd.start(t, { config = "SetEnv PATH=" .. dir .. ":/usr/bin:/bin" })
    local guest <close> = shell.connect { address = server.host, port = server.port, username = server.username, key_file = server.key_file,
      timeout = 20 }
    local names, problems = failing(guest)
    t:equal({ names, problems }, { "", 0 })
    local broken, want = {}, {}
    for _, case in ipairs {
      { "ps.json", "lb-port-80", "port-80", "containers of k3s run: out" },
      { "daemonset.json", '"numberAvailable":1', '"numberAvailable":0', "daemon sets of k3s are complete: out" },
      { "deployment.json", '"filebrowser"},"status":{"replicas":1,', '"filebrowser"},"status":{"replicas":2,', "deployments are complete: out" },
      { "deployment.json", '"coredns"},"status":{"replicas":1,"availableReplicas":1', '"coredns"},"status":{"replicas":1',
        "deployments of k3s are complete: out" },
      { "images.json", "argoexec", "argo", "images are there: out" },
      { "node.json", "192.0.2.7", "198.51.100.9", "node has this address: out" },
      { "node.json", '"Ready","status":"True"', '"Ready","status":"False"', "node is ready: out" },
      { "pod.json", '"Running"', '"Pending"', "pods of the system are well: out" },
      { "traefik.json", "192.0.2.7", "198.51.100.9", "traefik has this address: out" },
    } do
      local name, from, to = table.unpack(case)
      local text = broken[name] or WELL[name]
      local at, last = text:find(from, 1, true)
      broken[name], want[#want + 1] = text:sub(1, at - 1) .. to .. text:sub(last + 1), case[4]
    end
    for name, text in pairs(broken) do t:write(dir .. "/" .. name, text) end
    t:equal((failing(guest)), table.concat(want, ", "))
  end,

  ["prepare.sh leaves pods that are well alone, starts others anew, and says when that does not help"] = function(t)
    local dir = cluster(t)
    local function prepare() return t:shell(("PATH=%s:$PATH bash recipes/k3s/scripts/prepare.sh 1"):format(dir)) end
    local out, status = prepare()
    t:equal({ out, status }, { "every pod is well\n", 0 })
    t:equal(select(2, t:shell("test -e " .. dir .. "/deleted")), 1)

    local unwell = WELL["pod.json"]:gsub('"ready":true', '"ready":false')
    t:write(dir .. "/pod.json", unwell)
    t:write(dir .. "/next.json", WELL["pod.json"])
    out, status = prepare()
    t:equal(status, 0, out)
    t:contains(out, "restarting kube-system/coredns-1\nevery pod is well\n")
    t:equal(t:read(dir .. "/deleted"), "-n kube-system delete pod coredns-1 --grace-period=0 --force\n", "only that one")

    t:write(dir .. "/pod.json", unwell)
    out, status = prepare()
    t:equal(status, 1, out)
    t:contains(out, "prepare.sh: every pod is well (kubectl get pods --all-namespaces): not within 1 seconds")
  end,
}
