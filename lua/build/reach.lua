-- reach: the guest's address from the chain: tools, phone-home, who fetched the kickstart, a static value
local address = require "vsphere.address"
local httpd = require "httpd"
local property = require "vsphere.property"
local signal = require "signal"
local err = require "core.err"
local units = require "core.units"

local reach = {}

local PATHS = { "guest.net", "guest.ipAddress", "guest.toolsRunningStatus", "runtime.powerState", "runtime.question" }
local POLL = 5 -- seconds in one long poll: the kickstart server's events are looked at in between

-- Whoever is reached from the very address it has is this machine.
local function is_own(b, seen) return b.own_addresses[seen] or httpd.route(seen) == seen end

-- An address that the guest itself showed over HTTP; the builder's own (a proxy, NAT) are none.
local function from_http(b)
  for _, kind in ipairs { "phoned", "fetched_by" } do
    local seen = b[kind]
    if seen and not is_own(b, seen) then return seen, kind == "phoned" and "phone-home" or "it fetched the kickstart" end
  end
end

-- What the VM's state says, besides addresses.
local function check_state(b)
  local state = b.state
  local question = state["runtime.question"]
  if question and question.id ~= b.answered then
    b.answered = question.id
    b.vm:answer(question, b.note)
  end
  if state["runtime.powerState"] == "poweredOff" and b.expect_on then
    err.raise("build", "the virtual machine was powered off while the build waited for it",
      { target = b.image.name, hint = "the installer may end with a shutdown instead of a reboot, or somebody powered it off" })
  end
end

--[[
reach.look(b, seconds) -> address|nil, origin|why
Look once, for at most `seconds`, at what is known of the guest's address.
  b              build             vm, watcher, state, devices, image.address, own_addresses
Raises: build (the VM is off), fault.
Blocks: yes.
]]
function reach.look(b, seconds)
  if seconds == 0 and not b.watcher then
    b.state = b.vm:get(PATHS)
  else
    b.watcher = b.watcher or b.keep(property.watch(b.vm, PATHS))
    b.state = b.watcher:next(math.min(seconds, POLL)) or b.state
  end
  b.watch_http(0)
  check_state(b)
  local static = b.image.address.static
  if static then return static, "static" end
  local found, why = address.pick({ net = b.state["guest.net"], ipAddress = b.state["guest.ipAddress"] }, b.devices,
    { within = b.image.address.within, exclude = b.own_addresses })
  if found then return found, "VMware Tools" end
  local seen, origin = from_http(b)
  if seen then return seen, origin end
  return nil, b.state["guest.toolsRunningStatus"] == "guestToolsRunning" and why or "VMware Tools do not run yet"
end

--[[
reach.stop(b) -> nothing
Watch no longer: all that the server knows of the guest's network would come again with the first answer about every task.
Blocks: yes, one request.
]]
function reach.stop(b)
  if b.watcher then b.watcher:close() end
  b.watcher = nil
end

local function give_up(limit, why)
  err.raise("timeout", string.format("no address of the guest within %s: %s", units.format_seconds(limit), why or "nothing was heard of it"), {
    hint = "look at the console picture. Is open-vm-tools installed by the kickstart, is there a DHCP server, did the installation end?\n"
      .. "Without tools: address = { static = … }, or let the guest fetch ${http}/hello" })
end

--[[
reach.wait(b, limit) -> address, origin
Wait for an address that stays the same for image.address.settle seconds; says once a minute what is missing.
  limit          number            seconds
Raises: timeout, build.
Blocks: yes.
]]
function reach.wait(b, limit)
  local started, said = signal.now(), signal.now()
  local candidate, since, why, told
  local function tell(what, seconds)
    if what ~= told then b.doing(what, seconds) end
    told = what
  end
  while true do
    local now = signal.now()
    if now - started > limit then give_up(limit, why) end
    local found, about = reach.look(b, math.max(1, started + limit - now))
    if found and found ~= candidate then candidate, since = found, signal.now() end
    if found and signal.now() - since >= b.image.address.settle then return found, about end
    if not found then candidate, why = nil, about end
    tell(found and "is " .. found .. " going to stay?" or why or "nothing was heard of it", found and b.image.address.settle or started + limit - now)
    if signal.now() - said >= 60 then
      said = signal.now()
      b.note(string.format("still no address after %s: %s", units.format_seconds(said - started), why or "settling"))
    end
  end
end

return reach
