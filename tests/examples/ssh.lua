-- ssh: commands and files on a machine: luabuild run tests/examples/ssh.lua HOST PORT USER KEY_FILE
local ssh = require "ssh"
local host, port, user, key = table.unpack(arg)

-- the primitive: results, or nil, message, code
local session <close> = assert(ssh.connect { host = host, port = tonumber(port), username = user, key_file = key })
print(session:hostkey().type)
--> ssh-ed25519
local r = assert(session:exec("echo to out; echo to err >&2; exit 3"))
print(r.status, r.out:match "[^\n]*", r.err:match "[^\n]*")
--> 3	to out	to err
print(session:exec("tr a-z A-Z", { stdin = "shout" }).out)
--> SHOUT

local path = os.tmpname()
assert(session:upload({ content = "#!/bin/sh\nprintf 'I was copied'" }, path, { mode = 493 })) -- 0755
print(session:exec(path).out, (select(3, session:read "/nonexistent")))
--> I was copied	notfound

-- the guest that function steps of a recipe get: patient, and it raises
local guest <close> = require("guest.shell").connect { address = host, port = tonumber(port), username = user, key_file = key, timeout = 60 }
print(guest:run("printf \"$GREETING\"", { env = { GREETING = "hello from " .. guest:fact("kernel"):match "^%a*" .. "a kernel" } }))
--> hello from a kernel
local ok, e = pcall(guest.run, guest, "rm " .. path .. " && ls " .. path)
print(ok, e.code, e.status)
--> false	build	2
