-- html: the reference as web pages: everything of ours on one page, the vSphere API's types on a page for each letter. No page
-- asks for anything from elsewhere; what they say is what cli.help.pages says.
local vim = require "vim"
local files = require "build.files"
local runtime = require "runtime"
local contract = require "cli.contract"
local fold = require "cli.help.fold"
local api = require "cli.help.api"
local pages = require "cli.help.pages"
local style = require "cli.help.style"

local html = {}

local function escaped(text) return (text:gsub("[&<>\"]", { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;" })) end

-- Types and methods with a page of their own: name -> file.
local function of_api()
  local out = {}
  for _, list in ipairs { vim.types "enum", vim.types "data", vim.types "managed", api.methods() } do
    for _, name in ipairs(list) do out[name] = "api-" .. name:sub(1, 1):upper() .. ".html" end
  end
  return out
end

local known -- made when it is first needed

-- Where a name is explained, if it is: contracts on our own page, types and methods on the API's.
local function address(name, here)
  known = known or of_api()
  local file = contract.exact(name) and "index.html" or known[name]
  return file and (file == here and "" or file) .. "#" .. name
end

local function link(name, text, here)
  local to = address(name, here)
  return to and string.format('<a href="%s">%s</a>', escaped(to), text) or text
end

-- Text as it stands, with links to the contracts that it names, and in the API's own prose to types; but to itself not.
local function linked(text, here, own)
  return (escaped(text):gsub("[%w_][%w_.:]*[%w_]", function(name)
    if name ~= own and (contract.exact(name) or here ~= "index.html") then return link(name, name, here) end
  end))
end

-- The anchor of a page: "command-check", "build-iso".
local function page_id(page) return (((page.file and page.file:match("^(.*)/") or page.kind) .. "-" .. page.name):gsub("[^%w]", "-")) end

local parts = {}

function parts.text(part, page, here, out)
  for paragraph in (part[2] .. "\n\n"):gmatch("(.-)\n\n+") do out("<p>", linked(paragraph, here, page.name), "</p>\n") end
end

function parts.code(part, page, here, out)
  out("<pre>", linked(part[2], here, part[2]:match("^[%w_]+[.:][%w_]+") or page.name), "</pre>\n")
end

local DESKTOP = 112 -- columns that the page has where there is room

function parts.contract(part, page, here, out)
  parts.code({ "code", table.concat(fold.lines(part[2], DESKTOP), "\n") }, page, here, out)
end

function parts.heading(part, page, _, out)
  page.at = part.id or page.at
  local _, home = contract.exact(part.anchor and part.id or "")
  local id = part.id and (not home or home == part.file) and part.id -- of several methods of one name one is the target
  out("<h4", id and ' id="' .. escaped(id) .. '"' or "", ">", escaped(part[2]), "</h4>\n")
end

function parts.rows(part, page, here, out)
  local typed = false
  for _, row in ipairs(part[2]) do typed = typed or row[2] ~= "" end
  out(typed and "<dl>\n" or '<dl class="two">\n')
  for _, row in ipairs(part[2]) do
    local id = escaped((page.at or page_id(page)) .. "." .. row[1])
    local kind = escaped(row[2])
    if row.link then kind = kind:gsub("%f[%w_]" .. row.link .. "%f[^%w_]", (link(row.link, row.link, here):gsub("%%", "%%%%"))) end
    out(string.format('<div%s><dt><code>%s</code></dt>%s<dd>%s</dd></div>\n',
      page.kind == "API type" and "" or ' id="' .. id .. '"', row.link and link(row[1], escaped(row[1]), here) or escaped(row[1]),
      typed and '<dd class="type">' .. kind .. "</dd>" or "", linked(row[3], here, page.name)))
  end
  out '</dl>\n'
end

local function head(title, out)
  out('<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<meta name="viewport" content="width=device-width, initial-scale=1">\n')
  out('<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; style-src \'unsafe-inline\'">\n')
  out("<title>", escaped(title), "</title>\n<style>\n", style, "</style>\n</head>\n<body>\n<main>\n<h1>", escaped(title), "</h1>\n")
end

local function foot(out) out("<footer>luabuild ", escaped(runtime.version), "</footer>\n</main>\n</body>\n</html>\n") end

local function add_page(page, id, here, out)
  out(string.format('<section id="%s">\n<h3><a href="#%s">%s</a> <small>%s</small></h3>\n', escaped(id), escaped(id), escaped(page.title),
    escaped(page.file or page.kind)))
  for _, part in ipairs(page.parts) do parts[part[1]](part, page, here, out) end
  out "</section>\n"
end

local function contents(section, at, out)
  out(string.format('<p><a href="#section-%d"><strong>%s</strong></a>: ', at, escaped(section[1])))
  for i, page in ipairs(section.pages) do
    out(i > 1 and ", " or "", string.format('<a href="#%s">%s</a>', page_id(page), escaped(page.name)))
  end
  out "</p>\n"
end

local function index(out)
  local sections = pages.sections()
  head("luabuild", out)
  out "<p>Commands, words of recipes, and the contracts of everything that recipes and scripts can use: what luabuild help says.</p>\n<nav>\n"
  for i, section in ipairs(sections) do contents(section, i, out) end
  out('<p><a href="api.html"><strong>The vSphere API</strong></a>: every type and method, ', escaped(vim.api), "</p>\n</nav>\n")
  for i, section in ipairs(sections) do
    out(string.format('<h2 id="section-%d">%s</h2>\n', i, escaped(section[1])))
    for _, page in ipairs(section.pages) do add_page(page, page_id(page), "index.html", out) end
  end
  foot(out)
end

local KINDS = { { "managed", "Managed objects" }, { "data", "Data objects" }, { "enum", "Enumerations" } }

local function api_index(out)
  head("The vSphere API", out)
  out('<p><a href="index.html">luabuild</a>. Types and methods of the API ', escaped(vim.api), ", as luabuild knows them.</p>\n")
  local function list(title, names)
    out("<h2>", title, '</h2>\n<p class="names">')
    for _, name in ipairs(names) do out(link(name, name, "api.html"), " ") end
    out "</p>\n"
  end
  for _, kind in ipairs(KINDS) do list(kind[2], vim.types(kind[1])) end
  list("Methods", api.methods())
  foot(out)
end

-- Types and methods by the file of their first letter.
local function by_file()
  known = known or of_api()
  local topics, order, names = {}, {}, {}
  for name in pairs(known) do names[#names + 1] = name end
  table.sort(names, function(a, b) return a:lower() < b:lower() or (a:lower() == b:lower() and a < b) end)
  for _, name in ipairs(names) do
    local file = known[name]
    if not topics[file] then topics[file], order[#order + 1] = {}, file end
    table.insert(topics[file], name)
  end
  return topics, order
end

local function write_file(path, fill)
  local pieces = {}
  fill(function(...) for _, piece in ipairs { ... } do pieces[#pieces + 1] = piece end end)
  files.write(path, table.concat(pieces))
  return path
end

--[[
html.write(directory) -> {string, ...}
Write the reference into a directory, which is made when it is not there; returns the paths of its files. Files there are replaced.
Raises: io.
Blocks: on disks only.
]]
function html.write(directory)
  files.make(directory, "make the directory")
  local out = { write_file(directory .. "/index.html", index), write_file(directory .. "/api.html", api_index) }
  local topics, order = by_file()
  for _, name in ipairs(order) do
    out[#out + 1] = write_file(directory .. "/" .. name, function(add)
      head("The vSphere API: " .. name:match("%-(.)"), add)
      add('<p><a href="index.html">luabuild</a> · <a href="api.html">all types and methods</a></p>\n')
      for _, topic in ipairs(topics[name]) do add_page(api.find(topic), topic, name, add) end
      foot(add)
    end)
  end
  return out
end

return html
