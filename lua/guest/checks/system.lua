-- service, process, kernel_param: what the guest runs, and how its kernel is set
local spec = require "core.spec"
local gather = require "guest.gather"
local matcher = require "guest.matcher"

local function check_name(name)
  if name:find("^%-") or name:find("%c") or name == "" then return string.format("%q is no name", name) end
end

-- ---- services ----

local service = { name = "service", doc = "a service of systemd, OpenRC or init.d", example = "sshd",
  main = "running", check_name = check_name }

service.fields = {
  { "enabled", spec.boolean, default = true, doc = "starts with the system" },
  { "running", spec.boolean, default = true, doc = "does it run?" },
}

-- systemd where it is the init; else OpenRC, a script in init.d, a systemctl of another init, or at least a process of that name.
service.script = [[
service_of() {
  if [ -d /run/systemd/system ]; then by_systemctl "$1"
  elif has rc-service; then
    say manager OpenRC
    rc-service "$1" status >/dev/null 2>&1 && say running true || say running false
    enabled=false
    for name in $(rc-update show 2>/dev/null | sed -n 's/^ *\([^ |]*\) *| *[^ ].*/\1/p'); do [ "$name" != "$1" ] || enabled=true; done
    say enabled $enabled
  elif [ -x "/etc/init.d/$1" ]; then
    say manager init.d
    "/etc/init.d/$1" status >/dev/null 2>&1 && say running true || say running false
    enabled=false
    for name in /etc/rc[2-5].d/S[0-9][0-9]"$1"; do [ ! -e "$name" ] || enabled=true; done
    say enabled $enabled
  elif has systemctl; then by_systemctl "$1"
  else
    say manager none
    pidof "$1" >/dev/null 2>&1 && say running true || say running false
  fi
}
by_systemctl() {
  say manager systemd
  word=$(systemctl is-active "$1" 2>/dev/null) && say running true || say running false
  say active_word "$(printf '%s\n' "$word" | head -n 1)"
  word=$(systemctl is-enabled "$1" 2>/dev/null) && say enabled true || say enabled false
  say enabled_word "$(printf '%s\n' "$word" | head -n 1)"
}
]]

function service.ask(name) return "service_of " .. gather.quote(name) end

local function truth(text)
  if text then return text == "true" end
end

local function word(text, plain) return text and text ~= "" and text ~= plain and text or nil end

function service.judge(judge, facts)
  local unknown = facts.manager == "none" and "no service manager in the guest" or nil
  judge("enabled", truth(facts.enabled), { why = unknown or word(facts.enabled_word, "disabled") })
  judge("running", truth(facts.running), { why = unknown or word(facts.active_word, "inactive") })
end

-- ---- processes ----

local process = { name = "process", doc = "a process, by the name of its program", example = "sshd",
  main = "running", short = "running", check_name = check_name }

process.fields = {
  { "running", spec.boolean, default = true, doc = "does it run?" },
  { "count", matcher.type, doc = "how many of this name" },
}

process.script = [[
n=0; say self $$
cat /proc/[0-9]*/stat 2>/dev/null | sed "s/^/0${tab}stat${tab}/"
]]

function process.ask() return ":" end

-- proc(5): "pid (comm) state ppid ..."; comm has 15 bytes at most. Our own script and what it started do not count.
function process.judge(judge, facts, want, name)
  local ours, count = { [facts.common.self] = true }, 0
  for _, line in ipairs(facts.common.all.stat or {}) do
    local pid, comm, state, parent = line:match("^(%d+) %((.*)%) (%a) (%d+)")
    if ours[parent] then ours[pid] = true end
    if comm == name:sub(1, 15) and state ~= "Z" and not ours[pid] then count = count + 1 end
  end
  if not judge("running", count > 0) or not want.running then return end
  judge("count", count)
end

-- ---- kernel parameters ----

local kernel_param = { name = "kernel_param", doc = "a parameter of the kernel, as sysctl names it", example = "net.ipv4.ip_forward",
  main = "value", short = "value" }

kernel_param.fields = { { "value", matcher.type, required = true, doc = "as text" } }
kernel_param.script = [[
kernel_param() { [ -r "/proc/sys/$1" ] && say value "$(tr -s '\t\n ' ' ' < "/proc/sys/$1")"; }
]]

function kernel_param.check_name(name)
  if not name:find("^[%w_][%w_.:/*-]*$") or name:find("..", 1, true) then return string.format("%q is no kernel parameter", name) end
end

function kernel_param.ask(name) return "kernel_param " .. gather.quote(name:find("/") and name or name:gsub("%.", "/")) end

function kernel_param.judge(judge, facts)
  judge("value", facts.value and facts.value:gsub("%s+$", "") or nil, { why = not facts.value and "no such parameter" or nil })
end

return { service, process, kernel_param }
