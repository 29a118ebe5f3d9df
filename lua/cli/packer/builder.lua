-- builder: one builder of a template as an image of a recipe
local runtime = require "runtime"
local sorted = require "core.sorted"
local convert = require "cli.packer.convert"
local media = require "cli.packer.media"
local options = require "cli.packer.options"
local writer = require "cli.packer.writer"

local builder = {}

local KINDS = { ["vsphere-iso"] = "base", ["vsphere-clone"] = "clone" }

-- As people write an image: what it is, what it is made from, how it is made, what is done with it.
local ORDER = { "name", "guest_id", "from", "linked", "iso", "hardware", "config", "kickstart", "boot", "http", "address", "ssh", "placement",
  "provision", "on_error", "shutdown", "annotation", "extra_config", "snapshot", "template", "export", "after", "output_dir" }
local INSIDE = { hardware = { "cpus", "cores", "memory", "disks", "nics", "controller", "firmware", "version" }, iso = { "url", "checksum", "checksum_type" },
  ssh = { "username", "password", "key_file", "agent", "port", "timeout" }, export = { "format", "manifest", "custom_data" },
  shutdown = { "command", "timeout" } }

-- Options that media, steps and after read, or this file.
local ELSEWHERE = {}
for name in ([[iso_url iso_urls iso_checksum iso_checksum_type iso_checksum_url iso_paths cdrom_type http_directory http_content
  floppy_files floppy_dirs floppy_img_path floppy_content floppy_label cd_files cd_content cd_label
  boot_command boot_wait boot_keygroup_interval vm_name template shutdown_command ssh_password export]]):gmatch "%S+" do
  ELSEWHERE[name] = true
end

-- What an image that is installed says of its machine, and a clone has from its source.
local INSTALLED = { disk_controller_type = true, firmware = true, guest_os_type = true, vm_version = true, storage = true, cdrom_type = true }

local MEDIA = {}
for name in pairs(ELSEWHERE) do
  MEDIA[name] = name:find "^iso_" or name:find "^boot_" or name:find "^floppy_" or name:find "^cd" or name:find "^http_"
end

local function lose(image, name, raw, why)
  local shown = raw
  if name:find "password" or name:find "private_key$" then shown = "…"
  elseif type(raw) == "table" then shown = require("cjson").encode(raw):gsub("\\/", "/") end
  local what = shown ~= "" and string.format("%s = %s", name, convert.shown(shown)) or name
  if why then what = what .. ": " .. why end
  local comment = image.values:lose(image.name, what)
  table.insert(image.comments, comment)
  return comment
end

-- ---- options of more than one line ----

-- Root's rights and the password's way to sudo are the builder's business.
local function bare(command)
  local patterns = { "^echo .-|%s*sudo%s+(.*)$", "^sudo%s+(.*)$" }
  for _, pattern in ipairs(patterns) do
    local rest = command:match(pattern)
    if rest then
      rest = rest:gsub("^%-[SEHnk]+%s+", ""):gsub("^%-[SEHnk]+%s+", ""):gsub("^%-[SEHnk]+%s+", "")
      return rest:match "^s?h?b?a?s?h%s+%-%l*c%s+'(.*)'$" or rest:match '^s?h?b?a?s?h%s+%-%l*c%s+"(.*)"$' or rest
    end
  end
  return command
end

local function shutdown(image)
  local raw = image.raw.shutdown_command
  if not raw or raw == "" then return end
  local command = bare(tostring(raw))
  local node = image.values:get(command)
  if node == nil then return end
  local known = image.values:is_variable(command)
  if known == "shutdown_command" and not image.raw.shutdown_timeout then
    return options.put(image, "shutdown", node)
  end
  options.put(image, image.raw.shutdown_timeout and "shutdown.command" or "shutdown", node)
end

local function password(image)
  local raw = image.raw.ssh_password
  if not raw or raw == "" then return end
  local variable = image.values:is_variable(raw)
  if variable then
    image.values.variables:hide(variable)
    return options.put(image, "ssh.password", writer.lua(image.values.variables:use(variable)))
  end
  image.values:lose(image.name, "ssh_password: passwords do not stand in recipes: give the variable ssh_password (LUABUILD_VAR_ssh_password, a var-file)")
end

local function name_of(image)
  local raw = image.raw.vm_name or "packer-" .. image.name
  image.values:need(raw)
  options.put(image, "name", image.values:get(raw, "text", true))
end

local function source(image)
  if image.kind ~= "clone" then return end
  image.values:need(image.raw.template)
  options.put(image, "from", image.values:get(image.raw.template, "text", true))
end

local function simple(image)
  for _, name in ipairs(image.values.template.in_order(image.raw)) do
    local how = options.known[name]
    if image.kind == "clone" and INSTALLED[name] then lose(image, name, image.raw[name], "a clone has it from its source")
    elseif how then how(image, image.raw[name], name)
    elseif not ELSEWHERE[name] and name:sub(1, 1) ~= "_" then
      local near = runtime.nearest(name, sorted.keys(options.known))
      lose(image, name, image.raw[name], "not known" .. (near and "; is it " .. near .. "?" or ""))
    end
  end
end

--[[
builder.read(raw, found) -> image|nil
A builder as an image; nil for one that is not of vSphere, which is then among what was lost.
  raw            table             the builder as it stands in the template
  found          values            see cli.packer.values
image = { name, kind = "base"|"clone", raw, values, fields = node, comments = {string, ...} }; image:lose(option, value, why) notes what has no
counterpart
]]
function builder.read(raw, found)
  local kind = KINDS[raw.type]
  if not kind then
    found:lose(raw.name, "a builder of type " .. tostring(raw.type) .. ": only vsphere-iso and vsphere-clone have a counterpart")
    return nil
  end
  local image = { name = raw.name, kind = kind, raw = raw, values = found, fields = writer.fields(), comments = {}, lose = lose }
  image.fields.block = true
  found.builder = raw
  name_of(image)
  source(image)
  simple(image)
  password(image)
  if kind == "base" then
    if not raw.guest_os_type then options.put(image, "guest_id", "otherGuest") end
    media.iso(image)
    media.kickstart(image, media.boot(image))
  else
    for _, name in ipairs(found.template.in_order(raw)) do
      if MEDIA[name] and not INSTALLED[name] then lose(image, name, raw[name], "a clone boots from its disk, without media") end
    end
  end
  shutdown(image)
  return image
end

local function sort(node, order)
  local place = {}
  for i, name in ipairs(order) do place[name] = i end
  table.sort(node.fields, function(a, b) return (place[a.key] or 99) < (place[b.key] or 99) end)
end

--[[
builder.sort(image) -> nothing
Bring the fields of an image into the order that people read them in, what was lost after them.
]]
function builder.sort(image)
  sort(image.fields, ORDER)
  for key, order in pairs(INSIDE) do
    local node = image.fields:get(key)
    if node and node.fields then sort(node, order) end
  end
  local hardware = image.fields:get "hardware"
  if hardware and #hardware.fields > 4 then hardware.block = true end
  for _, comment in ipairs(image.comments) do image.fields:remark(comment) end
end

return builder
