-- Memory that runs out at any request of a constructor: nothing stays open, no descriptor, no file, and nothing crashes.
-- The rule it holds: box before resource, nothing that raises between got and stored.
local lfs = require "lfs"
local runtime = require "runtime"
local signal = require "signal"
local peer = require "tests.peer"
local sshd = require "tests.sshd"

local here = debug.getinfo(1, "S").source:match("^@(.*)/")

-- memerr(n, f) -> reached, message, of memerr.c
local function load_memerr(t)
  local object = t:directory() .. "/memerr.so"
  local out, status = t:shell("cc -shared -fPIC -I/usr/include/lua5.4 -o " .. object .. " " .. here .. "/memerr.c")
  t:equal(status, 0, out)
  return assert(package.loadlib(object, "luaopen_memerr"))()
end

local function entries(dir)
  local names = {}
  for name in lfs.dir(dir) do names[#names + 1] = name end
  table.sort(names)
  return table.concat(names, " ")
end

local function collect() collectgarbage() collectgarbage() end

-- Run f with its first, second, ... request failing until it gets through; directory `dir` must look the same after each failure.
-- `again` is called before each.
local function sweep(t, memerr, f, dir, again)
  signal.sleep(0.001)
  f() -- what stays for good (metatables, the wait's own descriptors) is there now
  collect()
  local fds, files, live = entries("/proc/self/fd"), dir and entries(dir), runtime.live()
  for n = 1, 5000 do
    if again then again() end
    local reached, message = memerr(n, f)
    collect()
    t:equal(runtime.live(), live, "request " .. n)
    t:equal(entries("/proc/self/fd"), fds, "request " .. n)
    if dir then t:equal(entries(dir), files, "request " .. n) end
    if not reached then return t:equal(message, nil) end
  end
  error("no end of requests")
end

local tests = {}

local function each(name, make)
  tests["memory runs out: " .. name] = function(t)
    local memerr = load_memerr(t)
    sweep(t, memerr, make(t))
  end
end

each("ticks", function()
  return function() signal.tick(60, print):close() end
end)

each("line editors", function()
  local line = require "line"
  return function()
    assert(line.open()):close()
  end
end)

each("digests", function(t)
  local digest, path = require "digest", t:write(t:directory() .. "/f", "x")
  return function()
    local stream <close> = digest.new("sha256")
    stream:update("x")
    assert(digest.file("sha1", path, function() end, { { at = 0, size = 1 } }))
    digest.crypt("p", "$6$salt")
  end
end)

each("a process", function(t)
  local process = require "process"
  peer.child(t, { command = { "true" } }):close()
  return function()
    local p <close> = assert(process.start { command = { "cat" }, env = { A = "b" }, stdin = "x" })
    while p:read() do end
    p:wait()
  end
end)

each("a lock file", function(t)
  local lockfile, dir = require "lockfile", t:directory()
  return function()
    local f <close> = assert(lockfile.open(dir .. "/a"))
    assert(f:append "x")
    assert(lockfile.open(dir .. "/a") == false)
  end, dir
end)

each("a server, clients and transfers", function(t)
  local httpd, http = require "httpd", require "http"
  local path = t:write(t:directory() .. "/f", "x")
  return function()
    local server <close> = assert(httpd.start { bind = "127.0.0.1", files = { a = "b", c = { file = path } } })
    local client <close> = assert(http.client { proxy = "" })
    assert(client:request { url = "http://127.0.0.1:" .. server:port() .. "/a", headers = { A = "b" }, digest = { "sha1", "sha256" } })
    local transfer <close> = assert(client:start { url = "http://127.0.0.1:" .. server:port() .. "/c", save = path .. ".got" })
    transfer:wait()
    os.remove(path .. ".got")
    server:events()
  end
end)

each("archives", function(t)
  local ova, dir = require "ova", t:directory()
  t:write(dir .. "/file", "content")
  local function make()
    local w <close> = assert(ova.create(dir .. "/a.ova", { head = { { name = "h", room = 1 } } }))
    assert(w:add("file", dir .. "/file", { digest = "sha256" }))
    assert(w:put("h", "x"))
    assert(w:seal())
    assert(w:finish())
  end
  return function()
    make()
    assert(ova.list(dir .. "/a.ova"))
    assert(ova.extract(dir .. "/a.ova", "file", dir .. "/out", { digest = "sha1" }))
    ova.vmdk(dir .. "/out")
    ova.signature("m", "SHA256(a)= 00\n")
  end, dir
end)

each("images", function(t)
  local dir = t:directory()
  t:write(dir .. "/file", "content")
  local files = { a = "b", ["c/d"] = { file = dir .. "/file" } }
  return function()
    assert(require("floppy").write(dir .. "/image", { files = files }))
    assert(require("iso").write(dir .. "/image", { files = files }))
    local r <close> = assert(require("iso").open(dir .. "/image"))
    local entry
    repeat
      entry = r:next()
      if entry and entry.kind == "file" then assert(r:save(dir .. "/out")) end
    until not entry
  end, dir
end)

each("documents", function()
  local xml, vim = require "xml", require "vim"
  local fault = "<Envelope><Body><Fault><faultstring>no</faultstring><detail><x/></detail></Fault></Body></Envelope>"
  return function()
    local d <close> = assert(xml.parse("<a b='c'><d>e</d></a>"))
    d:find("//d")[1]:text("f")
    d:root():append("g", "h"):set("i", "j")
    d:value("//g")
    d:text()
    vim.decode(fault)
  end
end)

each("texts", function()
  local keystroke, regex, vim = require "keystroke", require "regex", require "vim"
  local disk = vim.VirtualDisk { key = -1, capacityInKB = 1, backing = vim.VirtualDiskFlatVer2BackingInfo { diskMode = "persistent", fileName = "" } }
  local spec = { spec = { name = "a", deviceChange = { { operation = "add", device = disk } }, extraConfig = { { key = "k", value = "v" } } } }
  return function()
    assert(keystroke.parse("<esc><wait>a<leftCtrlOn>c<leftCtrlOff>", { layout = "de" }))
    assert(not keystroke.parse("<nothing>"))
    assert(regex.match("text", "t(e|x)+"))
    assert(not regex.match("text", "("))
    vim.mask(vim.encode("ReconfigVM_Task", vim.VirtualMachine "vm-1", spec, "7.0"))
    vim.type "VirtualDisk"
    vim.members "VirtualMachine"
    vim.complete("VirtualD")
  end
end)

each("key pairs", function()
  local ssh = require "ssh"
  return function() ssh.keygen "c" end
end)

each("commands and files over ssh", function(t)
  local ssh, dir, options, session = require "ssh", t:directory(), sshd.start(t):options(), nil
  t:defer(function() session:close() end)
  local function again() -- one that an error went through is of no use any more
    if session then session:close() end
    session = assert(ssh.connect(options))
  end
  again()
  return function()
    assert(session:exec("cat", { stdin = "in" }))
    assert(session:upload({ content = "x" }, dir .. "/new"))
    assert(session:read(dir .. "/new"))
  end, nil, again
end)

each("ssh", function(t)
  local ssh, options = require "ssh", sshd.start(t):options()
  return function()
    local s <close> = assert(ssh.connect(options)) -- no more: every try costs a key exchange
    s:hostkey()
  end
end)

tests["memory runs out: a type of the API is known in whole or not at all"] = function(t)
  local vim, memerr = require "vim", load_memerr(t)
  local names = vim.types "data"
  for n = 1, 30 do -- each time another type, since what is known stays known
    local name = names[n]
    memerr(n, function() vim[name] {} end)
    local value = vim[name] {}
    t:match(tostring(value), "^" .. name .. " {", "request " .. n)
    t:raises("has no field 'nonsense'", function() value.nonsense = 1 end)
  end
end

each("text that is cut to columns", function()
  local term = require "term"
  return function() term.cut(("日本"):rep(1000), 1500) end
end)

return tests
