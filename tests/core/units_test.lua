local units = require "core.units"

return {
  -- seconds from `date -u -d TEXT +%s`
  ["times as vSphere writes them"] = function(t)
    for text, seconds in pairs {
      ["1970-01-01T00:00:00Z"] = 0, ["2000-02-29T23:59:59Z"] = 951868799, ["2026-11-22T17:20:00.5Z"] = 1795368000.5,
      ["2024-03-01T00:00:00"] = 1709251200, ["2026-11-22T17:20:00+02:00"] = 1795360800, ["2026-11-22T17:20:00-05:30"] = 1795387800,
      ["2100-12-31T12:00:00Z"] = 4133937600,
    } do
      t:equal(units.time(text), seconds, text)
    end
    for _, text in ipairs { "", "yesterday", "2026-11-22", "2026-11-22T17:20:00Q" } do t:equal(units.time(text), nil, text) end
    t:equal(units.time(nil), nil)
  end,
}
