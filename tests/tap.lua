-- tap: assertions and the leak check of every test. A test file returns a table: name -> function(t).
local runtime = require "runtime"
local lfs = require "lfs"
local signal = require "signal"

local tap = {}
tap.__index = tap

local function show(v, depth)
  depth = depth or 0
  if type(v) == "string" then return string.format("%q", v) end
  if type(v) ~= "table" or depth > 4 then return tostring(v) end
  local keys = {}
  for k in pairs(v) do keys[#keys + 1] = k end
  table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
  local out = {}
  for _, k in ipairs(keys) do out[#out + 1] = tostring(k) .. " = " .. show(v[k], depth + 1) end
  return "{ " .. table.concat(out, ", ") .. " }"
end

local function same(a, b)
  if a == b then return true end
  if type(a) ~= "table" or type(b) ~= "table" then return false end
  for k, v in pairs(a) do if not same(v, b[k]) then return false end end
  for k in pairs(b) do if a[k] == nil then return false end end
  return true
end

-- t:ok(value [, what]): value must be true-ish
function tap:ok(value, what)
  self.count = self.count + 1
  if not value then error((what or "not true") .. ": " .. show(value), 2) end
  return value
end

-- t:equal(got, want [, what]): deep equality
function tap:equal(got, want, what)
  self.count = self.count + 1
  if not same(got, want) then
    error(string.format("%sgot %s, want %s", what and what .. ": " or "", show(got), show(want)), 2)
  end
end

-- t:match(text, pattern [, what]): a Lua pattern; plain text with t:contains
function tap:match(text, pattern, what)
  self.count = self.count + 1
  if not tostring(text):match(pattern) then
    error(string.format("%s%s does not match %q", what and what .. ": " or "", show(text), pattern), 2)
  end
end

function tap:contains(text, part, what)
  self.count = self.count + 1
  if not tostring(text):find(part, 1, true) then
    error(string.format("%s%s does not contain %q", what and what .. ": " or "", show(text), part), 2)
  end
end

-- t:raises(pattern, f, ...): f must raise; the error as text must match. Returns the error.
function tap:raises(pattern, f, ...)
  self.count = self.count + 1
  local ok, e = pcall(f, ...)
  if ok then error("no error raised, want one matching " .. show(pattern), 2) end
  if not tostring(e):match(pattern) then error(string.format("error %s does not match %q", show(tostring(e)), pattern), 2) end
  return e
end

-- t:fails(code, nil, message, code): a triple of that code. Returns the message.
function tap:fails(code, value, message, got)
  self.count = self.count + 1
  if value ~= nil then error("did not fail, got " .. show(value), 2) end
  if got ~= code then error(string.format("failed with code %s (%s), want %s", show(got), show(message), show(code)), 2) end
  return message
end

-- t:eventually(f) -> f's first true-ish value, or nil when there is none within a minute: many times what the slowest machine needs
function tap.eventually(_, f)
  for _ = 1, 3000 do
    local value = f()
    if value then return value end
    signal.sleep(0.02)
  end
end

-- t:skip(why): end the test here, as skipped
function tap:skip(why) error({ skip = why }, 0) end

-- t:defer(f): run f when the test ends, last first
function tap:defer(f) table.insert(self.deferred, f) end

-- t:directory(): a fresh directory, removed when the test ends
function tap:directory()
  local path = os.tmpname()
  os.remove(path)
  assert(lfs.mkdir(path))
  self:defer(function() os.execute("rm -rf '" .. path .. "'") end)
  return path
end

-- t:write(path, text) / t:read(path): whole files
function tap.write(_, path, text)
  local f <close> = assert(io.open(path, "wb"))
  assert(f:write(text))
  return path
end

function tap.read(_, path)
  local f <close> = assert(io.open(path, "rb"))
  return f:read("a")
end

-- t:shell(command): run it; returns its output (both streams) and its exit status. An ordinary user's PATH may lack /sbin.
function tap.shell(_, command)
  local f = assert(io.popen("PATH=$PATH:/usr/sbin:/sbin; { " .. command .. "\n} 2>&1; echo \"$?\"", "r"))
  local text = f:read("a")
  f:close()
  local out, status = text:match("^(.-)(%d+)\n$")
  return out, tonumber(status)
end

local function finish(t)
  local first
  for i = #t.deferred, 1, -1 do
    local ok, e = pcall(t.deferred[i])
    first = first or (not ok and e) or nil
  end
  collectgarbage() collectgarbage()
  local live = next(runtime.live())
  if live then error("left open: " .. show(runtime.live()), 0) end
  if lfs.currentdir() ~= t.directory_before then error("the working directory changed", 0) end
  if first then error(first, 0) end
end

--[[
tap.run(name, f) -> "ok"|"not ok"|"skip", string|nil
Run one test; afterwards no handle may be open and the working directory must be what it was.
]]
function tap.run(name, f)
  local t = setmetatable({ name = name, count = 0, deferred = {}, directory_before = lfs.currentdir() }, tap)
  local ok, e = xpcall(f, function(e) return type(e) == "string" and debug.traceback(e, 2) or e end, t)
  local clean, leak = pcall(finish, t)
  for _, raised in ipairs { not ok and e or false, not clean and leak or false } do
    if type(raised) == "table" and raised.code == "cancelled" then error(raised, 0) end -- Ctrl-C is for the whole run
  end
  if not ok and type(e) == "table" and e.skip then return "skip", e.skip end
  if not ok then return "not ok", tostring(e) end
  if not clean then return "not ok", tostring(leak) end
  if t.count == 0 then return "not ok", "the test asserted nothing" end
  return "ok"
end

return tap
