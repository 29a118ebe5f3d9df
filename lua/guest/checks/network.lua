-- interface, port, addr: the guest's network, and what it reaches
local spec = require "core.spec"
local gather = require "guest.gather"
local inet = require "guest.inet"
local matcher = require "guest.matcher"

-- ---- interfaces ----

local interface = { name = "interface", doc = "a network interface", example = "eth0",
  main = "exists", short = "exists" }

interface.fields = {
  { "exists", spec.boolean, default = true, doc = "is it there?" },
  { "addrs", matcher.type, doc = "its addresses: \"10.0.0.5/24\"" },
  { "mtu", matcher.type, doc = "bytes" },
}

interface.script = [[
interface() {
  if [ -e "/sys/class/net/$1" ]; then say exists true; else say exists false; return; fi
  say mtu "$(cat "/sys/class/net/$1/mtu")"
  if has ip; then ip -o addr show dev "$1" | sed -n 's/.* inet6* \([^ ]*\).*/\1/p' | each addr
  elif has ifconfig; then ifconfig "$1" | sed -n 's/.*\(inet .*\)/\1/p; s/.*\(inet6 .*\)/\1/p' | each ifconfig
  else say none true; fi
}
]]

function interface.check_name(name)
  if name:find("[/%s]") or name:find("^[.-]") or name == "" then return string.format("%q is no name of an interface", name) end
end

function interface.ask(name) return "interface " .. gather.quote(name) end

function interface.judge(judge, facts, want)
  if not judge("exists", facts.exists == "true") or not want.exists then return end
  judge("mtu", facts.mtu)
  local addrs = facts.all.addr or {}
  for _, line in ipairs(facts.all.ifconfig or {}) do addrs[#addrs + 1] = inet.from_ifconfig(line) end
  judge("addrs", addrs, { why = facts.none and "neither ip nor ifconfig in the guest" or nil })
end

-- ---- listening ports ----

local port = { name = "port", doc = "a port of the guest somebody listens on", example = "tcp:22",
  main = "listening", short = "listening" }

port.fields = {
  { "listening", spec.boolean, default = true, doc = "does somebody listen?" },
  { "ip", matcher.type, doc = "the addresses it listens on: \"0.0.0.0\", \"::\"" },
}

-- The kernel's tables: TCP in the state LISTEN (0A), UDP not connected (07).
port.script = [[
n=0
for protocol in tcp tcp6 udp udp6; do
  case $protocol in tcp*) state=0A ;; *) state=07 ;; esac
  sed -n "s/^ *[0-9]*: \([0-9A-F]*:[0-9A-F]*\) [0-9A-F]*:[0-9A-F]* $state .*/0${tab}$protocol${tab}\1/p" /proc/net/$protocol 2>/dev/null
done
]]

function port.check_name(name)
  local number = name:match("^tcp6?:(%d+)$") or name:match("^udp6?:(%d+)$")
  if not number or tonumber(number) < 1 or tonumber(number) > 65535 then
    return string.format("%q is no port: write tcp:22, tcp6:6443, udp:53 or udp6:53", name)
  end
end

function port.ask() return ":" end

local function addresses(common, protocol, number)
  local out = {}
  for _, entry in ipairs(common.all[protocol] or {}) do
    local hex, found = entry:match("^(%x+):(%x+)$")
    if hex and tonumber(found, 16) == number then out[#out + 1] = inet.from_kernel(hex) end
  end
  return out
end

function port.judge(judge, facts, want, name)
  local protocol, number = name:match("^(%w+):(%d+)$")
  number = tonumber(number)
  local own = addresses(facts.common, protocol, number)
  local other = protocol:find("6$") and protocol:sub(1, -2) or protocol .. "6"
  local why = #own == 0 and #addresses(facts.common, other, number) > 0 and other .. ":" .. number .. " does" or nil
  if not judge("listening", #own > 0, { why = why }) or not want.listening then return end
  judge("ip", own)
end

-- ---- reaching others ----

local addr = { name = "addr", doc = "a port of another machine, reached from the guest", example = "tcp://mirror.example.com:443",
  main = "reachable", short = "reachable" }

addr.fields = {
  { "reachable", spec.boolean, default = true, doc = "does it answer?" },
  { "timeout", spec.duration, default = "5s", doc = "for the answer" },
}

-- Over UDP nobody need answer: it counts as reachable unless an answer says that it is not.
addr.script = [[
within() { # SECONDS COMMAND...
  limit=$1; shift
  "$@" & job=$!
  (sleep "$limit"; kill $job) >/dev/null 2>&1 & watch=$!
  wait $job; code=$?
  kill $watch 2>/dev/null
  return $code
}
by_bash='exec 3<>"/dev/$1/$2/$3" || exit
[ "$1" = tcp ] || { echo >&3 && sleep 0.3 && echo >&3; }'
by_python='import socket, sys, time
kind, host, port, limit = sys.argv[1:]
found = socket.getaddrinfo(host, int(port), 0, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM)[0]
s = socket.socket(*found[:3])
s.settimeout(float(limit))
s.connect(found[4])
if kind == "udp":
    s.send(b"\n"); time.sleep(0.3); s.send(b"\n")'
reach() { # tcp|udp HOST PORT SECONDS
  if has bash; then said=$(within "$4" bash -c "$by_bash" bash "$1" "$2" "$3" 2>&1)
  elif has python3; then said=$(within "$4" python3 -c "$by_python" "$@" 2>&1)
  elif has nc; then
    zero=; nc -h 2>&1 | grep -q -e '-z' && zero=-z
    if [ "$1" = tcp ]; then said=$(within "$4" nc $zero -w "$4" "$2" "$3" 2>&1 </dev/null >/dev/null)
    else said=$(echo | within "$4" nc -u -w 1 "$2" "$3" 2>&1 >/dev/null); fi
  else said='no bash, python3 or nc in the guest'; false; fi && say reachable true || say reachable false
  say why "$(printf '%s\n' "$said" | tail -n 1)"
}
]]

local function parse(name)
  local protocol, host, number = name:match("^(%w+)://%[([%x:.]+)%]:(%d+)$")
  if not protocol then protocol, host, number = name:match("^(%w+)://([%w._-]+):(%d+)$") end
  return protocol, host, tonumber(number)
end

function addr.check_name(name)
  local protocol, _, number = parse(name)
  if not (protocol == "tcp" or protocol == "udp") or number < 1 or number > 65535 then
    return string.format("%q is no address: write tcp://host:port or udp://host:port", name)
  end
end

function addr.ask(name, want)
  local protocol, host, number = parse(name)
  return string.format("reach %s %s %d %d", protocol, gather.quote(host), number, math.max(1, math.ceil(want.timeout)))
end

function addr.judge(judge, facts) judge("reachable", facts.reachable == "true", { why = facts.why ~= "" and facts.why or nil }) end

return { interface, port, addr }
