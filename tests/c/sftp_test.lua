-- ssh: files over sftp, against a real OpenSSH server
local lfs = require "lfs"
local ssh = require "ssh"
local sshd = require "tests.sshd"

local function start(t, more)
  local server = sshd.start(t, more)
  local s = assert(ssh.connect(server:options()))
  t:defer(function() s:close() end)
  t:shell("mkdir " .. server.directory .. "/d")
  return s, server.directory .. "/d", server
end

local function mode(path) return io.popen("stat -c %a '" .. path .. "'"):read("l") end

return {
  ["content and files go up, with their modes"] = function(t)
    local s, dir = start(t)
    t:equal(s:upload({ content = "hello" }, dir .. "/a"), 5)
    t:equal(t:read(dir .. "/a"), "hello")
    t:equal(mode(dir .. "/a"), "644")
    t:equal(s:upload({ content = "" }, dir .. "/empty", { mode = 4 * 64 }), 0) -- 0400
    t:equal(t:read(dir .. "/empty"), "")
    t:equal(mode(dir .. "/empty"), "400")
    t:shell("chmod 751 " .. dir .. "/a")
    s:upload(dir .. "/a", dir .. "/b")
    t:equal(mode(dir .. "/b"), "751", "the local file's mode")
    t:equal({ s:list(dir)[4] }, {}, "no .part is left")
  end,

  ["an existing file is replaced, a directory is not"] = function(t)
    local s, dir = start(t)
    t:write(dir .. "/a", "old and longer")
    s:upload({ content = "new" }, dir .. "/a")
    t:equal(t:read(dir .. "/a"), "new")
    lfs.mkdir(dir .. "/sub")
    t:contains(t:fails("io", s:upload({ content = "new" }, dir .. "/sub")), "a directory has that name")
    t:equal(lfs.attributes(dir .. "/sub.part"), nil)
  end,

  ["what cannot be written is said, and nothing is left"] = function(t)
    local s, dir = start(t)
    t:contains(t:fails("notfound", s:upload({ content = "x" }, dir .. "/none/a")), dir .. "/none/a")
    t:contains(t:fails("notfound", s:upload("/nonexistent/local", dir .. "/a")), "open /nonexistent/local")
    t:contains(t:fails("io", s:upload(dir, dir .. "/a")), "not a regular file")
    t:equal(#s:list(dir), 0)
    if not sshd.is_root then
      t:shell("chmod 555 " .. dir)
      t:contains(t:fails("io", s:upload({ content = "x" }, dir .. "/a")), "permission denied")
    end
  end,

  ["a full file system is named"] = function(t)
    local s, dir = start(t)
    if t:shell("mount -t tmpfs -o size=1m tmpfs " .. dir) ~= "" then t:skip("mounting a small file system needs root") end
    t:defer(function() t:shell("umount " .. dir) end)
    t:contains(t:fails("io", s:upload({ content = string.rep("x", 3000000) }, dir .. "/a")), "no space left")
    t:equal(#s:list(dir), 0, "nothing is left")
  end,

  ["files come down, with their modes"] = function(t)
    local s, dir = start(t)
    t:write(dir .. "/a", "hello")
    t:shell("chmod 640 " .. dir .. "/a")
    t:write(dir .. "/b.part", "somebody's")
    t:equal(s:download(dir .. "/a", dir .. "/b"), 5)
    t:equal(t:read(dir .. "/b"), "hello")
    t:equal(mode(dir .. "/b"), "640")
    s:download(dir .. "/a", dir .. "/b", { mode = 6 * 64 })
    t:equal(mode(dir .. "/b"), "600")
    t:fails("notfound", s:download(dir .. "/none", dir .. "/c"))
    t:fails("notfound", s:download(dir .. "/a", "/nonexistent/c"))
    t:equal(t:read(dir .. "/b.part"), "somebody's")
    t:equal(#s:list(dir), 3, "no partial file is left")
  end,

  ["a file is read, also one without a size, but not one too long"] = function(t)
    local s, dir = start(t)
    local text = string.rep("0123456789", 100000)
    t:write(dir .. "/a", text)
    t:ok(s:read(dir .. "/a") == text)
    t:equal(s:read("/proc/sys/kernel/random/boot_id"), t:read("/proc/sys/kernel/random/boot_id"))
    t:contains(t:fails("io", s:read(dir .. "/a", { limit = 999999 })), "longer than 999999 bytes")
    t:equal(#s:read(dir .. "/a", { limit = 1000000 }), 1000000)
    t:fails("notfound", s:read(dir .. "/none"))
  end,

  ["directories are made and listed"] = function(t)
    local s, dir = start(t)
    t:equal(s:mkdir(dir .. "/sub", { mode = 7 * 64 + 5 }), true)
    t:equal(mode(dir .. "/sub"), "705")
    t:contains(t:fails("exists", s:mkdir(dir .. "/sub")), "a directory of that name exists")
    t:fails("notfound", s:mkdir(dir .. "/no/sub"))
    s:upload({ content = "123" }, dir .. "/file")
    t:shell("ln -s file " .. dir .. "/link")
    local found = {}
    for _, entry in ipairs(s:list(dir)) do found[entry.name] = entry.type .. " " .. (entry.type == "file" and entry.size or "") end
    t:equal(found, { sub = "directory ", file = "file 3", link = "link " })
    t:equal(s:stat(dir .. "/link").type, "file", "stat follows")
    t:equal(s:stat(dir .. "/file").mode, 6 * 64 + 4 * 8 + 4)
    t:fails("notfound", s:stat(dir .. "/none"))
    t:fails("notfound", s:list(dir .. "/none"))
    for i = 1, 300 do t:write(dir .. "/sub/a rather long name, number " .. i, "") end
    t:equal(#s:list(dir .. "/sub"), 300)
  end,

  ["modes, names and removal"] = function(t)
    local s, dir = start(t)
    s:upload({ content = "x" }, dir .. "/a")
    t:equal(s:chmod(dir .. "/a", 7 * 64), true)
    t:raises("0 to 07777", s.chmod, s, dir .. "/a", 4096)
    t:raises("'mode'", s.upload, s, { content = "" }, dir .. "/a", { mode = -2 })
    t:equal(mode(dir .. "/a"), "700")
    t:equal(s:rename(dir .. "/a", dir .. "/b"), true)
    t:equal(s:remove(dir .. "/b"), true)
    t:fails("notfound", s:remove(dir .. "/b"))
    s:mkdir(dir .. "/sub")
    t:equal(s:remove(dir .. "/sub"), true)
    t:shell("ln -s nowhere " .. dir .. "/link")
    t:equal(s:remove(dir .. "/link"), true, "a link itself")
    t:fails("notfound", s:chmod(dir .. "/none", 0))
  end,

  ["progress is told, and an error in it ends the session"] = function(t)
    local s, dir, server = start(t)
    local seen = {}
    local function note(...) seen = { ... } end
    s:upload({ content = string.rep("x", 1000) }, dir .. "/a", { progress = note })
    t:equal(seen, { 1000, 1000 })
    s:download(dir .. "/a", dir .. "/b", { progress = note })
    t:equal(seen, { 1000, 1000 })
    local other <close> = assert(ssh.connect(server:options()))
    t:raises("enough", other.upload, other, { content = "x" }, dir .. "/c", { progress = function() error("enough", 0) end })
    t:equal(other:stat(dir .. "/c").size, 1, "the last report comes after the end")
  end,

  ["a server without sftp is named"] = function(t)
    local server = sshd.start(t, { config = "ForceCommand echo no" })
    local s <close> = assert(ssh.connect(server:options()))
    t:match(select(2, s:stat("/", { timeout = 5 })), "open sftp at ")
    local none = sshd.start(t, { directory = server.directory, subsystem = "" })
    local n <close> = assert(ssh.connect(none:options()))
    t:contains(t:fails("ssh", n:stat("/")), "the server has no sftp subsystem")
    t:equal(n:exec("echo still").out, "still\n")
  end,

  ["a server that stops in the middle of a file is an error"] = function(t)
    local server = sshd.start(t)
    local s <close> = assert(ssh.connect(server:options()))
    s:stat("/")
    server:freeze()
    t:fails("timeout", s:upload({ content = string.rep("x", 20000000) }, server.directory .. "/a", { timeout = 0.3 }))
    t:contains(t:fails("net", s:stat("/")), "timed out")
    server:thaw()
    local cut <close> = assert(ssh.connect(server:options()))
    cut:stat("/")
    server:freeze()
    t:shell("(sleep 0.2; kill -9 " .. server.frozen:match("^%d+ (.*)") .. ") >/dev/null 2>&1 &")
    t:fails("net", cut:upload({ content = string.rep("x", 20000000) }, server.directory .. "/b", { timeout = 20 }))
  end,
}
