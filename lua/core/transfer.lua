-- transfer: a request that is made again after what may pass: a connection that breaks, a server that is away for some time
local signal = require "signal"
local aside = require "core.aside"
local err = require "core.err"

local transfer = {}

local TRIES = 4 -- that reached the other side, broke, and got no further than the one before
local FIRST = 5 -- seconds for one that was never reached: its name may be wrong
local GRACE = 5 -- seconds that the answer to an upload has to come after a signal
local BUSY = { [502] = true, [503] = true, [504] = true }

local function may_pass(result, code)
  if result then return BUSY[result.status] end
  return code == "net" or code == "timeout"
end

-- What is sent to be stored may be sent again, what is only asked for too; what follows another transfer cannot.
local function repeatable(o) return not o.follow and (not o.body or o.method == "PUT") end

-- A signal ends an upload at once, unless all of it was sent, or is soon: the file will be there, and whoever deletes it is to come
-- after that.
local function hear_out(running, o)
  local done, total = running:progress()
  local _ <close> = aside()
  if o.body or done == total then pcall(running.wait, running, GRACE) end
end

-- One try: what the transfer gave, and how many bytes it had done.
local function try(start, o, options)
  local began = signal.now()
  local running <close>, why, kind = start(o)
  if not running then return nil, why, kind, false, 0 end
  local ok, result, message, code, sent = pcall(running.wait, running)
  if not ok then
    if o.method == "PUT" and err.is(result, "cancelled") then hear_out(running, o) end
    error(result, 0)
  end
  if options.on_end then options.on_end(result, message, code, began) end
  return result, message, code, sent, (running:progress())
end

--[[
transfer.run(start, request [, options]) -> result
                                         -> nil, message, code
Make a request whose result is a file here or at the server, until it is done: after a failure that may pass it is made again, a
download from where it broke, an upload from its beginning. Digests are of the whole file in any case.
  start          function(request) -> http transfer      client:start of whatever client there is just now
  request        table                for client:request in http; one with `follow`, or a `body` that is posted, is made once
  options.patience number = 60        seconds that the other side may be away; 5 at most when it was never there
  options.known  boolean = false      it was there before
  options.again  function(result)|nil whether an answer is worth another try at once
  options.on_away function|nil        called with (message, seconds) before each new try
  options.on_end function|nil         called with (result, message, code, when it began) after every try
Codes: those of client:request.  Raises: cancelled, what the functions raise.
Blocks: yes.
]]
function transfer.run(start, request, options)
  options = options or {}
  local o, known, since, pause, broken, best = {}, options.known, nil, 0.5, 0, -1
  for key, value in pairs(request) do o[key] = value end
  while true do
    local result, message, code, sent, done = try(start, o, options)
    if not (result and options.again and options.again(result)) then
      if not repeatable(o) or not may_pass(result, code) then return result, message, code end
      known = known or sent or result
      broken = (done > best and 1) or (sent and broken + 1) or broken
      if done > best then best, since, pause = done, nil, 0.5 end
      since = since or signal.now()
      local patience = options.patience or 60
      if broken >= TRIES or signal.now() + pause > since + (known and patience or math.min(FIRST, patience)) then return result, message, code end
      if options.on_away then options.on_away(message or "HTTP status " .. result.status, signal.now() - since) end
      if o.save and not o.save_at then o.offset = done end
      signal.sleep(pause)
      pause = math.min(pause * 2, 10)
    end
  end
end

return transfer
