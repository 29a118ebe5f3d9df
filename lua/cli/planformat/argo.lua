-- argo: a plan as a Workflow for Argo Workflows: a step for each image, after those that it is made from
local sorted = require "core.sorted"
local document = require "cli.planformat.document"
local kubernetes = require "cli.planformat.kubernetes"

local argo = {}

local object, list = document.object, document.list

local PROJECT = "/project"           -- where the container image has the recipes
local TRUST = "/etc/luabuild"        -- where the Secret's files are
local OUTPUT = PROJECT .. "/output"
local MINUTES = { base = 240, clone = 120 } -- of a step, installation and all

-- From the Secret or not for the steps at all: what says which vCenter, and what is this machine's own.
local CREDENTIALS = { vcenter_server = true, username = true, password = true, insecure_connection = true, ca_file = true,
  thumbprint = true, output_dir = true, http_ip = true }

-- ---- what a step is told ----

-- Values that were given. Secrets, and what has one in it, are listed by name: { name, optional = the recipe has a value of its own }.
local function inputs(plans, mask)
  local values, secrets = {}, {}
  for _, plan in ipairs(plans) do
    local meta = getmetatable(plan.image.variables)
    for name, described in pairs(meta.described) do
      local value, origin = plan.image.variables[name], meta.origins[name]
      local given = origin and origin ~= "default" and origin ~= "the recipe"
      if value ~= nil and not CREDENTIALS[name] then
        local text = type(value) == "string" and value or ""
        if described.secret or given and mask(text) ~= text then secrets[name] = { name, optional = not given }
        elseif given and type(value) ~= "table" then values[name] = value end
      end
    end
  end
  local pairs_, listed = {}, {}
  for i, name in ipairs(sorted.keys(values)) do pairs_[i] = { name, values[name] } end
  for i, name in ipairs(sorted.keys(secrets)) do listed[i] = secrets[name] end
  return pairs_, listed
end

-- What git said of the recipes: a container has no repository to ask.
local function described(plans, note)
  local known
  for _, plan in ipairs(plans) do
    for text in pairs(plan.image.recipe.described) do
      if known and known ~= text then note("git describes the recipes as " .. known .. " and as " .. text .. ": the steps are told the first") end
      known = known or text
    end
  end
  return known
end

local function from_secret(name, secret, key, optional)
  return object { { "name", name }, { "valueFrom", object { { "secretKeyRef", object { { "name", secret }, { "key", key }, { "optional", optional } } } } } }
end

