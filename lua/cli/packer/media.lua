-- media: what a builder says of the ISO, of the files for the installer and of the boot command
local kickstart = require "guest.kickstart"
local writer = require "cli.packer.writer"
local options = require "cli.packer.options"
local text = require "cli.packer.text"

local media = {}

local put = options.put

local function list(raw)
  if type(raw) ~= "table" then return { raw } end
  return raw
end

local function tidy(path) return type(path) == "string" and (path:gsub("^%./", ""):gsub("(.)/+$", "%1")) or path end

-- "./kickstart/x/" with variables in it, as a path of a recipe
local function path_of(image, raw)
  local known = image.values:known(raw)
  if known then return tidy(known) end
  return image.values:get(raw)
end

-- ---- the ISO ----

local function checksum(image, raw)
  local values = image.values
  local parts = type(raw) == "string" and values:parts(raw) or {}
  local kind, digest = parts[1], parts[3]
  if #parts == 3 and parts[2] == ":" and type(kind) == "table" and type(digest) == "table" and digest.variable
    and kind.variable == "iso_checksum_type" then
    local alone = "{{user `" .. digest.variable .. "`}}"
    values:need(alone)
    put(image, "iso.checksum", values:get(alone))
    return put(image, "iso.checksum_type", values:get "{{user `iso_checksum_type`}}")
  end
  local known = values:known(raw)
  if known and known:find "^file:" then
    image:lose("iso_checksum", raw, "write the digest itself")
    return put(image, "iso.checksum", "none")
  end
  values:need(raw)
  put(image, "iso.checksum", values:get(raw))
end

--[[
media.iso(image) -> nothing
iso_url, iso_urls, iso_checksum, iso_paths and cdrom_type of a builder.
]]
function media.iso(image)
  local raw = image.raw
  local urls = list(raw.iso_urls or raw.iso_url)
  local paths = list(raw.iso_paths)
  image.values:need(urls[1] or paths[1])
  put(image, "iso.url", image.values:get(urls[1]))
  for i = 2, #urls do image:lose("iso_urls", urls[i], "one place, or a mirror that is always there") end
  if urls[1] then checksum(image, raw.iso_checksum or raw.iso_checksum_url and "file:" .. tostring(raw.iso_checksum_url)) end
  if raw.iso_checksum_type then put(image, "iso.checksum_type", image.values:get(raw.iso_checksum_type)) end
  local first = urls[1] and 1 or 2
  if first == 2 then put(image, "iso.path", image.values:get(paths[1])) end
  for i = first, #paths do image:lose("iso_paths", paths[i], "one CD, and one for the kickstart: kickstart = { cd = … }") end
  if raw.cdrom_type and image.values:known(raw.cdrom_type) ~= "ide" then image:lose("cdrom_type", raw.cdrom_type, "the controller is chosen") end
end

-- ---- files for the installer ----

