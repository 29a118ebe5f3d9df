-- media: the kickstart's way into the VM: an HTTP server, a floppy or a CD
local digest = require "digest"
local floppy = require "floppy"
local httpd = require "httpd"
local iso_image = require "iso"
local err = require "core.err"
local signal = require "signal"
local units = require "core.units"
local boot = require "build.boot"
local iso = require "build.iso"
local device = require "vsphere.device"

local media = {}

-- Note who fetched what; the last client is a hint at the guest's address.
local function take(b, events)
  for _, e in ipairs(events or {}) do
    b.emit { event = "http.get", path = e.path, status = e.status, bytes = e.bytes, client = e.client }
    if e.status == 200 and e.path == "hello" then b.phoned = e.client
    elseif e.status == 200 then b.fetched[e.path], b.fetched_by = true, e.client
    elseif e.status == 404 then b.missed = e.path end
  end
end

-- Where to listen, and the address to tell the guest. It is listened at no more addresses than are needed: the one told when
-- it is this machine's; loopback when the vCenter is there too, with its guests behind a gateway that leads to it.
local function addresses(b)
  local http = b.image.http
  local route, told = b.route, http.ip or b.route
  if not told then
    err.raise("net", "the address of this machine that the guest can reach is not known: the vCenter is reached through a proxy", { hint = "set http_ip" })
  end
  if http.bind then return http.bind, told end
  if httpd.route(told) == told then return told, told end
  if route and (route == "::1" or route:find("^127%.")) then return route, told end
  return told:find(":", 1, true) and "::" or "0.0.0.0", told
end

local function start_server(b, bind)
  local http = b.image.http
  local prefix = http.random_path and digest.hex(digest.random(8)) or ""
  b.server = b.keep(err.check(httpd.start { bind = bind, port_min = http.port_min, port_max = http.port_max, prefix = prefix }))
  function b.watch_http(seconds)
    take(b, seconds > 0 and b.server:wait(seconds) or b.server:events())
  end
  return prefix == "" and prefix or "/" .. prefix
end

local function serve(b)
  local bind, ip = addresses(b)
  local path = start_server(b, bind)
  b.known.ip, b.known.http = ip, string.format("http://%s:%d%s", ip:find(":", 1, true) and "[" .. ip .. "]" or ip, b.server:port(), path)
  for name, content in pairs(boot.kickstart(b.image, b.known)) do err.check(b.server:put(name, content)) end
  return b.known.http
end

-- content: { body = bytes } or { file = path }
local function upload(b, name, content)
  local path = iso.FOLDER .. "/" .. name
  b.datastore:mkdir(iso.FOLDER)
  b.media_file = path
  b.datastore:upload(path, content)
  return b.datastore:path(path)
end

local function make_floppy(b)
  local files = boot.kickstart(b.image, b.known)
  local bytes, message = floppy.image { label = b.image.kickstart.label or "KICKSTART", files = files }
  if not bytes then err.raise("recipe", message, { op = "make the kickstart floppy", hint = "kickstart = { cd = … } holds more" }) end
  b.floppy_path = upload(b, b.run .. ".flp", { body = bytes })
  return "floppy, " .. units.format_bytes(#bytes)
end

local function make_cd(b)
  local path = os.tmpname()
  local _ <close> = setmetatable({}, { __close = function() os.remove(path) end })
  local made = err.check(iso_image.write(path, { label = b.image.kickstart.label or "OEMDRV", files = boot.kickstart(b.image, b.known) }))
  b.cd_path = upload(b, b.run .. ".cd.iso", { file = path })
  return "CD, " .. units.format_bytes(made.size)
end

--[[
media.prepare(b) -> string|nil
Bring the kickstart to where the VM reaches it. Sets b.known.http for the boot command, or b.floppy_path or b.cd_path.
Returns what was made.
Raises: recipe (too much for a floppy), net (no free port), fault.
Blocks: yes.
]]
function media.prepare(b)
  local k = b.image.kickstart
  if not k then return "none" end
  if k.floppy then return make_floppy(b) end
  if k.cd then return make_cd(b) end
  return serve(b)
end

--[[
media.stop(b) -> nothing
End the kickstart server: the guest is off and asks no more.
]]
function media.stop(b)
  if not b.server then return end
  b.watch_http(0)
  b.server:close()
  b.server, b.watch_http = nil, signal.sleep
end

--[[
media.name(b) -> string|nil
The floppy or CD on the datastore.
]]
function media.name(b) return b.media_file and b.datastore:path(b.media_file) end

--[[
media.record(b) -> table|nil
The floppy or CD for the journal, before it is made; nil when there will be none.
]]
function media.record(b)
  local k = b.image.kickstart
  local name = k and (k.floppy and b.run .. ".flp" or k.cd and b.run .. ".cd.iso")
  return name and b.file_record(iso.FOLDER .. "/" .. name)
end

--[[
media.in_drive(b, devices) -> string|nil
The path on the datastore of the floppy or CD with a kickstart, of whichever run, that is in one of the drives.
  devices        array of VirtualDevice
]]
function media.in_drive(b, devices)
  local folder = b.datastore:path(iso.FOLDER .. "/")
  for _, drives in ipairs { device.floppies(devices), device.cdroms(devices) } do
    for _, drive in ipairs(drives) do
      local file = device.file(drive) or ""
      local name = file:sub(1, #folder) == folder and file:sub(#folder + 1) or ""
      if name:find "^%x%x%x%x%x%x%x%x%.flp$" or name:find "^%x%x%x%x%x%x%x%x%.cd%.iso$" then return iso.FOLDER .. "/" .. name end
    end
  end
end

--[[
media.remove(b) -> false|nil
Delete the floppy or CD from the datastore; false when there is none.
]]
function media.remove(b)
  if not b.media_file then return false end
  b.datastore:delete(b.media_file)
  b.media_file = nil
end

return media
