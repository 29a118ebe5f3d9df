-- control: what a person at the terminal is asked while an image is built: at failures, at breakpoints, before each step
local err = require "core.err"
local line = require "line"
local ask = require "cli.ask"

local control = {}

local function end_here(reason) err.raise("stopped", reason) end

-- ---- the question ----

-- Read until one of the keys is given; the first is what an empty line means. Nobody there any more (Ctrl-D): the last.
local function answer(choices, read)
  local shown = {}
  for i, choice in ipairs(choices) do shown[i] = string.format("[%s]%s", i == 1 and choice.key:upper() or choice.key, choice.text) end
  local prompt = "  " .. table.concat(shown, ", ") .. "? "
  while true do
    local typed = read(prompt)
    if not typed then
      io.stdout:write "\n"
      return choices[#choices]
    end
    typed = typed:lower():match("^%s*(.-)%s*$")
    for i, choice in ipairs(choices) do
      if typed == choice.key or typed == choice.key .. choice.text or (typed == "" and i == 1) then return choice end
    end
  end
end

-- Ask, with the view of the build out of the way; a choice that is a look around comes back here.
local function question(self, b, title, choices)
  self.view.pause()
  local _ <close> = setmetatable({}, { __close = function() self.view.resume() end })
  io.stdout:write("\n", title, "\n")
  io.stdout:flush()
  local editor <close> = err.check(line.open())
  while true do
    local choice = answer(choices, function(prompt) return editor:read(prompt) end)
    if not choice.look then return choice end
    self.look(b)
  end
end

local LOOK = { key = "l", text = "ook around", look = true }

local function full_name(name, parent) return parent and parent .. " " .. name or name end

-- ---- where it is asked ----

local function pause_before(self, b, title)
  local choice = question(self, b, title, { { key = "g", text = "o on" }, LOOK, { key = "r", text = "un without stopping", free = true },
    { key = "e", text = "nd and keep the machine", stop = true } })
  if choice.stop then end_here "stopped by the user" end
  if choice.free then self.stepping, self.free = false, true end
end

local function failed(self, b, name, parent, e)
  local known = e.op == full_name(name, parent) -- it says itself where it happened
  local title = string.format("%s: %s", known and "failed" or full_name(name, parent) .. " failed", self.mask(tostring(e)))
  local choice = question(self, b, title, { { key = "r", text = "etry", again = true }, LOOK, { key = "k", text = "eep the machine and end", keep = true },
    { key = "c", text = "lean up and end" } })
  if choice.keep then e.keep = "as the user wants" end
  return choice.again == true
end

--[[
control.new(given, view, look, mask) -> control|nil
Who is asked while an image is built (life.build's options.control); nil when nobody is there.
  given          table             options: on_error, debug_step
  view           table             pause(), resume(): of render.open
  look           function(b)       a look around in the living build
  mask           function          text -> text without secrets
Raises: usage (somebody must be there, and is not).
]]
function control.new(given, view, look, mask)
  if given.json or not ask.somebody() then
    local wanted = given.on_error == "ask" and "--on-error=ask" or given.debug_step and "--debug-step"
    local why = given.json and ": with --json nobody is asked" or " needs a terminal"
    if wanted then err.raise("usage", wanted .. why, { hint = "--on-error=abort and --until keep the machine for a look" }) end
    return nil
  end
  local self = { view = view, look = look, mask = mask, stepping = given.debug_step }
  local out = {}
  function out.before(b, name, parent)
    if self.stepping then pause_before(self, b, "before " .. full_name(name, parent)) end
  end
  function out.at(b, message)
    if not self.free then pause_before(self, b, "breakpoint" .. (message ~= "" and ": " .. message or "")) end
  end
  function out.failed(b, name, parent, e) return given.on_error == "ask" and failed(self, b, name, parent, e) end
  return out
end

return control
