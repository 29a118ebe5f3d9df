-- repl: read statements, run them, print their values, until the input ends
local line = require "line"
local lockfile = require "lockfile"
local signal = require "signal"
local term = require "term"
local err = require "core.err"
local printable = require "core.printable"
local files = require "build.files"
local complete = require "cli.complete"
local help = require "cli.help.value"
local locale = require "cli.locale"
local names = require "cli.names"
local pages = require "cli.help.pages"
local pretty = require "cli.pretty"
local statement = require "cli.statement"
local style = require "cli.view.style"

local repl = {}

local Leave = {} -- metatable of what repl.leave raises

--[[
repl.leave(value) -> never returns
End the REPL that runs; repl.run returns the value.
]]
function repl.leave(value) error(setmetatable({ value = value }, Leave), 0) end

-- ---- the history ----

local function history_path()
  local ok, directory = pcall(files.state, "")
  return ok and directory .. "history" or nil
end

-- What had better not be in a file: a line that begins with a blank, and one that has a secret or looks as if.
local function is_private(text, mask)
  return text:find("^%s") or mask(text) ~= text or text:find("[Pp]assw[%w_]*[\"'%]]*%s*=%s*[\"'%[]") or text:find("[Ss]ecret[%w_]*%s*=%s*[\"'%[]")
end

-- Now: other REPLs write to it, too, but one at a time. One that is stuck is not waited for.
local function save(self)
  local lock = false
  for _ = 1, 50 do
    lock = lockfile.open(self.history .. ".lock")
    if lock ~= false then break end
    signal.sleep(0.01)
  end
  local _ <close> = lock
  self.editor:save(self.history)
end

local function remember_one(self, text)
  self.editor:remember(text)
  if self.history then save(self) end
end

-- Several lines are one entry, unless that would change what they mean.
local function remember(self, text)
  if not text:find("%S") or is_private(text, self.mask) then return end
  if text:find("--", 1, true) or text:find("[[", 1, true) or text:find("[=", 1, true) then
    for one in text:gmatch("[^\n]+") do remember_one(self, one) end
  else
    remember_one(self, (text:gsub("%s*\n%s*", " ")))
  end
end

-- ---- showing ----

local function write(text)
  if not (io.stdout:write(text, "\n") and io.stdout:flush()) then err.raise("io", "the output was closed", { closed = true }) end
end

local function show(self, value, depth)
  local text = pretty.show(value, { width = term.width() or 100, paint = self.paint, mask = self.mask, depth = depth, describe = help.describe,
    more = self.look.marks.more })
  write(self.look:spell(text))
end

-- A Lua mistake with its place, an error object with its hint.
local function complain(self, e)
  local text = err.is(e) and tostring(e) or type(e) == "table" and getmetatable(e) == nil and pretty.show(e) or tostring(e)
  io.stdout:flush()
  io.stderr:write(err.is(e, "cancelled") and "" or self.paint("red", "error: "), self.look:spell(self.mask(printable.clean(text))), "\n")
  if self.debug and self.traceback then io.stderr:write(self.traceback, "\n") end
end

-- ---- running ----

local function results(self, count, ...)
  if count == 0 then return end
  if ... ~= nil then self.environment.table._ = ... end
  if count == 1 and ... == nil and not self.editor then return end
  for i = 1, count do show(self, (select(i, ...))) end
end

-- Run a chunk and show its values. What it raises comes out with where it was.
local function run(self, chunk)
  local function handler(e)
    self.traceback = debug.traceback("", 2)
    return e
  end
  local function pass(ok, ...)
    if not ok then error(..., 0) end
    results(self, select("#", ...), ...)
  end
  pass(xpcall(chunk, handler))
end

-- The words for help: what can be completed, from names, contracts and the server.
local function completion(self, options)
  local environment = self.environment
  return {
    names = function() return names.all(environment) end,
    shape = function(name) return names.shape(environment, name) end,
    finders = options.finders, paths = options.paths, watchers = options.watchers,
    options = function(f) return names.fields(help.name_of(f) or "") end,
    strings = { [require] = names.modules, [environment.table.help] = pages.names },
  }
end

-- ---- a terminal ----

-- What people type alone, meaning a call.
local BARE = { exit = "exit()", quit = "exit()", help = "help()" }

-- One statement of one or more lines; nil at the end of the input, "" for nothing.
local function read_statement(self, with)
  local text
  while true do
    local before = text and text .. "\n" or ""
    local function tab(left)
      local insertion, listing, erase = complete.at_tab(before .. left, with, term.width() or 80)
      return insertion, listing and self.look:spell(listing), erase
    end
    local read = self.editor:read(text and self.more or self.prompt, tab)
    if not read then
      if text then write "" end
      return text and "" or nil
    end
    text = before .. (not text and BARE[read:match("^%s*(%a+)%s*$")] or read)
    local chunk, message = statement.read(text, self.environment.table)
    if not text:find("%S") then return "" end
    if chunk or message then return text, chunk, message end
  end
