-- guest.upload: trees to and from a real OpenSSH server
local lfs = require "lfs"
local ssh = require "ssh"
local upload = require "guest.upload"
local sshd = require "tests.sshd"

-- A session, and a directory with a small tree "scripts" in it.
local function start(t)
  local server = sshd.start(t)
  local s = assert(ssh.connect(server:options()))
  t:defer(function() s:close() end)
  local here = server.directory .. "/here"
  t:shell(("mkdir -p %s/scripts/sub/empty %s/there; cd %s/scripts; echo a > a.sh; chmod 755 a.sh; echo b > sub/b; chmod 600 sub/b; chmod 750 sub")
    :format(here, server.directory, here))
  return s, here, server.directory .. "/there"
end

local function tree(t, path) return (t:shell("cd " .. path .. " && find . -printf '%P %m %y\\n' | sort")) end

return {
  ["a tree keeps its names, modes and empty directories"] = function(t)
    local s, here, there = start(t)
    t:equal(upload.send(s, here .. "/scripts", there), 2)
    t:equal(tree(t, there .. "/scripts"), tree(t, here .. "/scripts"))
    t:equal(t:read(there .. "/scripts/sub/b"), "b\n")
    t:equal(upload.send(s, here .. "/scripts", there), 2, "again, over what is there")
    t:equal(upload.receive(s, there .. "/scripts", here .. "/back"), 2)
    t:equal(t:shell(("diff -r %s/scripts %s/back"):format(here, here)), "")
  end,

  ["where it goes is as with scp"] = function(t)
    local s, here, there = start(t)
    upload.send(s, here .. "/scripts", there .. "/")
    t:ok(lfs.attributes(there .. "/scripts/a.sh"), "into a directory")
    upload.send(s, here .. "/scripts/", there)
    t:ok(lfs.attributes(there .. "/a.sh"), "content only")
    upload.send(s, here .. "/scripts", there .. "/new")
    t:ok(lfs.attributes(there .. "/new/a.sh"), "under a new name")
    upload.send(s, here .. "/scripts/a.sh", there .. "/fresh/")
    t:ok(lfs.attributes(there .. "/fresh/a.sh"), "into a directory that is made")
    upload.send(s, here .. "/scripts/a.sh", there .. "/b.sh", { mode = 384 })
    t:equal(t:shell("stat -c %a " .. there .. "/b.sh"), "600\n")
    upload.receive(s, there .. "/a.sh", here)
    t:ok(lfs.attributes(here .. "/a.sh"), "and back into a directory")
    upload.receive(s, there .. "/fresh/", here)
    upload.receive(s, there .. "/fresh", here)
    t:ok(lfs.attributes(here .. "/fresh/a.sh"))
  end,

  ["a directory that may not be written to is filled first"] = function(t)
    local s, here, there = start(t)
    t:shell("chmod 555 " .. here .. "/scripts/sub")
    t:defer(function() t:shell("chmod -R u+w " .. here .. " " .. there) end)
    upload.send(s, here .. "/scripts", there)
    t:equal(tree(t, there .. "/scripts"), tree(t, here .. "/scripts"))
  end,

  ["links are followed; one to itself or to nothing is an error before anything is sent"] = function(t)
    local s, here, there = start(t)
    t:shell("ln -s a.sh " .. here .. "/scripts/link")
    upload.send(s, here .. "/scripts", there)
    t:equal(t:shell("stat -c %F " .. there .. "/scripts/link"), "regular file\n")
    t:shell("ln -s nowhere " .. here .. "/scripts/sub/broken")
    t:raises("broken: a symbolic link to nothing", upload.send, s, here .. "/scripts", there .. "/second")
    t:shell(("cd %s/scripts/sub; rm broken; ln -s .. up"):format(here))
    t:raises("a link to itself", upload.send, s, here .. "/scripts", there .. "/second")
    t:shell(("cd %s/scripts/sub; rm up; mkfifo pipe"):format(here))
    t:raises("pipe: is a named pipe, not a file", upload.send, s, here .. "/scripts", there .. "/second")
    t:equal(lfs.attributes(there .. "/second"), nil)
  end,

  ["progress counts the bytes of the whole tree"] = function(t)
    local s, here, there = start(t)
    local last
    upload.send(s, here .. "/scripts", there, { progress = function(...) last = { ... } end })
    t:equal(last, { 4, 4 })
  end,

  ["what is missing is named"] = function(t)
    local s, here, there = start(t)
    t:equal(t:raises("none: no such file or directory", upload.send, s, here .. "/none", there).code, "notfound")
    t:equal(t:raises("none", upload.receive, s, there .. "/none", here).code, "notfound")
    t:raises("no/such/place", upload.send, s, here .. "/scripts", there .. "/no/such/place")
    t:write(there .. "/file", "")
    t:raises("a file of that name exists", upload.send, s, here .. "/scripts", there .. "/file")
  end,
}
