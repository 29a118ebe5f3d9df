local options = require "cli.options"

return {
  ["options and words are told apart"] = function(t)
    local given, words = options.parse { "a.lua", "--var", "x=1", "--var=y=2", "--force", "img", "--", "--not-an-option" }
    t:equal(given.var, { "x=1", "y=2" })
    t:equal(given.force, true)
    t:equal(given.on_error, "cleanup")
    t:equal(words, { "a.lua", "img", "--not-an-option" })
  end,
  ["an unknown option names the nearest"] = function(t)
    local e = t:raises("unknown option %-%-forse", options.parse, { "--forse" })
    t:equal({ e.code, e.hint }, { "usage", "did you mean --force?" })
    local short = { { "s", argument = "TEXT", short = true, doc = "" }, { "dry-run", doc = "" } }
    t:equal(t:raises("unknown option %-%-json", options.parse, { "--json" }, short, "keys").hint, "luabuild help keys lists the options",
      "the dashes are not what is compared")
    t:equal(t:raises("unknown option %-ss", options.parse, { "-ss" }, short).hint, "did you mean -s?")
    t:equal(t:raises("unknown option", options.parse, { "--verison" }, nil, "build").hint, "did you mean --version?")
  end,
  ["a missing or a wrong value is refused"] = function(t)
    t:raises("%-%-var wants a value: %-%-var=NAME=VALUE", options.parse, { "--var" })
    t:raises("^%-s wants a value: %-s TEXT", options.parse, { "-s" }, { { "s", argument = "TEXT", short = true, doc = "" } })
    t:raises("%-%-force takes no value", options.parse, { "--force=1" })
    t:raises("%-%-on%-error: 'ask me' is not one of", options.parse, { "--on-error=ask me" })
  end,
}
