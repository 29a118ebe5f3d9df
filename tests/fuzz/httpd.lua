-- httpd: any bytes as what a client sends; nothing but what is served comes out, and the next client is served
local httpd = require "httpd"

local server = assert(httpd.start { bind = "127.0.0.1", prefix = "secret", files = { ["ks.cfg"] = "CONTENT", ["a b/%c"] = "OTHER" } })
local port = server:port()
local kept = { server } -- as long as the program runs
local exchange, inputs = exchange, 0 -- luacheck: globals exchange

return function(bytes)
  local answer = exchange(port, bytes, 5)
  assert(answer == "" or answer:find("^HTTP/1%.[01] %d%d%d "), "no HTTP: " .. answer)
  local served = answer:find("CONTENT", 1, true) or answer:find("OTHER", 1, true)
  assert(not served or bytes:find("/secret/", 1, true) or bytes:find("%%"), "served without the prefix")
  for _, event in ipairs((kept[1]:events())) do
    assert(not event.path:find("%c") and event.client == "127.0.0.1" and event.status >= 200 and event.status < 600, event.path)
  end
  inputs = inputs + 1
  if inputs % 16 == 1 then
    assert(exchange(port, "GET /secret/ks.cfg HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 10000):find("CONTENT", 1, true), "not served any more")
  end
end
