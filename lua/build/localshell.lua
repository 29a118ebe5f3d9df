-- localshell: commands on this machine that are about the guest: it is in their environment
local process = require "process"
local signal = require "signal"
local err = require "core.err"
local tail = require "core.tail"
local context = require "build.context"
local files = require "build.files"
local script = require "build.script"
local units = require "core.units"

local localshell = {}

-- What a command such as ansible-playbook needs to reach the guest, wherever it goes first.
local function environment(b, step)
  local ssh = b.image.ssh
  local key = b.key_file or ssh.key_file
  local env = { LUABUILD_ADDRESS = b.guest and b.guest.address, LUABUILD_PORT = tostring(ssh.port), LUABUILD_USER = ssh.username,
    LUABUILD_KEY = key and files.absolute(key), LUABUILD_IMAGE = b.image.name, LUABUILD_RUN = b.run,
    LUABUILD_OUTPUT = files.absolute(context.output(b)) }
  for name, value in pairs(step.env) do env[name] = value end
  return env
end

local function is_valid(status, valid)
  for _, one in ipairs(valid) do if one == status then return true end end
  return false
end

-- Read and wait until it ends or time is up, also when it never stops writing, or has closed its output; returns how it ended, and the
-- last lines that it wrote.
local function follow(child, seconds, feed)
  local until_ = signal.now() + seconds
  local listen, last_lines = tail.keeper(feed)
  local stream, bytes, result
  local function left() return math.max(0, until_ - signal.now()) end
  repeat
    stream, bytes = child:read(left())
    if stream then listen(stream, bytes) end
  until not stream or left() == 0
  if stream == nil then result = child:wait(left()) end
  if not result then err.raise("timeout", "it still ran after " .. units.format_seconds(seconds), { hint = last_lines() }) end
  return result, last_lines()
end

--[[
localshell.run(b, step, feed) -> nothing
Run a step's commands here with sh -e, or its script with what its first line says, in the recipe's working directory. In the environment:
LUABUILD_ADDRESS, LUABUILD_PORT, LUABUILD_USER, LUABUILD_KEY (the private key's file, when there is one), LUABUILD_IMAGE, LUABUILD_RUN,
LUABUILD_OUTPUT (the directory of the image's files here); paths from the root on. A command that is interrupted or takes too long is killed
with what it started; they get a SIGTERM when this process is killed.
  step           table             of the word local_shell
  feed           function          called with ("out"|"err", bytes) as they come
Raises: build (its exit status, with the last lines), timeout, io; cancelled.
Blocks: yes.
]]
function localshell.run(b, step, feed)
  local env = environment(b, step)
  local command
  if step.script then
    local _, interpreter = script.read(step.script)
    command = { "/bin/sh", "-c", "exec " .. interpreter .. ' "$0"', step.script }
  else -- lists of arguments are public, environments are not
    env.LUABUILD_COMMANDS = table.concat(step, "\n")
    command = { "/bin/sh", "-e", "-c", 'commands=$LUABUILD_COMMANDS; unset LUABUILD_COMMANDS; eval "$commands"' }
  end
  local child <close> = err.check(process.start { command = command, env = env })
  local result, said = follow(child, step.timeout, feed)
  if result.status and is_valid(result.status, step.valid) then return end
  err.raise("build", string.format("`%s` %s", step.script or step[1], result.signal and "was killed by signal " .. result.signal
    or "ended with status " .. result.status), { hint = said })
end

return localshell
