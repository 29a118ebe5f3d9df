-- access: the way into the living guest, and the way out of it
local err = require "core.err"
local guest = require "guest.shell"
local hidden = require "build.hidden"
local keypair = require "build.keypair"
local reach = require "build.reach"
local units = require "core.units"

local access = {}

--[[
access.find_address(b) -> string
Wait for the guest's address, within the address timeout.
Blocks: yes.
]]
function access.find_address(b)
  local address, origin = reach.wait(b, b.image.address.timeout)
  b.address = address
  return address .. " (" .. origin .. ")"
end

--[[
access.connect(b) -> string
Log in over ssh, with patience; sets b.guest. With a key pair of the build's own, when the recipe wants one.
Blocks: yes.
]]
function access.connect(b)
  local s, found = b.image.ssh, b.address
  local function address() -- found a moment ago; only then looked at again
    local now = found or reach.look(b, 0) or b.address
    found = nil
    return now
  end
  b.doing("logging in as " .. s.username .. " at " .. b.address, s.timeout)
  b.guest = b.keep(guest.connect {
    address = address,
    port = s.port, username = s.username, password = s.password, key_file = s.key_file, agent = s.agent, timeout = s.timeout,
    note = b.note, hide = function(text) return hidden.of(b.image):hidden_in(text) end,
  })
  reach.stop(b)
  b.address = b.guest.address
  b.capture "running"
  if s.temporary_key then keypair.install(b) end
  return string.format("%s@%s, %s%s", s.username, b.guest.address, b.guest:hostkey_fingerprint(), s.temporary_key and ", temporary key" or "")
end

--[[
access.shut_down(b) -> nothing
Power the guest off by the recipe's command, or VMware Tools, and wait for it.
Raises: timeout, build.
Blocks: yes.
]]
function access.shut_down(b)
  local s = b.image.shutdown
  b.capture "before-shut-down"
  keypair.remove(b)
  b.expect_on = false
  if s.command then b.guest:shutdown(s.command) else b.vm:shutdown_guest() end
  b.doing("waiting until the guest is off", s.timeout)
  if b.vm:wait_power("poweredOff", s.timeout) then return end
  b.expect_on = true -- it is on: its console is shown with the failure
  err.raise("timeout", string.format("the guest did not power off within %s", units.format_seconds(s.timeout)),
    { hint = s.command and "does `" .. s.command .. "` power the machine off, and not only halt it?" or "set shutdown to a command" })
end

return access
