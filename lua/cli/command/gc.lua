-- gc: remove what builds left that did not get to their end
local gc = require "build.gc"
local err = require "core.err"
local units = require "core.units"
local session = require "vsphere.session"
local connection = require "cli.connection"
local options = require "cli.options"

local function show(mark, item, e)
  print(string.format("%-8s %s: %s", mark, item.what, e and tostring(e) or item.why))
  io.stdout:flush()
end

local function by_text(a, b) return (a.what or "") < (b.what or "") end

local function run(given)
  local older_than, message = units.seconds(given.older_than)
  if not older_than then err.raise("usage", "--older-than: " .. message) end
  local wanted = connection.read(given, "gc")
  local vc <close> = session.connect(wanted)
  local found = gc.look(vc, { older_than = older_than, datacenter = wanted.datacenter })
  table.sort(found.left, by_text)
  for _, item in ipairs(found.left) do show("stays", item) end
  local count = 0
  if given.dry_run then
    for _, item in ipairs(found.items) do
      if not item.silent then show("goes", item) end
      count = count + (item.silent and 0 or 1)
    end
    if count == 0 then print "nothing to remove" end
    return 0
  end
  local failed = gc.sweep(found, function(item, e)
    count = count + (e and 0 or 1)
    show(e and "failed" or item.done or "removed", item, e)
  end)
  if count + failed == 0 then print "nothing to remove" end
  return failed == 0 and 0 or 1
end

return {
  doc = "remove what builds have left that were killed or cut off",
  text = "Found are virtual machines named NAME.build-RUN with the mark of that run, files of runs in luabuild_cache/ on datastores, images before "
    .. "(NAME.old-RUN) that nothing needs any more, and what this machine's journals know of. What this machine's dead runs left goes at once; that "
    .. "of other machines' when their run is not logged in and it is older than --older-than, and so does what was kept on purpose. What belongs to "
    .. "a build at work stays, and so does every finished image.",
  words = {},
  options = options.of("variables",
    { "dry-run", doc = "only say what would go" },
    { "older-than", argument = "TIME", default = "24h", doc = "how old that of other machines, and what was kept on purpose, must be" }),
  examples = { { "luabuild gc --dry-run", "see what is there" }, { "luabuild gc --older-than=2h", "no build takes longer than that" } },
  run = run,
}
