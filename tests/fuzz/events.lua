-- events: any bytes as what a child writes, in pieces; whatever comes is shown, by both renderings, and steers no terminal
local cjson = require "cjson"
local lines = require "cli.lines"
local render = require "cli.render"

local said
local out = { write = function(_, ...)
  said[#said + 1] = table.concat { ... }
  return true
end, flush = function() return true end }
local function mask(text) return (text:gsub("secret", "***")) end

local SHOWN = render.sink { mask = mask, out = out, prefix = true, debug = true }
local JSON = render.sink { mask = mask, out = out, json = true }

local function read(bytes, emit)
  said = {}
  local reader = lines.reader("image", emit)
  local piece = (bytes:byte() or 0) + 1
  for at = 2, #bytes, piece do reader:feed(at % 3 == 0 and "err" or "out", bytes:sub(at, at + piece - 1)) end
  reader:finish()
  return said
end

return function(bytes)
  for _, line in ipairs(read(bytes, SHOWN)) do
    assert(not line:find("[%z\1-\8\11-\31\127]") and utf8.len(line), "steers the terminal: " .. line)
    assert(not line:find("secret", 1, true), "shows a secret")
  end
  for _, line in ipairs(read(bytes, JSON)) do assert(type(cjson.decode(line)) == "table", line) end
end
