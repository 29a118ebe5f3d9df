local regex = require "regex"

return {
  ["extended expressions match anywhere, lines for themselves"] = function(t)
    for _, case in ipairs {
      { "lb-traefik-443", "lb-.*-443", true }, { "ok", "^ok$", true }, { "not ok", "^ok$", false }, { "a\nok\nb", "^ok$", true },
      { "a\nb", "a.b", false }, { "a\nb", "^$", false }, { "", "^$", true }, { "abc", "(b|x)c", true }, { "aaa", "^a{3}$", true },
      { "one\0two", "two", true }, { "zwei Wörter", "W..rter", true }, { "a b", "a\\sb", true }, { "word", "\\bword\\b", true },
    } do
      t:equal(regex.match(case[1], case[2]), case[3], string.format("%q =~ %q", case[1], case[2]))
    end
    t:equal({ regex.match("OK", "ok"), regex.match("OK", "ok", true) }, { false, true })
  end,
  ["what is no expression is refused with the reason"] = function(t)
    t:contains(t:fails("format", regex.match("x", "(")), "/(/: ")
    t:fails("format", regex.match("x", "[a"))
    t:fails("format", regex.match("x", "a{2,1}"))
    t:fails("format", regex.match("x", ("("):rep(100000) .. (")"):rep(100000)))
    t:raises("zero byte", regex.match, "x", "a\0b")
    t:raises("string expected", regex.match, {}, "x")
  end,
}
