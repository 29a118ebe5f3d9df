-- command, matching: what a command says, and any value
local spec = require "core.spec"
local err = require "core.err"
local gather = require "guest.gather"
local matcher = require "guest.matcher"

local command = { name = "command", doc = "a command: its exit status and what it says", example = "rpm -V bash",
  main = "status", short = "run" }

command.fields = {
  { "run", spec.string, doc = "the command, for sh; the name itself by default" },
  { "status", matcher.type, default = 0, doc = "the exit status" },
  { "out", matcher.type, doc = "patterns for the lines of its output" },
  { "err", matcher.type, doc = "patterns for the lines of its error output" },
  { "timeout", spec.duration, default = "30s", doc = "it must have ended by then" },
  { "env", spec.map(spec.text), default = {}, doc = "environment variables" },
}

function command.gather(guest, one)
  local run = "sh -c " .. gather.quote(one.want.run or one.name)
  local ok, r = pcall(guest.try, guest, run, { timeout = one.want.timeout, env = one.want.env, sudo = one.sudo, limit = 4 << 20 })
  if ok then
    one.facts = r
  elseif err.is(r, "timeout") then
    one.problem = "it did not end in time"
  else
    error(r, 0)
  end
end

-- An empty list asks for nothing, as with goss.
local function says_something(want) return want ~= nil and not (type(want) == "table" and next(want) == nil) end

function command.judge(judge, r, want)
  local said = (r.err ~= "" and r.err or r.out):gsub("%s+$", "")
  local why = r.signal and "killed by SIG" .. r.signal or said ~= "" and matcher.show(said) or nil
  judge("status", r.status, { why = why })
  if says_something(want.out) then judge("out", r.out, { lines = true, why = r.out == "" and said ~= "" and matcher.show(said) or nil }) end
  if says_something(want.err) then judge("err", r.err, { lines = true }) end
end

-- ---- any value ----

local matching = { name = "matching", doc = "any value, also one that a function of the guest works out", example = "free memory",
  main = "matches" }

matching.fields = {
  { "content", spec.any, required = true, doc = "a value, or a function of the guest that returns one" },
  { "matches", matcher.type, required = true, doc = "what the value must be" },
}

function matching.gather(guest, one)
  local content = one.want.content
  if type(content) == "function" then content = content(guest) end
  if type(content) == "table" then
    local list = {}
    for i, value in ipairs(content) do list[i] = tostring(value) end
    content = list
  end
  one.facts = { content = content }
end

function matching.judge(judge, facts)
  judge("matches", facts.content, { lines = type(facts.content) == "string" and facts.content:find("\n", 1, true) ~= nil })
end

return { command, matching }
