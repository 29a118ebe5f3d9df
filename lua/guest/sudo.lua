-- sudo: how a command becomes root's in the guest, and how its variables and passwords travel: over standard input
local err = require "core.err"
local tail = require "core.tail"

local sudo = {}

local function ask(guest, command) return err.check(guest.session:exec(command, { timeout = 60 })) end
local function quoted(text) return "'" .. tostring(text):gsub("'", "'\\''") .. "'" end

--[[
sudo.kind(guest) -> "root"|"free"|"password"
What it takes to be root: nothing, sudo, or sudo with a password. Asked once per guest.
Raises: auth (there is no sudo, or it wants a password and none is known).
Blocks: yes.
]]
function sudo.kind(guest)
  if guest.sudo_kind then return guest.sudo_kind end
  local user = guest.options.username
  if ("\n" .. ask(guest, "id -u").out):match "\n0%s*$" then -- before it may stand what the user's shell greets with
    guest.sudo_kind = "root"
  else
    local probe = ask(guest, "sudo -n -k true") -- -k: a password given a minute ago does not count
    if probe.status == 127 then
      err.raise("auth", user .. " is not root and the guest has no sudo", { target = guest.address })
    end
    if probe.status ~= 0 and not guest.options.password then
      err.raise("auth", "sudo wants a password of " .. user .. " and none is given", { target = guest.address, hint = tail.lines(probe.err) })
    end
    guest.sudo_kind = probe.status == 0 and "free" or "password"
  end
  return guest.sudo_kind
end

-- Shell text that sets the variables.
local function exports(env)
  local lines = {}
  for name, value in pairs(env) do
    if not name:match("^[%a_][%w_]*$") then error("'" .. name .. "' is no name of a variable", 0) end
    lines[#lines + 1] = string.format("export %s=%s\n", name, quoted(value))
  end
  table.sort(lines)
  return table.concat(lines)
end

--[[
sudo.dress(guest, command, options) -> string, string|nil
The command line and its standard input, for a command with variables, or as root. The variables and the password stand at the
front of the input, and so does a command that options.hide of shell.connect is true for; none is in a list of
arguments. dd reads byte by byte, so nothing of the rest is taken.
  options.env    {name = value}|nil
  options.sudo   boolean = false
  options.stdin  string|nil
Raises: auth.
Blocks: yes, the first time with sudo.
]]
function sudo.dress(guest, command, options)
  local stdin = options.stdin or ""
  local secret = guest.options.hide and guest.options.hide(command)
  if secret or (options.env and next(options.env)) then
    local text = exports(options.env or {}) .. (secret and command or "")
    command = string.format("eval \"$(dd bs=1 count=%d 2>/dev/null)\"\n%s", #text, secret and "" or command)
    stdin = text .. stdin
  end
  local kind = options.sudo and sudo.kind(guest) or "root"
  if kind == "free" then command = "sudo -n sh -c " .. quoted(command) end
  if kind == "password" then
    command = "sudo -k -S -p '' sh -c " .. quoted(command)
    stdin = guest.options.password .. "\n" .. stdin
  end
  return command, stdin
end

return sudo
