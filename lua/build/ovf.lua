-- ovf: what is decided about an OVF descriptor: read from text, changed as text
local xml = require "xml"
local err = require "core.err"
local spec = require "core.spec"
local options = require "build.ovfoptions"

local ovf = {}

local ENVELOPES = { -- DSP0243 1.x and 2.x
  ["http://schemas.dmtf.org/ovf/envelope/1"] = 1,
  ["http://schemas.dmtf.org/ovf/envelope/2"] = 2,
}
local PREFIXES = {
  vmw = "http://www.vmware.com/schema/ovf",
  rasd = "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData",
  vssd = "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_VirtualSystemSettingData",
}

-- CIM_ResourceAllocationSettingData.ResourceType (DSP1041); a CD drive is 15, with some tools 16
local DRIVES = { cdrom = { ["15"] = true, ["16"] = true }, floppy = { ["14"] = true } }

local function parse(text)
  local probe <close> = err.check(xml.parse(text))
  local name, uri = probe:root():name()
  if name ~= "Envelope" or not ENVELOPES[uri] then
    err.raise("format", string.format("not an OVF descriptor: the document is <%s> of %s", name, uri or "no namespace"))
  end
  local prefixes = { ovf = uri }
  for prefix, known in pairs(PREFIXES) do prefixes[prefix] = known end
  return err.check(xml.parse(text, prefixes)), ENVELOPES[uri]
end

-- ---- reading ----

-- Bytes of "byte * 2^20" (DSP0004: programmatic units), nil for what is not known.
local function unit(text)
  if not text or text == "byte" then return 1 end
  local base, exponent = text:match("^byte%s*%*%s*(%d+)%^(%d+)$")
  return base and math.tointeger(tonumber(base) ^ tonumber(exponent))
end

local function capacity(node)
  local number, factor = math.tointeger(tonumber(node:get("ovf:capacity"))), unit(node:get("ovf:capacityAllocationUnits"))
  return number and factor and number * factor
end

