-- json: a plan as one JSON document, for programs
local document = require "cli.planformat.document"

local json = {}

json.FORMAT = 1 -- grows when a field goes away or changes its meaning

local object, list = document.object, document.list

local function names(images)
  local out = {}
  for i, image in ipairs(images) do out[i] = image.name end
  return list(out)
end

local function place(p)
  return object { { "server", p.server }, { "datacenter", p.datacenter }, { "compute", p.compute }, { "datastore", p.datastore }, { "folder", p.folder },
    { "resource_pool", p.resource_pool }, { "networks", list(p.networks) } }
end

local function describe(plan)
  local image = plan.image
  return object { { "name", image.name }, { "kind", image.kind }, { "recipe", image.recipe.path }, { "decision", plan.decision },
    { "reason", plan.reason }, { "asked", not plan.parent }, { "needs", names(plan.needs) }, { "fingerprint", plan.fingerprint },
    { "steps", list(plan.steps) }, { "output", image.output_dir or "output/" .. image.name }, { "place", place(plan.place) },
    { "notes", list(plan.notes) } }
end

--[[
json.format(plans) -> string
One object: { format = 1, images = [{ name, kind ("base" or "clone"), recipe (path), decision ("build", "replace", "export", "current" or
"foreign"), reason, asked (false: only wanted as a parent), needs [names of images that come first], fingerprint, steps [names],
output (directory for its files), place { server, datacenter, compute, datastore, folder, resource_pool, networks [names] },
notes [texts] }] }, the images in an order in which they can be built.
  plans          {plan, ...}       from build.plan
]]
function json.format(plans)
  local images = {}
  for i, plan in ipairs(plans) do images[i] = describe(plan) end
  return document.json(object { { "format", json.FORMAT }, { "images", list(images) } }) .. "\n"
end

return json
