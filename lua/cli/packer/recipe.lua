-- recipe: a whole template as a recipe
local runtime = require "runtime"
local err = require "core.err"
local glob = require "core.glob"
local lex = require "cli.lex"
local after = require "cli.packer.after"
local builder = require "cli.packer.builder"
local steps = require "cli.packer.steps"
local values = require "cli.packer.values"
local writer = require "cli.packer.writer"

local recipe = {}

local RESERVED = {}
for word in ("v base clone vars import upload shell local_shell check reboot wait checkpoint breakpoint git"):gmatch "%S+" do RESERVED[word] = true end

local function identifier(name, taken)
  local id = name:gsub("[^%w_]+", "_"):gsub("^(%d)", "_%1")
  if id == "" or id == "_" then id = "image" end
  while lex.KEYWORDS[id] or RESERVED[id] or taken[id] do id = id .. "_" end
  taken[id] = true
  return id
end

local function matches(name, patterns)
  for _, pattern in ipairs(patterns) do if glob.match(name, pattern) then return true end end
  return false
end

local function choose(builders, only, except)
  local chosen, names = {}, {}
  for i, one in ipairs(builders) do
    names[i] = one.name
    if (#only == 0 or matches(one.name, only)) and not matches(one.name, except) then chosen[#chosen + 1] = one end
  end
  if #chosen > 0 then return chosen end
  local near = only[1] and runtime.nearest(only[1], names)
  err.raise("usage", "no builder is left", { hint = near and "did you mean '" .. near .. "'?" or "the template has " .. table.concat(names, ", ") })
end

-- A clone of what another builder makes is a clone of that image.
local function connect(images)
  for _, image in ipairs(images) do
    local from = image.fields:get "from"
    for _, other in ipairs(from ~= nil and images or {}) do
      if other ~= image and writer.text(other.fields:get "name") == writer.text(from) then
        image.fields:set("from", writer.lua(other.id))
        other.wanted = true
      end
    end
  end
  table.sort(images, function(a, b)
    if a.kind ~= b.kind then return a.kind == "base" end
    return a.index < b.index
  end)
end

local function read_images(template, chosen, found)
  local images, taken = {}, { env = true }
  for _, raw in ipairs(chosen) do
    local image = builder.read(raw, found)
    if image then
      image.index, image.id = #images + 1, identifier(image.name, taken)
      local provision = steps.read(image, template.provisioners)
      if provision then image.fields:set("provision", provision) end
      local cleanup = template.cleanup and steps.read(image, { template.cleanup })
      if cleanup then image.fields:set("on_error", cleanup) end
      after.read(image, template.post_processors)
      images[#images + 1] = image
    end
  end
  return images
end

local function head(template, images)
  local names = {}
  for i, image in ipairs(images) do names[i] = image.name end
  local line = string.format("-- Made from %s (%s) by luabuild import-packer.", template.path:match "[^/]*$", table.concat(names, ", "))
  if not template.description then return line end
  return "-- " .. template.description:gsub("%s+$", ""):gsub("\n", "\n-- ") .. "\n" .. line
end

-- A long environment that several steps have is written once, above them.
local function shared(environments)
  local out, names, seen = {}, {}, {}
  for _, node in ipairs(environments) do
    local text = writer.text(node, 12)
    if seen[text] and not names[text] and text:find "\n" then
      names[text] = "env" .. (#out > 0 and #out + 1 or "")
      out[#out + 1] = string.format("local %s = %s\n\n", names[text], text)
    end
    seen[text] = true
  end
  for _, node in ipairs(environments) do node.lua = names[writer.text(node, 12)] end
  return table.concat(out)
end

local function variables_text(node, body)
  if node then return "local v = vars " .. writer.text(node, 15) .. "\n\n" end
  return body:find "%f[%w_]v%." and "local v = vars {}\n\n" or ""
end

local function body_of(images)
  local out, ids = {}, {}
  if #images == 1 then return "return " .. writer.text(writer.call(images[1].kind, images[1].fields), 7) end
  for i, image in ipairs(images) do
    ids[i] = image.id
    out[i] = "local " .. image.id .. " = " .. writer.text(writer.call(image.kind, image.fields), 8 + #image.id)
  end
  return table.concat(out, "\n\n") .. "\n\nreturn { " .. table.concat(ids, ", ") .. " }"
end

-- Passwords do not come along: what logs in with one has to be given it.
local function takes_password(images)
  for _, image in ipairs(images) do
    local at = image.fields:get "ssh"
    local password = at and at:get "password"
    if image.raw.ssh_password and (not password or writer.text(password) == "v.ssh_password") then return true end
  end
  return false
end

--[[
recipe.make(template, only, except) -> string, {string, ...}, {string, ...}
The text of a recipe; what of the template has no counterpart in it or was left out, a line each; the names of the variables that
have to be given.
  template       template          from cli.packer.template
  only, except   {string, ...}     globs for the names of builders
Raises: usage (no builder left, or none of vSphere).
]]
function recipe.make(template, only, except)
  local found = values.new(template)
  for _, name in ipairs(template.unknown) do found:lose("template", name .. " has no counterpart") end
  local images = read_images(template, choose(template.builders, only, except), found)
  if #images == 0 then
    err.raise("usage", template.path .. ": no builder of vSphere", { hint = "vsphere-iso and vsphere-clone have counterparts" })
  end
  connect(images)
  for _, image in ipairs(images) do builder.sort(image) end
  local body = shared(found.environments) .. body_of(images)
  local declared, unused, asked = found.variables:vars()
  if #found.variables.dashed > 0 then
    found:lose("variables", "called " .. table.concat(found.variables.dashed, ", ") .. " now; var-files and --var may still have the - for the _")
  end
  if #unused > 0 then found:lose("variables", "not used: " .. table.concat(unused, " ")) end
  if takes_password(images) and asked[1] ~= "ssh_password" then table.insert(asked, 1, "ssh_password") end
  return head(template, images) .. "\n" .. variables_text(declared, body) .. body .. "\n", found.lost, asked
end

return recipe
