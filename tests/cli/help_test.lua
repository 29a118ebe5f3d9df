-- help: all that the program knows of itself, on a terminal, as a manual page and as web pages
local vim = require "vim"
local check = require "guest.check"
local commands = require "cli.commands"
local pages = require "cli.help.pages"
local plain = require "cli.help.plain"
local fold = require "cli.help.fold"
local vocabulary = require "build.vocabulary"

local PROGRAM = arg[-1]

local function help(t, topic)
  local out, status = t:shell("COLUMNS=100 " .. PROGRAM .. " help " .. topic)
  t:equal(status, 0, out)
  return out
end

return {
  ["without a topic it lists every command with what it does"] = function(t)
    local out = help(t, "")
    for _, name in ipairs(commands.names()) do t:match(out, "\n  " .. name:gsub("%-", "%%-") .. " +%S") end
    t:equal(out, (t:shell("COLUMNS=100 " .. PROGRAM)))
  end,
  ["a name that is several things shows all of them"] = function(t)
    local out = help(t, "check")
    t:contains(out, "luabuild check RECIPE…")
    t:contains(out, "check { kind = { name = { field = expected } }, … } -> step")
    for _, kind in ipairs(check.kinds) do
      t:contains(out, kind.name .. ": " .. kind.doc)
      for _, field in ipairs(kind.fields) do t:match(out, "\n  " .. field[1] .. " ") end
    end
  end,
  ["the options of a word come with type, default and meaning"] = function(t)
    local out = help(t, "base")
    t:match(out, "\n    memory +size +the variable memory by default\n")
    t:match(out, "\n    port +integer 1 to 65535 = 22 +of the guest's ssh server\n")
    t:match(out, "\n    timeout +duration = \"30m\" ")
    t:match(out, "\n  guest_id +string +required; ")
    t:contains(out, "A size is \"4GiB\", or a number of MiB")
    t:match(help(t, "clone"), "\n    manifest +sha256 | sha1")
    t:match(help(t, "vars"), "\n  secret +boolean +.*\n  vcenter_server +string ")
    t:match(help(t, "environment"), "^  VCENTER_SERVER +the variable vcenter_server\n")
    t:match(help(t, "VCENTER_SERVER"), "^  VCENTER_SERVER +the variable vcenter_server\n")
    t:contains(help(t, "LUABUILD_VAR_memory"), "any variable of a recipe")
    t:contains(help(t, "username"), "VCENTER_USERNAME, GOVC_USERNAME, LUABUILD_VAR_username")
  end,
  ["the options of an option, for the words that have it"] = function(t)
    local out = help(t, "export")
    t:contains(out, "── export (option of base, clone) ")
    t:match(out, "\n    format +ova | ovf = \"ova\"")
    t:match(out, "\n      vendor +string +who makes it")
    t:match(help(t, "hardware"), "option of base%).*option of clone%)")
    t:match(help(t, "clone.hardware.disk"), "^  hardware.disk +size ")
    t:match(help(t, "guest_id"), "^  guest_id +string +required")
  end,
  ["types, methods and fields of the API"] = function(t)
    t:match(help(t, "VirtualMachineConfigSpec"), "\n  memoryMB +long, optional")
    t:match(help(t, "VirtualMachinePowerState"), 'One of "poweredOff", "poweredOn", "suspended".')
    t:match(help(t, "VirtualMachine:PowerOnVM_Task"), "\n  host +reference to HostSystem, optional\n.*Faults: TaskInProgress")
    t:match(help(t, "VirtualMachine.config"), "config +VirtualMachineConfigInfo, optional")
    t:contains(help(t, "VirtualMachine"), "VirtualMachine:type(keys [, options]) -> integer")
  end,
  ["a module shows the contracts of its functions, a function its own"] = function(t)
    t:contains(help(t, "ssh.connect"), "ssh.connect(")
    local out = help(t, "floppy")
    t:contains(out, "luabuild floppy pack")
    t:contains(out, "floppy.write(path, opts) -> { size = integer }")
    t:match(help(t, "ova pack"), "^  luabuild ova pack FILE.ova ")
  end,
  ["recipes are told about as a whole, each word with what it does"] = function(t)
    local out = help(t, "recipes")
    for _, word in ipairs(vocabulary) do t:contains(out, "\n  " .. word.form) end
    t:contains(out, "Stop and ask at the terminal\n")
  end,
  ["an unknown topic names the nearest of all kinds"] = function(t)
    for wrong, near in pairs { chek = "check", bas = "base", Base = "base", ["ssh.conect"] = "ssh.connect",
      VirtualMachineConfgSpec = "VirtualMachineConfigSpec", packer = "import-packer", describe = "git.describe" } do
      local out, status = t:shell(PROGRAM .. " help " .. wrong)
      t:equal({ out, status }, { "luabuild: no help for '" .. wrong .. "'\n  did you mean '" .. near .. "'?\n", 2 })
    end
  end,
  ["every topic has a page, and keeps to the width"] = function(t)
    local names = pages.names()
    t:ok(#names > 400)
    for _, name in ipairs(names) do
      local found = pages.find(name)
      t:ok(#found > 0, name)
      for line in plain.text(found, 80):gmatch "[^\n]+" do t:ok(utf8.len(line) <= 80, line) end
    end
  end,
  ["a contract is folded as it was written: names, meanings, results"] = function(t)
    local text = "f.g(x [, options]) -> y\n                   -> nil, message\n" .. ("A sentence of many words "):rep(4) .. "that\ngoes on here.\n"
      .. "  options.limit  integer = 1 MiB   bytes kept per stream;\n                                   the rest is dropped\n"
      .. "  options.env    table|nil\n" .. "y = { a = " .. ("string, b = "):rep(8) .. "string,\n  c = string }\nBlocks: yes."
    t:equal(table.concat(fold.lines(text, 50), "\n"), [[
f.g(x [, options]) -> y
                   -> nil, message
A sentence of many words A sentence of many words
A sentence of many words A sentence of many words
that goes on here.
  options.limit  integer = 1 MiB
      bytes kept per stream; the rest is dropped
  options.env    table|nil
y = { a = string, b = string, b = string, b =
  string, b = string, b = string, b = string, b =
  string, b = string, c = string }
Blocks: yes.]])
    t:equal(table.concat(fold.lines(text, 160), "\n"), text)
  end,
  ["the manual page renders without warnings"] = function(t)
    local path = t:directory() .. "/luabuild.1"
    t:equal((t:shell(PROGRAM .. " help --man > " .. path)), "")
    t:equal((t:shell("mandoc -Tlint " .. path)), "")
    t:equal((t:shell("groff -man -Tutf8 -Kutf8 -ww -z " .. path)), "")
    local out = t:shell("mandoc -Tutf8 " .. path .. " | col -bx")
    for _, title in ipairs { "NAME", "SYNOPSIS", "COMMANDS", "RECIPES", "ENVIRONMENT", "EXIT STATUS", "FILES" } do t:contains(out, "\n" .. title .. "\n") end
    for _, name in ipairs(commands.names()) do t:contains(out, "\n   luabuild " .. name .. "\n") end
    for _, word in ipairs(vocabulary) do t:contains(out, "\n   " .. word[1] .. "\n") end
    t:contains(out, "--on-error=cleanup|abort")
  end,
  ["the web pages are whole: valid, every link leads to something, nothing comes from elsewhere"] = function(t)
    local dir = t:directory() .. "/reference"
    local out, status = t:shell(PROGRAM .. " help --html " .. dir)
    t:equal(status, 0, out)
    local ids, links = {}, {}
    for path in out:gmatch("[^\n]+") do
      local file, text = path:match("[^/]+$"), t:read(path)
      ids[file] = true
      for id in text:gmatch(' id="([^"]+)"') do
        t:ok(not ids[file .. "#" .. id], file .. ": twice: " .. id)
        ids[file .. "#" .. id] = true
      end
      for to in text:gmatch(' href="([^"]+)"') do links[to:find("^#") and file .. to or to] = file end
      t:ok(not text:find("<script", 1, true) and not text:find(" src=", 1, true) and not text:find("url(", 1, true), file)
    end
    for to, from in pairs(links) do t:ok(ids[to], from .. " leads to " .. to) end
    for _, name in ipairs(vim.types "data") do t:ok(ids["api-" .. name:sub(1, 1):upper() .. ".html#" .. name], name) end
    t:ok(ids["index.html#ssh.connect"] and ids["index.html#check-port.listening"])
    local said = t:shell("xmllint --html --noout " .. dir .. "/index.html " .. dir .. "/api-V.html")
    for line in said:gmatch("[^\n]* error : [^\n]*") do t:match(line, "Tag %w+ invalid") end -- the parser's HTML is older than ours
  end,
}
