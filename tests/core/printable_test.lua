-- Guests and servers say what they like; the terminal only hears text.
local printable = require "core.printable"

-- what came, what is shown
local CASES = {
  { "plain", "plain" }, { "a\tb\nc", "a\tb\nc" }, { "Grüße, 日本 ✓", "Grüße, 日本 ✓" },
  { "\27[31mred\27[0m", "red" }, { "\27[2J\27[1;1Hhome", "home" }, { "\27[?1049h\27[>4;2mx", "x" }, { "\27[38:2::1:2:3mx", "x" },
  { "\27]0;title\7x", "x" }, { "\27]8;;http://evil\27\\link\27]8;;\27\\", "link" }, { "\27]52;c;Zm9v\7x", "x" },
  { "\27P+q544e\27\\x", "x" }, { "\27_payload\27\\x", "x" }, { "\27(0lqk\27(B", "lqk" }, { "\27cx\0277y\0278", "xy" },
  { "\27]0;never ends", "?]0;never ends" }, { "\27[31", "?[31" }, { "\27", "?" },           -- what is cut off cannot begin anything
  { "\27\27[31m[2J", "?[2J" }, { "\27[\27[31m31m", "?[31m" },                               -- nor does taking out make new ones
  { "bell\7 back\8 null\0 del\127", "bell? back? null? del?" }, { "c1 \194\155 31m", "c1 ? 31m" },
  { "10%\r20%\r100%", "100%" }, { "dos\r\nlines\r\n", "dos\nlines\n" }, { "50%\rdone\r", "done" },
  { "odd \255\254", "odd ??" }, { "\xed\xa0\x80", "???" }, { "\xf4\x90\x80\x80", "????" }, { "\xe6\x97", "??" },
  { "abc\u{202E}dcba\u{2066}x", "abcdcbax" }, { "\u{FEFF}bom", "bom" },
}

return {
  ["escape sequences, control characters and bad UTF-8 are taken out"] = function(t)
    for _, case in ipairs(CASES) do t:equal(printable.clean(case[1]), case[2], string.format("%q", case[1])) end
  end,
  ["what is left steers nothing, whatever came, and is UTF-8"] = function(t)
    math.randomseed(7)
    local alphabet = { "\27", "[", "]", "m", "\7", "\\", "3", ";", "P", "x", "\r", "\n", "\194", "\155", "\226\128\174", "\255", "?" }
    for _ = 1, 5000 do
      local parts = {}
      for i = 1, 12 do parts[i] = alphabet[math.random(#alphabet)] end
      local clean = printable.clean(table.concat(parts))
      t:ok(not clean:find("[\0-\8\11-\31\127]") and not clean:find("\194[\128-\159]") and utf8.len(clean), string.format("%q", table.concat(parts)))
    end
  end,
}
