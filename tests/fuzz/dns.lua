-- dns: any bytes as a name server's answer to each kind of question
local dnswire = require "guest.dnswire"

local KINDS = { "A", "NS", "CNAME", "PTR", "MX", "TXT", "AAAA", "SRV" }

return function(bytes)
  local kind = KINDS[(bytes:byte() or 0) % #KINDS + 1]
  local out, message = dnswire.answer(bytes:sub(2), 0x6161, kind)
  if not out then return assert(type(message) == "string", "no pair") end
  for _, record in ipairs(out) do assert(type(record) == "string", "no text") end
end
