-- base: an image installed from an ISO, as a list of steps
local err = require "core.err"
local access = require "build.access"
local boot = require "build.boot"
local export = require "build.export"
local iso = require "build.iso"
local machine = require "build.machine"
local media = require "build.media"
local onwards = require "build.onwards"
local preflight = require "build.preflight"
local provision = require "build.provision"
local publish = require "build.publish"

local base = {}

-- Nobody tells what became of the keys, but a kickstart that is fetched does. Until then nothing is installed: what was not understood is
-- typed again, at the boot menu of a machine that was switched off and on.
local function type_boot(b)
  local command = b.image.boot
  local first = b.known.http and table.concat(command, ""):match("%${http}/([%w%._/-]+)")
  for left = command.attempts - 1, 0, -1 do
    local done = boot.run(b)
    b.capture "typed"
    if not first then return done end
    local ok, e = pcall(boot.console(b).wait_fetched, boot.console(b), first, command.fetch_timeout)
    if ok then return done .. ", kickstart fetched" end
    if left == 0 or not err.is(e, "timeout") then error(e, 0) end
    b.capture "not-fetched"
    b.emit { event = "warning", message = e.message .. "; the machine is switched off and on, and it is typed again\n" .. e.hint }
    machine.restart(b)
  end
end

base.preflight = {
  { "preflight", run = function(b)
    local detail = preflight.run(b)
    export.decide(b)
    return detail
  end },
}

local function resumes(b) return b.resume ~= nil end
local function anew(b) return not b.resume end

-- The life of a base image. The list is the documentation.
base.steps = {
  { "iso", run = iso.prepare, when = anew },
  { "kickstart", run = media.prepare, undo = media.remove, undo_name = "kickstart medium", about = media.name, makes = media.record, when = anew },
  { "create", run = machine.create, undo = machine.remove, undo_name = "virtual machine", about = machine.name, makes = machine.record, when = anew },
  { "resume", run = onwards.resume, undo = machine.remove, undo_name = "virtual machine", about = machine.name, makes = machine.record, when = resumes },
  { "power on", run = machine.power_on },
  { "boot", run = type_boot, again = machine.restart, when = function(b) return anew(b) and b.image.boot end },
  { "address", run = access.find_address },
  { "ssh", run = access.connect },
  { "provision", run = provision.run, when = function(b) return #b.image.provision > 0 end },
  { "shut down", run = access.shut_down },
  { "detach", run = machine.detach },
  { "export", run = export.run, makes = export.record, when = function(b) return b.image.export end },
  { "finish", run = machine.finish },
  { "after", run = provision.after, when = function(b) return #b.image.after > 0 end },
  { "publish", run = publish.run },
}

return base
