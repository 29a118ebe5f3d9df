-- datastore: files on a datastore, over /folder and the FileManager
local err = require "core.err"
local fault = require "vsphere.fault"
local object = require "vsphere.object"
local task = require "vsphere.task"

local datastore = {}
local Datastore = object.class("Datastore")

--[[
datastore.parse(path) -> name, file
                      -> nil
"[store] dir/x.iso" in its parts; nil for what is not of that form.
Blocks: no.
]]
function datastore.parse(path)
  local name, file = path:match("^%[([^%]]+)%]%s*(%S.*)$")
  return name, file
end

--[[
datastore.bind(object, name, datacenter, summary) -> Datastore
Give a datastore what its files' URLs need. Fields then: known = { name, datacenter, summary }.
Blocks: no.
]]
function datastore.bind(store, name, datacenter, summary)
  rawset(store, "known", { name = name, datacenter = datacenter, summary = summary })
  return store
end

local function escape(text, keep)
  return (text:gsub("[^%w%-._~" .. (keep or "") .. "]", function(c) return string.format("%%%02X", c:byte()) end))
end

-- The datacenter's path is left out for an ESXi host. Source: vSphere Web Services SDK Programming Guide, "HTTP access to datastores".
local function url(self, file)
  local known = self.known
  local query = "dsName=" .. escape(known.name)
  if self.session.is_vcenter then query = "dcPath=" .. escape(known.datacenter.path) .. "&" .. query end
  return "/folder/" .. escape(file, "/") .. "?" .. query
end

local function manager(self) return self.session.content.fileManager end

local function place(self)
  return self.session.is_vcenter and self.known.datacenter.object or nil
end

--[[
Datastore:path(file) -> string
"dir/x.iso" as the API writes it: "[store] dir/x.iso".
Blocks: no.
]]
function Datastore:path(file) return string.format("[%s] %s", self.known.name, file) end

--[[
Datastore:size(file) -> integer|nil
The size of a file in bytes; nil when it is not there.
Raises: http, net, timeout.
Blocks: yes, one HTTP request and none of the API.
]]
function Datastore:size(file)
  local ok, result = pcall(self.session.request, self.session, { method = "HEAD", path = url(self, file), stall = 60 })
  if ok then return math.tointeger(tonumber(result.headers["content-length"])) end
  if err.is(result, "notfound") then return nil end
  error(result, 0)
end

--[[
Datastore:list(directory [, pattern]) -> {{ path = string, size = integer|nil, modified = string|nil }, ...}
The files and directories directly in a directory, by name; none when it is not there.
  pattern        string = "*"      as the server matches it: * and ?
Raises: fault.
Blocks: yes.
]]
function Datastore:list(directory, pattern)
  local ok, result = pcall(task.run, self:get "browser", "SearchDatastore_Task", { datastorePath = self:path(directory),
    searchSpec = { matchPattern = { pattern or "*" }, details = { fileType = false, fileSize = true, modification = true, fileOwner = false } } })
  if not ok and fault.is(result, "FileNotFound") then return {} end
  if not ok then error(result, 0) end
  local list = {}
  for i, f in ipairs(result.file or {}) do list[i] = { path = f.path, size = f.fileSize, modified = f.modification } end
  table.sort(list, function(a, b) return a.path < b.path end)
  return list
end

local TOPLESS = { vsan = true, vvol = true } -- types of datastores whose directories at the top are objects of their own

--[[
Datastore:mkdir(directory) -> nothing
Make a directory and those above it; it may be there.
Raises: fault.
Blocks: yes.  Source: Datastore.capability.topLevelDirectoryCreateSupported; DatastoreNamespaceManager.
]]
function Datastore:mkdir(directory)
  local ok, e = pcall(function()
    manager(self):MakeDirectory { name = self:path(directory), datacenter = place(self), createParentDirectories = true }
  end)
  if ok or fault.is(e, "FileAlreadyExists") then return end
  if not (err.is(e) and e.fault and TOPLESS[(self.known.summary.type or ""):lower()]) or directory:find "/" then error(e, 0) end
  self.session.content.datastoreNamespaceManager:CreateDirectory { datastore = self, displayName = directory }
end

--[[
Datastore:move(from, to) -> boolean
Rename a file on the datastore; false when there is one of that name already, which stays as it is.
Raises: fault.
Blocks: yes.
]]
function Datastore:move(from, to)
  local ok, e = pcall(task.run, manager(self), "MoveDatastoreFile_Task", { sourceName = self:path(from), sourceDatacenter = place(self),
    destinationName = self:path(to), destinationDatacenter = place(self), force = false })
  if not ok and fault.is(e, "FileNotFound") and self:size(to) then return true end -- an answer was lost: it was moved already
  if not ok and not fault.is(e, "FileAlreadyExists") then error(e, 0) end
  return ok
end

--[[
Datastore:delete(file) -> nothing
Delete a file or a directory; no harm when it is not there.
Raises: fault.
Blocks: yes.
]]
function Datastore:delete(file)
  local ok, e = pcall(task.run, manager(self), "DeleteDatastoreFile_Task", { name = self:path(file), datacenter = place(self) })
  if not ok and not fault.is(e, "FileNotFound") then error(e, 0) end
end

--[[
Datastore:upload(file, options) -> result
Write a file: see client:request in http for the options (file, follow or body; digest, progress) and the result.
Raises: net, timeout, http (no privilege, no room, no such directory), io.
Blocks: yes.
]]
function Datastore:upload(file, options)
  local o = { method = "PUT", path = url(self, file), headers = { ["Content-Type"] = "application/octet-stream" } }
  for key, value in pairs(options) do o[key] = value end
  return err.wrap("upload " .. self:path(file), nil, self.session.request, self.session, o)
end

--[[
Datastore:download(file, path [, options]) -> result
Read a file into the local file `path`.
Raises: notfound, net, timeout, http, io.
Blocks: yes.
]]
function Datastore:download(file, path, options)
  local o = { path = url(self, file), save = path }
  for key, value in pairs(options or {}) do o[key] = value end
  return err.wrap("download " .. self:path(file), nil, self.session.request, self.session, o)
end

return datastore
