-- lost: what became of a call whose answer never came, so that nothing is done twice
local signal = require "signal"
local vim = require "vim"
local err = require "core.err"
local property = require "vsphere.property"

local lost = {}

local LOOKS = { 0, 1, 3 } -- seconds before each look: a call that is still on its way through the server has its task by then
local SLACK = 0.2         -- seconds that an answer may have been on its way

-- Seconds of an xsd:dateTime, to compare with others of the same. Source: XML Schema part 2, 3.2.7.
local function seconds_of(text)
  local year, month, day, hour, min, sec, fraction, zone = (text or ""):match("^(%d+)-(%d+)-(%d+)T(%d+):(%d+):(%d+)(%.?%d*)(.*)$")
  if not year then return nil end
  local sign, h, m = zone:match("^([+-])(%d%d):?(%d%d)$")
  return os.time { year = year, month = month, day = day, hour = hour, min = min, sec = sec, isdst = false } + (tonumber("0" .. fraction) or 0)
    - (sign and tonumber(sign .. "1") * (h * 3600 + m * 60) or 0)
end

-- The tasks that this server has had lately, with their properties, in one question.
local function recent_tasks(session)
  local manager = session.content.taskManager
  return property.collect(session, { { propSet = { { type = "Task", all = false, pathSet = { "info" } } },
    objectSet = { { obj = manager, skip = true, selectSet = { vim.TraversalSpec { type = "TaskManager", path = "recentTask", skip = false } } } } } })
end

-- The name that the call gives to something, by which its task can be told from others'.
local function name_given(method, args)
  if method == "CreateVM_Task" then return args.config.name end
  if method == "CloneVM_Task" then return args.name end
  if method == "Rename_Task" then return args.newName end
end

local function is_ours(task, target, name)
  if not name then return true end
  local ok, made = pcall(task.wait, task)
  if err.is(made, "cancelled") then error(made, 0) end
  return ok and (made == true and target or made):get "name" == name
end

--[[
lost.find(target, method, args, since) -> Task|nil
The task that a call has begun though its answer was lost; nil when it was not carried out. A task of another machine's making is taken
for ours only when it makes what the call wanted, by its name.
  target         object            whose method it is
  args           table             of the call
  since          number            signal.now() before the call
Raises: error objects, when the server does not come back; cancelled.
Blocks: yes, for a few seconds; longer when the task makes something.  Source: TaskManager.recentTask.
]]
function lost.find(target, method, args, since)
  local session, name = target.session, name_given(method, args)
  for _, pause in ipairs(LOOKS) do
    signal.sleep(pause)
    local now = seconds_of(session:invoke(vim.ServiceInstance("ServiceInstance"), "CurrentTime"))
    local earliest = now and now - (signal.now() - since) - SLACK or 0
    local found, order = recent_tasks(session)
    for i = #order, 1, -1 do
      local info = found[order[i]].info
      local queued = seconds_of(info.queueTime) or math.huge
      if info.name == method and info.entity == target and not session.begun[order[i].moid] and queued >= earliest and is_ours(order[i], target, name) then
        return order[i]
      end
    end
  end
end

--[[
lost.settle(call, done) -> result of call()|nil
Make a call whose effect can be seen. When its answer was lost, look: it is made again only when it had no effect.
  call           function()
  done           function() -> boolean   whether it had
Raises: what call raises.
Blocks: yes.
]]
function lost.settle(call, done)
  local ok, result = pcall(call)
  if ok then return result end
  if not (err.is(result) and result.unknown) then error(result, 0) end
  if not done() then return call() end
end

return lost
