-- peer: other programs to talk to, started for one test and ended with it
local process = require "process"

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
  local found = t:eventually(function()
    for line in io.lines(log) do
      local captures = table.pack(line:match(pattern))
      if captures[1] then return captures end
    end
  end) or error(command .. " did not start: " .. t:read(log))
  found[found.n + 1] = function() return t:read(log) end
  return table.unpack(found, 1, found.n + 1)
end

--[[
peer.ended(pid) -> boolean
Whether a process has ended: of one that nobody has waited for yet, only the number is left.
]]
function peer.ended(pid)
  local file <close> = io.open("/proc/" .. pid .. "/stat")
  return not file or file:read("a"):match("%) (%u)") == "Z"
end

--[[
peer.child(t, options) -> process
process.start, or the end of the test as skipped where it cannot be.
]]
function peer.child(t, options)
  local child, message = process.start(options)
  if not child and message:find("Function not implemented", 1, true) then t:skip "no pidfd_open here, as under valgrind" end
  return assert(child, message)
end

--[[
peer.interrupt(t, command, pattern [, delay]) -> integer, string
Run `command` until a line of its output matches, and `delay` seconds more; send it SIGINT. Its exit status and output.
]]
function peer.interrupt(t, command, pattern, delay)
  local log = os.tmpname()
  t:defer(function() os.remove(log) end)
  local script = string.format([[
    %s >%s 2>&1 & pid=$!
    for _ in $(seq 3000); do grep -qE '%s' %s && break; kill -0 $pid || break; sleep 0.02; done
    sleep %s; kill -INT $pid; wait $pid]], command, log, pattern, log, delay or 0)
  local _, status = t:shell(script)
  return status, t:read(log)
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

-- What the web server of peer.web runs for /cgi-bin/NAME; $dir is where it keeps things
local scripts = {
  -- its request, as text
  echo = [[
    printf 'Content-Type: text/plain\r\n\r\n%s %s type=%s agent=%s cookie=%s extra=%s body=' "$REQUEST_METHOD" "$QUERY_STRING" \
      "$CONTENT_TYPE" "$HTTP_USER_AGENT" "$HTTP_COOKIE" "$HTTP_X_EXTRA"
    [ -z "$CONTENT_LENGTH" ] || head -c "$CONTENT_LENGTH"]],
  -- keep the body
  upload = [[head -c "$CONTENT_LENGTH" >$dir/uploaded; printf 'Status: 201 Created\r\n\r\nthanks']],
  refuse = [[printf 'Status: 507 Insufficient Storage\r\n\r\nthe datastore is full']],
  fault = [[printf 'Status: 500 Internal Server Error\r\nX-One: 1\r\nX-Two: a\r\nX-Two: b\r\n\r\n<Fault/>']],
  cookie = [[printf 'Set-Cookie: session="a b"; Path=/; HttpOnly\r\n\r\n']],
  -- to the URL in the query
  redirect = [[printf 'Status: 302 Found\r\nLocation: %s\r\n\r\nelsewhere' "$QUERY_STRING"]],
  -- ten bytes of a hundred, then nothing any more
  stall = [[printf 'Content-Length: 100\r\n\r\n0123456789'; echo $$ >>$dir/stalled; exec sleep 60]],
  -- a byte at a time, for ever
  trickle = [[printf 'Content-Length: 100000\r\n\r\n'; echo $$ >>$dir/stalled; while printf x; do sleep 0.1; done]],
  -- ten bytes of a hundred, then the end
  short = [[printf 'Content-Length: 100\r\n\r\n0123456789']],
  -- no length, no ranges
  plain = [[printf '\r\n0123456789']],
  wrongrange = [[printf 'Status: 206 Partial Content\r\nContent-Range: bytes 3-9/10\r\n\r\n3456789']],
  -- $QUERY_STRING pieces of 100000 bytes, slowly
  slow = [[
    printf 'Content-Length: %d\r\n\r\n' $((QUERY_STRING * 100000))
    for i in $(seq $QUERY_STRING); do head -c 100000 /dev/zero | tr '\0' x; sleep 0.05; done]],
}

--[[
peer.web(t, dir) -> url
busybox's web server: the files of dir/www, and the scripts above in /cgi-bin, which keep things in `dir`.
]]
function peer.web(t, dir)
  t:shell("mkdir -p " .. dir .. "/www/cgi-bin")
  for name, script in pairs(scripts) do
    t:write(dir .. "/www/cgi-bin/" .. name, "#!/bin/sh\ndir=" .. dir .. "\n" .. script .. "\n")
  end
  t:shell("chmod +x " .. dir .. "/www/cgi-bin/*; touch " .. dir .. "/stalled")
  t:defer(function() t:shell("kill $(cat " .. dir .. "/stalled)") end)
  for _ = 1, 5 do -- the port is free when asked, and perhaps not any more when it is taken
    local port = peer.free_port()
    local f = assert(io.popen("exec busybox httpd -f -p 127.0.0.1:" .. port .. " -h " .. dir .. "/www >/dev/null 2>&1 & echo $!", "r"))
    local pid = f:read("l")
    f:close()
    t:defer(function() os.execute("kill " .. pid .. " 2>/dev/null") end)
    local _, status = t:shell(string.format("(for i in $(seq 3000); do kill -0 %s || exit 1; curl -s -o /dev/null --noproxy '*' " ..
      "http://127.0.0.1:%d/ && exit 0; sleep 0.02; done; exit 1)", pid, port))
    if status == 0 then return "http://127.0.0.1:" .. port end
  end
  error("busybox httpd does not start")
end

local FLAKY = [[
import http.server, os, sys
class Handler(http.server.BaseHTTPRequestHandler):
  def do_GET(self):
    content = open(sys.argv[1], "rb").read()
    start = int((self.headers.get("Range") or "bytes=0-")[6:-1])
    self.send_response(206 if start else 200)
    if start: self.send_header("Content-Range", "bytes %d-%d/%d" % (start, len(content) - 1, len(content)))
    self.send_header("Content-Length", str(len(content) - start))
    self.end_headers()
    self.wfile.write(content[start:start + 100000])
server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
print("port", server.server_port, flush=True)
server.serve_forever()
]]

--[[
peer.flaky(t, path) -> url, function
A web server of one file, from any byte on, that breaks the connection after 100000 bytes. The function gives its log.
]]
function peer.flaky(t, path)
  local script = t:write(t:directory() .. "/flaky.py", FLAKY)
  local port, log = peer.start(t, "python3 " .. script .. " " .. path, "^port (%d+)")
  return "http://127.0.0.1:" .. port .. "/file", log
end

--[[
peer.free_port() -> integer
A port of the loopback that nobody listens at just now.
]]
function peer.free_port()
  local server <close> = assert(require("httpd").start { bind = "127.0.0.1", port_min = 20000, port_max = 30000 })
  return server:port()
end

return peer
