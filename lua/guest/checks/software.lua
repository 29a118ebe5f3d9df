-- package: what the guest's package manager has installed
local spec = require "core.spec"
local gather = require "guest.gather"
local matcher = require "guest.matcher"

local package = { name = "package", doc = "a package is installed", example = "openssh-server",
  main = "installed", short = "installed" }

package.fields = {
  { "installed", spec.boolean, default = true, doc = "is it installed?" },
  { "versions", matcher.type, doc = "patterns for the installed ones" },
}

-- Every package manager there is asked: a Debian may have an rpm that knows nothing.
package.script = [[
package() {
  if has dpkg-query; then
    say manager dpkg
    dpkg-query -W -f '${db:Status-Status}\t${Version}\n' "$1" 2>/dev/null |
      while IFS=$tab read -r status version; do [ "$status" != installed ] || say version "$version"; done
  fi
  if has rpm; then
    say manager rpm
    # -q says in its output that something is not there, whatever the format; its status tells
    if found=$(rpm -q --qf '%{VERSION}-%{RELEASE}\n' "$1" 2>/dev/null); then printf '%s\n' "$found" | each version; fi
  fi
  if has apk; then
    say manager apk
    if apk info -e "$1" >/dev/null 2>&1; then apk info -v 2>/dev/null | each apk; fi
  fi
  if has pacman; then
    say manager pacman
    pacman -Q "$1" 2>/dev/null | while read -r name version; do [ "$name" != "$1" ] || say version "$version"; done
  fi
}
]]

function package.check_name(name)
  if name:find("^%-") or name:find("%s") or name == "" then return string.format("%q is no name of a package", name) end
end

function package.ask(name) return "package " .. gather.quote(name) end

function package.judge(judge, facts, want, name)
  local versions = facts.all.version or {}
  for _, line in ipairs(facts.all.apk or {}) do
    local version = line:sub(1, #name + 1) == name .. "-" and line:match("^%d.*", #name + 2)
    if version then versions[#versions + 1] = version end
  end
  local why = not facts.manager and "no dpkg, rpm, apk or pacman in the guest" or nil
  if not judge("installed", #versions > 0, { why = why }) or not want.installed then return end
  judge("versions", versions)
end

return { package }
