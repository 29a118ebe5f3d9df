-- printable: text from guests and servers, made fit to be shown: it may not steer a terminal, nor pretend to be other text
local printable = {}

-- Sequences that steer a terminal, longest forms first: ECMA-48, 5.4 and 8.3.89; XTerm Control Sequences.
local SEQUENCES = {
  "\27%[[\48-\63]*[\32-\47]*[\64-\126]",     -- CSI parameters intermediates final: colours, the cursor
  "\27%][^\7\27]*\7", "\27%][^\7\27]*\27\\", -- OSC: titles, links, the clipboard
  "\27[PX^_][^\27]*\27\\",                   -- DCS, SOS, PM, APC
  "\27[\32-\47]+[\48-\126]", "\27[\48-\90\92\94-\126]",
}

-- Characters that turn the direction of the text around them, or begin a line: Unicode Standard Annex 9, 2.
local HIDDEN = { "\u{200E}", "\u{200F}", "\u{2028}", "\u{2029}", "\u{202A}", "\u{202B}", "\u{202C}", "\u{202D}", "\u{202E}", "\u{2066}", "\u{2067}",
  "\u{2068}", "\u{2069}", "\u{FEFF}" }

-- A line is written over from its beginning: what stands there in the end is its last part.
local function overwritten(line)
  line = line:gsub("\r+$", "")
  return line:match("([^\r]*)$")
end

local function valid(text)
  local _, bad = utf8.len(text)
  while bad do
    text = text:sub(1, bad - 1) .. "?" .. text:sub(bad + 1)
    _, bad = utf8.len(text, bad)
  end
  return text
end

--[[
printable.clean(text) -> string
The text as UTF-8 without what steers a terminal: escape sequences and characters of direction are taken out, other control
characters are question marks; of a line that was written over only its last state is left. Line breaks and tabs stay.
Blocks: no.
]]
function printable.clean(text)
  if not text:find("[%z\1-\8\11-\31\127-\255]") then return text end
  for _, sequence in ipairs(SEQUENCES) do text = text:gsub(sequence, "") end
  if text:find("\r", 1, true) then text = text:gsub("[^\n]+", overwritten) end
  text = text:gsub("[%z\1-\8\11-\31\127]", "?")
  if not text:find("[\128-\255]") then return text end
  text = valid(text):gsub("\194[\128-\159]", "?") -- from here on whole characters: taking out some makes no others
  for _, hidden in ipairs(HIDDEN) do text = text:gsub(hidden, "") end
  return text
end

return printable