local function environment(plans, options, secrets)
  local connection = plans[1].image.connection
  local env = { from_secret("VCENTER_SERVER", options.secret, "server"), from_secret("VCENTER_USERNAME", options.secret, "username"),
    from_secret("VCENTER_PASSWORD", options.secret, "password"), from_secret("VCENTER_THUMBPRINT", options.secret, "thumbprint", true) }
  local function put(name, value) if value then env[#env + 1] = object { { "name", name }, { "value", value } } end end
  put("VCENTER_CA_FILE", connection.ca_file and TRUST .. "/ca.pem")
  put("VCENTER_INSECURE", connection.insecure and "true")
  put("LUABUILD_GIT_DESCRIBE", described(plans, options.note))
  for _, one in ipairs(secrets) do env[#env + 1] = from_secret("LUABUILD_VAR_" .. one[1], options.secret, one[1], one.optional or nil) end
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
  for _, plan in ipairs(plans) do labels[plan.image] = kubernetes.label(plan.image.name, taken) end
  for i, plan in ipairs(plans) do
    local needs = {}
    for _, need in ipairs(plan.needs) do needs[#needs + 1] = labels[need] end -- none, when it is used as it is
    out[i] = object { { "name", labels[plan.image] }, { "template", "image" }, { "dependencies", #needs > 0 and list(needs) or nil },
      { "arguments", object { { "parameters", list { named("recipe", plan.image.recipe.path), named("image", plan.image.name),
        named("output", output_of(plan.image)), named("timeout", MINUTES[plan.image.kind] .. "m") } } } } }
  end
  return out
end

-- A node that is lost is made up for, in time for the vCenter to end the session of the build that died there; a build that failed or
-- whose recipe is wrong is not tried again: its inputs are the same. -1 is a status that nobody knows.
local RETRY = object { { "limit", "2" }, { "retryPolicy", "Always" }, { "expression", "asInt(lastRetry.exitCode) not in [1, 2]" },
  { "backoff", object { { "duration", "35m" } } } }

local function image_template(plans, options, values, secrets)
  local env, trust = environment(plans, options, secrets)
  local mounts = { object { { "name", "output" }, { "mountPath", OUTPUT } } }
  if trust then mounts[2] = object { { "name", "trust" }, { "mountPath", TRUST }, { "readOnly", true } } end
  local parameters = { "recipe", "image", "output", "timeout" }
  for i, name in ipairs(parameters) do parameters[i] = object { { "name", name } } end
  return object {
    { "name", "image" },
    { "inputs", object {
      { "parameters", list(parameters) },
      { "artifacts", list { object { { "name", "variables" }, { "path", "/tmp/variables.json" },
        { "raw", object { { "data", document.json(object(values)) } } } } } } } },
    -- a volume, so that it is not copied; the disks in it are compressed
    { "outputs", object { { "artifacts", list { object { { "name", "output" }, { "path", parameter "output" }, { "optional", true },
      { "archive", object { { "tar", object { { "compressionLevel", 0 } } } } } } } } } },
    { "volumes", list { object { { "name", "output" }, { "emptyDir", object {} } } } },
    { "timeout", parameter "timeout" },
    { "retryStrategy", RETRY },
    { "podSpecPatch", '{"terminationGracePeriodSeconds": 120}' }, -- the clean-up has a minute
    { "container", object {
      { "image", options.container }, { "workingDir", PROJECT },
      { "command", list { "luabuild" } },
      { "args", list { parameter "recipe", "--only", parameter "image", "--var-file", "/tmp/variables.json", "--var", "output_dir=" .. parameter "output" } },
      { "env", env }, { "resources", object { { "requests", object { { "cpu", "250m" }, { "memory", "64Mi" } } } } },
      { "volumeMounts", list(mounts) } } },
  }, trust
end

-- What cannot be seen from a cluster.
local function notes(plans, options)
  local note = options.note
  if options.force then note "--force is not in the Workflow: a step that was tried again would build anew what is done" end
  local first = plans[1].image.variables
  if first.http_ip then note("http_ip " .. first.http_ip .. " is an address of this machine: the pod finds its own") end
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

-- What a person has to provide.
local function head(options, connection, secrets)
  local lines = { "# Made by luabuild plan --format=argo. It needs", "#   the container image " .. options.container .. " with the recipes in "
    .. PROJECT .. ", as src/container makes it", "#   an artifact repository in the cluster, for what the steps leave in " .. OUTPUT,
    "#   a Secret:", "#     kubectl create secret generic " .. options.secret .. " \\" }
  local function put(kind, key) lines[#lines + 1] = "#       --from-" .. kind .. "=" .. key .. "=… \\" end
  for _, key in ipairs { "server", "username", "password" } do put("literal", key) end
  for _, one in ipairs(secrets) do if not one.optional then put("literal", one[1]) end end
  if connection.thumbprint then put("literal", "thumbprint") end
  if connection.ca_file then put("file", "ca.pem") end
  lines[#lines] = lines[#lines]:sub(1, -3)
  return table.concat(lines, "\n") .. "\n# What a pod has left in the vCenter that could not clean up: luabuild gc\n"
end

-- What nobody is to make is no step.
local function made(plans)
  local out = {}
  for _, plan in ipairs(plans) do if plan.decision ~= "foreign" then out[#out + 1] = plan end end
  return out
end

--[[
argo.check(given) -> nothing
Are the names that were given such as Kubernetes takes? Asked before a server is.
  given          table             container, secret: as argo.format takes them
Raises: usage.
]]
function argo.check(given)
  kubernetes.check("container", given.container)
  kubernetes.check("secret", given.secret)
end

--[[
argo.format(plans, options) -> string
A Workflow in YAML: a directed graph with a task for each image, which runs `luabuild RECIPE --only IMAGE` in a container, after the images
it is made from; those find themselves up to date in it. Files of the recipes are in the container image below /project, as in the
working directory now (src/container makes such an image). Values given for variables are an artifact of each step, and what it leaves
in its output directory is its output. From the Secret come server, username, password, thumbprint (may be absent), ca.pem when a CA
file is in use now, and each secret variable by its name, also one whose value has a secret in it. LUABUILD_GIT_DESCRIBE says what
git.describe does. A kickstart over HTTP needs the pod in the host's network: it is put there. A step is tried again when its pod
was lost, not when the build failed.
  plans          {plan, ...}       from build.plan
  options.container string         the container image
  options.secret string            the Secret's name
  options.force  boolean = false   was asked for, and is not in it
  options.note   function(text)    takes what will not work from a cluster
  options.mask   function          text -> text without secrets, for the values
Source: Argo Workflows, Workflow of argoproj.io/v1alpha1; "Retries": expression.
]]
function argo.format(plans, options)
  plans = made(plans)
  local values, secrets = inputs(plans, options.mask)
  local template, trust = image_template(plans, options, values, secrets)
  notes(plans, options)
  local http = uses_http(plans)
  local key = trust and object { { "key", "ca.pem" }, { "path", "ca.pem" } }
  return head(options, plans[1].image.connection, secrets) .. document.yaml(object {
    { "apiVersion", "argoproj.io/v1alpha1" },
    { "kind", "Workflow" },
    { "metadata", object { { "generateName", "luabuild-" } } },
    { "spec", object {
      { "entrypoint", "images" },
      { "hostNetwork", http }, { "dnsPolicy", http and "ClusterFirstWithHostNet" },
      { "volumes", trust and list { object { { "name", "trust" },
        { "secret", object { { "secretName", options.secret }, { "items", list { key } } } } } } or nil },
      { "templates", list {
        object { { "name", "images" }, { "dag", object { { "failFast", false }, { "tasks", list(tasks(plans)) } } } },
        template } } } } }) .. "\n"
end

return argo
