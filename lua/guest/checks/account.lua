-- user, group: the guest's accounts
local spec = require "core.spec"
local gather = require "guest.gather"
local matcher = require "guest.matcher"

local SCRIPT = [[
account() {
  has getent && line=$(getent "$1" "$2") || line=$(while IFS= read -r l; do case $l in "$2":*) echo "$l"; break ;; esac; done < "/etc/$1")
  [ -z "$line" ] || say line "$line"
}
groups_of() { id -Gn "$1" 2>/dev/null | tr ' ' '\n' | each groups; }
]]

-- The fields of NAME:x:... when it is the line of this name: getent takes numbers, too.
local function fields_of(facts, name)
  local out = {}
  for one in ((facts.line or "") .. ":"):gmatch("([^:]*):") do out[#out + 1] = one end
  return out[1] == name and out or nil
end

local function check_name(name)
  if name:find("^%-") or name:find("[:\n]") or name == "" then return string.format("%q is no name of an account", name) end
end

local user = { name = "user", doc = "an account", example = "root",
  main = "exists", short = "exists", script = SCRIPT, check_name = check_name }
user.fields = {
  { "exists", spec.boolean, default = true, doc = "is it there?" },
  { "uid", matcher.type, doc = "number of the user" }, { "gid", matcher.type, doc = "number of the primary group" },
  { "groups", matcher.type, doc = "names, the primary group's too" },
  { "home", matcher.type, doc = "the home directory" }, { "shell", matcher.type, doc = "the login shell" },
}

function user.ask(name, want)
  local quoted = gather.quote(name)
  return "account passwd " .. quoted .. (want.groups and "; groups_of " .. quoted or "")
end

function user.judge(judge, facts, want, name)
  local line = fields_of(facts, name)
  if not judge("exists", line ~= nil) or not want.exists then return end
  judge("uid", line[3])
  judge("gid", line[4])
  judge("groups", facts.all.groups or {})
  judge("home", line[6])
  judge("shell", line[7])
end

local group = { name = "group", doc = "a group of accounts", example = "wheel",
  main = "exists", short = "exists", script = SCRIPT, check_name = check_name }
group.fields = { { "exists", spec.boolean, default = true, doc = "is it there?" }, { "gid", matcher.type, doc = "its number" } }

function group.ask(name) return "account group " .. gather.quote(name) end

function group.judge(judge, facts, want, name)
  local line = fields_of(facts, name)
  if not judge("exists", line ~= nil) or not want.exists then return end
  judge("gid", line[3])
end

return { user, group }
