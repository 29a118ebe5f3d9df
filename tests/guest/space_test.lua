-- guest.space: free space of real file systems in files, seen by a real OpenSSH server in a mount namespace of its own
local shell = require "guest.shell"
local sshd = require "tests.sshd"

local MARK = "a deleted secret, deleted. " -- 27 bytes

-- A server that sees the images mounted below dir/NAME: { name = "mkfs words" } of 24 MiB each.
local function start(t, images, limits)
  if not sshd.is_root then t:skip("only root mounts") end
  local dir = t:directory()
  local mounts = ""
  for name, make in pairs(images) do
    local out, status = t:shell(string.format("cd %s && truncate -s 24M %s.img && %s %s.img && mkdir %s", dir, name, make, name, name))
    if status ~= 0 then t:skip(out) end
    mounts = mounts .. string.format("mount -o loop %s/%s.img %s/%s && ", dir, name, dir, name)
  end
  local prefix = string.format("unshare -m sh -c '%s%s exec \"$@\"' sh", mounts, limits or "")
  local out, status = t:shell(prefix .. " true")
  if status ~= 0 then t:skip("no loop mounts here: " .. out) end
  local server = sshd.start(t, { prefix = prefix })
  local g = shell.connect { address = server.host, port = server.port, username = server.username, key_file = server.key_file, timeout = 20 }
  t:defer(function() g:close() end)
  return g, dir
end

-- What was written and deleted is still on the disk.
local function soil(g, mount, size)
  g:run(string.format("cd %s && yes %s | tr -d '\\n' | head -c %d > junk && echo keep > kept && sync && rm junk && sync", mount,
    "'" .. MARK .. "'", size or 16000000))
end

local function marks(t, dir, name) return tonumber((t:shell(string.format("grep -o -a '%s' %s/%s.img | wc -l", MARK, dir, name):gsub("\n", "")))) end
local function left(g, mount) return g:run("ls -A " .. mount .. " | grep -v lost+found", { valid = { 0, 1 } }) end

return {
  ["free space is filled with zeros, and free again"] = function(t)
    local g, dir = start(t, { ext4 = "mkfs.ext4 -q -m 20", ext2 = "mkfs.ext2 -q" })
    for _, name in ipairs { "ext4", "ext2" } do
      soil(g, dir .. "/" .. name)
      t:ok(marks(t, dir, name) > 0, "soiled")
    end
    local notes = {}
    local report = g:zero_free_space { trim = false, only = { dir .. "/ext2", dir .. "/ext4" }, note = function(text) notes[#notes + 1] = text end }
    t:equal({ #report, #notes }, { 2, 2 })
    local sum = 0
    for _, one in ipairs(report) do
      local name = one.mount:match("[^/]*$")
      sum = sum + one.bytes
      t:equal({ one.way, one.filesystem }, { "zeroed", name })
      t:ok(one.bytes > 15 << 20 and one.bytes <= 24 << 20, one.bytes .. " bytes of " .. name)
      t:equal(left(g, one.mount), "kept")
      t:equal(g:run("cat " .. one.mount .. "/kept"), "keep")
      t:match(table.concat(notes, "\n"), one.mount .. " %(%w+%): [%d.]+ MiB zeroed in ")
      t:ok(tonumber(g:run("df -P -k " .. one.mount .. " | awk 'END { print $4 }'")) > 10000, "free again")
      t:equal(marks(t, dir, name), 0, name)
    end
    t:equal(report.bytes, sum)
  end,

  ["a disk that takes discards is trimmed"] = function(t)
    local g, dir = start(t, { ext4 = "mkfs.ext4 -q" })
    if g:try("fstrim -n " .. dir .. "/ext4").status ~= 0 then t:skip("no discard here") end
    soil(g, dir .. "/ext4")
    local report = g:zero_free_space { only = { dir .. "/ext4" } }
    t:equal({ report[1].way, report[1].mount }, { "trimmed", dir .. "/ext4" })
    t:ok(report.bytes > 10 << 20)
    t:equal(marks(t, dir, "ext4"), 0)
  end,

  ["where files have a largest size, there are several"] = function(t)
    local g, dir = start(t, { ext2 = "mkfs.ext2 -q" }, "ulimit -f 8192 &&") -- 4 MiB in dash
    soil(g, dir .. "/ext2", 3000000)
    local report = g:zero_free_space { trim = false, only = { dir .. "/ext2" } }
    t:ok(report.bytes > 20 << 20, report.bytes .. " bytes")
    t:equal({ marks(t, dir, "ext2"), left(g, dir .. "/ext2") }, { 0, "kept" })
  end,

  ["when time is up, the space is free again"] = function(t)
    local g, dir = start(t, { ext4 = "mkfs.ext4 -q" })
    -- a dd that fills slowly
    local programs = t:directory()
    t:write(programs .. "/dd", "#!/bin/sh\nhead -c 1000000 /dev/zero; exec sleep 60\n")
    t:shell("chmod 755 " .. programs .. "/dd")
    local try = g.try
    g.try = function(self, command, o) return try(self, "PATH=" .. programs .. ":$PATH " .. command, o) end
    local e = t:raises("filling the free space of " .. dir .. "/ext4 was not done within 1.0s", g.zero_free_space, g,
      { trim = false, timeout = 1, only = { dir .. "/ext4" } })
    t:equal(e.code, "timeout")
    t:equal(left(g, dir .. "/ext4"), "")
  end,

  ["what is no mount point is told"] = function(t)
    local server = sshd.start(t)
    local g <close> = shell.connect { address = server.host, port = server.port, username = server.username, key_file = server.key_file, timeout = 20 }
    local e = t:raises("/nowhere: nothing is mounted there", g.zero_free_space, g, { only = { "/nowhere" } })
    t:equal(e.code, "notfound")
    t:equal(#g:zero_free_space { only = { "/proc", "/dev" } }, 0, "those are in memory")
  end,
}
