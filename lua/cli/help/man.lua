-- man: the reference of commands and recipes as a manual page, in the man macros of troff
local runtime = require "runtime"
local commands = require "cli.commands"
local pages = require "cli.help.pages"
local words = require "cli.help.words"

local man = {}

local function no_requests(text) return (("\n" .. text):gsub("\n([.'])", "\n\\&%1"):sub(2)) end

-- Text that troff takes as it is: no escapes, no requests, and hyphens that can be copied.
local function plain(text)
  text = text:gsub("\\", "\\e"):gsub("-", "\\-"):gsub("'", "\\(aq"):gsub("`", "\\(ga"):gsub("%^", "\\(ha"):gsub("~", "\\(ti")
  text = text:gsub("[\194-\244][\128-\191]+", function(char) return string.format("\\[u%04X]", utf8.codepoint(char)) end)
  return no_requests(text)
end

-- The same for text that is filled: in lines of 80 bytes, as far as there are blanks.
local function filled(text)
  local lines = {}
  for word in plain((text:gsub("%s+", " "))):gmatch "%S+" do
    local last = lines[#lines]
    if last and #last + #word < 78 then lines[#lines] = last .. " " .. word else lines[#lines + 1] = word end
  end
  return no_requests(table.concat(lines, "\n"))
end

local function quoted(text) return '"' .. plain(text):gsub('"', "\\(dq") .. '"' end

local parts = {}

function parts.text(part, out)
  for paragraph in (part[2] .. "\n\n"):gmatch("(.-)\n\n+") do
    if not out[#out]:find("^%.S[HS] ") then out[#out + 1] = ".PP" end
    out[#out + 1] = filled(paragraph)
  end
end

function parts.code(part, out)
  out[#out + 1] = (out[#out]:find("^%.S[HS] ") and "" or ".PP\n") .. ".RS 4\n.nf"
  out[#out + 1] = plain(part[2])
  out[#out + 1] = ".fi\n.RE"
end

parts.contract = parts.code

function parts.heading(part, out)
  out[#out + 1] = ".PP\n.I " .. quoted(part[2])
end

function parts.rows(part, out)
  for _, row in ipairs(part[2]) do
    out[#out + 1] = ".TP"
    out[#out + 1] = "\\fB" .. plain(row[1]) .. "\\fR" .. (row[2] ~= "" and " (" .. plain(row[2]) .. ")" or "")
    out[#out + 1] = row[3] ~= "" and filled(row[3]) or "\\&"
  end
end

local function add_parts(list, out)
  for _, part in ipairs(list) do parts[part[1]](part, out) end
end

local function add_pages(list, out)
  for _, page in ipairs(list) do
    out[#out + 1] = ".SS " .. quoted(page.title)
    add_parts(page.parts, out)
  end
end

local STATUS = { { "0", "", "done, or nothing to do" }, { "1", "", "a build failed" }, { "2", "", "a mistake on the command line or in a recipe" },
  { "130", "", "interrupted" } }

local FILES = {
  { "recipes/", "", "where import and a recipe's files are looked for: beside the recipe, above it, and in the working directory" },
  { "PREFIX/share/luabuild/recipes", "", "the installed recipes, which import finds from everywhere" },
  { "output/NAME/", "", "what a build of an image leaves on this machine" },
}

-- The day it is made; SOURCE_DATE_EPOCH is how makers of packages say another one.
local function date() return os.date("!%Y-%m-%d", math.tointeger(tonumber(os.getenv "SOURCE_DATE_EPOCH")) or os.time()) end

local function examples()
  local out = {}
  for _, name in ipairs(commands.names()) do
    for _, example in ipairs(commands.find(name).examples or {}) do out[#out + 1] = { "code", example[1] .. "\n    " .. example[2] } end
  end
  return out
end

--[[
man.text() -> string
The manual page luabuild(1), for man(1), groff or mandoc.
Source: man(7); the escapes are those of groff_char(7) that mandoc knows, too.
]]
function man.text()
  local sections, out = pages.sections(), { ".TH LUABUILD 1 " .. date() .. " " .. quoted("luabuild " .. runtime.version) .. " \"User Commands\"",
    ".SH NAME\nluabuild \\- make virtual machine images on VMware vSphere", ".SH SYNOPSIS\n.nf" }
  for _, name in ipairs(commands.names()) do
    for _, usage in ipairs(commands.usage(commands.find(name))) do out[#out + 1] = plain(usage) end
  end
  out[#out + 1] = ".fi"
  out[#out + 1] = ".SH DESCRIPTION"
  add_parts({ { "text", "luabuild is make for virtual machine images: a recipe in Lua describes an image, which is installed from its ISO or made from "
    .. "another image, provisioned over ssh and exported. An image whose inputs did not change is not built again.\n\n"
    .. "luabuild help TOPIC tells more about every name on this page, about the functions that recipes and scripts can use, and about the "
    .. "types of the vSphere API." } }, out)
  out[#out + 1] = ".SH COMMANDS"
  add_pages(sections[1].pages, out)
  out[#out + 1] = ".SH RECIPES"
  for _, page in ipairs(sections[2].pages) do
    if page.name ~= "environment" then add_pages({ page }, out) end -- which has a section of its own
  end
  for _, section in ipairs { { "ENVIRONMENT", words.environment().parts }, { "EXIT STATUS", { { "rows", STATUS } } },
    { "FILES", { { "rows", FILES } } }, { "EXAMPLES", examples() } } do
    out[#out + 1] = ".SH " .. quoted(section[1])
    add_parts(section[2], out)
  end
  return table.concat(out, "\n") .. "\n"
end

return man
