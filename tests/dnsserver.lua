-- dnsserver: a DNS server on loopback for one test: every name has the address 10.43.0.1 and the text "some text", but gone.* is
-- not there. In Perl, which is part of every Debian.

local dnsserver = {}

local PROGRAM = [[
use Socket;
$| = 1;
my $s;
socket($s, PF_INET, SOCK_DGRAM, 0) and bind($s, sockaddr_in(0, INADDR_LOOPBACK)) or die $!;
print((sockaddr_in(getsockname $s))[0], "\n");
while (my $peer = recv $s, my $q, 512, 0) {
  my ($id, $name) = (substr($q, 0, 2), "");
  my $at = 12;
  while (my $n = ord substr($q, $at, 1)) { $name .= substr($q, $at + 1, $n) . "."; $at += $n + 1 }
  my ($type) = unpack "n", substr $q, $at + 1, 2;
  my $data = $type == 1 ? inet_aton("10.43.0.1") : $type == 16 ? "\x09some text" : undef;
  my $gone = $name =~ /^gone\./;
  my $answer = defined $data && !$gone ? "\xc0\x0c" . pack("nnNn", $type, 1, 60, length $data) . $data : "";
  send $s, $id . pack("nnnnn", $gone ? 0x8183 : 0x8180, 1, $answer ne "" ? 1 : 0, 0, 0) . substr($q, 12, $at - 7) . $answer, 0, $peer;
}
]]

--[[
dnsserver.start(t) -> integer
The port of a server that ends with the test.
]]
function dnsserver.start(t)
  local dir = t:directory()
  t:write(dir .. "/server", PROGRAM)
  local pid = t:shell(string.format("perl %s/server > %s/port 2> %s/log & echo $!", dir, dir, dir)):match("%d+")
  t:defer(function() os.execute("kill " .. pid .. " 2>/dev/null") end)
  local port = t:eventually(function() return t:read(dir .. "/port"):match("%d+") end)
  return math.tointeger(tonumber(port)) or error("the DNS server does not start: " .. t:read(dir .. "/log"))
end

return dnsserver
