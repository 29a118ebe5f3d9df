-- bench instructions: what a unit of work costs, as instructions that callgrind counts: the same on every run, whatever else the machine
-- does. It is compared with the counts of instructions.json; whoever changes one on purpose writes the new one there.
-- Valgrind's processor has no SHA instructions: that count is libcrypto's other code, and tells of what we put round it.
local cjson = require "cjson"
local measure = require "tests.bench.measure"

local TOLERANCE = 1.1
local UNITS = { -- of work.lua: how many of them in the shorter of two runs, and what one is
  { "encode", 200, "SOAP encode, a call that adds a disk" },
  { "decode", 2000, "SOAP decode, a machine among a hundred" },
  { "sha256", 1024, "SHA-256, a KiB" },
  { "fat", 20, "FAT, an image with a kickstart of 8 KiB" },
  { "keystroke", 2000, "boot command, a key" },
  { "event", 500, "event, cleaned of secrets" },
}

local function count(b, arguments)
  local out = measure.shell("valgrind --tool=callgrind --callgrind-out-file=/dev/null " .. b.program .. " " .. arguments)
  return math.tointeger(tonumber(out:match("Collected : (%d+)")))
end

local function record(b, what, found, expected)
  local ratio = found / expected
  b.record(what, ratio, "", string.format("<= %.1f", TOLERANCE), ratio <= TOLERANCE, string.format("%d instructions, now %d", expected, found))
end

return function(b)
  local file = b.here .. "/bench/"
  local expected = cjson.decode(b.t:read(file .. "instructions.json"))
  record(b, "start-up (version)", count(b, "version"), expected.version)
  for _, unit in ipairs(UNITS) do
    local kind, n, what = table.unpack(unit)
    local once, thrice = count(b, "run " .. file .. "work.lua " .. kind .. " " .. n), count(b, "run " .. file .. "work.lua " .. kind .. " " .. 3 * n)
    record(b, what, (thrice - once) // (2 * n), expected[kind])
  end
end
