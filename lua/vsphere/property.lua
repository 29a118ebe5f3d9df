-- property: reading properties of many objects at once, and waiting for them to change
local signal = require "signal"
local vim = require "vim"
local aside = require "core.aside"
local err = require "core.err"
local fault = require "vsphere.fault"

local property = {}

local FIRST = 4 -- seconds of silence after which everything is asked for again; doubled each time up to
local POLL = 60 -- seconds of one long poll: firewalls cut idle connections after some minutes

-- Properties that could not be read raise, unless they are only not there; nor do those that the user may not read, where that is all right.
local function check_missing(obj, missing, values)
  for _, m in ipairs(missing or {}) do
    local f = m.fault and m.fault.fault
    if values and vim.isa(vim.typeof(f) or "", "NoPermission") then values.unreadable = true
    elseif f then error(obj.session:explain(f, m.fault.localizedMessage, "read " .. tostring(m.path), obj), 0) end
  end
end

--[[
property.collect(session, specs [, options]) -> {object -> {path -> value}}, {object, ...}
One question to the property collector, with all the pages of its answer: what was found, and the objects in the order they came.
  specs          array of PropertyFilterSpec
  options        table             of each request: see session:invoke; and
  options.readable boolean = false what the user may not read is left out, and told by `unreadable` among the object's values
Raises: error objects; a property that may not be read raises its fault.
Blocks: yes.
]]
function property.collect(session, specs, options)
  local collector = session.content.propertyCollector
  local found, order = {}, {}
  local page = collector:RetrievePropertiesEx({ specSet = specs, options = {} }, options)
  while page do
    for _, content in ipairs(page.objects or {}) do
      if not found[content.obj] then order[#order + 1] = content.obj end
      local values = found[content.obj] or {}
      check_missing(content.obj, content.missingSet, options and options.readable and values)
      for _, p in ipairs(content.propSet or {}) do values[p.name] = p.val end
      found[content.obj] = values
    end
    page = page.token and collector:ContinueRetrievePropertiesEx({ token = page.token }, options)
  end
  return found, order
end

local function has(kind, path)
  for name in path:gmatch("[^.]+") do
    local field = vim.field(kind, name)
    if not field then return false end
    kind = field.type
  end
  return true
end

-- A filter for these objects, one property set for each type among them. Of a type is asked what it has: where objects of several
-- types are looked at together, a folder among machines has no power state. What no type has is the server's to judge.
local function filter_for(objects, paths)
  local sets, specs, kinds = {}, {}, {}
  for i, o in ipairs(objects) do
    specs[i] = { obj = o }
    if not kinds[o.kind] then kinds[o.kind], kinds[#kinds + 1] = true, o.kind end
  end
  for i, kind in ipairs(kinds) do
    local own = {}
    for _, path in ipairs(paths) do
      local some
      for _, other in ipairs(kinds) do some = some or has(other, path) end
      if not some or has(kind, path) then own[#own + 1] = path end
    end
    sets[i] = { type = kind, all = false, pathSet = own }
  end
  return { propSet = sets, objectSet = specs }
end

--[[
property.get_many(session, objects, paths [, options]) -> {{object = object, [path] = value}, ...}
Read the same properties of many objects in one request, in the order of the objects; what is not set is not there, nor what an object
has not that is of another type than one that has it.
  options        table|nil         see property.collect
Raises: error objects; notfound (kind ManagedObjectNotFound) when one of them is gone.
Blocks: yes.
]]
function property.get_many(session, objects, paths, options)
  if #objects == 0 then return {} end
  local found, result = property.collect(session, { filter_for(objects, paths) }, options), {}
  for i, o in ipairs(objects) do
    result[i] = found[o] or {}
    result[i].object = o
  end
  return result
end

-- Apply one PropertyChange to the values; a change deep inside a property we asked for is put where it belongs.
local function apply(values, paths, change)
  local value = change.val
  if change.op == "remove" or change.op == "indirectRemove" then value = nil end
  for _, path in ipairs(paths) do
    if change.name == path then
      values[path] = value
      return
    end
  end
  for _, path in ipairs(paths) do
    local rest = change.name:sub(1, #path + 1) == path .. "." and change.name:sub(#path + 2)
    if rest and type(values[path]) == "table" and not rest:find("[", 1, true) then
      local at, last = values[path], rest:match("([^.]+)$")
      for name in rest:gmatch("([^.]+)%.") do at = type(at) == "table" and at[name] or nil end
      if type(at) == "table" then rawset(at, last, value) end
      return
    end
  end
end

local function gone(obj) return err.new { code = "notfound", message = tostring(obj) .. " has vanished", vanished = true } end

local watcher = {}
watcher.__index = watcher

-- Take the updates that are for our filter into values; was there one?
function watcher:take(set)
  local taken = false
  for _, update in ipairs(set.filterSet or {}) do
    if update.filter == self.filter then
      for _, o in ipairs(update.objectSet or {}) do
        if o.kind == "leave" then error(gone(self.object), 0) end
        check_missing(self.object, o.missingSet)
        for _, change in ipairs(o.changeSet or {}) do apply(self.values, self.paths, change) end
        taken = true
      end
      for _, missing in ipairs(update.missingSet or {}) do
        if missing.obj == self.object then error(gone(self.object), 0) end
      end
    end
  end
  return taken
end

-- One long poll: an update set, false when nothing changed, nil when the server has forgotten the version.
function watcher:poll(seconds)
  local session = self.object.session
  local ok, set = pcall(session.invoke, session, session.content.propertyCollector, "WaitForUpdatesEx",
    { version = self.version, options = { maxWaitSeconds = seconds } }, { timeout = seconds + 60, once = true })
  if ok then return set end
  if fault.is(set, "InvalidCollectorVersion") then return nil end
  if fault.is(set, "ManagedObjectNotFound") and set.fault.obj == self.object then error(gone(self.object), 0) end
  error(set, 0)
end

-- A filter belongs to its session: when that was opened again, there has to be a new one.
function watcher:renew()
  local session = self.object.session
  local ok, filter = pcall(session.invoke, session, session.content.propertyCollector, "CreateFilter",
    { spec = filter_for({ self.object }, self.paths), partialUpdates = false })
  local made = ok and filter or err.is(filter, "cancelled") and filter.answer
  self.filter, self.version, self.login, self.values = made or nil, "", session.user.key, {}
  if ok then return end
  self:close()
  error(fault.is(filter, "ManagedObjectNotFound") and gone(self.object) or filter, 0)
end

-- A new filter tells everything again.
function watcher:start_over()
  local session = self.object.session
  pcall(session.invoke, session, self.filter, "DestroyPropertyFilter")
  self.login = nil
end

--[[
watcher:next([seconds]) -> {path -> value}
                        -> nil
Wait until a property changes: all values as they are then (one that is not set is not there). The first time they come at once,
and again after some time of silence, changed or not. nil when nothing changed in time.
  seconds        number = 60       0 only looks; more than 60 are cut into several polls
Raises: error objects; notfound (with `vanished`) when the object is gone; cancelled.
Blocks: yes.
]]
function watcher:next(seconds)
  local until_ = signal.now() + (seconds or POLL)
  local session = self.object.session
  repeat
    if self.login ~= session.user.key then self:renew() end
    local repeats = session.repeats
    local set = self:poll(math.ceil(math.max(0, math.min(self.silence, until_ - signal.now()))))
    if session.repeats ~= repeats then
      self:start_over() -- an answer may be lost, with what it told
    elseif not set then
      -- a forgotten version, or silence: the next question is for everything, in case a change was lost on the way
      self.version, self.silence = "", math.min(POLL, self.silence * 2)
    else
      if self.version ~= "" then self.silence = FIRST end
      self.version = set.version
      self.changed = self:take(set) or self.changed
      if self.changed and not set.truncated then
        self.changed = false
        return self.values
      end
    end
  until signal.now() >= until_
end

--[[
watcher:close() -> nothing
Destroy the filter on the server; safe to call again, and after a signal.
Blocks: yes, for 10 seconds at most.
]]
function watcher:close()
  local filter, session = self.filter, self.object.session
  self.filter = nil
  if not filter or session.closed or self.login ~= session.user.key then return end
  local _ <close> = aside()
  pcall(session.invoke, session, filter, "DestroyPropertyFilter", {}, { timeout = 10 })
end

watcher.__close = watcher.close
watcher.__name = "property.watcher"
function watcher:__tostring() return "watcher of " .. tostring(self.object) end

--[[
property.watch(object, paths) -> watcher
Watch properties of an object: see watcher:next. Close the watcher when done: it is a filter on the server.
Raises: error objects; notfound (with `vanished`) when the object is gone.
Blocks: yes.
]]
function property.watch(obj, paths)
  local self = setmetatable({ object = obj, paths = paths, changed = false, silence = FIRST }, watcher)
  self:renew()
  return self
end

--[[
property.wait(object, paths, predicate [, timeout]) -> result, values
Wait until predicate(values) is true: `values` is a table path -> value, kept up to date; the predicate is called when
something changed, and its result returned. One long poll lasts a minute at most and is resumed.
  object         object
  paths          array of property paths
  predicate      function
  timeout        number = 3600     seconds
Raises: error objects: timeout (with `values`); notfound (with `vanished`) when the object is gone; fault; cancelled; what the
predicate raises.
Blocks: yes.
]]
function property.wait(obj, paths, predicate, timeout)
  local until_ = signal.now() + (timeout or 3600)
  local watch <close> = property.watch(obj, paths)
  repeat
    local values = watch:next(math.max(0, until_ - signal.now()))
    local result = values and predicate(values)
    if result then return result, values end
  until signal.now() >= until_
  err.raise("timeout", string.format("nothing after %g seconds", timeout or 3600), { op = "wait for " .. table.concat(paths, ", "),
    target = tostring(obj), values = watch.values })
end

return property
