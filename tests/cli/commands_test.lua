-- commands: what the declarations of all commands keep to, since parsing, help, completion and the man page come from them
local load = require "load"
local commands = require "cli.commands"
local options = require "cli.options"

local KINDS = { recipe = true, image = true, files = true, directory = true, varfile = true, variable = true, topic = true, command = true, step = true,
  machine = true }

local function each(f)
  for _, name in ipairs(commands.names()) do
    local command = commands.find(name)
    f(command)
    for _, action in ipairs(command.actions or {}) do f(commands.action(command, action[1])) end
  end
end

return {
  ["each file below cli/command is a command, and each command is in one group"] = function(t)
    local files, listed = {}, { child = true, complete = true }
    for _, name in ipairs(commands.names()) do
      t:ok(not listed[name], name .. " is listed twice")
      listed[name] = true
    end
    for _, file in ipairs(load.list()) do
      local name = file:match("^cli/command/([%w_]+)%.lua$")
      if name then files[(name:gsub("_", "-"))] = true end
    end
    t:equal(files, listed)
  end,
  ["each says in one line what it does, and completion knows what it takes"] = function(t)
    each(function(command)
      t:ok(command.doc and #command.doc < 78 and not command.doc:find("[.\n]$"), command.name .. ": doc")
      for _, takes in ipairs { command.words or {}, command.options or {} } do
        for _, one in ipairs(takes) do
          local kind = one.kind and one.kind:match("^%S+")
          t:ok(not kind or KINDS[kind], command.name .. ": " .. one[1] .. ": " .. tostring(kind))
        end
      end
      for _, option in ipairs(command.options or {}) do t:ok(option.doc, command.name .. " --" .. option[1] .. ": doc") end
    end)
  end,
  ["no two options of a command have one name, and a default is one of the values"] = function(t)
    each(function(command)
      local seen = {}
      for _, option in ipairs(command.options or {}) do
        t:ok(not seen[option[1]], command.name .. ": --" .. option[1] .. " twice")
        seen[option[1]] = true
        local among = not (option.values and option.default)
        for _, value in ipairs(option.values or {}) do among = among or value == option.default end
        t:ok(among, command.name .. " --" .. option[1] .. ": " .. tostring(option.default))
      end
    end)
  end,
  ["words that are missing, too many or none of the values are refused with the usage or the nearest"] = function(t)
    local function refused(name, ...)
      local e = t:raises("", commands.read, commands.find(name), { ... })
      return e.message .. " | " .. e.hint
    end
    t:equal(refused("ova", "pack", "x.ova"), "ova pack: DIRECTORY|FILE.ovf is missing | usage: luabuild ova pack FILE.ova DIRECTORY|FILE.ovf")
    t:equal(refused("ova", "list", "a", "b"), "ova list: 'b' is one word too many | usage: luabuild ova list FILE.ova")
    t:equal(refused("ova", "unpak"), "ova: unknown action 'unpak' | did you mean 'unpack'?")
    t:equal(refused("completion", "bsh"), "completion: 'bsh' is not one of bash, zsh, fish | did you mean 'bash'?")
    t:equal(refused("check", "--colour=never"), "unknown option --colour | did you mean --color?")
    t:equal(refused("check", "--color=nevr"), "--color: 'nevr' is not one of auto, always, never | did you mean never?")
  end,
  ["an option as help writes it"] = function(t)
    t:equal(options.shown { "jobs", argument = "N" }, "--jobs=N")
    t:equal(options.shown { "color", argument = "WHEN", values = { "auto", "never" } }, "--color=auto|never")
    t:equal(options.shown { "s", argument = "TEXT", short = true }, "-s TEXT")
  end,
}
