-- check: what has to be true of any machine with ssh: luabuild run tests/examples/check.lua HOST PORT USER KEY_FILE
local shell = require "guest.shell"
local check = require "guest.check"

local host, port, user, key = table.unpack(arg)
local guest <close> = shell.connect { address = host, port = tonumber(port), username = user, key_file = key, timeout = 60 }

-- all of it holds, or an error says what does not
local results = guest:check {
  port    = { "tcp:" .. port, ["tcp:1"] = { listening = false } },
  process = { "sshd" },
  user    = { user, root = { uid = 0, home = "/root" }, ["nobody at all"] = { exists = false } },
  file    = { ["/etc/passwd"] = { mode = "0644", owner = "root", contains = { "/^root:/", "!nobody is here" } } },
  mount   = { ["/proc"] = { filesystem = "proc" } },
  command = { ["the shell adds"] = { run = "echo $((40 + 2)); echo careful >&2", out = { "42", "/^[0-9]+$/" }, err = "careful" } },
  kernel_param = { ["kernel.ostype"] = "Linux" },
  matching = { memory = { content = function(g) return g:run("sed -n 's/^MemTotal: *\\([0-9]*\\).*/\\1/p' /proc/meminfo") end, matches = { gt = 1000 } } },
  vars = { up = function(g) return g.address end },
  addr = { "tcp://${up}:" .. port },
  timeout = "10s",
}
print(#results > 10, results[1].kind, results[1].name, results[1].expected, results[1].found)
--> true	file	/etc/passwd	true	true

-- the same without demanding anything
local problems = {}
local checks = check.read({ user = { "nosuch" }, command = { greeting = { run = "echo hello; exit 3", out = { "/^HELLO$/", "!hell" } } } }, problems)
for _, r in ipairs(check.run(guest, checks)) do print(r.ok, r.kind, r.name, r.property, r.expected, r.found) end
--> false	user	nosuch	exists	true	false
--> false	command	greeting	status	0	3 (hello)
--> false	command	greeting	out	/^HELLO$/, !hell	hello (not fulfilled: /^HELLO$/, !hell)

-- mistakes are found without a guest
check.read({ serivce = { "k3s" }, port = { "tcp:99999", ["tcp:22"] = { listenning = true } }, command = { x = { out = "/(/" } } }, problems)
for _, p in ipairs(problems) do print(p.path, p.message) end
--> check.serivce	unknown option 'serivce': did you mean 'service'?
--> check.port.tcp:99999	"tcp:99999" is no port: write tcp:22, tcp6:6443, udp:53 or udp6:53
--> check.port.tcp:22.listenning	unknown option 'listenning': did you mean 'listening'?
--> check.command.x.out	"/(/" is no regular expression: Unmatched ( or \(
