-- events: what a build says while it goes on, declared: every view of a build, on a terminal, as JSON, in the log, in the report, is
-- made from these and nothing else
local runtime = require "runtime"

local events = {}

-- Of these declarations. It grows when a field or an event goes away or changes its meaning; new ones leave it as it is.
events.FORMAT = 1

local WORDS = { string = true, number = true, integer = true, boolean = true, list = true, object = true, value = true }

-- Fields that every event may have.
local COMMON = {
  { "event", "string", "what it is" },
  { "time", "string", "when: UTC, ISO 8601 with milliseconds" },
  { "at", "number", "seconds since the run began" },
  { "image?", "string", "the image it is about" },
  { "run?", "string", "the run that marks what this build makes, eight hex digits" },
}

-- Fields of what happens within a step, filled in by the build.
local STEP = { { "step?", "string", "the step under way" }, { "parent?", "string", "the step that it is a part of" } }

-- { kind, what it says, { field ("?": may be absent), type, meaning }... }; within: it happens within a step
local DECLARED = {
  { "run.start", "of `build`: it begins; always the first but for notes", { "format", "integer", "of the events: 1" },
    { "program", "string", "name and version" },
    { "images", "list", "the names of the images, in order" } },
  { "run.done", "of `build`: it ends; always the last", { "status", "string", "done, failed or cancelled" }, { "seconds", "number", "how long it took" } },
  { "image.start", "an image begins", { "recipe", "string", "path" }, { "kind", "string", "base or clone" },
    { "output", "string", "directory for what is left on this machine" },
    { "parts?", "list", "names of the steps that the recipe has for provision, after and on_error" } },
  { "image.decided", "what is to be done about it", { "decision", "string", "build, replace, export, current (up to date) or foreign (used as it is)" },
    { "reason", "string", "why; which inputs changed" }, { "steps", "list", "names of the steps to come" } },
  { "image.done", "it is there", { "result", "string", "built, replaced, exported, up to date, used as it is, or stopped after …" },
    { "seconds", "number", "how long it took" },
    { "artifacts", "list", "files made: { name, path, size (bytes), sha256 }; the last two may be absent" },
    { "stopped?", "boolean", "it ended where --until said: there is no image" } },
  { "image.failed", "it is not", { "error", "string", "what went wrong, for people; several lines" },
    { "code?", "string", "the error's code: luabuild help err.new" },
    { "step?", "string", "where" }, { "part?", "string", "at which part of the step" }, { "left?", "list", "what could not be undone" },
    { "seconds?", "number", "how long it took" },
    { "traceback?", "string", "where in the program and the recipe" } },
  { "image.skipped", "it was not begun", { "reason", "string", "why" } },
  { "image.file", "a file about the build was written", { "kind", "string", "log or report" }, { "path", "string", "where" } },
  { "step.start", "a step begins", { "step", "string", "name" }, { "parent?", "string", "the step that it is a part of" } },
  { "step.done", "a step is done", { "step", "string", "name" }, { "parent?", "string", "the step that it is a part of" },
    { "seconds", "number", "how long it took" }, { "detail?", "string", "what came of it" } },
  { "step.failed", "a step failed, or was not let go on", { "step", "string", "name" }, { "parent?", "string", "the step that it is a part of" },
    { "seconds", "number", "how long it took" }, { "error", "string", "what went wrong" },
    { "code?", "string", "the error's code; stopped: the build was told to end there" } },
  { "progress", "how far something is; ten times a second at most", within = true, { "done", "number", "bytes, or percent" },
    { "total?", "number", "of how many; absent while nobody knows" }, { "unit", "string", "bytes or percent" }, { "what?", "string", "which file" } },
  { "doing", "what the step under way does or waits for from now on, until its next progress, output or doing", within = true,
    { "what", "string", "for people; or, of a script that writes over its line, how the line is now" },
    { "timeout?", "number", "seconds that it takes at most" } },
  { "output", "a line that a script wrote", within = true, { "stream", "string", "out or err" }, { "text", "string", "the line" },
    { "name", "string", "of the script's step, without its number" } },
  { "check", "one result of a check", within = true, { "kind", "string", "of thing: service, port, file, ..." }, { "name", "string", "of the thing" },
    { "property", "string", "of the thing" }, { "ok", "boolean", "does it hold?" }, { "expected", "value", "what it should be" },
    { "found", "value", "what it is" }, { "seconds?", "number", "when it was asked" }, { "skipped?", "boolean", "it was not asked" } },
  { "http.get", "the guest asked the kickstart server", within = true, { "path", "string", "of the file" }, { "status", "integer", "HTTP status" },
    { "bytes", "integer", "sent" }, { "client", "string", "its address" } },
  { "picture", "a picture of the console was saved", within = true, { "path", "string", "of the PNG file" }, { "name", "string", "what it shows" } },
  { "note", "worth knowing", within = true, { "message", "string", "for people" } },
  { "warning", "worth doing something about", within = true, { "message", "string", "for people" } },
  { "undo", "something made was removed again", { "name", "string", "what" }, { "error?", "string", "why it could not be" } },
  { "request", "a call of the server, or a transfer, has ended", within = true, { "method", "string", "of the vSphere API, or of HTTP" },
    { "object", "string", "type and id, or path" }, { "seconds", "number", "how long it took" },
    { "sent", "integer", "bytes" }, { "received", "integer", "bytes" },
    { "status?", "integer", "HTTP status" }, { "error?", "string", "why there is none" },
    { "text?", "string", "what was sent and what came, secrets masked; with --debug" } },
  { "image.checked", "of `check`: nothing wrong was found", { "recipe", "string", "path" }, { "fingerprint", "string", "of all inputs" },
    { "server?", "string", "the vCenter that was asked, too" } },
  { "image.planned", "of `plan`: what would be done", { "decision", "string", "as in image.decided" }, { "reason", "string", "why" },
    { "steps", "list", "names of the steps" }, { "needs", "list", "names of the images that come first" }, { "fingerprint", "string", "of all inputs" },
    { "place", "object", "where: server, datacenter, compute, datastore, folder, resource_pool, networks" }, { "notes", "list", "worth knowing" } },
  { "plan.done", "of `plan`: the end of it", { "images", "integer", "how many" }, { "decisions", "object", "how many of each decision" } },
  { "image", "of `inspect`: an image, after the one it is made from", { "kind", "string", "base or clone" }, { "recipe", "string", "path" },
    { "from?", "string", "of a clone: the image, virtual machine or template" } },
  { "variable", "of `inspect`: a variable", { "recipe", "string", "path" }, { "name", "string", "its name" }, { "value", "string", "secrets are not shown" },
    { "origin", "string", "where it was set" } },
}

