-- What counts as a whole statement at the REPL, and where the names go that it makes.
local statement = require "cli.statement"

return {
  ["expressions give their value, statements nothing; what is not finished wants more"] = function(t)
    for text, want in pairs { ["1 + 1"] = 2, ["{ 1 }"] = "table", ["x = 1"] = "nothing", ["f()"] = "called", [" -- note"] = "nothing",
      ["for i = 1, 2 do end"] = "nothing", ["'a' .. 'b'"] = "ab", ["return 3"] = 3, ["function g() end"] = "nothing" } do
      local chunk = t:ok(statement.read(text, { f = function() return "called" end }), text)
      local got = table.pack(chunk())
      t:equal(got.n == 0 and "nothing" or type(got[1]) == "table" and "table" or got[1], want, text)
    end
    for _, text in ipairs { "x =", "f(", "{ 1,", "for i = 1, 2 do", "function g()", "[[ a", "--[[ a", "1 +", "if x then\ny()", "x = function()", "'a' ..",
      "f{\n a = 1,", "not" } do
      t:equal({ statement.read(text, {}) }, {}, text)
    end
    for text, why in pairs { ["x = = 1"] = "unexpected symbol", ["1 + )"] = "unexpected symbol", ["'a"] = "unfinished string", ["end"] = "<eof>",
      ["x y"] = "syntax error" } do
      local chunk, message = statement.read(text, {})
      t:equal(chunk, nil, text)
      t:contains(message, why, text)
      t:match(message, "^prompt:1:")
    end
  end,

  ["what local names stays; a local of a block does not"] = function(t)
    local names = { setmetatable = setmetatable }
    for _, text in ipairs { "local a = 1", "local b, c = a + 1, 3", "local function f() return c end", "local d", "do local hidden = 1 end",
      "local e <close> = setmetatable({}, { __close = function() end })", "  local g = { local_ = f() }" } do
      t:ok(statement.read(text, names), text)()
    end
    t:equal({ names.a, names.b, names.c, names.f(), names.d, names.hidden, names.e, names.g.local_ }, { 1, 2, 3, 3, nil, nil, nil, 3 })
  end,

  ["errors tell the line of the input"] = function(t)
    local chunk = statement.read("x = 1\nx.y.z = 1", {}, "input", 7)
    t:raises("^input:8: ", chunk)
    t:raises("^prompt:1: ", statement.read("x.y.z", {}))
    t:raises("^prompt:1: here", statement.read("f() -- note", { f = function() error("here", 2) end }))
  end,
}
