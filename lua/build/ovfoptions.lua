-- ovfoptions: what a recipe may ask of its export
local spec = require "core.spec"

local ovfoptions = {}

-- DSP0243 1.1.0, 9.5.1: the types of properties; and no dot or colon in a key
local TYPES = { "string", "boolean", "uint8", "sint8", "uint16", "sint16", "uint32", "sint32", "uint64", "sint64", "real32", "real64" }

local key = { name = "property name", read = function(_, value, path, problems)
  value = math.type(value) == "integer" and tostring(value) or value
  if type(value) == "string" and value:find("^[^.:%s]+$") then return value end
  problems[#problems + 1] = { path = path, message = "a name without dots, colons and blanks expected; before a dot, write it as product.class" }
end }

local property = spec.record("property", {
  { "key", key, required = true, doc = "name" },
  { "value", spec.text, default = "", doc = "unless the importer gives another" },
  { "type", spec.enum(TYPES), default = "string", doc = "OVF's own types" },
  { "label", spec.text, doc = "what the importer reads" },
  { "description", spec.text, doc = "what the importer reads below it" },
  { "configurable", spec.boolean, default = false, doc = "may be changed by who imports it" },
  { "password", spec.boolean, default = false, doc = "not shown when it is typed" },
})

-- { NAME = "value" }, or a list of properties with all there is to say
local properties = spec.either("properties", function(value)
  if type(value) ~= "table" then return nil end
  return #value > 0 and spec.list(property) or spec.map(spec.text)
end, { spec.map(spec.text), spec.list(property) })

local product = spec.record("product", {
  { "name", spec.text, doc = "of the product" }, { "vendor", spec.text, doc = "who makes it" }, { "version", spec.text, doc = "short" },
  { "full_version", spec.text, doc = "long" }, { "url", spec.text, doc = "of the product" }, { "vendor_url", spec.text, doc = "of who makes it" },
  { "class", spec.text, doc = "before the names of properties" }, { "instance", spec.text, doc = "after them" },
  { "transport", spec.text, doc = "how the guest gets the properties: com.vmware.guestInfo or iso" },
  { "properties", properties, doc = "NAME = value, or a list that says more" },
  short = "name",
})

local hardware = { name = "hardware version", read = function(_, value, path, problems)
  local number = tostring(value):match("^vmx%-(%d%d?)$") or tostring(value):match("^(%d%d?)$")
  if number then return string.format("vmx-%02d", tonumber(number)) end
  problems[#problems + 1] = { path = path, message = "vmx-NN expected" }
end }

-- What there is to say about the descriptor, as fields of core/spec.
ovfoptions.fields = {
  { "product", product, doc = "what the image is: name, vendor, version, properties" },
  { "eula", spec.text, doc = "the license text to accept at import" },
  { "annotation", spec.text, doc = "what the importer shows about the machine" },
  { "hardware_version", hardware, doc = "vmx-NN; lower it for older products" },
  { "drop", spec.list(spec.enum { "boot_order", "nvram", "cdrom", "floppy", "extra_config" }), default = { "boot_order" },
    doc = "what importers stumble over" },
}

-- All of a recipe's `export`.
ovfoptions.export = spec.record("export", table.move(ovfoptions.fields, 1, #ovfoptions.fields, 4, {
  { "format", spec.enum { "ova", "ovf" }, default = "ova", doc = "one archive, or a file each" },
  { "manifest", spec.enum { "sha256", "sha1", "sha512", "none" }, default = "sha256", doc = "digests in the package" },
  { "custom_data", spec.map(spec.text), default = {}, doc = "for manifest.json" },
}))

return ovfoptions
