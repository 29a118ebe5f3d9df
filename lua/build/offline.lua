-- offline: what can be known about an image without a server. The same checks begin a build.
local lfs = require "lfs"
local keystroke = require "keystroke"
local err = require "core.err"
local boot = require "build.boot"

local offline = {}

local function check_boot(image, add)
  if not image.boot then return end
  for i, text in ipairs(image.boot) do
    local filled, message = boot.fill(text, boot.SAMPLE)
    local events
    if filled then events, message = keystroke.parse(filled, { layout = image.boot.layout }) end
    if not events then add(string.format("boot[%d]: %s", i, message)) end
  end
  local uses_http = table.concat(image.boot, " "):find("${http}", 1, true)
  if uses_http and not (image.kickstart and image.kickstart.http) and not (image.kickstart and image.kickstart.files) then
    add("boot: uses ${http}, but there is no kickstart = { http = … }")
  end
end

local function check_iso(image, add)
  local url = image.iso and image.iso.url
  local path = url and (url:match("^file://(.*)$") or (not url:find("^%a[%w+.-]*://") and url))
  if not path then
    local scheme = url and url:match("^(%a[%w+.-]*)://")
    if scheme and scheme ~= "http" and scheme ~= "https" then add("iso.url: " .. scheme .. ": only http, https and files are understood") end
    return
  end
  local mode = lfs.attributes(path, "mode")
  if mode ~= "file" then add(string.format("iso.url: %s: %s", path, mode and "is a " .. mode or "no such file")) end
end

local function check_provision(image, add)
  for i, step in ipairs(image.provision) do
    local files = type(step) == "table" and (step.step == "upload" and step or { step.script }) or {}
    for _, path in ipairs(files) do
      if not lfs.attributes(path, "mode") then add(string.format("provision[%d]: %s: no such file or directory", i, path)) end
    end
  end
end

local function check_key(image, add)
  local key = image.ssh and image.ssh.key_file
  if key and not lfs.attributes(key, "mode") then add("ssh.key_file: " .. key .. ": no such file") end
end

local function check_kickstart(image, add)
  if not image.kickstart then return end
  local ok, e = pcall(boot.kickstart, image, boot.SAMPLE)
  if not ok then
    if not err.is(e) then error(e, 0) end
    add("kickstart: " .. tostring(e))
  end
end

--[[
offline.problems(image) -> {string, ...}
What is wrong with an image as far as the builder alone can tell: files that are missing, boot commands and kickstarts
that cannot be filled in or typed.
]]
function offline.problems(image)
  local problems = {}
  local function add(message) problems[#problems + 1] = message end
  for _, check in ipairs { check_iso, check_kickstart, check_boot, check_provision, check_key } do check(image, add) end
  return problems
end

--[[
offline.check(image) -> nothing
Raises: recipe, with all problems of offline.problems.
]]
function offline.check(image)
  local problems = offline.problems(image)
  if #problems == 0 then return end
  for i, p in ipairs(problems) do problems[i] = image.recipe.path .. ": " .. image.name .. ": " .. p end
  err.raise("recipe", table.concat(problems, "\n"))
end

return offline
