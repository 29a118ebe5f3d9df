-- space: give free space back, so that a disk's export is small: trimmed where the disk takes it, else filled with zeros
local signal = require "signal"
local err = require "core.err"
local units = require "core.units"
local gather = require "guest.gather"
local sudo = require "guest.sudo"

local space = {}

-- File systems on a disk of the machine itself. Not those in memory, of a network, or on top of others (overlay, fuse).
local LOCAL = {}
for name in ("ext2 ext3 ext4 xfs btrfs f2fs jfs nilfs2 reiserfs vfat msdos exfat ntfs3 ufs"):gmatch("%S+") do LOCAL[name] = true end

local function unescaped(text) return (text:gsub("\\(%d%d%d)", function(octal) return string.char(tonumber(octal, 8)) end)) end

-- proc(5), mountinfo: each device once, where it can be written; what is mounted over is out of reach.
local function choose(text, only)
  local covered, found, seen, out = {}, {}, {}, {}
  for line in text:gmatch("[^\n]+") do
    local point, opts, kind, source = line:match("^%d+ %d+ %S+ %S+ (%S+) (%S+).- %- (%S+) (%S+)")
    if point then
      found[#found + 1] = { mount = unescaped(point), filesystem = kind, device = unescaped(source), writable = ("," .. opts .. ","):find(",rw,", 1, true) }
      covered[unescaped(point)] = #found
    end
  end
  for i, one in ipairs(found) do
    local wanted = LOCAL[one.filesystem] and one.writable and covered[one.mount] == i and not seen[one.device]
    for _, path in ipairs(only or {}) do if path == one.mount then only[path] = true end end
    if wanted and (not only or only[one.mount]) then
      seen[one.device] = true
      out[#out + 1] = one
    end
  end
  return out
end

-- The file has no name any more when it is filled: whatever ends this, its space comes back. It stays open until everything is
-- on the disk: the kernel throws away what belongs to a file that is gone. One file may not be allowed to be that large (FAT: 4 GiB),
-- and a part of the space comes free only with the sync, so the next one is filled while it is held. ext4 keeps some blocks from
-- root even, unless told not to.
local SCRIPT = [[
kib() { df -P -k -- "$1" | tail -n 1 | while read -r device all used free rest; do eval "echo \$$2"; done; }
trim() { # DEVICE MOUNT
  has fstrim || return
  name=$(readlink -f -- "$1") && name=/sys/class/block/${name##*/}
  [ -d "$name/queue" ] || name=$(readlink -f "$name")/..
  [ "$(cat "$name/queue/discard_max_bytes" 2>/dev/null || echo 0)" -gt 0 ] || return
  fstrim -- "$2" 2>/dev/null
}
fill() { # MOUNT DEPTH
  file=$1/.luabuild-zero-$$-$2
  (
    exec 3> "$file" && rm -f -- "$file" || exit
    before=$(kib "$1" used)
    dd if=/dev/zero bs=1048576 >&3 2>/dev/null & job=$!
    (sleep $((end - $(date +%s))) & pause=$!; trap 'kill $pause; exit' TERM; wait $pause; kill $job) >/dev/null 2>&1 3>&- & watch=$!
    wait $job
    kill $watch 2>/dev/null
    dd if=/dev/zero bs=1024 count=2048 >&3 2>/dev/null # where a whole MiB is refused, smaller writes are not
    sync
    n=1; say filled "$(kib "$1" used)"
    [ "$(kib "$1" used)" -le $((before + 64)) ] || [ "$(date +%s)" -ge "$end" ] || fill "$1" $(($2 + 1))
  )
}
zero() { # DEVICE MOUNT SECONDS TRIM
  n=1; end=$(($(date +%s) + $3))
  say before "$(kib "$2" used)"
  if [ "$4" = true ] && trim "$1" "$2"; then say way trimmed
  elif [ ! -w "$2" ]; then say way 'not writable'
  else
    name=$(readlink -f -- "$1"); reserve=/sys/fs/ext4/${name##*/}/reserved_clusters mount=$2
    kept=$(cat "$reserve" 2>/dev/null) && echo 0 2>/dev/null > "$reserve"
    trap '[ -z "$kept" ] || echo "$kept" > "$reserve"; rm -f -- "$mount"/.luabuild-zero-$$-*' EXIT
    trap 'exit 1' HUP INT TERM
    fill "$2" 0; say way zeroed
    [ "$(date +%s)" -lt "$end" ] || say late true
    sync
  fi
  say after "$(kib "$2" used)"; say free "$(kib "$2" free)"
}
]]

local function numbers(out)
  local facts = {}
  for key, value in out:gmatch("1\t(%w+)\t([^\n]*)") do facts[key] = value end
  return facts
end

local function kib(text) return (math.tointeger(tonumber(text)) or 0) << 10 end

-- One file system: { mount, filesystem, device, way, bytes, free, seconds }
local function clean(guest, one, options, until_)
  local started = signal.now()
  local left = math.max(1, math.ceil(until_ - started))
  local q = gather.quote
  local script = string.format("%szero %s %s %d %s", SCRIPT, q(one.device), q(one.mount), left, tostring(options.trim ~= false))
  local out, why = gather.script(guest, script, { sudo = sudo.kind(guest) ~= "root", timeout = left + 120 })
  if not out then err.raise("build", "free the space of " .. one.mount .. ": " .. why, { target = guest.address }) end
  local facts = numbers(out)
  if facts.late then
    err.raise("timeout", string.format("filling the free space of %s was not done within %s", one.mount, units.format_seconds(options.timeout)),
      { target = guest.address, hint = "it has been freed again; a disk that is slow or large needs a longer timeout" })
  end
  one.way, one.free, one.seconds = facts.way, kib(facts.free), signal.now() - started
  one.bytes = facts.way == "trimmed" and one.free or facts.way == "zeroed" and math.max(0, kib(facts.filled) - kib(facts.before)) or 0
  return one
end

--[[
space.zero(guest [, options]) -> report
Give the free space of every local file system that is mounted and can be written back to the disk below it, as root: fstrim where
the disk takes discards, else a file of zeros until it is full, which has no name while it grows, so that its space comes back
whatever happens. Stop first what must not see a full disk. Zeros become small in an export, what was deleted there does not.
  options.timeout  number|string = 3600  seconds for all of them, or "10m"
  options.trim     boolean = true    fstrim where it works
  options.only     {path, ...}|nil   these mount points only
  options.note     function|nil      called with a line for each file system; the guest's own by default
report = { bytes = integer, {mount, filesystem, device, way = "trimmed"|"zeroed"|"not writable", bytes = integer zeroed or trimmed, free = integer,
seconds = number}, ... }
Raises: timeout (the space has been freed again); auth (no way to become root); notfound (a mount point of `only`); build, net, ssh, cancelled.
Blocks: yes.
]]
function space.zero(guest, options)
  options = options or {}
  local limit, note = options.timeout or 3600, options.note or guest.options.note
  local only = options.only and table.move(options.only, 1, #options.only, 1, {})
  local until_, report = signal.now() + limit, { bytes = 0 }
  for _, one in ipairs(choose(guest:read("/proc/self/mountinfo"), only)) do
    local done = clean(guest, one, { trim = options.trim, timeout = limit }, until_)
    report[#report + 1], report.bytes = done, report.bytes + done.bytes
    if note then note(space.describe(done)) end
  end
  for _, path in ipairs(only or {}) do
    if not only[path] then err.raise("notfound", path .. ": nothing is mounted there", { op = "free space", target = guest.address }) end
  end
  return report
end

--[[
space.describe(one) -> string
"/boot (ext2): 12.0 MiB zeroed in 0.4s", for one file system of a report.
]]
function space.describe(one)
  return string.format("%s (%s): %s %s in %s", one.mount, one.filesystem, units.format_bytes(one.bytes), one.way, units.format_seconds(one.seconds))
end

return space
