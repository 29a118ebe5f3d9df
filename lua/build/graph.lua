-- graph: which images must be up to date before which: a clone after the one it is made from
local graph = {}

--[[
graph.order(images) -> { { image = image, parent = boolean }, ... }
The images asked for and those they are made from, parents first, each once. `parent` is true for one that is only wanted as a
parent.
]]
function graph.order(images)
  local out, place = {}, {}
  local function visit(image, asked)
    local entry = place[image]
    if entry then
      entry.parent = entry.parent and not asked
      return
    end
    if type(image.from) == "table" then visit(image.from, false) end
    entry = { image = image, parent = not asked }
    place[image], out[#out + 1] = entry, entry
  end
  for _, image in ipairs(images) do visit(image, true) end
  return out
end

--[[
graph.images(order) -> {image, ...}
The images of an order, without their roles.
]]
function graph.images(order)
  local images = {}
  for i, entry in ipairs(order) do images[i] = entry.image end
  return images
end

--[[
graph.kind(image) -> table
The steps of an image's kind: build.base or build.clone.
]]
function graph.kind(image) return require("build." .. image.kind) end

return graph
