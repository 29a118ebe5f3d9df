-- words: the steps that recipes write as values: upload, shell, local_shell, check, reboot, wait, checkpoint, breakpoint. Each reads its
-- options strictly.
local spec = require "core.spec"
local check = require "guest.check"

local words = {}

words.specs = {
  upload = spec.record("upload", { positional = spec.string,
    { "to", spec.string, required = true, doc = "path in the guest; with from, on this machine" },
    { "from", spec.list(spec.string, { single = true }), doc = "paths in the guest, to be copied from there" },
    { "content", spec.string, doc = "text instead of files" },
    { "mode", spec.integer(0, 4095), doc = "of every file; the local one by default" },
  }),
  shell = spec.record("shell", { positional = spec.string,
    { "script", spec.string, doc = "file with the script, instead of commands" },
    { "env", spec.map(spec.text), default = {}, doc = "environment variables" },
    { "sudo", spec.boolean, default = false, doc = "run it as root" },
    { "interpreter", spec.string, doc = "what reads the commands, or the script: /bin/sh -e by default, and what a script's first line says (#!…)" },
    { "timeout", spec.duration, default = "1h", doc = "for each run" },
    { "valid", spec.list(spec.integer(0, 255), { single = true }), default = { 0 }, doc = "exit statuses that are fine" },
    { "retries", spec.integer(0, 1000), default = 0, doc = "how often it is run again when it fails, takes too long or loses its connection" },
    { "retry_interval", spec.duration, default = "10s", doc = "before each of them" },
    { "name", spec.string, doc = "of the step, in output and log" },
  }),
  local_shell = spec.record("local_shell", { positional = spec.string,
    { "script", spec.string, doc = "file with the script, instead of commands" },
    { "env", spec.map(spec.text), default = {}, doc = "environment variables, besides the build's own" },
    { "timeout", spec.duration, default = "1h", doc = "for the whole step" },
    { "valid", spec.list(spec.integer(0, 255), { single = true }), default = { 0 }, doc = "exit statuses that are fine" },
    { "name", spec.string, doc = "of the step, in output and log" },
  }),
  check = check.spec,
  reboot = spec.record("reboot", { { "timeout", spec.duration, default = "10m", doc = "until ssh answers again" } }),
  wait = spec.record("wait", { short = "seconds", { "seconds", spec.duration, required = true, doc = "how long" } }),
  checkpoint = spec.record("checkpoint", { short = "name", { "name", spec.text, required = true, doc = "of the snapshot, and for messages" } }),
  breakpoint = spec.record("breakpoint", { short = "message", { "message", spec.string, default = "", doc = "what is to be looked at" } }),
}

local function check_upload(options, problems)
  local given = {}
  if options.content then given[#given + 1] = "content" end
  if #options > 0 then given[#given + 1] = "files" end
  if options.from then given[#given + 1] = "from" end
  local message = #given == 0 and "names no file: upload { \"file\", to = … }" or #given > 1 and "has " .. table.concat(given, " and ") .. ": choose one"
    or options.from and options.mode and "has mode and from: what comes from the guest keeps its own"
  if message then problems[#problems + 1] = { path = "upload", message = message } end
end

local function check_shell(options, problems, name)
  if (options.script ~= nil) == (#options > 0) then
    problems[#problems + 1] = { path = name, message = "wants either commands or a script" }
  end
end

local CHECKS = { upload = check_upload, shell = check_shell, local_shell = check_shell }

--[[
words.make(problems, locate) -> {name = function}
The step words for a recipe's environment; what is wrong in their options is added to problems.
  locate         function          a path as the recipe gives it -> where the file is
]]
function words.make(problems, locate)
  local out = {}
  for name, shape in pairs(words.specs) do
    out[name] = function(options)
      if (name == "shell" or name == "local_shell") and type(options) == "string" then options = { options } end
      if (name == "reboot" or name == "breakpoint") and options == nil then options = {} end
      local before, line = #problems, debug.getinfo(2, "l").currentline
      local read = shape:read(options, name, problems)
      if #problems == before and CHECKS[name] then CHECKS[name](read, problems, name) end
      for i = before + 1, #problems do problems[i].line = line > 0 and line or nil end
      if #problems > before then return { step = name } end
      if name == "upload" then for i, path in ipairs(read) do read[i] = locate(path) end end
      if read.script then read.script = locate(read.script) end
      read.step = name
      return read
    end
  end
  return out
end

return words
