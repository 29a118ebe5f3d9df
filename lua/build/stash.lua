-- stash: the files of an export before this one, kept until the new image has its name: a build that fails leaves them as they were
local lfs = require "lfs"
local err = require "core.err"
local files = require "build.files"

local stash = {}

local function is_there(path) return lfs.attributes(path, "mode") == "file" end

--[[
stash.restore(list) -> boolean
Put back what was there: files that were are what they were, those that were not are gone. False when there was nothing to do.
  list           array of { path, before = string|nil (where the one before is; nil: there was none) }
Blocks: no.
]]
function stash.restore(list)
  local done = false
  for _, f in ipairs(list) do
    if f.before and is_there(f.before) then
      done = os.rename(f.before, f.path) or done
      os.remove(f.before) -- rename does nothing while both are links to one file
    elseif not f.before and is_there(f.path) then
      done = os.remove(f.path) or done
    end
  end
  return done
end

--[[
stash.drop(list) -> nothing
The new files stay: those before go.
  list           array             as for stash.restore
Blocks: no.
]]
function stash.drop(list)
  for _, f in ipairs(list) do if f.before then os.remove(f.before) end end
end

--[[
stash.keep(b, paths) -> nothing
The files of these names are about to be replaced: keep those that are there, as NAME.before-RUN, and put them back when the build fails.
Raises: io.
Blocks: no.
]]
function stash.keep(b, paths)
  local list = {}
  for i, path in ipairs(paths) do
    path = files.absolute(path)
    list[i] = { path = path, before = is_there(path) and path .. ".before-" .. b.run or nil }
  end
  local entry = b.scope:push("files of the export", function()
    if not stash.restore(list) then return false end
  end, { kind = "export", files = list })
  b.stash = { entry = entry, list = list }
  for _, f in ipairs(list) do -- a link, so that the name is never without a file; not every file system has them
    if f.before and not lfs.link(f.path, f.before) then err.check(os.rename(f.path, f.before)) end
  end
end

--[[
stash.settle(b) -> nothing
The new files are there to stay. No harm when none were kept.
Blocks: no.
]]
function stash.settle(b)
  if not b.stash then return end
  b.scope:forget(b.stash.entry)
  stash.drop(b.stash.list)
  b.stash = nil
end

return stash
