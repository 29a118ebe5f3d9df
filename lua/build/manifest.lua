-- manifest: the records that go with an export: the package's .mf, the archive's .sha256, manifest.json
local cjson = require "cjson"
local err = require "core.err"

local manifest = {}

local WIDTH = { sha1 = 40, sha256 = 64, sha512 = 128 } -- hex digits: FIPS 180-4

local function line(algorithm, name, hex) return string.format("%s(%s)= %s\n", algorithm:upper(), name, hex) end

--[[
manifest.knows(algorithm, hex) -> boolean
Is this a digest that manifests may have?
]]
function manifest.knows(algorithm, hex) return #hex == WIDTH[algorithm] and not hex:find "%X" end

-- ---- the manifest of a package ----

--[[
manifest.text(algorithm, files) -> string
The .mf file of a package: one line for each file.
  algorithm      string            "sha1", "sha256" or "sha512"
  files          table             array of { name = string, hex = string }
Source: DSP0243 1.1.0, 5.1 (SHA1); DSP0243 2.1.0 (SHA256); the form is that of `openssl dgst`.
]]
function manifest.text(algorithm, files)
  local out = {}
  for i, file in ipairs(files) do
    if not manifest.knows(algorithm, file.hex) then err.raise("format", file.name .. ": not a " .. algorithm .. " digest: " .. file.hex) end
    out[i] = line(algorithm, file.name, file.hex)
  end
  return table.concat(out)
end

--[[
manifest.length(algorithm, names) -> integer
How many bytes manifest.text will have for files of these names: room can be kept for it before the digests are known.
]]
function manifest.length(algorithm, names)
  local total = 0
  for _, name in ipairs(names) do total = total + #line(algorithm, name, "") + WIDTH[algorithm] end
  return total
end

local function parse_line(text)
  local algorithm, name, hex = text:match("^([%w-]+)%s*%((.+)%)%s*=%s*(%x+)%s*$")
  algorithm = algorithm and algorithm:lower():gsub("^sha%-", "sha")
  if not (algorithm and WIDTH[algorithm] == #hex) then return nil end
  return { algorithm = algorithm, name = name, hex = hex:lower() }
end

--[[
manifest.parse(text) -> {entry, ...}, {string, ...}
The lines of a manifest, as strict and as loose as those who write them, and those that are none.
entry = { algorithm = "sha1"|"sha256"|"sha512", name = string, hex = string (lower case) }
]]
function manifest.parse(text)
  local entries, bad = {}, {}
  for each in text:gmatch("[^\r\n]+") do
    local entry = parse_line(each)
    if entry then entries[#entries + 1] = entry
    elseif each:find("%S") then bad[#bad + 1] = each end
  end
  return entries, bad
end

-- ---- the digest of an archive ----

--[[
manifest.checksum(name, hex) -> string
A line that `sha256sum -c` takes, for the file NAME.sha256 beside NAME.
Source: GNU coreutils, "md5sum invocation" (a name with a backslash or a line break is escaped).
]]
function manifest.checksum(name, hex)
  local escaped = name:gsub("[\\\n\r]", { ["\\"] = "\\\\", ["\n"] = "\\n", ["\r"] = "\\r" })
  return string.format("%s%s  %s\n", escaped ~= name and "\\" or "", hex, escaped)
end

-- ---- manifest.json ----

local encode

local function encode_list(value, indent)
  local out, inner = {}, indent .. "  "
  for i, element in ipairs(value) do out[i] = inner .. encode(element, inner) end
  return "[\n" .. table.concat(out, ",\n") .. "\n" .. indent .. "]"
end

local function encode_table(value, indent)
  local keys, out, inner = {}, {}, indent .. "  "
  for key in pairs(value) do keys[#keys + 1] = tostring(key) end
  table.sort(keys)
  for i, key in ipairs(keys) do out[i] = inner .. cjson.encode(key) .. ": " .. encode(value[key], inner) end
  return #keys == 0 and "{}" or "{\n" .. table.concat(out, ",\n") .. "\n" .. indent .. "}"
end

-- By name, and integers exact: cjson knows only floats.
function encode(value, indent)
  if math.type(value) == "integer" then return tostring(value) end
  if type(value) ~= "table" then return (cjson.encode(value):gsub("\\/", "/")) end
  if #value > 0 then return encode_list(value, indent) end
  return encode_table(value, indent)
end

local function strings(t)
  local out = {}
  for key, value in pairs(t or {}) do out[key] = tostring(value) end
  return out
end

--[[
manifest.json(build) -> string
What was built, from what: the fields that scripts take from Packer's manifest (`builds[0].files[0].name`), and ours beside them.
  build.name        string         of the image
  build.kind        string         "base" or "clone"
  build.time        integer        seconds since 1970
  build.run         string         the run's id
  build.files       table          array of { name = string, size = integer (bytes), sha256 = string|nil, ... }
  build.custom_data table = {}     name -> value, written as strings
  build.details     table = {}     more about the image: its parent, inputs, checksums, server
Keys are sorted, so that equal builds give equal text.
Source: Packer's manifest post-processor (its field names; they are an interface by use).
]]
function manifest.json(build)
  local files = {}
  for i, file in ipairs(build.files) do
    files[i] = {}
    for key, value in pairs(file) do files[i][key] = value end
  end
  local entry = { name = build.name, builder_type = "luabuild-" .. build.kind, build_time = build.time, files = #files > 0 and files or cjson.null,
    artifact_id = build.name, packer_run_uuid = build.run, custom_data = strings(build.custom_data), luabuild = build.details or {} }
  return encode({ builds = { entry }, last_run_uuid = build.run }, "") .. "\n"
end

return manifest