end

local function turn(self, with)
  signal.catch() -- counts signals from one again
  local text, chunk, message = read_statement(self, with)
  if not text then return false end
  if text == "" then return true end
  remember(self, text)
  if message then error(message, 0) end
  run(self, chunk)
  return true
end

local function at_terminal(self, options)
  local editor <close> = err.check(line.open())
  self.editor = editor
  self.history = history_path()
  if self.history then
    editor:load(self.history) -- there need not be one
  end
  local with = completion(self, options)
  if options.banner then write(options.banner) end
  while true do
    local ok, going = pcall(turn, self, with)
    if ok and not going then
      write ""
      return nil
    end
    if getmetatable(going) == Leave then return going.value end
    if not ok then
      if err.is(going, "cancelled") and going.message ~= "interrupted" then error(going, 0) end -- SIGTERM, SIGHUP
      if err.is(going) and going.closed then error(going, 0) end
      complain(self, going)
    end
  end
end

-- ---- a file or pipe ----

local function from_input(self)
  local text, at, first = nil, 0, 1
  for read in io.lines() do
    at = at + 1
    if not text then first = at end
    text = text and text .. "\n" .. read or read
    if at == 1 and text:find("^#") then text = nil
    elseif text:find("%S") then
      local chunk, message = statement.read(text, self.environment.table, "input", first)
      if message then err.raise("build", message) end
      if chunk then
        text, self.at = nil, "input:" .. first
        run(self, chunk)
      end
    else
      text = nil
    end
  end
  if text then err.raise("build", string.format("input:%d: the statement that begins here is not finished", first)) end
end

local function piped(self)
  local ok, e = pcall(from_input, self)
  if ok then return nil end
  if getmetatable(e) == Leave then return e.value end
  if not err.is(e) then e = err.new { code = "build", message = type(e) == "string" and e or pretty.show(e), traceback = self.traceback }
  elseif self.at and e.code ~= "cancelled" and not e.closed then e.op = e.op and self.at .. ": " .. e.op or self.at end
  e.message, e.hint = self.mask(e.message or e.code), e.hint and self.mask(e.hint)
  error(e, 0)
end

-- What help() says of one of the names here, by the name or its value; nil for any other.
local function own_help(self, text, x)
  local out, within = {}, false
  for one in text:gmatch("[^\n]+") do
    local name = one:match("^(%a[%w_]*)%(")
    local own = name and rawget(self.environment.table, name)
    if not one:find("^ ") then within = own and (name == x or own == x) end
    if within then out[#out + 1] = one end
  end
  return out[1] and table.concat(out, "\n")
end

--[[
repl.run(options) -> value
Read statements, run them and print their values: from the terminal with editing, completion and a history, else from standard input,
where the first error ends it. Errors at a terminal, and Ctrl-C in a call, end the call only. Returns at the end of the input (nil), or
what repl.leave was given, which exit(value) does.
  options.names  {name = value} = {}     of the statements, besides Lua's, the modules' and the API's types
  options.made   {name = function} = {}  names whose value is made when they are read; see names.new
  options.shapes {name = shape} = {}     for completion of those
  options.finders {function = true} = {} functions that take a path of the inventory
  options.watchers {function = true} = {} functions that take an object and paths of its properties
  options.paths  function|nil      beginning of a path -> names for completion; may ask the server
  options.banner string|nil        written before the first prompt of a terminal
  options.prompt string = "luabuild> "
  options.mask   function|nil      text -> text without secrets
  options.color  boolean = false
  options.debug  boolean = false   show where errors come from
Raises: cancelled (by SIGTERM or SIGHUP; from a pipe, also Ctrl-C), from a pipe what a statement raises.
Blocks: yes.
]]
function repl.run(options)
  local look = style.new { color = options.color, unicode = locale.utf8() }
  local self = { look = look, mask = options.mask or function(text) return text end, debug = options.debug,
    paint = function(color, text) return look:paint(color, text) end }
  self.environment = names.new(options)
  local own = self.environment.table
  own.exit = rawget(own, "exit") or repl.leave
  function own.help(...)
    local about, text = ..., options.help or ""
    local found = select("#", ...) == 0 and text or own_help(self, text, about) or help.text(self.environment.constructors[about] or about)
    write(look:spell(found))
  end
  function own.print(...)
    local words = table.pack(...)
    for i = 1, words.n do words[i] = tostring(words[i]) end
    write(self.mask(table.concat(words, "\t")))
  end
  function own.show(value, depth) show(self, value, depth or 8) end
  local prompt = options.prompt or "luabuild> "
  self.prompt = options.color and "\1\27[1m\1" .. prompt .. "\1\27[0m\1" or prompt
  self.more = string.rep(" ", #prompt - 3) .. ".. "
  if term.is_tty(0) and term.is_tty(1) then return at_terminal(self, options) end
  return piped(self)
end

return repl
