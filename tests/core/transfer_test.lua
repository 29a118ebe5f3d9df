-- transfer: downloads that break are resumed, other requests made again, and only what may be
local digest = require "digest"
local http = require "http"
local signal = require "signal"
local transfer = require "core.transfer"
local peer = require "tests.peer"

local function web(t)
  local dir = t:directory()
  local url = peer.web(t, dir) .. "/cgi-bin/"
  local client = assert(http.client { proxy = "" })
  local sleep, slept = signal.sleep, {}
  signal.sleep = function(seconds) slept[#slept + 1] = seconds end
  t:defer(function()
    signal.sleep = sleep
    client:close()
  end)
  return url, dir, function(o) return client:start(o) end, slept
end

return {
  ["a download that breaks goes on where it broke, and its digest is that of the whole"] = function(t)
    local content = digest.random(50000):rep(7)
    local url, log = peer.flaky(t, t:write(t:directory() .. "/flaky", content))
    local _, dir, start = web(t)
    local result = assert(transfer.run(start, { url = url, save = dir .. "/got", digest = "sha256" }))
    t:equal(result.digest.sha256, digest.string("sha256", content))
    t:ok(t:read(dir .. "/got") == content)
    t:equal(select(2, log():gsub("GET /file HTTP/1.1\" 206", "")), 3)
  end,
  ["what never gets on is given up, with what it was told"] = function(t)
    local url, dir, start, slept = web(t)
    local said = {}
    local message = t:fails("net", transfer.run(start, { url = url .. "short", save = dir .. "/got" },
      { on_away = function(text) said[#said + 1] = text end }))
    t:contains(message, "90 bytes")
    t:equal(#said, 3)
    t:equal(slept, { 0.5, 1, 2 })
  end,
  ["who was never there is asked for some seconds only, who was for longer"] = function(t)
    local _, _, start, slept = web(t)
    local real, now = signal.now, signal.now()
    signal.now = function() now = now + 1 return now end
    t:defer(function() signal.now = real end)
    local url = "http://127.0.0.1:" .. peer.free_port() .. "/x"
    t:fails("net", transfer.run(start, { url = url }, { patience = 40 }))
    t:ok(#slept <= 2)
    t:fails("net", transfer.run(start, { url = url }, { patience = 40, known = true }))
    t:ok(#slept > 5)
  end,
  ["a body is sent once, and a refusal is a result"] = function(t)
    local url, _, start, slept = web(t)
    t:fails("net", transfer.run(start, { url = url .. "short", body = "x" }))
    t:equal(transfer.run(start, { url = url .. "fault" }).status, 500)
    t:equal(slept, {})
  end,
}
