-- argo: a plan as a Workflow for Argo Workflows: a step for each image, after those that it is made from
local sorted = require "core.sorted"
local document = require "cli.planformat.document"

local argo = {}

local object, list = document.object, document.list

local PROJECT = "/project"           -- where the container image has the recipes
local TRUST = "/etc/luabuild"        -- where the Secret's files are
local MINUTES = { base = 240, clone = 120 } -- of a step, installation and all

-- From the Secret or not for the steps at all: what says which vCenter, and where things are on this machine.
local CREDENTIALS = { vcenter_server = true, username = true, password = true, insecure_connection = true, ca_file = true,
  thumbprint = true, output_dir = true }

-- "k3s-photon3-v1.2" as a name that Kubernetes takes: RFC 1123 labels.
local function label(name, taken)
  local made = name:lower():gsub("[^%w]+", "-"):gsub("^%-+", ""):gsub("%-+$", ""):sub(1, 50)
  made = made == "" and "image" or made:find "^%d" and "i" .. made or made
  local unique, n = made, 1
  while taken[unique] do
    n = n + 1
    unique = made .. "-" .. n
  end
  taken[unique] = true
  return unique
end

-- ---- what a step is told ----

-- Values that were given, and what git said, which a step has no repository to ask; secrets are listed by name.
local function inputs(plans, mask)
  local values, order, secrets = {}, {}, {}
  for _, plan in ipairs(plans) do
    local meta = getmetatable(plan.image.variables)
    for name, described in pairs(meta.described) do
      local value, origin = plan.image.variables[name], meta.origins[name]
      local given = origin and origin ~= "default" and (origin ~= "the recipe" or plan.image.recipe.described[value])
      if described.secret then
        if value ~= nil and not CREDENTIALS[name] then secrets[name] = true end
      elseif given and not CREDENTIALS[name] and type(value) ~= "table" and values[name] == nil then
        values[name], order[#order + 1] = value, name
      end
    end
  end
  table.sort(order)
  local pairs_ = {}
  for i, name in ipairs(order) do
    local value = values[name]
    pairs_[i] = { name, type(value) == "string" and mask(value) or value }
  end
  return pairs_, sorted.keys(secrets)
end

local function from_secret(name, secret, key, optional)
  return object { { "name", name }, { "valueFrom", object { { "secretKeyRef", object { { "name", secret }, { "key", key }, { "optional", optional } } } } } }
end

local function environment(plans, options, secrets)
  local connection = plans[1].image.connection
  local env = { from_secret("VCENTER_SERVER", options.secret, "server"), from_secret("VCENTER_USERNAME", options.secret, "username"),
    from_secret("VCENTER_PASSWORD", options.secret, "password"), from_secret("VCENTER_THUMBPRINT", options.secret, "thumbprint", true) }
  local function put(name, value) env[#env + 1] = object { { "name", name }, { "value", value } } end
  if connection.ca_file then put("VCENTER_CA_FILE", TRUST .. "/ca.pem") end
  if connection.insecure then put("VCENTER_INSECURE", "true") end
  for _, name in ipairs(secrets) do env[#env + 1] = from_secret("LUABUILD_VAR_" .. name, options.secret, name) end
  return list(env), connection.ca_file ~= nil
end

-- ---- the templates ----

local function parameter(name) return "{{inputs.parameters." .. name .. "}}" end

local function named(name, value) return object { { "name", name }, { "value", value } } end

-- The recipe's own directory, or the usual one.
local function output_of(image)
  local own = image.variables.output_dir == nil and image.output_dir or "output/" .. image.name
  return own:find "^/" and own or PROJECT .. "/" .. own:gsub("^%./", "")
end

local function tasks(plans)
  local taken, labels, out = {}, {}, {}
  for _, plan in ipairs(plans) do labels[plan.image] = label(plan.image.name, taken) end
  for i, plan in ipairs(plans) do
    local needs = {}
    for _, need in ipairs(plan.needs) do needs[#needs + 1] = labels[need] end
    out[i] = object { { "name", labels[plan.image] }, { "template", "image" }, { "dependencies", #needs > 0 and list(needs) or nil },
      { "arguments", object { { "parameters", list { named("recipe", plan.image.recipe.path), named("image", plan.image.name),
        named("output", output_of(plan.image)), named("timeout", MINUTES[plan.image.kind] .. "m") } } } } }
  end
  return out
end

local function image_template(plans, options, values, secrets)
  local env, trust = environment(plans, options, secrets)
  local mounts = trust and list { object { { "name", "trust" }, { "mountPath", TRUST }, { "readOnly", true } } } or nil
  local parameters = { "recipe", "image", "output", "timeout" }
  for i, name in ipairs(parameters) do parameters[i] = object { { "name", name } } end
  return object {
    { "name", "image" },
    { "inputs", object {
      { "parameters", list(parameters) },
      { "artifacts", list { object { { "name", "variables" }, { "path", "/tmp/variables.json" },
        { "raw", object { { "data", document.json(object(values)) } } } } } } } },
    { "outputs", object { { "artifacts", list { object { { "name", "output" }, { "path", parameter "output" }, { "optional", true } } } } } },
    { "timeout", parameter "timeout" },
    -- a node that dies is tried again; a build that failed is not: its inputs are the same
    { "retryStrategy", object { { "limit", "2" }, { "retryPolicy", "OnError" }, { "backoff", object { { "duration", "1m" }, { "factor", "2" } } } } },
    { "podSpecPatch", '{"terminationGracePeriodSeconds": 120}' },
    { "container", object {
      { "image", options.container }, { "workingDir", PROJECT },
      { "command", list { "luabuild" } },
      { "args", list { parameter "recipe", parameter "image", "--var-file", "/tmp/variables.json", "--var", "output_dir=" .. parameter "output" } },
      { "env", env }, { "volumeMounts", mounts } } },
  }, trust
end

-- What cannot be seen from a cluster.
local function notes(plans, note)
  for _, plan in ipairs(plans) do
    local image = plan.image
    local path = image.recipe.path
    if path:find "^/" or path:find "%.%./" then note(path .. " is not below the working directory: the container image has " .. PROJECT .. " only") end
    local url = image.iso and image.iso.url
    if url and not url:find "^https?://" then note(url .. " is a file of this machine: put it into the container image, or give a URL") end
  end
end

local function uses_http(plans)
  for _, plan in ipairs(plans) do
    local k = plan.image.kickstart
    if k and not k.floppy and not k.cd then return true end
  end
  return nil
end

-- How the Secret is made that the steps take their credentials from.
local function head(name, trust, secrets)
  local lines = { "# Made by luabuild plan --format=argo. Credentials:", "#   kubectl create secret generic " .. name .. " \\" }
  local keys = { "server", "username", "password" }
  table.move(secrets, 1, #secrets, #keys + 1, keys)
  for _, key in ipairs(keys) do lines[#lines + 1] = "#     --from-literal=" .. key .. "=… \\" end
  lines[#lines + 1] = trust and "#     --from-file=ca.pem=…" or "#     --from-literal=thumbprint=…"
  return table.concat(lines, "\n") .. "\n"
end

--[[
argo.format(plans, options) -> string
A Workflow in YAML: a directed graph with a task for each image, which runs `luabuild RECIPE IMAGE` in a container, after the images it is
made from; those find themselves up to date in it. Files of the recipes are in the container image below /project, as in the
working directory now (src/container makes such an image). Values given for variables, and what git says, are an artifact of each step;
exports are its output. From the Secret come server, username, password, thumbprint (may be absent), ca.pem when a CA file is in use now,
and each secret variable by its name. A kickstart over HTTP needs the pod in the host's network: it is put there.
  plans          {plan, ...}       from build.plan
  options.container string         the container image
  options.secret string            the Secret's name
  options.note   function(text)    takes what will not work from a cluster
  options.mask   function          text -> text without secrets, for the values
Source: Argo Workflows, Workflow of argoproj.io/v1alpha1.
]]
function argo.format(plans, options)
  local values, secrets = inputs(plans, options.mask)
  local template, trust = image_template(plans, options, values, secrets)
  notes(plans, options.note)
  local http = uses_http(plans)
  local key = trust and object { { "key", "ca.pem" }, { "path", "ca.pem" } }
  return head(options.secret, trust, secrets) .. document.yaml(object {
    { "apiVersion", "argoproj.io/v1alpha1" },
    { "kind", "Workflow" },
    { "metadata", object { { "generateName", "luabuild-" } } },
    { "spec", object {
      { "entrypoint", "images" },
      { "hostNetwork", http }, { "dnsPolicy", http and "ClusterFirstWithHostNet" },
      { "volumes", trust and list { object { { "name", "trust" },
        { "secret", object { { "secretName", options.secret }, { "items", list { key } } } } } } or nil },
      { "templates", list {
        object { { "name", "images" }, { "dag", object { { "tasks", list(tasks(plans)) } } } },
        template } } } } }) .. "\n"
end

return argo
