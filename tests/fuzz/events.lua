-- events: any bytes as what a child writes, in pieces; whatever comes is shown, in every view, and steers no terminal
local cjson = require "cjson"
local lines = require "cli.lines"
local render = require "cli.render"
local style = require "cli.view.style"

local said
local function write(text)
  said[#said + 1] = text
  return true
end

local function view(name, more)
  local look = style.new { color = false, unicode = true }
  look.prefix, look.debug = true, true
  return require("cli.view." .. name).new { style = look, write = write, size = function() return 80, 25 end, now = more and function() return 1 end or nil }
end

local function mask(text) return (text:gsub("secret", "***")) end

-- The views keep what they have seen: each input has new ones.
local function read(bytes, views)
  said = {}
  local reader = lines.reader("image", render.sink(views, mask))
  local piece = (bytes:byte() or 0) + 1
  for at = 2, #bytes, piece do reader:feed(at % 3 == 0 and "err" or "out", bytes:sub(at, at + piece - 1)) end
  reader:finish()
  return said
end

return function(bytes)
  for _, line in ipairs(read(bytes, { view "plain" })) do
    assert(not line:find("[%z\1-\8\11-\31\127]") and utf8.len(line), "steers the terminal: " .. line)
    assert(not line:find("secret", 1, true), "shows a secret")
  end
  for _, line in ipairs(read(bytes, { require("cli.view.json").new(write) })) do assert(type(cjson.decode(line)) == "table", line) end
  for _, text in ipairs(read(bytes, { view("live", true) })) do assert(not text:find("secret", 1, true), "shows a secret") end
end
