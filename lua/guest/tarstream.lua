-- tarstream: many files to a guest as one stream that its tar unpacks: sftp answers several times for each file
local digest = require "digest"
local tar = require "tar"
local err = require "core.err"
local tail = require "core.tail"
local gather = require "guest.gather"

local tarstream = {}

local CHUNK = 256 * 1024 -- bytes given to ssh at once
local LARGEST = 1 << 33  -- bytes; the header of such a file is not what every tar reads
local LAST = 5           -- lines of what tar said

local Stream = {}
Stream.__index = Stream

function Stream:__close() if self.file then self.file:close() end end

-- The header of the next file, or what ends the archive, or nil.
local function begin_next(self)
  self.index = self.index + 1
  local one = self.files[self.index]
  if not one then return self.index == #self.files + 1 and tar.ending or nil end
  self.file, self.left = err.check(io.open(one.from, "rb")), one.size
  return err.check(tar.header(one.name, one.size, { mode = one.mode }))
end

local function read_on(self)
  local one = self.files[self.index]
  local bytes = self.file:read(math.min(self.left, CHUNK)) -- "" for an empty file
  if not bytes and self.left > 0 then err.raise("io", one.from .. ": it became shorter while it was sent", { op = "upload" }) end
  bytes = bytes or ""
  self.left, self.done = self.left - #bytes, self.done + #bytes
  if self.left > 0 then return bytes end
  self.file:close()
  self.file = nil
  return bytes .. tar.padding(one.size)
end

-- The next bytes of the archive; nil after the last.
local function next_bytes(self)
  local parts, size = {}, 0
  repeat
    local piece
    if self.file then piece = read_on(self) else piece = begin_next(self) end
    parts[#parts + 1] = piece
    size = size + #(piece or "")
  until not piece or size >= CHUNK
  self.report(self.done)
  return size > 0 and table.concat(parts) or nil
end

-- A file that both sftp and the shell see, so that both mean the same directory.
local function unpack_command(directory, mark)
  local q = gather.quote
  return "exec sh -c " .. q(string.format("{ cd %s && rm %s && command -v tar; } >/dev/null 2>&1 || exit 127; exec tar -xopmf -", q(directory), mark))
end

local function fits(files)
  for _, one in ipairs(files) do if one.size >= LARGEST or #one.name > 900 then return false end end
  return true
end

--[[
tarstream.send(session, files, directory [, report]) -> boolean
Write files into a directory of the guest, over those that are there; false when nothing was done: the guest has no tar, or its
shell is not where its sftp is.
  files            array of { from = string, name = string (below the directory), size = integer, mode = integer }
  directory        string            it is there, and those below it that the names need are, too
  report           function|nil      called with the bytes of the files that were sent
Raises: io (a file cannot be read or written, became shorter), net, timeout, ssh.
Blocks: yes.
]]
function tarstream.send(session, files, directory, report)
  if not fits(files) then return false end
  local mark, bytes = ".luabuild-" .. digest.hex(digest.random(6)), 0
  for _, one in ipairs(files) do bytes = bytes + one.size end
  err.check(session:upload({ content = "" }, directory .. "/" .. mark))
  local stream <close> = setmetatable({ files = files, index = 0, done = 0, report = report or function() end }, Stream)
  local result = err.check(session:exec(unpack_command(directory, mark), { stdin = function() return next_bytes(stream) end,
    timeout = 3600 + bytes / 1e5 }))
  if result.status == 0 then return true end
  if result.status ~= 127 then
    err.raise("io", string.format("%s: the guest's tar ended with status %s", directory, result.status or result.signal),
      { op = "upload", hint = tail.lines(result.err, LAST) })
  end
  session:remove(directory .. "/" .. mark)
  return false
end

return tarstream
