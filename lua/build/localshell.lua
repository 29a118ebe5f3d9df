-- localshell: commands on this machine that are about the guest: it is in their environment
local process = require "process"
local signal = require "signal"
local err = require "core.err"
local context = require "build.context"
local units = require "core.units"

local localshell = {}

local TAIL = 20 -- lines of output in the error of a command that failed

-- What a command such as ansible-playbook needs to reach the guest.
local function environment(b, step)
  local ssh = b.image.ssh
  local env = { LUABUILD_ADDRESS = b.guest and b.guest.address, LUABUILD_PORT = tostring(ssh.port), LUABUILD_USER = ssh.username,
    LUABUILD_KEY = b.key_file or ssh.key_file, LUABUILD_IMAGE = b.image.name, LUABUILD_RUN = b.run,
    LUABUILD_OUTPUT = context.output(b) }
  for name, value in pairs(step.env) do env[name] = value end
  return env
end

local function last_lines(text)
  local lines = {}
  for line in text:gmatch("[^\n]+") do lines[#lines + 1] = line end
  return table.concat(lines, "\n", math.max(1, #lines - TAIL + 1))
end

local function is_valid(status, valid)
  for _, one in ipairs(valid) do if one == status then return true end end
  return false
end

-- Read until it ends or time is up; returns what it wrote last.
local function follow(child, seconds, feed)
  local until_, kept = signal.now() + seconds, ""
  while true do
    local stream, bytes = child:read(math.max(0, until_ - signal.now()))
    if stream == nil then return kept end
    if not stream then err.raise("timeout", "it still ran after " .. units.format_seconds(seconds), { hint = last_lines(kept) }) end
    feed(stream, bytes)
    kept = (kept .. bytes):sub(-8192)
  end
end

--[[
localshell.run(b, step, feed) -> nothing
Run a step's commands here with sh -e, or its script, in the recipe's working directory. In the environment: LUABUILD_ADDRESS,
LUABUILD_PORT, LUABUILD_USER, LUABUILD_KEY (the private key's file, when there is one), LUABUILD_IMAGE, LUABUILD_RUN, LUABUILD_OUTPUT (the directory of the
image's files here). A command that is
interrupted or takes too long is killed with what it started.
  step           table             of the word local_shell
  feed           function          called with ("out"|"err", bytes) as they come
Raises: build (its exit status, with the last lines), timeout, io; cancelled.
Blocks: yes.
]]
function localshell.run(b, step, feed)
  local env, command = environment(b, step), { "/bin/sh", "-e", step.script }
  if not step.script then -- lists of arguments are public, environments are not
    env.LUABUILD_COMMANDS = table.concat(step, "\n")
    command = { "/bin/sh", "-e", "-c", 'commands=$LUABUILD_COMMANDS; unset LUABUILD_COMMANDS; eval "$commands"' }
  end
  local child <close> = err.check(process.start { command = command, env = env })
  local kept = follow(child, step.timeout, feed)
  local result = child:wait()
  if result.status and is_valid(result.status, step.valid) then return end
  err.raise("build", string.format("`%s` %s", step.script or step[1], result.signal and "was killed by signal " .. result.signal
    or "ended with status " .. result.status), { hint = last_lines(kept) })
end

return localshell
