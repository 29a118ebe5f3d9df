-- base64: the vectors of RFC 4648, section 10, and what coreutils says of all bytes.
local base64 = require "core.base64"

return {
  ["the RFC's vectors"] = function(t)
    local vectors = { [""] = "", f = "Zg==", fo = "Zm8=", foo = "Zm9v", foob = "Zm9vYg==", fooba = "Zm9vYmE=", foobar = "Zm9vYmFy" }
    for text, want in pairs(vectors) do t:equal(base64.encode(text), want) end
  end,
  ["every byte, line breaks and zeros too"] = function(t)
    local all = {}
    for i = 0, 1000 do all[#all + 1] = string.char(i * 7 % 256, i % 256) end
    local bytes = table.concat(all)
    local file = t:write(t:directory() .. "/bytes", bytes)
    t:equal(base64.encode(bytes) .. "\n", (t:shell("base64 -w 0 " .. file .. "; echo")))
  end,
}
