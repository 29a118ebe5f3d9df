-- file, mount: what is in the guest's file systems
local spec = require "core.spec"
local gather = require "guest.gather"
local matcher = require "guest.matcher"

local DIGESTS = { "md5", "sha1", "sha256", "sha512" }
local TYPES = { ["-"] = "file", d = "directory", l = "symlink", s = "socket", p = "pipe", c = "device", b = "device" }

local function absolute(name)
  if name:sub(1, 1) ~= "/" then return string.format("%q is no path from the root", name) end
end

-- "rwsr-xr-x" as the digits of chmod: "4755"
local function mode_of(permissions)
  local digits, special = "", 0
  for i = 1, 3 do
    local r, w, x = permissions:match("(.)(.)(.)", 3 * i - 2)
    digits = digits .. (r ~= "-" and 4 or 0) + (w ~= "-" and 2 or 0) + (x:find("[xst]") and 1 or 0)
    if x:find("[sStT]") then special = special + (4 >> (i - 1)) end
  end
  return special .. digits
end

local file = { name = "file", doc = "a file, a directory or another entry of the file system", example = "/etc/hostname",
  main = "exists", check_name = absolute }

file.fields = {
  { "exists", spec.boolean, default = true, doc = "is it there?" },
  { "type", spec.enum { "file", "directory", "symlink", "socket", "pipe", "device" }, doc = "what it is" },
  { "mode", matcher.type, doc = "permissions: \"0644\"" },
  { "owner", matcher.type, doc = "name of the user" }, { "group", matcher.type, doc = "name of the group" },
  { "uid", matcher.type, doc = "number of the user" }, { "gid", matcher.type, doc = "number of the group" },
  { "size", matcher.type, doc = "bytes" },
  { "link", matcher.type, doc = "where a symbolic link leads, as it says itself" },
  { "contains", matcher.type, doc = "patterns for its lines" },
  { "md5", spec.string, doc = "hex digest" }, { "sha1", spec.string, doc = "hex digest" },
  { "sha256", spec.string, doc = "hex digest" }, { "sha512", spec.string, doc = "hex digest" },
}
file.short = "exists"

-- ls -ld tells the same everywhere; stat does not.
file.script = [[
file() {
  if [ -e "$1" ] || [ -L "$1" ]; then say exists true; else say exists false; return; fi
  say numbers "$(ls -ldn -- "$1" | head -n 1)"
  say names "$(ls -ld -- "$1" | head -n 1)"
  if [ -L "$1" ]; then say link "$(readlink "$1")"; fi
}
content() { sed "s/^/$n${tab}content${tab}/" "$1" && echo && say read true; }
digest() {
  if has "$1sum"; then say "$1" "$("$1sum" < "$2")"
  elif has openssl; then say "$1" "$(openssl dgst "-$1" -r < "$2")"
  else say "$1" "neither $1sum nor openssl in the guest"; fi
}
]]

function file.ask(name, want)
  local path = gather.quote(name)
  local out = { "file " .. path }
  if want.contains then out[#out + 1] = "content " .. path .. " 2>/dev/null" end
  for _, digest in ipairs(DIGESTS) do
    if want[digest] then out[#out + 1] = string.format("digest %s %s 2>/dev/null", digest, path) end
  end
  return table.concat(out, "; ")
end

function file.judge(judge, facts, want)
  if not judge("exists", facts.exists == "true") or not want.exists then return end
  local kind, permissions, uid, gid, size = (facts.numbers or ""):match("^(.)(%S%S%S%S%S%S%S%S%S)%S*%s+%d+%s+(%S+)%s+(%S+)%s+(%d*)")
  local owner, group = (facts.names or ""):match("^%S+%s+%d+%s+(%S+)%s+(%S+)")
  judge("type", TYPES[kind] or kind)
  judge("mode", permissions and mode_of(permissions))
  judge("owner", owner)
  judge("group", group)
  judge("uid", uid)
  judge("gid", gid)
  judge("size", size)
  judge("link", facts.link)
  judge("contains", facts.read and table.concat(facts.all.content or {}, "\n"), { lines = true, why = not facts.read and "it cannot be read" or nil })
  for _, digest in ipairs(DIGESTS) do judge(digest, facts[digest] and (facts[digest]:match("^%x+%f[^%x]") or facts[digest])) end
end

-- ---- mounts ----

local mount = { name = "mount", doc = "a mounted file system", example = "/boot",
  main = "exists", short = "exists", check_name = absolute }

mount.fields = {
  { "exists", spec.boolean, default = true, doc = "is it there?" },
  { "source", matcher.type, doc = "the device" },
  { "filesystem", matcher.type, doc = "ext4, xfs, …" },
  { "opts", matcher.type, doc = "of the mount: rw, noexec, …" },
  { "vfs_opts", matcher.type, doc = "of the file system" },
  { "usage", matcher.type, doc = "percent of its blocks in use" },
}

mount.script = [[
n=0; each line < /proc/self/mountinfo
usage() { say usage "$(df -P -- "$1" 2>/dev/null | tail -n 1)"; }
]]

function mount.ask(name, want) return want.usage and "usage " .. gather.quote(name) or ":" end

local function unescaped(text) return (text:gsub("\\(%d%d%d)", function(octal) return string.char(tonumber(octal, 8)) end)) end

local function split(text)
  local out = {}
  for one in text:gmatch("[^,]+") do out[#out + 1] = one end
  return out
end

-- proc(5): "36 35 98:0 /root /point rw,noatime master:1 - ext3 /dev/root rw,errors=continue"; the last of several is seen.
function mount.judge(judge, facts, want, name)
  local found
  local wanted = name == "/" and name or name:gsub("/+$", "")
  for _, line in ipairs(facts.common.all.line or {}) do
    local point, opts, kind, source, vfs_opts = line:match("^%d+ %d+ %S+ %S+ (%S+) (%S+).- %- (%S+) (%S+) (%S+)")
    if point and unescaped(point) == wanted then found = { opts = opts, kind = kind, source = source, vfs_opts = vfs_opts } end
  end
  if not judge("exists", found ~= nil) or not want.exists then return end
  judge("source", unescaped(found.source))
  judge("filesystem", found.kind)
  judge("opts", split(found.opts))
  judge("vfs_opts", split(found.vfs_opts))
  judge("usage", facts.usage and facts.usage:match("(%d+)%%"))
end

return { file, mount }
