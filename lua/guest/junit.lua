-- junit: results of checks as JUnit's XML, for CI systems
local err = require "core.err"

local junit = {}

-- XML 1.0 (2.2) has no place for most control characters, nor for bytes that are no UTF-8.
local function valid(text)
  local out, at = {}, 1
  while at <= #text do
    local good, bad = utf8.len(text, at)
    if good then
      out[#out + 1] = text:sub(at)
      break
    end
    out[#out + 1] = text:sub(at, bad - 1) .. "\u{FFFD}"
    at = bad + 1
  end
  return (table.concat(out):gsub("[%z\1-\8\11\12\14-\31]", "\u{FFFD}"):gsub("\u{FFFE}", "\u{FFFD}"):gsub("\u{FFFF}", "\u{FFFD}"))
end

local ENTITIES = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;", ["\n"] = "&#10;", ["\r"] = "&#13;", ["\t"] = "&#9;" }
local function escaped(text) return (valid(text):gsub('[&<>"\n\r\t]', ENTITIES)) end

--[[
junit.text(results, about) -> string
One test case for each result, its class the kind of check.
  results        array             from check.run
  about.name     string = "check"  of the test suite
  about.seconds  number = 0
Source: the schema of Jenkins' xunit plugin (junit-10.xsd).
]]
function junit.text(results, about)
  local failed, skipped, cases = 0, 0, {}
  for _, r in ipairs(results) do
    local case = string.format('  <testcase classname="%s" name="%s" time="%.3f"', escaped(r.kind), escaped(r.name .. " " .. r.property), r.seconds)
    if r.skipped then
      skipped = skipped + 1
      case = case .. "><skipped/></testcase>"
    elseif r.ok then
      case = case .. "/>"
    else
      failed = failed + 1
      case = string.format('%s><failure message="%s"/></testcase>', case, escaped("expected " .. r.expected .. ", found " .. r.found))
    end
    cases[#cases + 1] = case
  end
  return string.format('<?xml version="1.0" encoding="UTF-8"?>\n'
    .. '<testsuite name="%s" tests="%d" failures="%d" errors="0" skipped="%d" time="%.3f">\n%s\n</testsuite>\n',
    escaped(about.name or "check"), #results, failed, skipped, about.seconds or 0, table.concat(cases, "\n"))
end

--[[
junit.write(path, results, about) -> nothing
Write junit.text into a file, through about.mask(text) -> text if there is one.
Raises: io.
]]
function junit.write(path, results, about)
  local text = junit.text(results, about)
  local file, message = io.open(path, "wb")
  if not file then err.raise("io", message, { op = "write the results of the checks" }) end
  local ok, why = file:write(about.mask and about.mask(text) or text)
  local closed, late = file:close()
  if not (ok and closed) then err.raise("io", path .. ": " .. tostring(why or late), { op = "write the results of the checks" }) end
end

return junit