--[[
ovf.read(text) -> descriptor
What a descriptor says about its package.
descriptor = { version = 1|2, name = string|nil, hardware = string|nil ("vmx-14"),
  files = array of { id, href, size = integer|nil (bytes), compression = string|nil, chunk = integer|nil (bytes) } in order,
  disks = array of { id, file = string|nil (a file's id), capacity = integer|nil (bytes), format = string|nil } }
Raises: format (no XML, no descriptor).
Source: DSP0243 1.1.0, 7.1 (References), 9.1 (DiskSection).
]]
function ovf.read(text)
  local doc <close>, version = parse(text)
  local out = { version = version, files = {}, disks = {}, name = doc:value("ovf:VirtualSystem/ovf:Name"),
    hardware = doc:value("//ovf:System/vssd:VirtualSystemType") }
  for i, node in ipairs(doc:find("ovf:References/ovf:File")) do
    out.files[i] = { id = node:get("ovf:id"), href = node:get("ovf:href"), size = math.tointeger(tonumber(node:get("ovf:size"))),
      compression = node:get("ovf:compression"), chunk = math.tointeger(tonumber(node:get("ovf:chunkSize"))) }
  end
  for i, node in ipairs(doc:find("ovf:DiskSection/ovf:Disk")) do
    out.disks[i] = { id = node:get("ovf:diskId"), file = node:get("ovf:fileRef"), capacity = capacity(node), format = node:get("ovf:format") }
  end
  return out
end

-- ---- changing ----

local file = spec.record("file", {
  { "href", spec.text }, { "size", spec.integer(0) }, { "capacity", spec.integer(0) }, { "populated", spec.integer(0) },
})

local changes_type = spec.record("changes", table.move(options.fields, 1, #options.fields, 3, { { "name", spec.text }, { "files", spec.map(file) } }))

local function set(node, attributes)
  for _, pair in ipairs(attributes) do
    if pair[2] ~= nil then err.check(node:set(pair[1], pair[2])) end
  end
  return node
end

local function append(node, name, text, before) return err.check(node:append("ovf:" .. name, text or "", before)) end

local function change_files(doc, files)
  local seen = {}
  for _, node in ipairs(doc:find("ovf:References/ovf:File")) do
    local href = node:get("ovf:href")
    local new = files[href]
    if new then
      seen[href] = true
      set(node, { { "ovf:href", new.href }, { "ovf:size", new.size } })
      for _, disk in ipairs(doc:find("ovf:DiskSection/ovf:Disk")) do
        if disk:get("ovf:fileRef") == node:get("ovf:id") then
          set(disk, { { "ovf:populatedSize", new.populated } })
          if new.capacity then set(disk, { { "ovf:capacity", new.capacity }, { "ovf:capacityAllocationUnits", "byte" } }) end
        end
      end
    end
  end
  for href in pairs(files) do
    if not seen[href] then err.raise("notfound", string.format("the OVF descriptor has no file '%s'", href)) end
  end
end

local function rename(system, name)
  set(system, { { "ovf:id", name } })
  for _, node in ipairs(system:find("ovf:Name | ovf:VirtualHardwareSection/ovf:System/vssd:VirtualSystemIdentifier")) do
    err.check(node:text(name))
  end
  if not system:value("ovf:Name") then append(system, "Name", name, system:find("ovf:*[not(self::ovf:Info)]")[1]) end
end

local function property_list(given)
  if not given or #given > 0 then return given or {} end
  local out = {}
  for name, value in pairs(given) do out[#out + 1] = { key = name, value = value, type = "string" } end
  table.sort(out, function(a, b) return a.key < b.key end)
  return out
end

-- DSP8023: the order of elements in a ProductSection
local PRODUCT = { { "Product", "name" }, { "Vendor", "vendor" }, { "Version", "version" }, { "FullVersion", "full_version" },
  { "ProductUrl", "url" }, { "VendorUrl", "vendor_url" } }

local function set_product(system, given)
  for _, node in ipairs(system:find("ovf:ProductSection")) do
    if (node:get("ovf:class") or "") == (given.class or "") and (node:get("ovf:instance") or "") == (given.instance or "") then node:remove() end
  end
  local section = set(append(system, "ProductSection"), { { "ovf:required", "false" }, { "ovf:class", given.class }, { "ovf:instance", given.instance } })
  append(section, "Info", "Information about the installed software")
  for _, pair in ipairs(PRODUCT) do
    if given[pair[2]] then append(section, pair[1], given[pair[2]]) end
  end
  for _, p in ipairs(property_list(given.properties)) do
    local node = set(append(section, "Property"), { { "ovf:key", p.key }, { "ovf:type", p.type }, { "ovf:value", p.value },
      { "ovf:userConfigurable", tostring(p.configurable or false) }, { "ovf:password", p.password and "true" or nil } })
    if p.label then append(node, "Label", p.label) end
    if p.description then append(node, "Description", p.description) end
  end
  if given.transport then
    for _, node in ipairs(system:find("ovf:VirtualHardwareSection")) do set(node, { { "ovf:transport", given.transport } }) end
  end
end

-- One section of that name with this text in it: an annotation, a license.
local function set_section(system, name, info, element, text)
  for _, node in ipairs(system:find("ovf:" .. name)) do node:remove() end
  local section = append(system, name)
  append(section, "Info", info)
  append(section, element, text)
end

local function set_hardware(system, version)
  local nodes = system:find("ovf:VirtualHardwareSection/ovf:System/vssd:VirtualSystemType")
  if #nodes == 0 then err.raise("format", "the OVF descriptor names no hardware version to change") end
  for _, node in ipairs(nodes) do err.check(node:text(version)) end
end

-- The hrefs of files that only `node` was using, which goes.
local function remove_with_file(doc, node, reference, hrefs)
  local id = reference and reference:match("^ovf:/file/(.+)$")
  node:remove()
  for _, one in ipairs(id and doc:find("ovf:References/ovf:File") or {}) do
    if one:get("ovf:id") == id then
      hrefs[#hrefs + 1] = one:get("ovf:href")
      one:remove()
    end
  end
end

local drop = {}

function drop.boot_order(doc) -- importers of 6.5 and ovftool refuse it, or lose the disks
  for _, node in ipairs(doc:find("//vmw:BootOrderSection")) do node:remove() end
end

function drop.nvram(doc, hrefs) -- unknown before 6.7
  for _, node in ipairs(doc:find("//vmw:ExtraConfig")) do
    if node:get("vmw:key") == "nvram" then remove_with_file(doc, node, node:get("vmw:value"), hrefs) end
  end
end

function drop.extra_config(doc)
  for _, node in ipairs(doc:find("//vmw:ExtraConfig")) do
    if node:get("vmw:key") ~= "nvram" then node:remove() end
  end
end

for name, types in pairs(DRIVES) do
  drop[name] = function(doc, hrefs)
    for _, node in ipairs(doc:find("//ovf:VirtualHardwareSection/ovf:Item")) do
      if types[node:value("rasd:ResourceType")] then remove_with_file(doc, node, node:value("rasd:HostResource"), hrefs) end
    end
  end
end

-- What an importer does not know, it may pass over: without this it refuses the package.
local function make_optional(doc)
  for _, node in ipairs(doc:find("//vmw:ExtraConfig | //vmw:Config")) do
    if not node:get("ovf:required") then set(node, { { "ovf:required", "false" } }) end
  end
end

local function apply(doc, c)
  local hrefs = {}
  local system = doc:find("ovf:VirtualSystem")[1]
  if not system then err.raise("format", "the OVF descriptor has no single VirtualSystem to change") end
  if c.files then change_files(doc, c.files) end
  for _, name in ipairs(c.drop) do drop[name](doc, hrefs) end
  make_optional(doc)
  if c.name then rename(system, c.name) end
  if c.hardware_version then set_hardware(system, c.hardware_version) end
  if c.annotation then set_section(system, "AnnotationSection", "A human-readable annotation", "Annotation", c.annotation) end
  if c.product then set_product(system, c.product) end
  if c.eula then set_section(system, "EulaSection", "An end-user license agreement", "License", c.eula) end
  return hrefs
end

--[[
ovf.edit(text, changes) -> text, {href, ...}
A descriptor with changes; what was not asked for stays as it is, but that vmw:Config and vmw:ExtraConfig become optional, and
the comment with the name of the user who exported goes. The second result names the files that are no longer part of it.
What a recipe may ask for is declared in build/ovfoptions.lua.
  changes.name             string|nil     of the machine
  changes.files            table|nil      href -> { href = new one, size = bytes, capacity = bytes, populated = bytes }
  changes.product          table|nil      { name, vendor, version, full_version, url, vendor_url, class, instance, transport, properties }
  changes.eula             string|nil     license text
  changes.annotation       string|nil
  changes.hardware_version string|nil     "vmx-13"
  changes.drop             table = { "boot_order" }   of boot_order, nvram, cdrom, floppy, extra_config
Raises: format, notfound (a file), recipe (an option that cannot be).
Source: DSP0243 1.1.0, 9 (sections); DSP8023 (the schema); the changes importers need: see the comments.
]]
function ovf.edit(text, changes)
  local wanted, problems = spec.read(changes_type, changes or {})
  if problems[1] then err.raise("recipe", problems[1].path .. ": " .. problems[1].message) end
  local doc <close> = parse((text:gsub("<!%-%-Generated by VMware.-%-%->%s*", "", 1)))
  local hrefs = apply(doc, wanted)
  return doc:text(), hrefs
end

--[[
ovf.pad(text, room) -> text
The text with white space behind it, which XML allows there, `room` bytes long.
Raises: format (it is longer).
Source: XML 1.0, 2.8 (Misc).
]]
function ovf.pad(text, room)
  local missing = room - #text
  if missing < 0 then
    err.raise("format", string.format("the OVF descriptor has %d bytes, %d more than there is room for", #text, -missing))
  end
  if missing == 0 then return text end
  return text .. (" "):rep(missing - 1) .. "\n"
end

return ovf
