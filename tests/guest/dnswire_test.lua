-- guest.dnswire, guest.inet: bytes from the network and the kernel
local dnswire = require "guest.dnswire"
local inet = require "guest.inet"

-- An answer to question(7, "a.example", "A") with these records after its head; \192\12 points to the name in the question.
local function answer(records, flags, id)
  local question = dnswire.question(id or 7, "a.example", "A")
  return string.pack(">I2I2I2I2I2I2", id or 7, flags or 0x8180, 1, #records, 0, 0) .. question:sub(13) .. table.concat(records)
end

local function record(kind, data) return "\192\12" .. string.pack(">I2I2I4s2", kind, 1, 60, data) end

return {
  ["a question is what RFC 1035 says"] = function(t)
    t:equal(dnswire.question(0x1234, "ab.c", "MX"), "\x12\x34\1\0\0\1\0\0\0\0\0\0\2ab\1c\0\0\15\0\1")
    t:equal(dnswire.question(1, "ab.c.", "A"), dnswire.question(1, "ab.c", "A"))
  end,
  ["answers of every type are read, names followed back"] = function(t)
    for _, case in ipairs {
      { "A", 1, "\10\43\0\1", "10.43.0.1" }, { "AAAA", 28, ("\0"):rep(15) .. "\1", "::1" }, { "CNAME", 5, "\1b\192\14", "b.example" },
      { "NS", 2, "\2ns\192\12", "ns.a.example" }, { "PTR", 12, "\1x\0", "x" }, { "MX", 15, "\0\10\4mail\192\14", "10 mail.example" },
      { "TXT", 16, "\3one\4 two", "one two" }, { "SRV", 33, "\0\1\0\2\x13\xc4\3sip\0", "1 2 5060 sip" },
    } do
      t:equal(dnswire.answer(answer { record(5, "\1b\192\14"), record(case[2], case[3]) }, 7, case[1]),
        case[1] == "CNAME" and { "b.example", "b.example" } or { case[4] }, case[1])
    end
    t:equal(dnswire.answer(answer {}, 7, "A"), {})
  end,
  ["refusals and bad bytes are told"] = function(t)
    t:equal(select(2, dnswire.answer(answer({}, 0x8183), 7, "A")), "no such name")
    t:equal(select(2, dnswire.answer(answer({}, 0x8185), 7, "A")), "refused")
    local whole = answer { record(1, "\10\0\0\1") }
    for _, bytes in ipairs { "", whole:sub(1, 5), whole:sub(1, -3), answer({ record(1, "\10\0\0\1") }, 0x8180, 8), dnswire.question(7, "a.example", "A"),
      answer { "\192\60" .. string.pack(">I2I2I4s2", 1, 1, 60, "abcd") } } do
      local list, message = dnswire.answer(bytes, 7, "A")
      t:equal(list, nil)
      t:match(message, "cannot be read")
    end
  end,
  ["addresses as people write them"] = function(t)
    t:equal(inet.from_kernel("0100007F"), "127.0.0.1")
    t:equal(inet.from_kernel("00000000000000000000000000000000"), "::")
    t:equal(inet.from_kernel("00000000000000000000000001000000"), "::1")
    t:equal(inet.from_kernel("0000000000000000FFFF00000100007F"), "::ffff:127.0.0.1")
    t:equal(inet.ipv6("\x20\x01\x0d\xb8\0\0\0\1\0\0\0\0\0\0\0\1"), "2001:db8:0:1::1")
    t:equal(inet.ipv6("\x20\x01\x0d\xb8\0\0\0\1\0\1\0\1\0\1\0\1"), "2001:db8:0:1:1:1:1:1")
    t:equal(inet.from_ifconfig("inet addr:10.0.2.15  Bcast:10.0.2.255  Mask:255.255.255.0"), "10.0.2.15/24")
    t:equal(inet.from_ifconfig("inet addr:127.0.0.1  Mask:255.0.0.0"), "127.0.0.1/8")
    t:equal(inet.from_ifconfig("inet 10.0.2.15  netmask 255.255.240.0  broadcast 10.0.2.255"), "10.0.2.15/20")
    t:equal(inet.from_ifconfig("inet6 addr: fe80::1/64 Scope:Link"), "fe80::1/64")
    t:equal(inet.from_ifconfig("inet6 ::1  prefixlen 128  scopeid 0x10<host>"), "::1/128")
    t:equal(inet.from_ifconfig("inet"), nil)
  end,
}
