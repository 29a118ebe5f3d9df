-- address: which reported address is the guest's
local vim = require "vim"
local address = require "vsphere.address"

local tests = {}

local OWN, OTHER = "00:50:56:AA:BB:01", "00:50:56:aa:bb:02"

local function nic(mac, ips, key)
  local list = {}
  for i, ip in ipairs(ips) do
    local text, state = ip:match("^(%S+) (%S+)$")
    list[i] = vim.NetIpConfigInfoIpAddress { ipAddress = text or ip, prefixLength = 24, state = state or "preferred" }
  end
  return vim.GuestNicInfo { macAddress = mac, connected = true, deviceConfigId = key or 4000, network = key == -1 and "docker0" or nil,
    ipConfig = vim.NetIpConfigInfo { ipAddress = list } }
end

-- name -> { nics, wanted address or part of the reason, options }
local PICKS = {
  ["the one of the own card"] = { { nic(OWN:lower(), { "10.0.0.5" }) }, "10.0.0.5" },
  ["IPv4 before IPv6"] = { { nic(OWN, { "2001:db8::5", "10.0.0.5" }) }, "10.0.0.5" },
  ["IPv6 when there is no other"] = { { nic(OWN, { "fe80::1", "2001:db8::5" }) }, "2001:db8::5" },
  ["the first card with one"] = { { nic(OWN, {}), nic(OTHER, { "10.0.0.6" }, 4001) }, "10.0.0.6" },
  ["docker0 comes first but is not a device"] = { { nic("02:42:7a:11:22:33", { "172.17.0.1" }, -1), nic(OWN, { "10.0.0.5" }) }, "10.0.0.5" },
  ["a bridge with the card's MAC that is no device"] = { { nic(OWN, { "10.0.0.5" }, -1) }, nil, "only addresses of other interfaces: docker0 10.0.0.5" },
  ["another card's MAC"] = { { nic("00:50:56:aa:bb:99", { "10.0.0.5" }) }, nil, "only addresses of other interfaces: 00:50:56:aa:bb:99 10.0.0.5" },
  ["link-local only"] = { { nic(OWN, { "fe80::250:56ff:feaa:bb01", "169.254.7.7" }) }, nil,
    "tools report only fe80::250:56ff:feaa:bb01 (link-local), 169.254.7.7 (link-local)" },
  ["a zone does not hide link-local"] = { { nic(OWN, { "fe80::1%eth0" }) }, nil, "link-local" },
  ["::1"] = { { nic(OWN, { "::1" }) }, nil, "::1 (loopback)" },
  ["127/8 on the own card"] = { { nic(OWN, { "127.1.0.9" }) }, "127.1.0.9" },
  ["a deprecated one"] = { { nic(OWN, { "2001:db8::5 deprecated", "2001:db8::6" }) }, "2001:db8::6" },
  ["a tentative one"] = { { nic(OWN, { "10.0.0.5 tentative" }) }, nil, "10.0.0.5 (tentative)" },
  ["a state that nobody knows"] = { { nic(OWN, { "10.0.0.5 unknown" }) }, "10.0.0.5" },
  ["within"] = { { nic(OWN, { "10.0.0.5", "192.168.1.5" }) }, "192.168.1.5", nil, { within = "192.168.0.0/16" } },
  ["within IPv6"] = { { nic(OWN, { "10.0.0.5", "fd00:1::5" }) }, "fd00:1::5", nil, { within = "fd00::/8" } },
  ["none within"] = { { nic(OWN, { "10.0.0.5" }) }, nil, "10.0.0.5 (not within 192.168.0.0/16)", { within = "192.168.0.0/16" } },
  ["the builder's own, a set"] = { { nic(OWN, { "10.0.0.1" }) }, nil, "10.0.0.1 (the builder's own)", { exclude = { ["10.0.0.1"] = true } } },
  ["the builder's own, a list, written otherwise"] = { { nic(OWN, { "2001:db8::1" }) }, nil, "(the builder's own)", { exclude = { "2001:DB8:0::0:1" } } },
  ["exclude that says false"] = { { nic(OWN, { "10.0.0.1" }) }, "10.0.0.1", nil, { exclude = { ["10.0.0.1"] = false } } },
  ["a card without addresses"] = { { nic(OWN, {}) }, nil, "tools report no address yet" },
}

for name, case in pairs(PICKS) do
  tests["pick: " .. name] = function(t)
    local got, why = address.pick({ net = case[1], ipAddress = "9.9.9.9" }, { OWN, OTHER }, case[4])
    t:equal(got, case[2])
    if case[3] then t:contains(why, case[3]) else t:equal(why, nil) end
  end
end

