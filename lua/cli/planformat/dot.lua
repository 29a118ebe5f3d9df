-- dot: a plan as a graph for Graphviz
local dot = {}

local COLORS = { build = "#1a7f37", replace = "#9a6700", export = "#0969da", current = "#6e7781", foreign = "#6e7781" }

-- A string in quotes: \n is a line break, as in the languages around.
local function quoted(text) return '"' .. text:gsub('[\\"]', "\\%0"):gsub("\n", "\\n") .. '"' end

--[[
dot.format(plans) -> string
One node for each image, with what would be done and why; an edge from each image to those that are made from it, and dashed ones
from what recipes only name (ISOs, machines that are there).
  plans          {plan, ...}       from build.plan
Source: Graphviz, "DOT Language".
]]
function dot.format(plans)
  local out = { "digraph images {", "  rankdir = LR", '  node [shape = box, style = rounded, fontname = "sans-serif"]' }
  local function add(...) out[#out + 1] = string.format(...) end
  for _, plan in ipairs(plans) do
    local image = plan.image
    add("  %s [label = %s, color = %s, penwidth = %d]", quoted(image.name), quoted(string.format("%s\n%s: %s", image.name, plan.decision, plan.reason)),
      quoted(COLORS[plan.decision] or "black"), plan.decision == "current" and 1 or 2)
    for _, need in ipairs(plan.needs) do add("  %s -> %s", quoted(need.name), quoted(image.name)) end
    local from = type(image.from) == "string" and image.from or image.iso and (image.iso.url or image.iso.path)
    if from then
      add("  %s [shape = plain]", quoted(from))
      add("  %s -> %s [style = dashed]", quoted(from), quoted(image.name))
    end
    if image.export then
      local file = image.name .. "." .. image.export.format
      add("  %s [shape = note]", quoted(file))
      add("  %s -> %s", quoted(image.name), quoted(file))
    end
  end
  out[#out + 1] = "}\n"
  return table.concat(out, "\n")
end

return dot
