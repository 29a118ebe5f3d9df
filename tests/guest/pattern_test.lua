-- guest.pattern, guest.matcher: what found values are compared with
local matcher = require "guest.matcher"
local pattern = require "guest.pattern"
local spec = require "core.spec"

local function lines(want, text) return (matcher.test(want, text, true)) end

return {
  ["patterns as goss writes them"] = function(t)
    local text = "coredns\nlb-traefik-443\n!bang\n/slashes/\n"
    for _, case in ipairs {
      { "coredns", true }, { "core", true }, { "nginx", false }, { "!nginx", true }, { "!core", false }, { "/lb-.*-443/", true }, { "/^core$/", false },
      { "!/^core$/", true }, { "!/^lb/", false }, { "\\!bang", true }, { "\\/slashes/", true }, { "/\\d+/", true }, { "/^\\D+$/", true },
        { "/[\\d]{3}/", true },
      { "/(?i)COREDNS/", true }, { "/COREDNS/", false }, { "/(?:core|x)dns/", true }, { "/l.*?-4/", true }, { "/[\\w-]+3$/", true }, { "/^\\/sl/", true },
      { "/[^\\s]!/", false }, { "/^[\\]!]bang/", true }, { "/[!\\-^]b/", true }, { "/[\\^]/", false }, { "/^[^a-z]b/", true }, { "/[[:digit:]]/", true },
    } do
      t:equal(lines(case[1], text), case[2], case[1])
    end
    t:ok(lines({ "coredns", "!nginx", "/443$/" }, text))
    local ok, found = matcher.test({ "coredns", "nginx" }, text, true)
    t:equal({ ok, found }, { false, "coredns ⏎ lb-traefik-443 ⏎ !bang ⏎ /slashes/ (not fulfilled: nginx)" })
  end,
  ["what is no pattern is told"] = function(t)
    for _, case in ipairs { { "/(/", "no regular expression" }, { "/[a/", "%[ without %]" }, { "/(?P<x>a)/", "is understood" }, { "!/*/", "" } } do
      local read, message = pattern.parse(case[1])
      if case[2] ~= "" then t:equal(read, nil, case[1]) t:match(message, case[2]) end
    end
    local _, problems = spec.read(matcher.type, { "fine", "/(/" }, "out")
    t:equal(problems[1].path, "out[2]")
    _, problems = spec.read(matcher.type, { gtt = 1 }, "count")
    t:match(problems[1].message, "did you mean 'gt'")
    _, problems = spec.read(matcher.type, { gt = "many" }, "count")
    t:match(problems[1].message, "a number is expected")
    _, problems = spec.read(matcher.type, { any = { { lt = 1 }, { matches = "/(/" } } }, "x")
    t:equal({ #problems, problems[1].path }, { 1, "x.any[2].matches[1]" })
  end,
  ["values and comparisons"] = function(t)
    for _, case in ipairs {
      { 0, 0, true }, { 0, "0", true }, { "0644", "0644", true }, { "644", "0644", true }, { 1, "x", false }, { "a", nil, false }, { true, "true", true },
      { { gt = 1 }, 2, true }, { { gt = 1 }, "1", false }, { { ge = 1, lt = 2 }, "1.5", true }, { { ge = 1, lt = 2 }, 2, false }, { { le = "5" }, 5,
        true },
      { { gt = 1 }, "many", false }, { { equal = "x" }, "x\n", true }, { { prefix = "ab" }, "abc", true }, { { prefix = "b" }, "abc", false },
      { { suffix = "bc" }, "abc\n", true }, { { suffix = "ab" }, "abc", false }, { { contains = "b" }, "abc", true }, { { contains = { "b", "x" } },
        "abc", false },
      { { matches = { "/^a/", "!z" } }, "abc", true }, { { matches = "/^b/" }, "abc", false }, { { length = 3 }, "abc", true },
        { { length = { gt = 3 } }, "abc", false },
      { { any = { 1, { gt = 5 } } }, 7, true }, { { any = { 1, 2 } }, 3, false }, { { all = { { gt = 1 }, { lt = 3 } } }, 2, true },
      { { all = { { gt = 1 }, { lt = 3 } } }, 3, false }, { { none = { 1, 2 } }, 3, true }, { { none = { 1, 2 } }, 2, false },
      { "10.0.0.1", { "10.0.0.1", "::1" }, true }, { "10.0.0", { "10.0.0.1" }, false }, { { "/^10/", "!::2" }, { "10.0.0.1", "::1" }, true },
      { { "!::1" }, { "10.0.0.1", "::1" }, false }, { { consists = { "b", "a" } }, { "a", "b" }, true }, { { consists = { "a" } }, { "a", "b" }, false },
      { { contains = { "a" } }, { "a", "b" }, true }, { { contains = { "c" } }, { "a", "b" }, false }, { { length = 2 }, { "a", "b" }, true }, { {},
        "x", true },
    } do
      t:equal((matcher.test(spec.read(matcher.type, case[1]), case[2])), case[3], matcher.show(case[1]) .. " of " .. matcher.show(case[2]))
    end
  end,
  ["values for people are short and on one line"] = function(t)
    t:equal(matcher.show { "a", 1, true }, "a, 1, true")
    t:equal(matcher.show { gt = 1, any = { 1, { lt = 3 } } }, "any 1, lt 3, gt 1")
    t:equal({ matcher.show "", matcher.show(nil), matcher.show "a\nb\n" }, { "nothing", "nothing", "a ⏎ b" })
    local long = matcher.show(("ü"):rep(500))
    t:ok(utf8.len(long) and #long < 210, "cut between characters")
  end,
}
