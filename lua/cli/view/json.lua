-- json: one object a line, as build/events.lua declares them
local cjson = require "cjson"
local events = require "build.events"

local json = {}

--[[
json.encode(event) -> string
One line of JSON, without the line break. A list that is empty is [] here.
]]
function json.encode(event)
  local text = cjson.encode(event):gsub("\\/", "/")
  for _, name in ipairs(events.lists(event.event)) do
    if type(event[name]) == "table" and next(event[name]) == nil then text = text:gsub('"' .. name .. '":{}', '"' .. name .. '":[]', 1) end
  end
  return text
end

local function nothing() end

--[[
json.new(write) -> view
view: event(e), tick(), pause(), resume(), close()
]]
function json.new(write)
  return { event = function(_, e) write(json.encode(e) .. "\n") end, tick = nothing, pause = nothing, resume = nothing, close = nothing }
end

return json
