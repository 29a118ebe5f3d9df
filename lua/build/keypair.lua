-- keypair: a key pair of one build: made here, let into the guest over its first login, taken out again
local ssh = require "ssh"
local err = require "core.err"
local retry = require "core.retry"

local keypair = {}

local PATIENCE = 120 -- seconds until a server that let us in once lets us in again, with the key

-- Adds a line, and says what was not there before: "directory", "file" or "nothing". CentOS' SELinux wants its label. A build that
-- goes on from a checkpoint finds the key of the one before, which is nobody's any more.
local ADD = [[
umask 077
new=nothing
[ -e ~/.ssh/authorized_keys ] || new=file
[ -d ~/.ssh ] || { new=directory; mkdir ~/.ssh || exit; }
old='^ssh-ed25519 [^ ]* luabuild [0-9a-f]*, temporary$'
if grep -q "$old" ~/.ssh/authorized_keys 2>/dev/null; then
  rest=$(grep -v "$old" ~/.ssh/authorized_keys; echo .)
  printf '%s' "${rest%.}" > ~/.ssh/authorized_keys
fi
if [ -s ~/.ssh/authorized_keys ] && [ "$(tail -c 1 ~/.ssh/authorized_keys)" ]; then echo >> ~/.ssh/authorized_keys; fi
cat >> ~/.ssh/authorized_keys || exit
if command -v restorecon >/dev/null 2>&1; then restorecon -R ~/.ssh >/dev/null 2>&1; fi
echo $new]]

-- The line is on standard input, and is taken out whatever else came into the file; the file stays the same one.
local REMOVE = [[
read -r line
cd ~/.ssh 2>/dev/null && [ -e authorized_keys ] || exit 0
rest=$(grep -v -x -F -e "$line" authorized_keys; echo .)
printf '%%s' "${rest%%.}" > authorized_keys || exit
[ %s = nothing ] || [ -s authorized_keys ] || rm -f authorized_keys
[ %s != directory ] || { cd ~ && rmdir .ssh 2>/dev/null; }
! grep -q -x -F -e "$line" ~/.ssh/authorized_keys 2>/dev/null]]

-- The private half in a file that only we can read, for programs that reach the guest from here.
local function write(path, private)
  local file = err.check(io.open(path, "wb"))
  local ok = file:write(private)
  if not (file:close() and ok) then
    err.raise("io", path .. ": cannot be written", { op = "write the temporary key" })
  end
end

local function remove(b, key)
  if key.file then os.remove(key.file) end
  key.file = nil
  if not key.added or b.guest ~= key.guest or not b.guest.session then return end
  b.guest.options.key = nil
  local command = string.format(REMOVE, key.added, key.added)
  b.guest:run(command, { stdin = key.public .. "\n", timeout = 20 })
  key.added = nil
end

-- A server that does not look at the file is told now, and not when the first program of ours is refused. One that is slow, or
-- has its hands full, is asked again.
local function try_login(b, key)
  local s = b.image.ssh
  retry.within(PATIENCE, 1, function()
    err.check(ssh.connect { host = b.guest.address, port = s.port, username = s.username, key = key.private, timeout = 30 }):close()
  end, function(e) return e.code == "net" or e.code == "timeout" end)
end

--[[
keypair.install(b) -> nothing
Make a key pair, add its public half to the authorized_keys of the user that the build has logged in as, and see that it logs in.
Sets b.key_file, the private half's file on this machine. keypair.remove undoes it, in any case when the build ends.
  b              build             guest, image.ssh, scope, run
Raises: build, io; auth (the guest does not take the key).
Blocks: yes.
]]
function keypair.install(b)
  local key = { guest = b.guest }
  key.private, key.public = ssh.keygen("luabuild " .. b.run .. ", temporary")
  b.temporary_key = key
  key.file = os.tmpname() -- made by mkstemp(3): nobody else may read it
  key.entry = b.scope:push("temporary key", function() remove(b, key) end, { kind = "local", path = key.file })
  key.entry.quiet = true
  write(key.file, key.private)
  key.added = "directory" -- what there is to undo when the answer is lost
  key.added = b.guest:run(ADD, { stdin = key.public .. "\n", timeout = 60 })
  local ok, e = pcall(try_login, b, key)
  if not ok then
    if err.is(e) and e.code == "auth" then e.hint = "does the guest's sshd take keys (PubkeyAuthentication, AuthorizedKeysFile)?" end
    error(e, 0)
  end
  b.guest.options.key = key.private
  b.key_file = key.file
end

--[[
keypair.remove(b) -> nothing
Take the build's key out of the guest again, and everything that was made for it; no harm when there is none.
Raises: build, net, timeout.
Blocks: yes.
]]
function keypair.remove(b)
  local key = b.temporary_key
  if not key then return end
  remove(b, key)
  b.scope:forget(key.entry)
  b.temporary_key, b.key_file = nil, nil
end

return keypair
