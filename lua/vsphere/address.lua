-- address: which of the addresses that the guest tools report is the one to reach the guest at
local device = require "vsphere.device"

local address = {}

local function parse4(text)
  local bytes = {}
  for part in (text .. "."):gmatch("([^.]*)%.") do
    local number = (part == "0" or part:match("^[1-9]%d?%d?$")) and tonumber(part)
    if not number or number > 255 then return end
    bytes[#bytes + 1] = string.char(number)
  end
  return #bytes == 4 and table.concat(bytes) or nil
end

-- The bytes of groups "a:b:c"; "" has none. The last group may be an IPv4 address.
local function groups(text)
  local out = {}
  if text == "" then return "" end
  local head, last = text:match("^(.-)([^:]*)$")
  if last:find(".", 1, true) then
    local tail = parse4(last)
    if not tail then return end
    if head == "" then return tail end
    text = head:gsub(":$", "")
    out.tail = tail
  end
  for part in (text .. ":"):gmatch("([^:]*):") do
    if not part:match("^%x%x?%x?%x?$") then return end
    out[#out + 1] = string.pack(">I2", tonumber(part, 16))
  end
  return table.concat(out) .. (out.tail or "")
end

local function parse6(text)
  local before, after = text:match("^(.-)::(.*)$")
  if before and before:find(".", 1, true) then return end
  local left, right = groups(before or text), groups(after or "")
  if not (left and right) then return end
  local missing = 16 - #left - #right
  if (before and missing >= 2) or (not before and missing == 0) then return left .. ("\0"):rep(missing) .. right end
end

--[[
address.parse(text) -> string
                    -> nil
The 4 or 16 bytes of an IPv4 or IPv6 address; a zone ("%eth0") is passed over. nil for what is no address.
Blocks: no.  Source: RFC 4291 2.2; RFC 4007 11.
]]
function address.parse(text)
  local plain = text:match("^[^%%]*")
  if plain:find(":", 1, true) then return parse6(plain) end
  return parse4(plain)
end

--[[
address.cidr(text) -> { bytes = string, bits = integer }
                   -> nil, message, "format"
Read "10.0.0.0/8" or "fd00::/8"; an address alone is a network of one.
Codes: format.  Blocks: no.  Source: RFC 4632 3.1; RFC 4291 2.3.
]]
function address.cidr(text)
  local base, bits = text:match("^([^/]+)/(%d+)$")
  local bytes = address.parse(base or text)
  bits = bytes and (base and math.tointeger(tonumber(bits)) or not base and #bytes * 8)
  if not bits or bits > #bytes * 8 then return nil, string.format("%q is not a network: write 10.0.0.0/8 or fd00::/8", text), "format" end
  return { bytes = bytes, bits = bits }
end

--[[
address.in_cidr(text, cidr) -> boolean
Is the address in the network? Never for IPv4 in IPv6 or the reverse, nor for what is no address.
  cidr           string|table      "10.0.0.0/8", or a result of address.cidr
Raises: what is no network.  Blocks: no.
]]
function address.in_cidr(text, cidr)
  local network, message = cidr, nil
  if type(cidr) == "string" then network, message = address.cidr(cidr) end
  if not network then error(message, 2) end
  local bytes = address.parse(text)
  if not bytes or #bytes ~= #network.bytes then return false end
  local whole, rest = network.bits // 8, network.bits % 8
  if bytes:sub(1, whole) ~= network.bytes:sub(1, whole) then return false end
  if rest == 0 then return true end
  return (bytes:byte(whole + 1) ~ network.bytes:byte(whole + 1)) >> (8 - rest) == 0
end

-- Networks that nobody outside the guest reaches. 127.0.0.0/8 is not among them: tools leave the loopback interface out, so on
-- a card of the VM's own it is how the guest is reached, as with virtual machines that are forwarded to from this one.
-- Source: RFC 3927 (169.254), RFC 4291 2.5 (::, ::1, fe80, ff00), RFC 1122 3.2.1.3 (0), RFC 5771 (224)
local UNREACHABLE = { { "169.254.0.0/16", "link-local" }, { "fe80::/10", "link-local" }, { "::1", "loopback" }, { "::", "unspecified" },
  { "0.0.0.0/8", "unspecified" }, { "224.0.0.0/4", "multicast" }, { "ff00::/8", "multicast" } }
for _, network in ipairs(UNREACHABLE) do network[1] = address.cidr(network[1]) end

-- Why an address will not do, or nil.
local function objection(text, state, opts)
  local bytes = address.parse(text)
  if not bytes then return "no address" end
  for _, network in ipairs(UNREACHABLE) do
    if address.in_cidr(text, network[1]) then return network[2] end
  end
  if state and state ~= "" and state ~= "preferred" and state ~= "unknown" then return state end
  if opts.excluded[bytes] then return "the builder's own" end
  if opts.within and not address.in_cidr(text, opts.within) then return "not within " .. opts.within end
end

local function with_excluded(opts)
  local excluded = {}
  for key, value in pairs(opts and opts.exclude or {}) do
    local text = type(key) == "string" and (value and key) or value
    if text then excluded[address.parse(text) or text] = true end
  end
  return { within = opts and opts.within, excluded = excluded }
end

-- What a card reports: pairs of address and state. Old tools give the list without states.
local function reported(nic)
  local list = {}
  for _, ip in ipairs(nic.ipConfig and nic.ipConfig.ipAddress or {}) do list[#list + 1] = { ip.ipAddress, ip.state } end
  if #list == 0 then
    for _, text in ipairs(nic.ipAddress or {}) do list[#list + 1] = { text } end
  end
  return list
end

-- The set of the VM's own MAC addresses, from its devices or from a list of them.
local function own_macs(devices_or_macs)
  local own, list = {}, devices_or_macs
  if type(list[1]) ~= "string" then list = device.macs(list) end
  for _, mac in ipairs(list) do own[mac:lower()] = true end
  return own
end

local function is_own(nic, own) return nic.deviceConfigId ~= -1 and nic.macAddress and own[nic.macAddress:lower()] end

-- Take from one card what will do; note why the others will not.
local function sort_card(nic, own, opts, found, rejected, foreign)
  local mine = is_own(nic, own)
  for _, ip in ipairs(reported(nic)) do
    local why = objection(ip[1], ip[2], opts)
    if not mine then foreign[#foreign + 1] = (nic.network or nic.macAddress or "an interface") .. " " .. ip[1]
    elseif why then rejected[#rejected + 1] = string.format("%s (%s)", ip[1], why)
    else found[#found + 1] = ip[1] end
  end
end

local function why_none(rejected, foreign)
  if #rejected > 0 then return "tools report only " .. table.concat(rejected, ", ") end
  if #foreign > 0 then return "only addresses of other interfaces: " .. table.concat(foreign, ", ") end
  return "tools report no address yet"
end

-- The server's one guess, for tools that tell no more. Here a loopback address says nothing.
local function from_guess(guest, opts)
  local text = guest.ipAddress
  if not text or text == "" then return {}, "no address is reported yet" end
  local why = address.in_cidr(text, "127.0.0.0/8") and "loopback" or objection(text, nil, opts)
  if why then return {}, string.format("tools report only %s (%s)", text, why) end
  return { text }
end

--[[
address.candidates(guest, devices [, options]) -> array of strings, why
The addresses to try, best first: those on the VM's own cards, IPv4 before IPv6, in the order of the report; an empty array
when there is none, and why. guest.ipAddress is used only when nothing is known of the cards.
  guest              GuestInfo|table   `net` and `ipAddress` are looked at; one may be missing
  devices            array             the VM's devices, or its MAC addresses
  options.within     string|nil        CIDR: only addresses in it
  options.exclude    table|nil         addresses that cannot be the guest's (the builder's own): a set, or an array
Raises: `within` is no network.  Blocks: no.  Source: GuestNicInfo.deviceConfigId (-1: no device of the VM), NetIpConfigInfoIpAddress.state.
]]
function address.candidates(guest, devices, options)
  local opts = with_excluded(options)
  local net = guest.net or {}
  if #net == 0 then return from_guess(guest, opts) end
  local own = own_macs(devices)
  if not next(own) then return {}, "the virtual machine has no network card with an address of its own" end
  local found, rejected, foreign = {}, {}, {}
  for _, nic in ipairs(net) do sort_card(nic, own, opts, found, rejected, foreign) end
  local sorted = {}
  for _, size in ipairs { 4, 16 } do
    for _, text in ipairs(found) do
      if #address.parse(text) == size then sorted[#sorted + 1] = text end
    end
  end
  return sorted, #sorted == 0 and why_none(rejected, foreign) or nil
end

--[[
address.pick(guest, devices [, options]) -> string
                                         -> nil, why
The address to reach the guest at: the first of address.candidates, which has the arguments.
  why = "tools report only fe80::250:56ff:fe01:203 (link-local)", "only addresses of other interfaces: ... 172.17.0.1"
Blocks: no.
]]
function address.pick(guest, devices, options)
  local found, why = address.candidates(guest, devices, options)
  return found[1], found[1] == nil and why or nil
end

return address
