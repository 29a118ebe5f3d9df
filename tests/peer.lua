-- peer: other programs to talk to, started for one test and ended with it
local signal = require "signal"

local peer = {}

--[[
peer.start(t, command, pattern) -> string...
Run `command` (one simple command) until the end of the test; returns the captures of the first line of its output that
matches, and a function that gives all it has said so far.
]]
function peer.start(t, command, pattern)
  local log = os.tmpname()
  local f = assert(io.popen("exec " .. command .. " >" .. log .. " 2>&1 & echo $!", "r"))
  local pid = f:read("l")
  f:close()
  t:defer(function()
    os.execute("kill " .. pid .. " 2>/dev/null")
    os.remove(log)
  end)
  for _ = 1, 500 do
    for line in io.lines(log) do
      local found = table.pack(line:match(pattern))
      if found[1] then
        found[found.n + 1] = function() return t:read(log) end
        return table.unpack(found, 1, found.n + 1)
      end
    end
    signal.sleep(0.02)
  end
  error(command .. " did not start: " .. t:read(log))
end

--[[
peer.interrupt(t, command, pattern) -> integer
Run `command` until a line of its output matches, send it SIGINT; its exit status.
]]
function peer.interrupt(t, command, pattern)
  local log = os.tmpname()
  t:defer(function() os.remove(log) end)
  local script = string.format([[
    %s >%s 2>&1 & pid=$!
    for _ in $(seq 500); do grep -qE '%s' %s && break; sleep 0.02; done
    kill -INT $pid; wait $pid]], command, log, pattern, log)
  local _, status = t:shell(script)
  return status
end

--[[
peer.certificate(t, dir [, name]) -> { key, cert, sha1, sha256 }
A self-signed certificate for 127.0.0.1 in `dir`: paths, and its thumbprints as openssl prints them.
]]
function peer.certificate(t, dir, name)
  local c = { key = dir .. "/" .. (name or "server") .. ".key", cert = dir .. "/" .. (name or "server") .. ".pem" }
  local out, status = t:shell("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=test " ..
    "-addext subjectAltName=IP:127.0.0.1 -keyout " .. c.key .. " -out " .. c.cert)
  t:equal(status, 0, out)
  for _, algorithm in ipairs { "sha1", "sha256" } do
    c[algorithm] = t:shell("openssl x509 -noout -fingerprint -in " .. c.cert .. " -" .. algorithm):match("=([%x:]+)")
  end
  return c
end

--[[
peer.https(t, dir, certificate) -> url, function
`openssl s_server` that serves the files of `dir`; the function gives its log.
]]
function peer.https(t, dir, certificate)
  local port, log = peer.start(t, string.format("env -C %s openssl s_server -accept 127.0.0.1:0 -WWW -key %s -cert %s", dir,
    certificate.key, certificate.cert), "^ACCEPT .*:(%d+)")
  return "https://127.0.0.1:" .. port, log
end

return peer
