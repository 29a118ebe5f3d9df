-- steps: provisioners as the steps of a recipe
local cjson = require "cjson"
local writer = require "cli.packer.writer"

local steps = {}

local function list(raw)
  if raw == nil or raw == "" then return {} end
  return type(raw) == "table" and raw or { raw }
end

local function contains(names, name)
  for _, one in ipairs(list(names)) do if one == name then return true end end
  return false
end

--[[
steps.effective(one, name) -> table|nil
A provisioner or post-processor as it is for the builder of that name, its override applied; nil when only and except say that it
is not for it.
]]
function steps.effective(one, name)
  if #list(one.only) > 0 and not contains(one.only, name) or contains(one.except, name) then return nil end
  local out = {}
  for key, value in pairs(one) do out[key] = value end
  for key, value in pairs(type(one.override) == "table" and one.override[name] or {}) do out[key] = value end
  out.override, out.only, out.except = nil, nil, nil
  return out
end

-- Options -> why they are lost; true: nothing is. The rest has been read.
local function rest(image, out, one, read, why)
  for _, key in ipairs(image.values.template.in_order(one)) do
    local known = read[key]
    if not known and key:sub(1, 1) ~= "_" then
      local value = type(one[key]) == "table" and cjson.encode(one[key]):gsub("\\/", "/") or tostring(one[key])
      out[#out + 1] = { comment = image.values:lose(image.name, string.format("%s: %s = %s%s", one.type, key, value, why[key] and ": " .. why[key] or "")) }
    end
  end
end

-- ---- upload ----

local function file(image, out, one)
  local argument = writer.list {}
  argument.fields = writer.fields().fields
  local function set(key, value) table.insert(argument.fields, { key = key, value = value }) end
  local sources = {}
  for _, raw in ipairs(one.sources and list(one.sources) or list(one.source)) do
    image.values:need(raw)
    local known = image.values:known(raw)
    sources[#sources + 1] = known and known:gsub("^%./", "") or image.values:get(raw)
  end
  local destination = image.values:get(one.destination) or ""
  if one.direction == "download" then
    set("from", #sources == 1 and sources[1] or writer.list(sources))
  elseif one.content then
    set("content", image.values:get(one.content) or "")
  else
    argument.items = sources
  end
  set("to", destination)
  rest(image, out, one, { type = true, source = true, sources = true, destination = true, direction = true, content = true, generated = true,
    pause_before = true }, { max_retries = "a transfer that breaks is an error", timeout = "a transfer may take its time" })
  out[#out + 1] = writer.call("upload", argument)
end

-- ---- shell ----

-- A variable that nobody ever gave a value is not in the environment, unless Packer has it there as "".
local function environment_value(image, raw)
  local name = image.values:is_variable(raw)
  return image.values:get(raw, "text", not name or image.values.template.given or image.values.variables:value(name) ~= nil) or ""
end

-- "A=b" -> A, b
local function environment(image, one)
  local node = writer.fields()
  for _, assignment in ipairs(list(one.environment_vars)) do
    local name, value = tostring(assignment):match "^([^=]+)=(.*)$"
    if name then node:set(name, environment_value(image, (value:gsub("^'(.*)'$", "%1")))) end
  end
  for _, name in ipairs(one.env and image.values.template.in_order(one.env) or {}) do node:set(name, environment_value(image, one.env[name])) end
  if #node.fields == 0 then return nil end
  table.insert(image.values.environments, node)
  return node
end

-- How a script is run, from an execute_command: sudo or not, interpreter or none; nil when it is something else.
-- Source: Packer's documentation of the provisioner shell: its default is "chmod +x {{.Path}}; {{.Vars}} {{.Path}}".
local function execution(command)
  local text = command:gsub("{{%s*(%.%w+)%s*}}", "{{%1}}"):gsub("chmod %+x ['\"]?{{.Path}}['\"]?%s*[;&]+%s*", "")
  local before, after = text:match "^(.*){{.Path}}(.*)$"
  if not before or after:find "[^'\"%s]" then return nil end
  local sudo = before:find "%f[%w]sudo%f[^%w]" ~= nil
  before = before:gsub("^%s*echo%s+.-|", " "):gsub("{{.Vars}}", " "):gsub("{{.EnvVarFile}}", " "):gsub("['\"]", " ")
  before = before:gsub("%f[%w]sudo%f[^%w]", " "):gsub("%f[%w]env%f[^%w]", " ")
  if sudo then before = before:gsub("^%s*%-[SEHnk]+%s", " "):gsub("^%s*%-[SEHnk]+%s", " "):gsub("^%s*%-[SEHnk]+%s", " ") end
  local interpreter = before:gsub("^%s+", ""):gsub("%s+$", ""):gsub("%s+", " ")
  if interpreter:find "[^%w/%-_. ]" then return nil end
  return { sudo = sudo, interpreter = interpreter ~= "" and interpreter:gsub("%s+%-c$", "") or nil }
end

-- The interpreter that a script names in its first line.
local function shebang(path)
  local handle <close> = path and io.open(path, "rb")
  local first = handle and handle:read "l"
  local named = first and first:match "^#!%s*(.-)%s*$"
  return named and (named:gsub("^/usr/bin/env%s+", ""))
end

local REBOOT = { reboot = true, ["shutdown -r now"] = true, ["systemctl reboot"] = true, ["sudo reboot"] = true, ["sudo shutdown -r now"] = true,
  ["sudo systemctl reboot"] = true }

local function is_reboot(image, commands)
  return #commands == 1 and REBOOT[image.values:known(commands[1]) or ""] ~= nil
end

local SHELL = { type = true, inline = true, command = true, script = true, scripts = true, environment_vars = true, env = true, execute_command = true,
  inline_shebang = true, valid_exit_codes = true, timeout = true, max_retries = true, pause_before = true, pause_after = true,
  remote_path = true, remote_folder = true, remote_file = true, use_env_var_file = true, env_var_format = true, skip_clean = true, binary = true,
  tempfile_extension = true, use_linux_pathing = true, keep_input_artifact = true, name = true, start_retry_timeout = true }
local WHY = { expect_disconnect = "write the reboot as a step of its own: reboot {}", only_on = "it runs wherever luabuild does" }

-- What a shell step has besides its commands.
local function shell_fields(image, out, one)
  local values, node = image.values, writer.fields()
  local how = type(one.execute_command) == "string" and execution(one.execute_command)
  if one.execute_command and not how then
    local text = type(one.execute_command) == "table" and cjson.encode(one.execute_command) or tostring(one.execute_command)
    out[#out + 1] = { comment = values:lose(image.name, "execute_command = " .. text) }
  end
  how = how or {}
  if how.sudo then node:set("sudo", true) end
  local interpreter = how.interpreter or one.inline and one.inline_shebang
  if interpreter and interpreter ~= "/bin/sh -e" and interpreter ~= "sh -e" then node:set("interpreter", interpreter) end
  node:set("env", environment(image, one))
  node:set("timeout", values:get(one.timeout, "duration"))
  if one.max_retries then node:set("retries", values:get(one.max_retries, "integer")) end
  local valid = list(one.valid_exit_codes)
  if #valid > 0 then
    for i, code in ipairs(valid) do valid[i] = math.tointeger(tonumber(code)) or code end
    node:set("valid", writer.list(valid))
  end
  local set = {}
  for _, field in ipairs(node.fields) do if field.value ~= nil then set[#set + 1] = field end end
  return set
end

local function step(word, items, fields)
  local argument = writer.list(items)
  argument.fields = fields
  return writer.call(word, argument)
end

local function shell(image, out, one)
  local commands = {}
  local inline = list(one.inline or one.command)
  if is_reboot(image, inline) then
    out[#out + 1] = writer.call("reboot", writer.list {})
    return
  end
  rest(image, out, one, SHELL, WHY)
  for i, raw in ipairs(inline) do commands[i] = image.values:get(raw, "text", true) or "" end
  if #commands > 0 then
    local fields = shell_fields(image, out, one)
    out[#out + 1] = step("shell", commands, fields)
  end
  for _, raw in ipairs(list(one.scripts or one.script)) do
    local path = image.values:known(raw)
    path = path and path:gsub("^%./", "")
    local fields = shell_fields(image, out, one)
    table.insert(fields, 1, { key = "script", value = path or image.values:get(raw) })
    out[#out + 1] = step("shell", {}, fields)
  end
end

-- What Packer fills in for commands on this machine is in their environment here.
local BUILD = { Host = "$LUABUILD_ADDRESS", Port = "$LUABUILD_PORT", User = "$LUABUILD_USER", PackerRunUUID = "$LUABUILD_RUN", ID = "$LUABUILD_IMAGE" }

local function local_command(raw)
  return type(raw) == "string" and raw:gsub("{{%s*build%s+[`\"](%w+)[`\"]%s*}}", function(name) return BUILD[name] end) or raw
end

--[[
steps.local_shell(image, out, one) -> nothing
A provisioner or post-processor shell-local as steps local_shell; what has no counterpart becomes comments before them.
  image          image             from cli.packer.builder
  out            {node, ...}       steps are added to it
  one            table             as it stands in the template
]]
function steps.local_shell(image, out, one)
  local commands = {}
  local read = {}
  for key in pairs(SHELL) do read[key] = true end
  read.execute_command = nil
  read.only_on = contains(one.only_on, "linux") or nil
  rest(image, out, one, read, WHY)
  for _, raw in ipairs(list(one.inline or one.command)) do commands[#commands + 1] = image.values:get(local_command(raw), "text", true) or "" end
  for _, raw in ipairs(list(one.scripts or one.script)) do
    local path = image.values:known(raw)
    local interpreter = shebang(path)
    commands[#commands + 1] = path and ((interpreter or "sh -e") .. " " .. path) or image.values:get(raw)
  end
  local plain = { environment_vars = one.environment_vars, env = one.env, timeout = one.timeout, valid_exit_codes = one.valid_exit_codes }
  if #commands == 0 then return end
  local fields = shell_fields(image, out, plain)
  out[#out + 1] = step("local_shell", commands, fields)
end

local HINTS = { ansible = 'local_shell { "ansible-playbook -i $LUABUILD_ADDRESS, -u $LUABUILD_USER …" }',
  ["ansible-local"] = "upload { … } and shell { \"ansible-playbook …\" }",
  ["windows-restart"] = "only ssh is spoken",
  ["windows-shell"] = "only ssh is spoken", powershell = "only ssh is spoken", goss = "check { … }", inspec = "check { … }" }

local function unknown(image, out, one)
  local options = {}
  for _, key in ipairs(image.values.template.in_order(one)) do
    if key ~= "type" then options[#options + 1] = key .. " = " .. cjson.encode(one[key]):gsub("\\/", "/") end
  end
  local hint = HINTS[one.type] and (HINTS[one.type]:find "{" and "; see " or ": ") .. HINTS[one.type] or ""
  out[#out + 1] = { comment = image.values:lose(image.name, string.format("provisioner %s%s", tostring(one.type), hint))
    .. (#options > 0 and "\n  " .. table.concat(options, "\n  ") or "") }
end

local function breakpoint(_, out, one)
  if one.disable == true or one.disable == "true" then return end
  local note = type(one.note) == "string" and one.note ~= "" and one.note
  out[#out + 1] = note and writer.lua("breakpoint " .. writer.scalar((note:gsub("%c", " ")))) or writer.call("breakpoint", writer.list {})
end

local KINDS = { file = file, shell = shell, ["shell-local"] = steps.local_shell, breakpoint = breakpoint }

local function pause(image, out, raw)
  local value = image.values:get(raw, "duration")
  if value == nil or value == "0s" then return end
  out[#out + 1] = type(value) == "string" and writer.lua("wait " .. writer.scalar(value)) or writer.call("wait", writer.list { value })
end

--[[
steps.read(image, list) -> node|nil
The provisioners of a template that are for this image, as a list of steps; nil when there are none.
  image          image             from cli.packer.builder
  list           {table, ...}      as they stand in the template
]]
function steps.read(image, provisioners)
  local out = {}
  for _, one in ipairs(provisioners) do
    local mine = steps.effective(one, image.name)
    if mine then
      pause(image, out, mine.pause_before)
      local read = KINDS[mine.type] or unknown
      read(image, out, mine)
      pause(image, out, mine.pause_after)
    end
  end
  return #out > 0 and writer.list(out) or nil
end

return steps
