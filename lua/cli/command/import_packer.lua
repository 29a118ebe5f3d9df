-- import-packer TEMPLATE.json: a JSON template of Packer as a recipe
local lfs = require "lfs"
local err = require "core.err"
local files = require "build.files"
local fold = require "cli.help.fold"
local options = require "cli.options"
local recipe = require "cli.packer.recipe"
local template = require "cli.packer.template"
local term = require "term"

local function write(path, text, force)
  if lfs.attributes(path, "mode") and not force then
    err.raise("usage", path .. " is there already", { hint = "choose another name for -o, or overwrite it with --force" })
  end
  files.write(path, text)
end

-- What has to be looked at goes beside the recipe, not into it.
local function report(lost, asked, where)
  if #lost > 0 then
    io.stderr:write(string.format("not carried over as it was (%d); the recipe marks its places with `-- packer:`\n", #lost))
  end
  local columns = term.is_tty(2) and term.width() or math.huge
  for _, line in ipairs(lost) do io.stderr:write("  ", table.concat(fold.wrap(line, columns - 4), "\n    "), "\n") end
  if not where then return end
  io.stderr:write("next: luabuild check ", where)
  for _, name in ipairs(asked) do io.stderr:write(" --var ", name, "=…") end
  io.stderr:write("\n")
end

local function run(given, words)
  local read = template.read(words[1], { files = given.var_file, assignments = given.var })
  local text, lost, asked = recipe.make(read, given.only or {}, given.except or {})
  if given.o then write(given.o, text, given.force) else io.write(text) end
  report(lost, asked, given.o)
  return 0
end

return {
  doc = "turn a JSON template of Packer into a recipe",
  text = "Builders vsphere-iso and vsphere-clone, provisioners file, shell, shell-local and breakpoint, "
    .. "post-processors manifest and shell-local become a recipe. "
    .. "Files for the installer stay as they are: a recipe fills ${name} in, so where they have ${ it says kickstart = { fill = false }. "
    .. "What has no counterpart is a comment `-- packer:` in it and a line on stderr. HCL templates are not read.\n\n"
    .. "Give the var-files that the template is built with: their values become the defaults of the recipe's variables, "
    .. "those of the vCenter, the place in it, and passwords apart.",
  words = { { "TEMPLATE.json", kind = "files *.json" } },
  options = options.of("variables",
    { "only", argument = "BUILDER", many = true, doc = "only these builders (globs)" },
    { "except", argument = "BUILDER", many = true, doc = "all but these builders (globs)" },
    { "o", argument = "FILE", short = true, kind = "files *.lua", doc = "write the recipe here, not to stdout" },
    { "force", doc = "overwrite FILE" }),
  examples = { { "luabuild import-packer builder.json --var-file photon3.json -o photon3.lua", "a template with its var-files" } },
  run = run,
}
