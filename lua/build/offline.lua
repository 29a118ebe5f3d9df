-- offline: what can be known about an image without a server. The same checks begin a build.
local lfs = require "lfs"
local keystroke = require "keystroke"
local floppy = require "floppy"
local err = require "core.err"
local boot = require "build.boot"
local place = require "build.place"
local datastore = require "vsphere.datastore"

local offline = {}

-- Stands for what is known only when typing; as long as the ${name} itself, so that columns are those of the recipe.
local TYPED = setmetatable({}, { __index = function(_, name)
  return boot.SAMPLE[name] and string.rep("x", #name + 3)
end, __pairs = function() return pairs(boot.SAMPLE) end })

local function check_boot(image, add)
  if not image.boot then return end
  for i, text in ipairs(image.boot) do
    local filled, message = boot.fill(text, TYPED)
    local events
    if filled then events, message = keystroke.parse(filled, { layout = image.boot.layout }) end
    if not events then add(string.format("boot[%d]", i), message:gsub("^boot command[,:] ", ""), text) end
  end
  local uses_http = table.concat(image.boot, " "):find("${http}", 1, true)
  local k = image.kickstart
  if uses_http and not (k and (k.http or k.files)) then add("boot", "uses ${http}, but there is no kickstart = { http = … }", "${http}") end
end

local function check_iso(image, add)
  local on_datastore = image.iso and image.iso.path
  if on_datastore and not datastore.parse(on_datastore) then
    add("iso.path", string.format("'%s' is not a path on a datastore: \"[datastore] directory/file.iso\"; a file of this machine is iso.url",
      on_datastore), on_datastore)
  end
  local url = image.iso and image.iso.url
  local path = url and (url:match("^file://(.*)$") or (not url:find("^%a[%w+.-]*://") and url))
  if not path then
    local scheme = url and url:match("^(%a[%w+.-]*)://")
    if scheme and scheme ~= "http" and scheme ~= "https" then
      add("iso.url", scheme .. ": only http, https and files are understood", url)
    end
    return
  end
  local mode = lfs.attributes(path, "mode")
  if mode ~= "file" then add("iso.url", string.format("%s: %s", path, mode and "is a " .. mode or "no such file"), url) end
end

local function check_steps(steps, name, add)
  for i, step in ipairs(steps) do
    local files = type(step) == "table" and (step.step == "upload" and step or { step.script }) or {}
    for _, path in ipairs(files) do
      if not lfs.attributes(path, "mode") then
        add(string.format("%s[%d]", name, i), path .. ": no such file or directory", path)
      end
    end
  end
end

local function check_checkpoints(image, add)
  local seen = {}
  for i, one in ipairs(image.provision) do
    if type(one) == "table" and one.step == "checkpoint" then
      if seen[one.name] then add(string.format("provision[%d]", i), string.format("there is a checkpoint '%s' before", one.name), one.name) end
      seen[one.name] = true
    end
  end
  for i, one in ipairs(image.on_error) do
    if type(one) == "table" and one.step == "checkpoint" then
      add(string.format("on_error[%d]", i), "a checkpoint is for provision: this machine goes", "on_error")
    end
  end
end

local function check_provision(image, add)
  check_steps(image.provision, "provision", add)
  check_steps(image.on_error, "on_error", add)
  check_steps(image.after, "after", add)
  check_checkpoints(image, add)
  for i, one in ipairs(image.after) do
    if type(one) == "table" and one.step ~= "local_shell" and one.step ~= "wait" then
      add(string.format("after[%d]", i), one.step .. " needs the guest, which is off by then: local_shell or a function", "after")
    end
  end
end

local function check_key(image, add)
  local key = image.ssh and image.ssh.key_file
  if key and not lfs.attributes(key, "mode") then add("ssh.key_file", key .. ": no such file", key) end
end

-- What stands in the installer's files has its place there; the rest is about the recipe's option.
local function first_path(path) return type(path) == "table" and path[1] or path end

local function add_kickstart(k, e, add)
  local hint = e.hint and "; " .. e.hint or ""
  for line in e.message:gmatch("[^\n]+") do
    local own = line:find("^[^:]+:%d+: ") ~= nil
    add("kickstart", line .. hint, first_path(k.http or k.floppy or k.cd), own)
  end
end

-- Of the form and length of a real one: SHA512-crypt, crypt(5).
local HASH = "$6$" .. ("x"):rep(16) .. "$" .. ("x"):rep(86)

local function check_kickstart(image, add)
  local k = image.kickstart
  if not k then return end
  local ok, files = pcall(boot.kickstart, image, { http = boot.SAMPLE.http, ip = boot.SAMPLE.ip, ssh_password_hash = HASH })
  if not ok then
    if not err.is(files) then error(files, 0) end
    return add_kickstart(k, files, add)
  end
  if not k.floppy then return end
  local bytes, message = floppy.image { label = k.label or "KICKSTART", files = files }
  if not bytes then add("kickstart.floppy", message .. "; kickstart = { cd = … } holds more", first_path(k.floppy)) end
end

--[[
offline.problems(image) -> {problem, ...}
What is wrong with an image as far as the builder alone can tell: files that are missing, boot commands and kickstarts
that cannot be filled in or typed, a floppy that overflows. Each as place.raise takes it.
]]
function offline.problems(image)
  local problems = {}
  local function add(path, message, near, own)
    problems[#problems + 1] = { path = path, message = message, near = near, where = own and "" or nil, line = image.line }
  end
  for _, check in ipairs { check_iso, check_kickstart, check_boot, check_provision, check_key } do check(image, add) end
  return problems
end

-- An image's name is that of its machine, its output directory and its events.
local function check_name(image, seen, texts)
  local here, other = string.format("%s:%s", image.recipe.path, image.line or "?"), seen[image.name]
  if other then
    texts[#texts + 1] = string.format("%s: the name '%s' is that of another image, too%s", here, image.name, other ~= here and ": " .. other or "")
  end
  seen[image.name] = here
end

--[[
offline.check_all(images) -> nothing
Raises: recipe, with all problems of offline.problems of all images, each with file and line, and images of one name.
]]
function offline.check_all(images)
  local texts, seen = {}, {}
  for _, image in ipairs(images) do
    check_name(image, seen, texts)
    local ok, e = pcall(place.raise, image.recipe, offline.problems(image))
    if not ok and not err.is(e, "recipe") then error(e, 0) end
    if not ok then texts[#texts + 1] = tostring(e) end
  end
  if #texts > 0 then err.raise("recipe", table.concat(texts, "\n")) end
end

return offline