local function read_fields(into, fields)
  for _, f in ipairs(fields) do
    local name, optional = f[1]:match("^([%w_]+)(%??)$")
    assert(WORDS[f[2]], f[2])
    into[name] = { type = f[2], optional = optional == "?", doc = f[3] }
  end
end

local KINDS = {}
for _, declared in ipairs(DECLARED) do
  local kind = { within = declared.within, fields = {} }
  read_fields(kind.fields, COMMON)
  if declared.within then read_fields(kind.fields, STEP) end
  read_fields(kind.fields, table.move(declared, 3, #declared, 1, {}))
  KINDS[declared[1]] = kind
end

local function right_type(value, wanted)
  if wanted == "value" then return type(value) ~= "table" and type(value) ~= "function" end
  if wanted == "list" or wanted == "object" then return type(value) == "table" end
  if wanted == "integer" then return math.tointeger(value) ~= nil end
  return type(value) == wanted
end

--[[
events.wrong(event) -> string|nil
What is wrong with an event by its declaration: its kind, a field that is not declared, missing, or of another type.
]]
function events.wrong(event)
  local kind = KINDS[event.event]
  if not kind then return string.format("there is no event '%s'", tostring(event.event)) end
  for name, field in pairs(kind.fields) do
    if event[name] == nil and not field.optional then return string.format("%s has no %s", event.event, name) end
    if event[name] ~= nil and not right_type(event[name], field.type) then
      return string.format("%s: %s is no %s: %s", event.event, name, field.type, tostring(event[name]))
    end
  end
  for name in pairs(event) do
    if not kind.fields[name] then return string.format("%s: %s is not declared", event.event, name) end
  end
end

--[[
events.within_step(kind) -> boolean
Does an event of this kind happen within a step? It has the fields step and parent then.
]]
function events.within_step(kind) return KINDS[kind] and KINDS[kind].within or false end

--[[
events.lists(kind) -> {string, ...}
The names of an event's fields that are lists, sorted.
]]
function events.lists(kind)
  local out = {}
  for name, field in pairs(KINDS[kind] and KINDS[kind].fields or {}) do if field.type == "list" then out[#out + 1] = name end end
  table.sort(out)
  return out
end

local function field_lines(out, fields)
  for _, f in ipairs(fields) do out[#out + 1] = string.format("      %-13s %-8s %s", f[1], f[2], f[3]) end
end

--[[
events.text() -> string
All of it for people: what `luabuild help events` prints.
]]
function events.text()
  local out = { "Events: what --json prints, one JSON object a line (" .. runtime.version .. ", format " .. events.FORMAT .. ").", "",
    "A view of a build can be made from them alone: luabuild's own are. New events and fields may come; one that goes or changes its",
    "meaning changes `format` of run.start. A field with ? may be absent. Secrets are masked, control characters are taken out.", "",
    "  every event" }
  field_lines(out, COMMON)
  out[#out + 1] = "\n  those marked with * also"
  field_lines(out, STEP)
  for _, declared in ipairs(DECLARED) do
    out[#out + 1] = string.format("\n  %s%s: %s", declared[1], declared.within and " *" or "", declared[2])
    field_lines(out, table.move(declared, 3, #declared, 1, {}))
  end
  return table.concat(out, "\n")
end

return events
