-- check: what has to be true of a guest, asked over ssh with nothing installed there; goss's checks as Lua
local signal = require "signal"
local spec = require "core.spec"
local err = require "core.err"
local units = require "core.units"
local junit = require "guest.junit"
local gather = require "guest.gather"

local check = {}

-- In the order they are told.
local KINDS = { "package", "file", "mount", "user", "group", "kernel_param", "interface", "process", "service", "port", "addr", "dns", "http",
  "command", "matching" }
local byname = {}
check.kinds = {} -- in the order they are told: { name, doc, example = a name, fields, short, ... }
for _, module in ipairs { "software", "file", "account", "system", "network", "dns", "http", "command" } do
  for _, kind in ipairs(require("guest.checks." .. module)) do byname[kind.name] = kind end
end
for i, name in ipairs(KINDS) do check.kinds[i] = byname[name] end

-- ---- reading ----

local function name_problem(kind, name)
  if type(name) ~= "string" then return "a name is expected, got a " .. type(name) end
  if not kind.check_name or name:find("${", 1, true) then return nil end
  return kind.check_name(name)
end

-- A kind's table: names with fields, and names alone, which get the defaults. One name may stand there several times.
local function shape_of(kind)
  local fields = { short = kind.short }
  for i, field in ipairs(kind.fields) do fields[i] = field end
  fields[#fields + 1] = { "skip", spec.boolean, default = false, doc = "leave it out for now" }
  local record = spec.record(kind.name, fields)
  return { name = "table of " .. kind.name, item = record, read = function(_, value, path, problems)
    local out = {}
    local function add(name, given, where)
      local wrong = name_problem(kind, name)
      if wrong then problems[#problems + 1] = { path = where, message = wrong } end
      out[#out + 1] = { kind = kind.name, name = name, want = record:read(given, where, problems) }
    end
    if type(value) == "string" then value = { value } end
    if type(value) ~= "table" then return spec.map(record):read(value, path, problems) end
    for _, name in ipairs(value) do add(name, {}, path .. "." .. tostring(name)) end
    local names = {}
    for name in pairs(value) do if type(name) == "string" then names[#names + 1] = name end end
    table.sort(names)
    for _, name in ipairs(names) do add(name, value[name], path .. "." .. name) end
    return out
  end }
end

local included = { name = "checks", read = function(_, value, path, problems) return check.spec:read(value, path, problems) end }
local fields = {
  { "timeout", spec.duration, default = 0, doc = "until everything holds; 0 asks once" },
  { "interval", spec.duration, default = 1, doc = "between two rounds" },
  { "sudo", spec.boolean, default = false, doc = "ask as root" },
  { "vars", spec.map(spec.any), default = {}, doc = "values for ${name} in names and texts, or functions of the guest" },
  { "include", spec.list(included, { single = true }), default = {}, doc = "further tables of checks" },
  { "junit", spec.string, doc = "a file for the results, as JUnit's XML" },
  { "name", spec.string, doc = "of these checks, in output and results" },
}
for _, name in ipairs(KINDS) do fields[#fields + 1] = { name, shape_of(byname[name]) } end

--[[
check.spec
The declared shape of checks: for each kind a table of names with what is expected of them, and
  timeout, interval, sudo, vars, include, junit, name
Fields of a kind: see its file below guest/checks, or `luabuild help check`.
]]
check.spec = spec.record("check", fields)

--[[
check.read(given, problems) -> checks
Read a table of checks strictly; what is wrong is added to problems as { path, message }.
]]
function check.read(given, problems) return check.spec:read(given, "check", problems) end

-- ---- one round ----

-- Everything to be asked, the included tables' first; each with its own table's variables.
local function collect(checks, list, vars)
  local all = setmetatable({}, { __index = vars })
  for name, value in pairs(checks.vars) do all[name] = value end
  for _, one in ipairs(checks.include) do collect(one, list, all) end
  for _, kind in ipairs(KINDS) do
    for _, one in ipairs(checks[kind] or {}) do
      list[#list + 1] = { kind = byname[kind], name = one.name, want = one.want, vars = all, sudo = checks.sudo }
    end
  end
  return list
end

local function fill(value, values)
  if type(value) == "table" then
    local out = {}
    for key, one in pairs(value) do out[key] = fill(one, values) end
    return out
  end
  if type(value) ~= "string" then return value end
  return (value:gsub("%${([%w_]+)}", function(name)
    local known = values[name]
    return known ~= nil and tostring(known) or nil
  end))
end

-- The variables' values in this round: functions are asked once.
local function resolver(guest)
  local known = {}
  return function(vars)
    return setmetatable({}, { __index = function(_, name)
      local value = vars[name]
      if type(value) ~= "function" then return value end
      if known[value] == nil then known[value] = value(guest) end
      return known[value]
    end })
  end
end

local function ready(guest, list)
  local resolve = resolver(guest)
  for _, one in ipairs(list) do
    local values = resolve(one.vars)
    one.filled = { kind = one.kind, name = fill(one.name, values), want = fill(one.want, values), sudo = one.sudo, seconds = 0 }
  end
end

-- Ask for everything of the list that is not to be skipped, kind by kind, and judge what was found.
local function round(guest, list)
  ready(guest, list)
  local groups, order = {}, {}
  for _, one in ipairs(list) do
    local filled = one.filled
    filled.problem = filled.kind.check_name and filled.kind.check_name(filled.name)
    if not one.want.skip and not filled.problem then
      local key = filled.kind.name .. (one.sudo and " as root" or "")
      if not groups[key] then groups[key], order[#order + 1] = {}, key end
      table.insert(groups[key], filled)
    end
  end
  for _, key in ipairs(order) do gather.facts(guest, groups[key]) end
  for _, one in ipairs(list) do
    one.results, one.ok = gather.judge(one.filled)
  end
end

local function failing(list)
  local out = {}
  for _, one in ipairs(list) do if not one.ok then out[#out + 1] = one end end
  return out
end

-- How many properties do not hold, of how many.
local function tally(list)
  local bad, all = 0, 0
  for _, one in ipairs(list) do
    for _, r in ipairs(one.results) do all, bad = all + 1, bad + (r.ok and 0 or 1) end
  end
  return bad, all
end

-- Until all hold at once: what failed is asked again, and when that holds, everything.
local function rounds(guest, list, options)
  local until_, tries = signal.now() + options.timeout, 1
  round(guest, list)
  local left = failing(list)
  while #left > 0 and signal.now() + options.interval <= until_ do
    if options.note and tries == 1 then
      local bad, all = tally(list)
      options.note(string.format("%d of %d do not hold yet, e.g. %s", bad, all, check.describe(left[1].results)))
    end
    signal.sleep(options.interval)
    round(guest, left)
    tries = tries + 1
    if #failing(left) == 0 and #left < #list then round(guest, list) end
    left = failing(list)
  end
  return tries
end

--[[
check.run(guest, checks [, options]) -> results, ok
Ask the guest whether everything holds, again until it does or time is up. What failed is asked again alone; in the end everything
held in one and the same round. The questions need a POSIX shell and what every system has; one script asks for all things of a kind.
  guest          guest             from guest.shell.connect, or anything with its try(command, options)
  checks         checks            from check.read
  options.timeout, options.interval   seconds, instead of the checks' own
  options.emit   function|nil      called with { event = "check", kind, name, property, ok, expected, found, seconds } at the end
  options.note   function|nil      called with a line while it waits
results = array of { kind, name, property, ok = boolean, skipped = true|nil, expected = string, found = string, seconds = number }, also
written to the file checks.junit.
Raises: net, ssh, timeout (a whole script hangs), auth (sudo), cancelled; what functions among the variables raise; io (the JUnit file).
Blocks: yes.
]]
function check.run(guest, checks, options)
  options = options or {}
  local started, list = signal.now(), collect(checks, {}, {})
  rounds(guest, list, { timeout = options.timeout or checks.timeout, interval = options.interval or checks.interval, note = options.note })
  local results, ok = {}, true
  for _, one in ipairs(list) do
    ok = ok and one.ok
    for _, result in ipairs(one.results) do
      results[#results + 1] = result
      if options.emit then
        local event = { event = "check" }
        for key, value in pairs(result) do event[key] = value end
        options.emit(event)
      end
    end
  end
  if checks.junit then junit.write(checks.junit, results, { name = checks.name, seconds = signal.now() - started, mask = options.mask }) end
  return results, ok
end

--[[
check.describe(results) -> string
"port tcp:22 listening: expected true, found false", for the first of the results that failed.
]]
function check.describe(results)
  for _, r in ipairs(results) do
    if not r.ok then return string.format("%s %s %s: expected %s, found %s", r.kind, r.name, r.property, r.expected, r.found) end
  end
end

--[[
check.demand(guest, checks [, options]) -> results
As check.run, but everything must hold.
Raises: build, with every one that does not hold; what check.run raises.
Blocks: yes.
]]
function check.demand(guest, checks, options)
  local results, ok = check.run(guest, checks, options)
  if ok then return results end
  local lines = {}
  for _, r in ipairs(results) do if not r.ok then lines[#lines + 1] = check.describe { r } end end
  local timeout = options and options.timeout or checks.timeout
  err.raise("build", string.format("%d of %d checks failed%s", #lines, #results, timeout > 0 and " for " .. units.format_seconds(timeout) or ""),
    { hint = table.concat(lines, "\n"), results = results, target = guest.address })
end

--[[
check.now(guest, given) -> results
Read a table of checks, ask the guest, and demand that everything holds: what guest:check does.
Raises: recipe (what is wrong in the table); what check.demand raises.
Blocks: yes.
]]
function check.now(guest, given)
  local problems = {}
  local checks = check.read(given, problems)
  if #problems > 0 then
    local lines = {}
    for i, p in ipairs(problems) do lines[i] = p.path .. ": " .. p.message end
    err.raise("recipe", table.concat(lines, "\n"))
  end
  return check.demand(guest, checks)
end

return check
