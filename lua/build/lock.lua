-- lock: what only one process of this machine may do at a time: build an image, upload an ISO. Others wait and say for whom.
local digest = require "digest"
local lfs = require "lfs"
local lockfile = require "lockfile"
local process = require "process"
local signal = require "signal"
local err = require "core.err"
local files = require "build.files"

local lock = {}

local PAUSE = 0.3 -- seconds between looks

local held = {}
held.__index = held

function held:close()
  if self.file then self.file:remove() end
  self.file = nil
end

held.__close = held.close
function held:__tostring() return "lock of " .. self.what end

local function holder(path)
  local file <close> = io.open(path)
  return file and file:read "l" or "another process"
end

--[[
lock.hold(key, what, options) -> lock
Wait until no other process holds the key, and hold it: until lock:close(), or the end of this process, whatever ends it. The
lock's field `waited` says whether there was one.
  key            string            anything; the file is named by its digest
  what           string            for messages: "the image base-os-photon3"
  options.run    string            said to those who wait
  options.note   function(text)    told once, when there is something to wait for
Raises: io; cancelled.
Blocks: yes, as long as another one holds it.
]]
function lock.hold(key, what, options)
  local path = string.format("%s/%s", files.state "lock", err.check(digest.string("sha256", key)):sub(1, 32))
  local file, told
  repeat
    file = err.check(lockfile.open(path))
    if not file then
      if not told then options.note(string.format("waiting for %s, which has %s", holder(path), what)) end
      told = true
      signal.sleep(PAUSE)
    end
  until file
  local self = setmetatable({ file = file, what = what, waited = told or false }, held)
  err.check(file:append(string.format("run %s (process %d)\n", options.run, process.id())))
  return self
end

--[[
lock.tidy() -> nothing
Remove the files of locks that nobody holds: a process that was killed leaves its own.
Raises: io.
Blocks: no.
]]
function lock.tidy()
  local directory = files.state "lock"
  for name in lfs.dir(directory) do
    local path = directory .. "/" .. name
    local file <close> = lfs.attributes(path, "mode") == "file" and lockfile.open(path) or nil
    if file then file:remove() end
  end
end

return lock
