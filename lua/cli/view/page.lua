-- page: the report of a build as one HTML page that needs nothing else: no script, no request leaves it, everything in it is escaped
local digest = require "digest"
local css = require "cli.view.css"
local units = require "core.units"

local page = {}

local ENTITIES = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;", ["'"] = "&#39;" }

--[[
page.escape(text) -> string
Text for HTML, in elements and in attributes.
Source: HTML Living Standard, 13.3.
]]
function page.escape(text) return (tostring(text):gsub("[&<>\"']", ENTITIES)) end

-- "<b>%s</b>" with its values escaped; what is HTML already is a table { html }.
local function html(form, ...)
  local values = table.pack(...)
  for i = 1, values.n do values[i] = type(values[i]) == "table" and values[i][1] or page.escape(values[i]) end
  return string.format(form, table.unpack(values, 1, values.n))
end

local function add(out, ...) out[#out + 1] = html(...) end

-- A sign for those who see it, a word for those who are read to.
local function mark(class, word, sign) return html('<span class="%s" role="img" aria-label="%s">%s</span>', class, word, sign) end

-- ---- the head ----

local BADGES = { done = "good", failed = "bad" }

local function badge(image)
  if image.code == "cancelled" then return html('<span class="badge look">%s</span>', "interrupted") end
  return html('<span class="badge %s">%s</span>', BADGES[image.state] or "look", image.result or image.state)
end

local function facts(out, image)
  out[#out + 1] = '<dl class="facts">'
  local function fact(name, value) if value then add(out, "<div><dt>%s</dt><dd>%s</dd></div>", name, value) end end
  fact("When", image.time and image.time:gsub("T", " "):gsub("%.%d+Z", " UTC"))
  fact("How long", image.seconds and units.format_seconds(image.seconds))
  fact("What", image.kind == "clone" and "made from another image" or "installed from its ISO")
  fact("Recipe", image.recipe)
  local changed, more = (image.decision == "replace" and image.reason or ""):match("^(.*) changed(.*)$")
  fact(changed and "Changed since the last build" or "Why", changed and changed .. more or image.reason)
  fact("Run", image.run)
  local r = image.requests
  if r and r.count > 0 then
    fact("Requests", string.format("%d, %s sent, %s received", r.count, units.format_bytes(r.sent), units.format_bytes(r.received)))
  end
  out[#out + 1] = "</dl>"
end

local function figure(picture)
  local where = picture.step and "at the step " .. picture.step .. ", " or ""
  return html('<figure><img alt="the console: %s" src="data:image/png;base64,%s"><figcaption>%s, %safter %s</figcaption></figure>',
    picture.name, { digest.base64(picture.bytes) }, picture.name, where, units.format_seconds(picture.at))
end

local function failure(out, image)
  if image.state ~= "failed" then return end
  local interrupted = image.code == "cancelled"
  add(out, '<section class="card failure"><h2>%s%s</h2>', interrupted and "Interrupted" or "Failed", image.failed_at and " at " .. image.failed_at or "")
  if not (interrupted and image.error:find "^[^\n]*interrupted$") then add(out, "<pre>%s</pre>", image.error) end
  if image.left and #image.left > 0 then add(out, "<p><b>Left behind:</b> %s</p>", table.concat(image.left, ", ")) end
  for _, picture in ipairs(image.pictures) do if picture.name == "failed" then out[#out + 1] = figure(picture) end end
  out[#out + 1] = "</section>"
end

local function artifacts(out, image)
  if #image.artifacts == 0 then return end
  out[#out + 1] = '<h2>Artifacts</h2><section class="card">'
  for _, a in ipairs(image.artifacts) do
    add(out, '<div class="artifact"><b>%s</b> <span class="soft">%s</span>', a.name, a.size and units.format_bytes(a.size) or "")
    if a.sha256 then add(out, '<div class="sum">sha256 <code>%s</code></div>', a.sha256) end
    out[#out + 1] = "</div>"
  end
  out[#out + 1] = "</section>"
end

-- ---- steps ----

local show = {}

-- What a step that failed wrote last is what one wants to see: its lines are scrolled to the end.
local function output(out, items, from, failed)
  local lines, i = {}, from
  while items[i] and (items[i].event == "output" or items[i].event == "cut") do
    local e = items[i]
    lines[#lines + 1] = e.event == "cut" and html('<span class="cut">… %s lines are left out here</span>', e.count)
      or e.stream == "err" and html('<span class="err">%s</span>', e.text) or page.escape(e.text)
    i = i + 1
  end
  add(out, "<pre%s><code>%s</code></pre>", { failed and ' class="end"' or "" }, { table.concat(lines, "\n") })
  return i
end
show["output"], show["cut"] = output, output

show["check"] = function(out, items, from)
  local i = from
  out[#out + 1] = '<div class="wide"><table><tr><th scope="col" aria-label="Result"></th><th scope="col">What</th><th scope="col">Property</th>'
    .. '<th scope="col">Found</th><th scope="col">Expected</th></tr>'
  while items[i] and items[i].event == "check" do
    local e = items[i]
    local result = e.skipped and mark("look", "not asked", "–") or e.ok and mark("good", "holds", "✓") or mark("bad", "does not hold", "✗")
    add(out, "<tr><td>%s</td><td>%s %s</td><td>%s</td><td>%s</td><td>%s</td></tr>", { result }, e.kind, e.name, e.property, e.found, e.expected)
    i = i + 1
  end
  out[#out + 1] = "</table></div>"
  return i
end

local function paragraph(class, text)
  return function(out, items, i)
    add(out, '<p class="%s">%s</p>', class, text(items[i]))
    return i + 1
  end
end
show["note"] = paragraph("soft", function(e) return e.message end)
show["warning"] = paragraph("look", function(e) return "Warning: " .. e.message end)
show["http.get"] = paragraph("soft", function(e)
  return string.format("The guest at %s fetched %s: HTTP status %d, %s", e.client, e.path, e.status, units.format_bytes(e.bytes))
end)
show["undo"] = paragraph("soft", function(e) return e.error and "Not undone: " .. e.name .. ": " .. e.error or "Undone: " .. e.name end)

local function contents(out, items, failed)
  local i = 1
  while items[i] do i = show[items[i].event](out, items, i, failed) end
end

local MARKS = { done = mark("good", "done", "✓"), failed = mark("bad", "failed", "✗"), running = mark("look", "running", "…"),
  stopped = mark("look", "stopped", "–") }

-- Where a step stands in the whole, in percent.
local function bar(step, image)
  local total = math.max((image.ended or image.began) - image.began, 1e-3)
  local function percent(seconds) return math.max(0, math.min(100, seconds / total * 100)) end
  local left = percent(step.began - image.began)
  return string.format('<i%s style="left:min(%.2f%%,100%% - 3px);width:%.2f%%"></i>', step.state == "failed" and ' class="failed"' or "", left,
    math.min(percent(step.seconds or 0), 100 - left))
end

local function line(step, image)
  return html('<span>%s</span><span class="name">%s</span><span class="track">%s</span><span class="time">%s</span>%s', { MARKS[step.state] }, step.name,
    { bar(step, image) }, step.seconds and units.format_seconds(step.seconds) or "",
    { step.detail and html('<span class="detail">%s</span>', step.detail) or "" })
end

local function parts_of(image, step, from)
  local out = {}
  for i = from + 1, #image.steps do
    if image.steps[i].parent ~= step.name then break end
    out[#out + 1] = image.steps[i]
  end
  return out
end

local function one_step(out, image, step, parts)
  if #step.items == 0 and #parts == 0 then return add(out, '<div class="row">%s</div>', { line(step, image) }) end
  add(out, '<details%s><summary>%s</summary><div class="inner">', step.state == "failed" and " open" or "", { line(step, image) })
  contents(out, step.items, step.state == "failed")
  for _, part in ipairs(parts) do
    add(out, '<p class="part">%s %s <span class="soft">%s%s</span></p>', { MARKS[part.state] }, part.name,
      part.seconds and units.format_seconds(part.seconds) or "", part.detail and ", " .. part.detail or "")
    contents(out, part.items, part.state == "failed")
  end
  out[#out + 1] = "</div></details>"
end

local function steps(out, image)
  out[#out + 1] = '<h2>Steps</h2><section class="card steps">'
  for i, step in ipairs(image.steps) do
    if not step.parent then one_step(out, image, step, parts_of(image, step, i)) end
  end
  out[#out + 1] = "</section>"
  if #image.after == 0 then return end
  out[#out + 1] = '<h2>Clean-up</h2><section class="card">'
  contents(out, image.after)
  out[#out + 1] = "</section>"
end

local function pictures(out, image)
  if #image.pictures == 0 then return end
  out[#out + 1] = '<h2>The console</h2><section class="pictures">'
  for _, picture in ipairs(image.pictures) do
    if not (picture.name == "failed" and image.state == "failed") then out[#out + 1] = figure(picture) end
  end
  out[#out + 1] = "</section>"
end

--[[
page.of(image, program) -> string
The page of a build that has ended.
  image          table             of cli.view.model, with what cli.view.report has gathered: steps with `items` (events), `after` (events of
                                   the clean-up), `pictures` (array of { name, at = seconds since the image began, bytes }), `requests`
  program        string            what made it
Source of the policy: Content Security Policy Level 3, 6.1.
]]
function page.of(image, program)
  local out = { '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">' }
  out[#out + 1] = [[<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">]]
  add(out, '<meta name="viewport" content="width=device-width, initial-scale=1"><title>%s: %s</title><style>%s</style></head><body><main>',
    image.name, image.result or image.state, { css })
  add(out, "<header><h1>%s</h1>%s</header>", image.name, { badge(image) })
  failure(out, image)
  facts(out, image)
  artifacts(out, image)
  steps(out, image)
  pictures(out, image)
  add(out, "<footer>Made by %s.%s</footer></main></body></html>\n", program or "luabuild",
    image.files.log and " Every request is in the log: " .. image.files.log or "")
  return table.concat(out, "\n")
end

return page
