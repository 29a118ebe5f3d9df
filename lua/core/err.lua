-- err: error objects, and the door from the triples of the C modules to raised errors
local runtime = require "runtime"

local err = {}
local meta = runtime.errormeta

-- One line for people: what was being done, to what, why, and what to do next.
function meta.__tostring(e)
  local text = e.message or e.code or "error"
  if e.target and not text:find(e.target, 1, true) then text = e.target .. ": " .. text end
  if e.op then text = e.op .. ": " .. text end
  if e.hint then text = text .. "\n  " .. e.hint:gsub("\n", "\n  ") end
  return text
end

--[[
err.new(fields) -> error object
Make an error object; raise it with error(e, 0).
  fields.code    string            timeout net tls ssh auth hostkey http fault notfound exists format io cancelled recipe usage build stopped
  fields.message string            the cause, for people
  fields.op      string|nil        what was being done ("power on")
  fields.target  string|nil        to what ("base-os-photon3")
  fields.hint    string|nil        what to do next
  fields.cause   any               the error below this one
Other fields are kept (fault, detail, location, ...).
]]
function err.new(fields) return setmetatable(fields, meta) end

--[[
err.raise(code, message [, fields]) -> never returns
Raise an error object of these fields.
]]
function err.raise(code, message, fields)
  local e = fields or {}
  e.code, e.message = code, message
  error(err.new(e), 0)
end

--[[
err.check(value, message, code, ...) -> value, message, code, ...
Pass results through, or raise the triple `nil, message, code` as an error object. False is passed through: only nil fails.
]]
function err.check(value, message, code, ...)
  if value == nil then error(err.new { code = code or "error", message = message or "failed" }, 0) end
  return value, message, code, ...
end

--[[
err.is(e [, code]) -> boolean
Is `e` an error object (of that code)?
]]
function err.is(e, code)
  return getmetatable(e) == meta and (code == nil or e.code == code)
end

--[[
err.caught(e) -> error object
What was raised as an error object with its traceback, for handlers of xpcall. A mistake in Lua, a text, gets the code build.
]]
function err.caught(e)
  if not err.is(e) then e = err.new { code = "build", message = tostring(e) } end
  e.traceback = e.traceback or debug.traceback("", 2)
  return e
end

--[[
err.wrap(op, target, f, ...) -> results of f(...)
Call f; an error object raised in it gets `op` and `target` when it has none.
]]
function err.wrap(op, target, f, ...)
  local function label(e)
    if getmetatable(e) == meta and e.code ~= "cancelled" then
      e.op = e.op or op
      e.target = e.target or target
    end
    return e
  end
  local function pass(ok, ...)
    if ok then return ... end
    error((...), 0)
  end
  return pass(xpcall(f, label, ...))
end

return err