-- Paths of a floppy or a CD: each stands there by its own name, in Packer as here.
local function add_paths(image, out, raw, name)
  for _, one in ipairs(list(raw)) do
    local path = path_of(image, one)
    local all = type(path) == "string" and path:match "^([^*?%[]+)/%*%.?%*?$" -- a directory's files; put there alone, it is those
    if all and #list(raw) == 1 then out.directory = all
    elseif type(path) == "string" and path:find "[*?%[]" then image:lose(name, path, "name the files, or their directory")
    elseif path ~= nil and path ~= "" then out[#out + 1] = path end
  end
end

local function contents(image, raw)
  if not raw then return nil end
  local node = writer.fields()
  for _, name in ipairs(image.values.template.in_order(raw)) do node:set(name, image.values:get(raw[name]) or "") end
  return #node.fields > 0 and node or nil
end

-- "dir" alone, or a list; nil for nothing.
local function listed(image, medium, paths)
  if #paths == 0 then return paths.directory end
  if paths.directory then image:lose(medium, paths.directory .. "/*", "name the files, or their directory") end
  return writer.list(paths)
end

local function has_braces(files)
  for _, content in pairs(files) do if type(content) == "string" and content:find("${", 1, true) then return true end end
  return false
end

-- Packer leaves ${…} in files to the installer's shell, recipes fill it in; so they say that they do not, unless none is there.
local function fill(image, chosen)
  local raw = image.raw[chosen.medium .. "_content"]
  local ok, files = pcall(kickstart.collect, { [chosen.medium] = chosen.paths, files = { [""] = "" }, fill = false }, {})
  if not ok then
    image:lose("kickstart." .. chosen.medium, writer.text(chosen.where),
      "not found here, so ${…} in its files is not looked for: fill = false leaves it as it is")
  end
  if not ok or has_braces(files) or type(raw) == "table" and has_braces(raw) then put(image, "kickstart.fill", false) end
end

-- What there is for one medium: a directory, a list of paths, contents.
local function gather(image)
  local raw, found = image.raw, {}
  local floppy, cd = {}, {}
  for _, name in ipairs { "floppy_files", "floppy_dirs" } do add_paths(image, floppy, raw[name], name) end
  add_paths(image, cd, raw.cd_files, "cd_files")
  local directory = path_of(image, raw.http_directory)
  if directory == "" then directory = nil end
  local function add(medium, where, paths)
    local files = contents(image, raw[medium .. "_content"])
    if where ~= nil or files then found[#found + 1] = { medium = medium, where = where, paths = paths, files = files } end
  end
  add("http", directory, directory)
  add("floppy", listed(image, "floppy_files", floppy), #floppy > 0 and floppy or floppy.directory)
  add("cd", listed(image, "cd_files", cd), #cd > 0 and cd or cd.directory)
  return found
end

-- The boot command says which medium the installer reads; the others are lost.
local function choose(found, boot)
  local wanted = boot:find("${http}", 1, true) and "http" or boot:find("[Ff]loppy") and "floppy" or boot:find "fd0" and "floppy" or nil
  local chosen
  for _, one in ipairs(found) do
    if one.medium == wanted then chosen = one end
  end
  return chosen or found[#found]
end

--[[
media.kickstart(image, boot) -> nothing
http_directory, http_content, floppy_files, floppy_dirs, floppy_content, cd_files, cd_content and the labels.
  boot           string            the boot command as the recipe has it
]]
function media.kickstart(image, boot)
  local found = gather(image)
  local chosen = choose(found, boot)
  if not chosen then return end
  for _, one in ipairs(found) do
    if one ~= chosen then image:lose(one.medium, writer.text(one.where or one.files), "the installer has one medium, " .. chosen.medium) end
  end
  put(image, "kickstart." .. chosen.medium, chosen.where or chosen.medium ~= "http" and writer.list {} or nil)
  put(image, "kickstart.files", chosen.files)
  fill(image, chosen)
  local label = chosen.medium == "floppy" and image.raw.floppy_label or chosen.medium == "cd" and image.raw.cd_label
  if label then put(image, "kickstart.label", image.values:get(label)) end
  if image.raw.floppy_img_path and image.raw.floppy_img_path ~= "" then image:lose("floppy_img_path", image.raw.floppy_img_path, "give the files in it") end
end

-- ---- the boot command ----

-- Whether a variable stands for keys rather than for something one would set.
local function is_keys(value, whole) return type(value) == "string" and (whole or value:find "[<{]") end

-- One string of the boot command: Packer's text with known keys, ours with ${http}.
local function boot_text(image, raw)
  local values, out = image.values, {}
  local parts = text.parse(raw)
  local function add(template, depth)
    for _, part in ipairs(text.parse(template)) do
      local name = type(part) == "table" and part.name
      local value = name == "user" and values.template.variables[part.arguments[1]]
      if not name then out[#out + 1] = (part:gsub("%${", "$${"))
      elseif name == ".HTTPIP" then out[#out + 1] = "\1"
      elseif name == ".HTTPPort" then out[#out + 1] = "\2"
      elseif name == ".Name" or name == "build_name" then out[#out + 1] = image.name
      elseif value and not values.variables:is_secret(value.name) and is_keys(value.value, #parts == 1) and depth < 8 then
        values.variables.inlined[value.name] = true
        add(value.value, depth + 1)
      elseif name == "user" and part.arguments[1] then out[#out + 1] = { variable = part.arguments[1] }
      else
        local known = values:expand(part.source)[1]
        if type(known) == "table" and known.unknown then values:lose("boot_command", part.source .. " is not known when typing") end
        out[#out + 1] = type(known) == "table" and known.unknown or known
      end
    end
  end
  add(raw, 0)
  return out
end

-- At the prompt that <esc> brings, newer loaders take a blank before the name for a part of it.
local function after_escape(s)
  local at = s:find "^<esc>" and 6 or 1
  while at > 1 and s:find("^<wait%w*>", at) do at = s:find(">", at, true) + 1 end
  return at > 1 and s:sub(1, at - 1) .. s:sub(at):gsub("^%s+", "") or s
end

local function address(image, s)
  s = s:gsub("https?://\1:\2", "${http}")
  s = after_escape(s)
  if s:find "[\1\2]" then
    image:lose("boot_command", "{{ .HTTPIP }} and {{ .HTTPPort }} apart: ${http} is http://address:port, ${ip} the address")
    s = s:gsub("\1", "${ip}"):gsub("\2", "8000")
  end
  return s
end

-- Neighbouring pieces of text joined, so that "http://" in one and the address in the next become ${http}; then split after each <enter>.
local function typed(image, pieces)
  local line, lines, node = "", {}, {}
  local function flush()
    if line ~= "" then node[#node + 1] = writer.scalar((address(image, line))) end
    if #node > 0 then lines[#lines + 1] = #node == 1 and line ~= "" and address(image, line) or writer.lua(table.concat(node, " .. ")) end
    line, node = "", {}
  end
  for _, piece in ipairs(pieces) do
    if type(piece) == "table" then
      if line ~= "" then node[#node + 1] = writer.scalar((address(image, line))) end
      line = ""
      node[#node + 1] = piece.lua or image.values.variables:use(piece.variable, "text", true)
    elseif piece == "\n" then flush()
    else line = line .. piece end
  end
  flush()
  return lines
end

-- The strings of a template end where its author liked; a line ends where a key that sends it is.
local function ends_line(s) return s:find "<enter>[<>%w]*$" or s:find "<return>[<>%w]*$" or s:find "^<[%w<>]+>$" end

--[[
media.boot(image) -> string
boot_command, boot_wait and boot_keygroup_interval; returns all that is typed, as one text.
]]
function media.boot(image)
  local pieces = {}
  for _, raw in ipairs(list(image.raw.boot_command)) do
    local before = #pieces
    local added = boot_text(image, raw)
    table.move(added, 1, #added, #pieces + 1, pieces)
    local last = pieces[#pieces]
    if #pieces > before and type(last) == "string" and ends_line(last) then pieces[#pieces + 1] = "\n" end
  end
  local lines = typed(image, pieces)
  if #lines == 0 then return "" end
  local boot = writer.fields()
  local wait = image.raw.boot_wait
  if wait and image.values:is_variable(wait) ~= "boot_wait" then boot:set("wait", image.values:get(wait, "duration"))
  elseif wait then image.values:get(wait, "duration") end
  if image.raw.boot_keygroup_interval then boot:set("interval", image.values:get(image.raw.boot_keygroup_interval, "duration")) end
  boot.items, boot.fields_first = lines, true
  put(image, "boot", boot)
  local all = {}
  for i, line in ipairs(lines) do all[i] = type(line) == "string" and line or writer.text(line) end
  return table.concat(all)
end

return media
