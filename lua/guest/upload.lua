-- upload: files and trees of files to and from a guest, over sftp; many files as one stream to its tar
local lfs = require "lfs"
local err = require "core.err"
local tarstream = require "guest.tarstream"

local upload = {}
local OWNER = 448 -- 0700
local MANY = 16 -- files from which on a stream is quicker
local DEPTH = 32 -- directories in directories: more is a symbolic link to itself

local function base_name(path) return (path:gsub("/+$", ""):match("([^/]*)$")) end
local function without_slash(path) return (path:gsub("(.)/+$", "%1")) end

-- "rwxr-x---" as a number
local function mode_of(attributes)
  local mode = 0
  for c in attributes.permissions:gmatch("%S") do mode = mode * 2 + (c == "-" and 0 or 1) end
  return mode & 511 -- 0777
end

local function entries(path)
  local names = {}
  for name in lfs.dir(path) do if name ~= "." and name ~= ".." then names[#names + 1] = name end end
  table.sort(names)
  return names
end

-- ---- there ----

local function look(from)
  local there = lfs.attributes(from)
  if there then return there end
  local link = lfs.symlinkattributes(from)
  err.raise("notfound", from .. (link and ": a symbolic link to nothing" or ": no such file or directory"), { op = "upload" })
end

-- What is to be sent, directories before what is in them: { from, to, mode, size or nil }.
local function plan(from, to, list, depth)
  local there = look(from)
  if depth > DEPTH then err.raise("io", from .. ": more than " .. DEPTH .. " directories deep: a link to itself?", { op = "upload" }) end
  if there.mode == "directory" then
    list[#list + 1] = { from = from, to = to, mode = mode_of(there) }
    for _, name in ipairs(entries(from)) do plan(from .. "/" .. name, to .. "/" .. name, list, depth + 1) end
  elseif there.mode == "file" then
    list[#list + 1] = { from = from, to = to, size = there.size, mode = mode_of(there) }
    list.bytes = list.bytes + there.size
  else
    err.raise("io", from .. ": is a " .. there.mode .. ", not a file", { op = "upload" })
  end
  return list
end

-- True when it was made, false when it was there.
local function make_directory(session, path, mode)
  local ok, message, code = session:mkdir(path, { mode = mode })
  if ok then return true end
  if code ~= "exists" or err.check(session:stat(path)).type ~= "directory" then err.check(nil, message, code) end
  return false
end

local function is_directory(session, path)
  local there, message, code = session:stat(path)
  if not there and code ~= "notfound" then err.check(nil, message, code) end
  return there ~= nil and there.type == "directory"
end

-- The files one by one.
local function send_each(session, files, total, options)
  local done = 0
  local report = options.progress and function(part) options.progress(done + part, total) end
  for _, one in ipairs(files) do done = done + err.check(session:upload(one.from, one.to, { mode = options.mode, progress = report })) end
end

-- All of them at once; false when that cannot be.
local function send_all(session, files, total, target, options)
  if #files < MANY then return false end
  for _, one in ipairs(files) do one.name, one.mode = one.to:sub(#target + 2), options.mode or one.mode end
  return tarstream.send(session, files, target == "" and "/" or target, options.progress and function(done) options.progress(done, total) end)
end

local function send(session, list, target, options)
  local files, late = {}, {}
  for _, one in ipairs(list) do
    if one.size then files[#files + 1] = one
    elseif make_directory(session, one.to, one.mode | OWNER) and one.mode & OWNER ~= OWNER then
      late[#late + 1] = one -- a directory that could not be written into: its mode comes last
    end
  end
  if not send_all(session, files, list.bytes, target, options) then send_each(session, files, list.bytes, options) end
  for i = #late, 1, -1 do err.check(session:chmod(late[i].to, late[i].mode)) end
  return #files
end

--[[
upload.send(session, from, to [, options]) -> integer
Copy a file or a tree to the guest, with its modes. As with scp, "scripts" to "/root" makes /root/scripts when /root is a
directory, and so does "scripts" to "/root/"; "scripts/" puts the content of scripts into it. When there is nothing at `to`, the copy
gets that name. Links are followed. Everything is looked at before the first byte is sent. From 16 files on they go as one stream to the
guest's tar, if it has one. Returns the number of files.
  options.mode     integer|nil     of every file; the local one by default
  options.progress function|nil    called with (done, total) bytes of all files, twice a second and at the end of each
Raises: notfound, io, net, timeout, ssh.
Blocks: yes.
]]
function upload.send(session, from, to, options)
  local target, source = without_slash(to), without_slash(from)
  local is_tree = look(source).mode == "directory"
  local content_only = is_tree and from:find("/$") ~= nil
  local list = plan(source, "", { bytes = 0 }, 1)
  if to:find("/$") then make_directory(session, target) end
  if not content_only and is_directory(session, target) then target = (target == "/" and "" or target) .. "/" .. base_name(source) end
  for _, one in ipairs(list) do one.to = target .. one.to end
  return send(session, list, target, options or {})
end

-- ---- and back ----

-- The guest chooses the names: none may lead out of the directory we put it in.
local function check_name(name, from)
  if name:find("[/%z]") or name == ".." or name == "." or name == "" then
    err.raise("format", string.format("%s: the server lists a file called %q", from, name), { op = "download" })
  end
end

local function receive(session, from, to, options, depth)
  local there, count = err.check(session:stat(from)), 0
  if there.type ~= "directory" then
    err.check(session:download(from, to, { progress = options.progress }))
    return 1
  end
  if depth > DEPTH then err.raise("io", from .. ": more than " .. DEPTH .. " directories deep", { op = "download" }) end
  if lfs.attributes(to, "mode") ~= "directory" then err.check(lfs.mkdir(to)) end
  for _, entry in ipairs(err.check(session:list(from))) do
    check_name(entry.name, from)
    if entry.type == "file" or entry.type == "directory" then
      count = count + receive(session, from .. "/" .. entry.name, to .. "/" .. entry.name, options, depth + 1)
    end
  end
  return count
end

--[[
upload.receive(session, from, to [, options]) -> integer
Copy a file or a tree from the guest, files with their modes; `to` as for upload.send. Links and special files in a tree are left
out. Returns the number of files.
  options.progress function|nil    called with (done, total) bytes of the file under way
Raises: notfound, io, format (a name that leads elsewhere), net, timeout, ssh.
Blocks: yes.
]]
function upload.receive(session, from, to, options)
  local target, source = without_slash(to), without_slash(from)
  local content_only = from:find("/$") ~= nil
  if to:find("/$") and not lfs.attributes(target, "mode") then err.check(lfs.mkdir(target)) end
  if not content_only and lfs.attributes(target, "mode") == "directory" then target = target .. "/" .. base_name(source) end
  return receive(session, source, target, options or {}, 1)
end

return upload
