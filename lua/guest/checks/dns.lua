-- dns: names and their records, as the guest's resolver or a given server tells them
local digest = require "digest"
local spec = require "core.spec"
local dnswire = require "guest.dnswire"
local gather = require "guest.gather"
local matcher = require "guest.matcher"

local dns = { name = "dns", doc = "a name that the guest can resolve", example = "example.com",
  main = "resolvable", short = "resolvable" }

dns.fields = {
  { "resolvable", spec.boolean, default = true, doc = "has it an address?" },
  { "addrs", matcher.type, doc = "patterns for what it resolves to" },
  { "server", spec.string, doc = "address, or address:port; the guest's own resolver by default" },
  { "timeout", spec.duration, default = "5s", doc = "for the answer" },
}

local function parse(name)
  local kind, rest = name:match("^(%u+):(.+)$")
  if kind then return rest, kind end
  return name
end

function dns.check_name(name)
  local host, kind = parse(name)
  if kind and not dnswire.TYPES[kind] then
    return string.format("%s is no type of record of ours: A, AAAA, CNAME, MX, NS, PTR, SRV, TXT", kind)
  end
  if not host:find("^[%w_.-]+$") or #host > 253 then return string.format("%q is no name", name) end
  for label in host:gmatch("[^.]+") do
    if #label > 63 then return string.format("%q is no name: a part of it is longer than 63 characters", name) end
  end
end

-- A resolver asks /etc/hosts and what else the guest is set to; a server is asked with a packet of ours, whatever can send it.
-- dd makes one packet of it: a shell's printf writes line by line, and 10 is the length of many a name.
dns.script = [[
resolve() { # NAME
  if has getent; then getent ahosts "$1" 2>/dev/null | while read -r address rest; do say addr "$address"; done
  else
    while read -r address names; do for name in $names; do [ "$name" != "$1" ] || say addr "$address"; done; done < /etc/hosts
    nslookup "$1" 2>/dev/null | sed -n '/^Name:/,$s/^Address[ 0-9]*: *\([^ ]*\).*/\1/p' | each addr
  fi
}
by_bash='exec 3<>"/dev/udp/$1/$2" || exit
printf "$4" | dd obs=4096 >&3 2>/dev/null
dd bs=4096 count=1 <&3 2>/dev/null & job=$!
(sleep "$3"; kill $job) >/dev/null 2>&1 3>&- & watch=$!
wait $job
kill $watch 2>/dev/null
exit 0'
by_python='import os, socket, sys
server, port, limit, packet = sys.argv[1:]
s = socket.socket(*socket.getaddrinfo(server, int(port), 0, socket.SOCK_DGRAM)[0][:3])
s.settimeout(float(limit))
s.sendto(bytes(int(x, 8) for x in packet.split("\\")[1:]), (server, int(port)))
os.write(1, s.recv(4096))'
has_udp_nc() { has nc && nc -h 2>&1 | grep -q -e '-u'; }
ask() { # KIND SERVER PORT SECONDS PACKET
  server=$2
  [ "$server" ] || server=$(sed -n 's/^nameserver[ \t]*\([^ \t]*\).*/\1/p' /etc/resolv.conf | head -n 1)
  if ! has bash && ! has python3 && ! has_udp_nc; then say why 'no bash, python3 or nc -u in the guest'; return; fi
  answer=$(send "${server:-127.0.0.1}" "$3" "$4" "$5" 2>/dev/null | od -An -v -tx1 | tr -d ' \n')
  say "$1" "$answer"
}
send() {
  if has bash; then bash -c "$by_bash" bash "$@"
  elif has python3; then python3 -c "$by_python" "$@"
  else printf "$4" | dd obs=4096 2>/dev/null | nc -u -w "$3" "$1" "$2"; fi
}
]]

local function octal(bytes) return (bytes:gsub(".", function(c) return string.format("\\%03o", c:byte()) end)) end

local function split_server(server)
  local host, port = server:match("^%[(.*)%]:(%d+)$")
  if not host then host, port = server:match("^([^:]+):(%d+)$") end
  return host or server, tonumber(port) or 53
end

-- The answer has to have the question's number; one per check, told by its name, so that judge knows it.
local function id_of(name) return tonumber(digest.string("sha256", name):sub(1, 4), 16) end

local function kinds_of(kind) return kind and { kind } or { "A", "AAAA" } end

function dns.ask(name, want)
  local host, kind = parse(name)
  if not want.server and not kind then return "resolve " .. gather.quote(host) end
  local server, port = split_server(want.server or "")
  local out = {}
  for _, one in ipairs(kinds_of(kind)) do
    out[#out + 1] = string.format("ask %s %s %d %d %s", one, gather.quote(server), port, math.max(1, math.ceil(want.timeout)),
      gather.quote(octal(dnswire.question(id_of(name), host, one))))
  end
  return table.concat(out, "; ")
end

local function unique(list)
  local seen, out = {}, {}
  for _, one in ipairs(list) do
    if not seen[one] then seen[one], out[#out + 1] = true, one end
  end
  return out
end

function dns.judge(judge, facts, want, name)
  local _, kind = parse(name)
  local found, why = {}, facts.why
  table.move(facts.all.addr or {}, 1, #(facts.all.addr or {}), 1, found)
  for _, one in ipairs(kinds_of(kind)) do
    local hex = facts[one]
    if hex then
      local bytes = hex:gsub("%x%x", function(pair) return string.char(tonumber(pair, 16)) end)
      local list, message = dnswire.answer(bytes, id_of(name), one)
      if hex == "" then list, message = nil, "no answer" end
      why = why or message
      table.move(list or {}, 1, #(list or {}), #found + 1, found)
    end
  end
  found = unique(found)
  if not judge("resolvable", #found > 0, { why = why }) or not want.resolvable then return end
  judge("addrs", found)
end

return { dns }
