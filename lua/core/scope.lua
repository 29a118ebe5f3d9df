-- scope: the clean-up stack. Push the undo before the deed; everything is undone in reverse order unless kept.
local signal = require "signal"
local aside = require "core.aside"
local err = require "core.err"

local scope = {}
scope.__index = scope

--[[
scope.new(options) -> scope
Make a clean-up stack; `local s <close> = scope.new()` unwinds it at the end of the block. Its field `unwinding` is true from then on.
  options.report function|nil      report(name, error or nil) is called after each undo
  options.deadline number = 60     seconds for the whole clean-up; what is left then is reported as not undone
  options.begun  function|nil      begun(entry) is called before the entry is on the stack: what it raises keeps the deed undone
  options.ended  function|nil      ended(entry) is called when an entry was forgotten or undone
]]
function scope.new(options)
  options = options or {}
  local function nothing() end
  return setmetatable({ report = options.report or nothing, deadline = options.deadline or 60, begun = options.begun or nothing,
    ended = options.ended or nothing }, scope)
end

--[[
scope:push(name, undo [, record]) -> entry
Remember how to undo what is about to be done. undo() must do no harm when the deed never happened, and returns false then:
that is not reported. With entry.quiet set it is something short that is always done, and only reported when it fails;
with entry.about, a function, reports and what unwind returns have the name and what it returns then: which one it is.
  record         table|nil         what is about to be made, for the scope's begun and ended (entry.record)
Raises: what begun raises.
]]
function scope:push(name, undo, record)
  local entry = { name = name, undo = undo, record = record }
  self.begun(entry)
  self[#self + 1] = entry
  return entry
end

--[[
scope:forget(entry) -> nothing
The deed became permanent, or was undone already.
]]
function scope:forget(entry)
  for i = #self, 1, -1 do
    if self[i] == entry then
      table.remove(self, i)
      self.ended(entry)
    end
  end
end

--[[
scope:forget_named(name) -> nothing
Forget every entry of that name.
]]
function scope:forget_named(name)
  for i = #self, 1, -1 do if self[i].name == name then self:forget(self[i]) end end
end

-- What was not even tried has a reason of its own.
local function skipped(interrupted)
  return err.new { code = "timeout", message = interrupted and "interrupted" or "no time left to clean up" }
end

-- Undo one entry: true, or false and why not; second, whether a signal or the end of the time stopped it.
local function undo(self, entry, stop)
  if stop and not entry.quiet then return false, skipped(stop ~= "time") end
  local ok, e = pcall(entry.undo)
  if ok then
    pcall(self.ended, entry)
    return true, e
  end
  return false, e
end

-- Whoever listens may be gone: that stops no clean-up.
local function tell(self, entry, name, ok, e)
  if ok and (entry.quiet or e == false) then return end
  local why = not ok and e or nil
  if err.is(why, "cancelled") and why.message == "out of time" then why = skipped(false) end
  pcall(self.report, name, why)
end

--[[
scope:unwind([failure]) -> {name, ...}, boolean
Undo everything, last first, also after a signal (a second one stops it). Returns the names of what could not be undone, and whether
a signal came meanwhile.
  failure        error object|nil  what led to it, for core.aside; with `again` the second signal came already: undo nothing, name everything
Raises: nothing.
Blocks: yes, for `deadline` seconds at most.
]]
function scope:unwind(failure)
  local _ <close> = aside(failure)
  self.unwinding = true
  local left, stop = {}, err.is(failure) and failure.again and "signal" or nil
  signal.limit(math.max(self.deadline, 0.001))
  for i = #self, 1, -1 do
    local entry = self[i]
    self[i] = nil
    local about = entry.about and entry.about()
    local name = about and entry.name .. " " .. about or entry.name
    local ok, e = undo(self, entry, stop)
    if not ok then left[#left + 1] = name end
    if not ok and err.is(e, "cancelled") then stop = e.message == "out of time" and "time" or "signal" end
    if stop then -- what is short and always done is still done
      signal.limit(0)
      signal.acknowledge()
    end
    tell(self, entry, name, ok, e)
  end
  signal.limit(0)
  return left, stop == "signal"
end

scope.__close = scope.unwind

return scope
