-- gather: the questions of checks to a guest, many in one script, and the verdict on the answers
local signal = require "signal"
local err = require "core.err"
local matcher = require "guest.matcher"

local gather = {}

-- At the front of every script. say KEY VALUE answers for the thing number $n; what a tool prints may have several lines.
local PRELUDE = [[
PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C
export PATH LC_ALL
tab=$(printf '\t')
has() { command -v "$1" >/dev/null 2>&1; }
say() { printf '%s\t%s\t%s\n' "$n" "$1" "$2"; }
each() { while IFS= read -r line || [ -n "$line" ]; do say "$1" "$line"; done; }
]]

--[[
gather.quote(text) -> string
A text as one word of a POSIX shell.
]]
function gather.quote(text) return "'" .. tostring(text):gsub("'", "'\\''") .. "'" end

-- The lines "number, key, value" as facts: { key = last value, all = { key = { values } }, common }; common are those of number 0.
local function parse(out, list)
  local common = { all = {} }
  for _, one in ipairs(list) do one.facts = { all = {}, common = common } end
  for line in out:gmatch("[^\n]+") do
    local n, key, value = line:match("^(%d+)\t([%w_]+)\t(.*)$")
    local facts = n == "0" and common or list[tonumber(n)] and list[tonumber(n)].facts
    if facts then
      facts[key], facts.all[key] = value, facts.all[key] or {}
      table.insert(facts.all[key], value)
    end
  end
end

--[[
gather.script(guest, text, options) -> string|nil, string
Run a script with the POSIX shell, whatever the user's own shell is: what it printed, or nil and why it did not end well.
  options        table             sudo, timeout, limit as for guest:try
Raises: what guest:try raises.
Blocks: yes.
]]
function gather.script(guest, text, options)
  -- all of it is read before the first word runs, so that nothing in it can take the rest for its input
  local whole = "{\n" .. PRELUDE .. text .. "\necho luabuild-end\n} </dev/null\n"
  local r = guest:try("sh", { stdin = whole, sudo = options.sudo, timeout = options.timeout, limit = options.limit or 16 << 20 })
  local out = r.out:match("^(.*)luabuild%-end\n$")
  if out then return out end
  local said = (r.err ~= "" and r.err or r.out):gsub("%s+$", "")
  return nil, "the guest's shell ended early" .. (said ~= "" and ": " .. said or "")
end

local function by_script(guest, kind, list)
  local lines, timeout = { kind.script }, 60
  for i, one in ipairs(list) do
    lines[#lines + 1] = string.format("n=%d; %s", i, kind.ask(one.name, one.want))
    timeout = timeout + (one.want.timeout or 0)
  end
  local out, why = gather.script(guest, table.concat(lines, "\n"), { sudo = list[1].sudo, timeout = timeout })
  if not out then
    for _, one in ipairs(list) do one.problem = why end
    return
  end
  parse(out, list)
end

--[[
gather.facts(guest, list) -> nothing
Ask the guest about things of one kind: each gets its `facts` and `seconds`, or a `problem`. A kind has ask(name, want), shell text for one
thing, to which its script belongs, or gather(guest, one), which sets the facts itself.
  list           array of { kind, name, want, sudo }
Raises: what guest:try raises.
Blocks: yes.
]]
function gather.facts(guest, list)
  local kind, started = list[1].kind, signal.now()
  if kind.ask then
    by_script(guest, kind, list)
    for _, one in ipairs(list) do one.seconds = (signal.now() - started) / #list end
    return
  end
  for _, one in ipairs(list) do
    started = signal.now()
    one.facts = { all = {} }
    kind.gather(guest, one)
    one.seconds = signal.now() - started
  end
end

--[[
gather.judge(one) -> results, ok
Compare what was found of one thing with what is wanted, property by property.
]]
function gather.judge(one)
  local results, all = {}, true
  local function result(property, ok, expected, found)
    all = all and ok
    results[#results + 1] = { kind = one.kind.name, name = one.name, property = property, ok = ok, expected = expected, found = found,
      seconds = #results == 0 and one.seconds or 0 }
  end
  if one.want.skip then
    result(one.kind.main, true, "skipped", "skipped")
    results[1].skipped = true
    return results, true
  end
  if one.problem then
    result(one.kind.main, false, matcher.show(one.want[one.kind.main]), one.problem)
    return results, false
  end
  -- judge(property, found [, options]): nothing when the property is not asked for. options.lines: see matcher.test;
  -- options.why is said beside what was found when it does not fit.
  local function judge(property, found, options)
    local want = one.want[property]
    if want == nil then return end
    local ok, shown = matcher.test(want, found, options and options.lines)
    if not ok and options and options.why then shown = string.format("%s (%s)", shown, options.why) end
    result(property, ok, matcher.show(want), shown)
    return ok
  end
  local ok, e = pcall(one.kind.judge, judge, one.facts, one.want, one.name)
  if not ok then
    if not err.is(e, "format") then error(e, 0) end
    result(one.kind.main, false, "an answer", e.message)
  end
  return results, all
end

return gather
