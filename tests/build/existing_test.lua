local existing = require "build.existing"

local MADE = { total = "abc", parts = { hardware = "1", boot = "2", recipe = "3" } }
local function ours(made) return existing.marks({ name = "x" }, "run1", made or MADE) end
local other = { total = "def", parts = { hardware = "9", boot = "2", recipe = "8" } }

return {
  ["nothing of that name: build"] = function(t)
    for _, options in ipairs { {}, { parent = true }, { force = true } } do
      t:equal({ existing.decide(nil, MADE, options) }, { "build", "not there yet" })
    end
  end,
  ["ours, same fingerprint: up to date, and built again only when asked for with --force"] = function(t)
    t:equal((existing.decide(ours(), MADE, {})), "current")
    t:equal((existing.decide(ours(), MADE, { parent = true })), "current")
    t:equal((existing.decide(ours(), MADE, { force = true })), "replace")
    t:equal((existing.decide(ours(), MADE, { force = true, parent = true })), "current")
  end,
  ["ours, another fingerprint: replace, and say what changed"] = function(t)
    t:equal({ existing.decide(ours(other), MADE, {}) }, { "replace", "hardware changed" })
    t:equal({ existing.decide(ours(other), MADE, { parent = true }) }, { "replace", "hardware changed" })
    t:equal((existing.decide(ours(other), MADE, { force = true })), "replace")
  end,
  ["not ours: an error, used as a parent, replaced with --force"] = function(t)
    local e = t:raises("luabuild did not make it", existing.decide, {}, MADE, {})
    t:equal(e.code, "exists")
    t:equal((existing.decide({}, MADE, { parent = true })), "foreign")
    t:equal((existing.decide({}, MADE, { force = true })), "replace")
  end,
}