tests["pick knows the cards by the VM's devices"] = function(t)
  local devices = { vim.VirtualDisk { key = 2000, capacityInKB = 1 }, vim.VirtualVmxnet3 { key = 4000, macAddress = OWN } }
  t:equal(address.pick({ net = { nic(OWN:lower(), { "10.0.0.5" }) } }, devices), "10.0.0.5")
  local got, why = address.pick({ net = { nic(OWN, { "10.0.0.5" }) } }, { devices[1] })
  t:equal(got, nil)
  t:contains(why, "no network card")
end

tests["tools without ipConfig give the list only"] = function(t)
  local old = vim.GuestNicInfo { macAddress = OWN, connected = true, deviceConfigId = 4000, ipAddress = { "fe80::1", "10.0.0.5" } }
  t:equal(address.pick({ net = { old } }, { OWN }), "10.0.0.5")
end

tests["guest.ipAddress counts only when nothing is known of the cards"] = function(t)
  t:equal(address.pick({ ipAddress = "10.0.0.9" }, { OWN }), "10.0.0.9")
  t:equal(address.pick({ net = {}, ipAddress = "10.0.0.9" }, { OWN }), "10.0.0.9")
  for text, reason in pairs { ["127.0.0.1"] = "loopback", ["169.254.1.1"] = "link-local", ["10.0.0.1"] = "builder" } do
    local got, why = address.pick({ ipAddress = text }, { OWN }, { exclude = { "10.0.0.1" } })
    t:equal(got, nil)
    t:contains(why, reason)
  end
  local got, why = address.pick({}, { OWN })
  t:equal(got, nil)
  t:contains(why, "no address is reported yet")
end

tests["candidates are all that may be tried"] = function(t)
  local found, why = address.candidates({ net = { nic(OWN, { "2001:db8::5", "10.0.0.5", "fe80::1" }), nic(OTHER, { "10.0.1.5" }, 4001) } }, { OWN, OTHER })
  t:equal(found, { "10.0.0.5", "10.0.1.5", "2001:db8::5" })
  t:equal(why, nil)
end

tests["networks"] = function(t)
  for _, case in ipairs {
    { "10.1.2.3", "10.0.0.0/8", true }, { "11.1.2.3", "10.0.0.0/8", false }, { "10.1.2.3", "0.0.0.0/0", true },
    { "192.168.1.127", "192.168.1.0/25", true }, { "192.168.1.128", "192.168.1.0/25", false },
    { "192.168.1.5", "192.168.1.5", true }, { "192.168.1.6", "192.168.1.5/32", false },
    { "2001:db8::1", "2001:db8::/32", true }, { "2001:db9::1", "2001:db8::/32", false }, { "febf::1", "fe80::/10", true },
    { "fec0::1", "fe80::/10", false }, { "10.0.0.1", "::/0", false }, { "::1", "0.0.0.0/0", false },
    { "::ffff:10.0.0.1", "::ffff:0:0/96", true }, { "nonsense", "10.0.0.0/8", false },
  } do
    t:equal(address.in_cidr(case[1], case[2]), case[3], case[1] .. " in " .. case[2])
  end
  t:raises("is not a network", address.in_cidr, "10.0.0.1", "10.0.0.0/33")
end

tests["what is no network is said"] = function(t)
  for _, text in ipairs { "10.0.0.0/33", "fd00::/129", "10.0.0/8", "ten/8", "10.0.0.0/", "", "10.0.0.0/8/8", "10.0.0.0/-1" } do
    t:contains(t:fails("format", address.cidr(text)), "is not a network")
  end
end

-- Source of the forms: RFC 4291 2.2, RFC 5952
tests["addresses are read in all their forms"] = function(t)
  for text, hex in pairs {
    ["1.2.3.4"] = "01020304", ["255.255.255.255"] = "ffffffff",
    ["::"] = ("00"):rep(16), ["::1"] = ("00"):rep(15) .. "01", ["1::"] = "0001" .. ("00"):rep(14),
    ["2001:DB8::8:800:200C:417A"] = "20010db80000000000080800200c417a", ["2001:db8:0:0:8:800:200c:417a"] = "20010db80000000000080800200c417a",
    ["::ffff:129.144.52.38"] = "00000000000000000000ffff81903426", ["::13.1.68.3"] = "0000000000000000000000000d014403",
    ["0:0:0:0:0:0:13.1.68.3"] = "0000000000000000000000000d014403", ["fe80::1%eth0"] = "fe80" .. ("00"):rep(13) .. "01",
  } do
    local bytes = address.parse(text)
    t:equal(bytes and (bytes:gsub(".", function(c) return string.format("%02x", c:byte()) end)), hex, text)
  end
  for _, text in ipairs { "", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1.2.3.4 ", "1:2", ":1", "1::2::3", ":::", "1:2:3:4:5:6:7:8:9",
    "12345::", "g::", "1.2.3.4::", "1:2:3:4:5:6:7::8:9", "::1.2.3", "1:2:3:4:5:6:7:1.2.3.4" } do
    t:equal(address.parse(text), nil, text)
  end
end

return tests
