-- page: what was measured, as a line and as one table in Markdown
local cjson = require "cjson"
local lfs = require "lfs"

local page = {}

-- Three figures that count, three behind the point at most: 0.012, 1.23, 12.3, 123, 1234.
local function figure(value)
  local digits = value == 0 and 0 or math.floor(math.log(math.abs(value), 10))
  return (string.format("%." .. math.max(0, math.min(3, 2 - digits)) .. "f", value))
end

-- page.line(row) -> string: for the terminal, while it goes on
function page.line(row)
  return string.format("%-58s %9s %-4s %-22s %-6s %s", row.what, figure(row.value), row.unit, row.target or "",
    row.met == nil and "" or row.met and "met" or "MISSED", row.peer or "")
end

local function contents(path)
  local file <close> = assert(io.open(path))
  return file:read("a")
end

local function machine()
  local cpus = "\n" .. contents "/proc/cpuinfo"
  local _, count = cpus:gsub("\nprocessor%s*:", "")
  return string.format("%d × %s, %.0f GiB, Linux %s", count, cpus:match("\nmodel name%s*: ([^\n]*)") or "?",
    tonumber(contents("/proc/meminfo"):match("MemTotal:%s*(%d+)")) / (1 << 20), contents("/proc/sys/kernel/osrelease"):match("^%d+%.%d+"))
end

-- The rows for the README, by how they begin: those that tell a user something.
local SHOWN = { "start-up: ", "base: ", "clone and OVA: requests", "clone and OVA: time", "clone and OVA: bytes written", "clone and OVA: peak",
  "ISO from", "the same ISO", "upload of 10000 small files", "upload of one file", "one small command", "64 images", 'find("vm/*") and its table' }

local function is_shown(row)
  for _, beginning in ipairs(SHOWN) do
    if row.what:sub(1, #beginning) == beginning then return true end
  end
  return row.what:find("^export of .*: time$") ~= nil
end

local function cell(text) return (tostring(text or ""):gsub("|", "\\|")) end

local function row_of(row, with_bound)
  local met = row.met == nil and "" or row.met and "yes" or "**no**"
  local beside = {}
  beside[1] = row.peer
  beside[#beside + 1] = with_bound and row.bound and "bounded by " .. row.bound or nil
  return string.format("| %s | %s | %s | %s | %s |", cell(row.what), cell(figure(row.value) .. (row.unit ~= "" and " " .. row.unit or "")),
    cell(row.target), met, cell(table.concat(beside, "; ")))
end

-- page.markdown(directory, topics [, excerpt]) -> string: the rows of DIRECTORY/TOPIC.json, with when and where they were measured; those
-- for the README only, without what bounds them
function page.markdown(directory, topics, excerpt)
  local lines, latest = {}, 0
  for _, topic in ipairs(topics) do
    local path = directory .. "/" .. topic .. ".json"
    local file <close> = io.open(path)
    for _, row in ipairs(file and cjson.decode(file:read("a")) or {}) do
      if not excerpt or is_shown(row) then lines[#lines + 1] = row_of(row, not excerpt) end
    end
    latest = math.max(latest, lfs.attributes(path, "modification") or 0)
  end
  table.insert(lines, 1, string.format("Measured on %s: %s.\n", os.date("!%Y-%m-%d", latest), machine()))
  table.insert(lines, 2, "| what | measured | target | met | beside it" .. (excerpt and "" or "; bounded by") .. " |\n| --- | --: | --- | --- | --- |")
  return table.concat(lines, "\n") .. "\n"
end

return page
