-- after: export and post-processors: what is handed over, and what is done with it
local options = require "cli.packer.options"
local steps = require "cli.packer.steps"
local writer = require "cli.packer.writer"

local after = {}

local put = options.put

-- ---- export ----

local function output_directory(image, raw)
  local node = image.values:get(raw)
  if node == nil then return end
  local name = writer.text(image.fields:get "name")
  local written = writer.text(node):gsub('^"%./', '"')
  if written == '"output/" .. ' .. name or written == '"output/' .. name:gsub('^"', "") then return end -- as it is anyway
  if image.values:is_variable(raw) == "output_dir" then return end
  put(image, "output_dir", node)
end

local function export(image)
  local raw = image.raw.export
  if type(raw) ~= "table" then return end
  raw = raw[1] == nil and raw or raw[1]
  if type(raw) ~= "table" then return end
  local node = writer.fields()
  local format = image.values:known(raw.output_format)
  node:set("format", format == "ova" and "ova" or "ovf")
  local manifest = image.values:known(raw.manifest)
  if manifest and manifest ~= "sha256" then node:set("manifest", manifest) end
  put(image, "export", node)
  output_directory(image, raw.output_directory)
  for _, key in ipairs(image.values.template.in_order(raw)) do
    if key == "options" or key == "directory_permission" then image:lose("export." .. key, raw[key], "no counterpart")
    elseif key == "name" and raw.name ~= image.raw.vm_name then image:lose("export.name", raw.name, "the files are called as the image is") end
  end
end

-- ---- post-processors ----

local acts = {}

local function is_time(image, raw)
  for _, part in ipairs(type(raw) == "string" and image.values:parts(raw) or {}) do
    if type(part) == "table" and part.lua and part.lua:find "^os%." then return true end
  end
  return false
end

-- manifest.json is always written; what a template adds to it goes along.
function acts.manifest(image, _, one)
  local data, node = one.custom_data or {}, writer.fields()
  local always = image.fields:get "export"
  for _, key in ipairs(image.values.template.in_order(data)) do
    if is_time(image, data[key]) then
      image:lose("manifest: custom_data." .. key, data[key], "manifest.json has build_time; a time here would make the image new each time")
    else
      local value = image.values:get(data[key])
      if value ~= nil then node:set(key, value) end
    end
  end
  if not always then return image:lose("manifest", "", "manifest.json comes with an export") end
  if one.output and not tostring(one.output):find "%f[^/\0]manifest%.json$" then
    image:lose("manifest: output", one.output, "it is manifest.json in the output directory")
  end
  if #node.fields > 0 then
    node.block = #node.fields > 3
    always:set("custom_data", node)
  end
end

-- The scripts that make an OVA of what Packer exports.
local function makes_ova(text) return text:find "ova%.py" or text:find "image%-build%-ova" or text:find "ovftool" or text:find "%f[%w]ova%f[%W]" end

acts["shell-local"] = function(image, out, one)
  local format = image.fields:get "export"
  local commands = one.inline or one.command or one.script
  if type(commands) ~= "table" then commands = { commands } end
  local kept = {}
  for _, command in ipairs(commands) do
    if format and makes_ova(tostring(command)) then
      format:set("format", "ova")
      out[#out + 1] = { comment = image.values:lose(image.name, string.format(
        "shell-local: %s: the export is an OVA by itself; see export = { product = … } for its descriptor", tostring(command))) }
    else kept[#kept + 1] = command end
  end
  if #kept == #commands then return steps.local_shell(image, out, one) end
  one.inline, one.command, one.script = kept, nil, nil
  if #kept > 0 then steps.local_shell(image, out, one) end
end

acts["vsphere-template"] = function(image) put(image, "template", true) end
function acts.checksum(image)
  if not image.fields:get "export" then image:lose("post-processor checksum", "", "an export has its checksum beside it") end
end

local HINTS = { compress = "a step after = { local_shell { … } } can do it", vsphere = "the image is in the vCenter already", vagrant = "no counterpart" }

local function unknown(image, out, one)
  out[#out + 1] = { comment = image.values:lose(image.name, string.format("post-processor %s%s", tostring(one.type),
    HINTS[one.type] and ": " .. HINTS[one.type] or "")) }
end

--[[
after.read(image, post_processors) -> nothing
The builder's export and the template's post-processors that are for this image, as its fields export, output_dir, after and template.
  image          image             from cli.packer.builder
  post_processors {table, ...}     one list, in their order
]]
function after.read(image, post_processors)
  export(image)
  local out = {}
  for _, one in ipairs(post_processors) do
    local mine = steps.effective(one, image.name)
    if mine then
      local act = acts[mine.type] or unknown
      act(image, out, mine)
    end
  end
  local has_steps
  for _, item in ipairs(out) do has_steps = has_steps or item.call ~= nil end
  if has_steps then return put(image, "after", writer.list(out)) end
  for _, item in ipairs(out) do table.insert(image.comments, item.comment) end
end

return after
