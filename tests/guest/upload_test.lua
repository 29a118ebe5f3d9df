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

  ["many files go as one stream, whatever their names, over those that are there"] = function(t)
    local s, here, there = start(t)
    local odd = { "it's", "two words", "line\nbreak", "-rf", "ü", "\\n", ("long"):rep(60), "$HOME" }
    for i = 1, 20 do odd[#odd + 1] = "file " .. i end
    for i, name in ipairs(odd) do t:write(here .. "/scripts/sub/" .. name, name:rep(i * 100)) end
    t:shell("cd " .. here .. "/scripts && : > sub/nothing && chmod 640 sub/file* && chmod 4755 a.sh && head -c 3000000 /dev/urandom > big")
    t:shell(("mkdir -p %s/scripts/sub && chmod 700 %s/scripts && cd %s/scripts && ln -s /etc/passwd big && echo old > a.sh"):format(there, there, there))
    local last
    t:equal(upload.send(s, here .. "/scripts", there, { progress = function(...) last = { ... } end }), 32)
    t:equal(t:shell(("diff -r %s/scripts %s/scripts"):format(here, there)), "")
    t:equal(t:shell("stat -c '%a %F' " .. there .. "/scripts/big"), "644 regular file\n", "a link goes as with one file")
    t:equal(t:shell("cd " .. there .. "/scripts && stat -c %a . a.sh 'sub/file 1'; ls -A | grep luabuild"), "700\n755\n640\n",
      "modes, also that of a directory that was there")
    t:equal(last[1], last[2])
    t:equal(upload.send(s, here .. "/scripts/", there .. "/all", { mode = 384 }), 32)
    t:equal(t:shell("cd " .. there .. "/all && find . -type f ! -perm 600"), "")
  end,

  ["many files go one by one where there is no tar, or the shell is not where sftp is"] = function(t)
    local server = sshd.start(t, { config = "SetEnv PATH=/nowhere" })
    local s = assert(ssh.connect(server:options()))
    t:defer(function() s:close() end)
    local here, there = server.directory .. "/here", server.directory .. "/there"
    t:shell(("mkdir %s %s; cd %s; for i in $(seq 20); do echo $i > $i; done"):format(here, there, here))
    t:equal(upload.send(s, here .. "/", there), 20)
    t:equal(t:shell(("diff -r %s %s"):format(here, there)), "")
  end,

  ["what goes wrong in the middle of a stream is told"] = function(t)
    local s, here, there = start(t)
    t:shell("cd " .. here .. "/scripts && for i in $(seq 20); do head -c 100000 /dev/urandom > $i; done; mkdir -p " .. there .. "/to/7/8")
    local e = t:raises("to: the guest's tar ended with status", upload.send, s, here .. "/scripts/", there .. "/to")
    t:equal(e.code, "io")
    t:contains(e.hint, "7: Cannot")
    t:raises("20: it became shorter while it was sent", upload.send, s, here .. "/scripts/", there .. "/new",
      { progress = function(done) if done > 0 then t:shell(": > " .. here .. "/scripts/20; : > " .. here .. "/scripts/9") end end })
    t:equal(s:exec("echo well").out, "well\n")
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
