-- completion: what each shell itself offers for a begun command line, by the script that luabuild prints for it
local lfs = require "lfs"
local cjson = require "cjson"
local lab = require "tests.lab"

local PROGRAM = lfs.currentdir() .. "/" .. arg[-1]

-- A directory as a user's may be: recipes, var-files, a directory with a blank in its name.
local function folder(t)
  local dir = t:directory()
  lfs.mkdir(dir .. "/recipes")
  lfs.mkdir(dir .. "/my recipes")
  t:write(dir .. "/recipes/web.lua", [[
    os.execute("touch ran") -- must not happen by a press of TAB
    local base_os = import "system"
    local v = vars { web_port = 80, nested = { default = "x", secret = true } }
    -- vars { commented = 1 }
    return clone { name = "web-" .. v.release_version, from = base_os, export = { name = "no" } }
  ]])
  t:write(dir .. "/recipes/system.lua", "local v = vars { system_size = 1 }\nreturn base(common(v, { name = 'system' }))")
  t:write(dir .. "/my recipes/a.lua", "return base { name = 'of-a' }")
  t:write(dir .. "/lab.json", "{}")
  t:write(dir .. "/text.md", "")
  lfs.mkdir(dir .. "/bin")
  lfs.link(PROGRAM:gsub("//", "/"), dir .. "/bin/luabuild", true)
  return dir
end

local function run(t, dir, command) return (t:shell(string.format("cd '%s'; export PATH='%s/bin':$PATH; %s", dir, dir, command))) end

-- What bash would do with the line: the words as readline cuts them, the cursor at the end.
local BASH = [[bash --norc --noprofile -c '
source <(luabuild completion bash)
compopt() { :; } # is for a running completion alone
COMP_WORDS=(%s) COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_luabuild; printf "%%s\n" "${COMPREPLY[@]}"']]

local function bash(t, dir, words) return " " .. run(t, dir, BASH:format(words)):gsub("\n", " ") end

local function offers(t, got, wanted, unwanted)
  for word in wanted:gmatch("%S+") do t:contains(got, " " .. word .. " ", "offered") end
  for word in (unwanted or ""):gmatch("%S+") do t:ok(not got:find(" " .. word .. " ", 1, true), word .. " is offered in " .. got) end
end

-- The lines of a shell on a terminal of its own after some keys; tmux is the terminal. `more` goes into the shell's environment, to
-- say which vCenter is to be asked; one that was too slow is asked again, by another Tab, as people do.
local terminals = 0
local function typed(t, dir, shell, keys, sought, more)
  terminals = terminals + 1
  local socket = dir .. "/tmux-" .. terminals
  local function tmux(command) return (t:shell(string.format("tmux -S '%s' -f /dev/null %s", socket, command))) end
  t:defer(function() tmux "kill-server" end)
  tmux(string.format("new-session -d -x 100 -y 40 -c '%s' \"env %s PATH='%s/bin':$PATH HOME='%s' %s\"", dir, more or "", dir, dir, shell))
  local function wait_for(text, again)
    for i = 1, 200 do
      if again and i % 40 == 0 then tmux "send-keys Tab" end
      local screen = tmux "capture-pane -p"
      if screen:find(text, 1, true) then return screen end
      os.execute "sleep 0.1"
    end
    error(shell .. " did not show " .. text .. ":\n" .. tmux "capture-pane -p", 0)
  end
  wait_for "ready>"
  tmux("send-keys " .. keys)
  return wait_for(sought, more ~= nil)
end

-- What each shell reads when it starts.
local function prompts(t, dir)
  t:write(dir .. "/rc", "PS1='ready> '\neval \"$(luabuild completion bash)\"\n")
  t:write(dir .. "/.zshrc", "PS1='ready> '\nautoload -Uz compinit && compinit -u\neval \"$(luabuild completion zsh)\"\n")
  t:shell("mkdir -p '" .. dir .. "/.config/fish'")
  t:write(dir .. "/.config/fish/config.fish", "function fish_prompt; echo -n 'ready> '; end\nluabuild completion fish | source\n")
end

return {
  ["bash: commands, options, values, files"] = function(t)
    local dir = folder(t)
    offers(t, bash(t, dir, 'luabuild ""'), "build check keys completion recipes/", "child complete text.md lab.json")
    offers(t, bash(t, dir, "luabuild ch"), "check", "build")
    offers(t, bash(t, dir, "luabuild build --o"), "--on-error= --only=", "--force")
    offers(t, bash(t, dir, "luabuild build --force --on-error = \"\""), "cleanup abort", "--jobs=")
    offers(t, bash(t, dir, "luabuild build --color = al"), "always", "auto")
    offers(t, bash(t, dir, "luabuild build --on-error c"), "cleanup", "abort")
    offers(t, bash(t, dir, "luabuild build --until \"\""), "boot provision clone publish power\\ on", "power shut")
    offers(t, bash(t, dir, "luabuild build recipes/"), "recipes/web.lua recipes/system.lua")
    offers(t, bash(t, dir, "luabuild check --var-file \"\""), "lab.json recipes", "text.md")
    offers(t, bash(t, dir, "luabuild ova \"\""), "list verify pack unpack", "lab.json")
    offers(t, bash(t, dir, "luabuild ova verify \"\""), "recipes", "list lab.json")
    offers(t, bash(t, dir, "luabuild completion \"\""), "bash zsh fish")
    offers(t, bash(t, dir, "luabuild help ssh.con"), "ssh.connect", "ssh.close")
    t:equal(bash(t, dir, "luabuild version \"\""), "  ")
  end,
  ["bash: images and variables of the recipes on the line, which are not run"] = function(t)
    local dir = folder(t)
    offers(t, bash(t, dir, "luabuild recipes/web.lua --var \"\""), "web_port= nested= system_size= memory=", "commented= default= secret=")
    offers(t, bash(t, dir, "luabuild recipes/system.lua --var s"), "system_size= ssh_password=", "web_port= memory=")
    offers(t, bash(t, dir, "luabuild recipes/web.lua --var linked_clone = \"\""), "true false", "linked_clone=")
    offers(t, bash(t, dir, "luabuild recipes/web.lua recipes/system.lua \"\""), "web-\\* system", "no")
    offers(t, bash(t, dir, "luabuild recipes/system.lua --only = sy"), "system")
    offers(t, bash(t, dir, "luabuild \\\"my\\ recipes/a.lua\\\" --only of"), "of-a")
    t:contains(bash(t, dir, "luabuild \"\""), " my\\ recipes/ ", "beside words a path is quoted, too")
    t:equal(lfs.attributes(dir .. "/ran"), nil)
  end,
  ["names of virtual machines, when nobody has to be asked and the vCenter answers soon"] = function(t)
    local dir, l = folder(t), lab.start(t)
    local vc = l:connect()
    l:create_vm(vc, "web-1")
    l:create_vm(vc, "two words")
    local function env(password)
      return string.format("VCENTER_SERVER='%s' VCENTER_USERNAME='%s' VCENTER_PASSWORD='%s' VCENTER_CA_FILE='%s' ", l.env.VCENTER_SERVER,
        l.env.VCENTER_USERNAME, password, l.env.VCENTER_CA_FILE)
    end
    local function offered(words, password)
      return (run(t, dir, "env " .. env(password or l.env.VCENTER_PASSWORD) .. "luabuild complete fish " .. words))
    end
    t:equal(offered "keys --vm ''", "two words\t\nweb-1\t\n")
    t:equal(offered "keys --vm=w", "--vm=web-1\t\n")
    t:equal(offered "screenshot w", "web-1\t\n")
    t:equal(offered("screenshot ''", "wrong"), "")
    t:equal(offered("screenshot ''", ""), "", "no password, no question")
    t:equal(offered("screenshot --var password='" .. l.env.VCENTER_PASSWORD .. "' w", ""), "web-1\t\n")
    l:fault { method = "Login", fault = "hang" }
    t:equal(offered "screenshot ''", "", "a vCenter that does not answer")
  end,
  ["on a terminal each shell quotes a name of a virtual machine as it has to be there"] = function(t)
    local dir, l = folder(t), lab.start(t)
    prompts(t, dir)
    local vc = l:connect()
    for _, name in ipairs { "two words", [[it's $x; \y:z]] } do l:create_vm(vc, name) end
    local settings = {}
    for _, name in ipairs { "VCENTER_SERVER", "VCENTER_USERNAME", "VCENTER_CA_FILE" } do settings[#settings + 1] = name .. "='" .. l.env[name] .. "'" end
    t:write(dir .. "/vars.json", cjson.encode { password = l.env.VCENTER_PASSWORD })
    for _, shell in ipairs { "bash --rcfile rc -i", "zsh -i", "fish -i" } do
      local function line(begun, sought)
        t:contains(typed(t, dir, shell, "'luabuild screenshot --var-file vars.json " .. begun .. "' Tab", sought, table.concat(settings, " ")), sought)
      end
      line("two", "vars.json two\\ words")
      line('"two w', 'vars.json "two words"')
      line("it", [[vars.json it\'s\ \$x\;\ \\y:z]])
    end
  end,
  ["bash: on a terminal, a TAB completes the line"] = function(t)
    local dir = folder(t)
    prompts(t, dir)
    local keys = "'luabuild chec' Tab 'recipes/web.l' Tab '--var web' Tab '81 --col' Tab 'ne' Tab '--only we' Tab"
    t:contains(typed(t, dir, "bash --rcfile rc -i", keys, "web-"), "luabuild check recipes/web.lua --var web_port=81 --color=never --only web-")
  end,
  ["zsh: on a terminal, a TAB completes the line"] = function(t)
    local dir = folder(t)
    prompts(t, dir)
    local keys = "'luabuild chec' Tab 'recipes/web.l' Tab '--var web' Tab '81 --col' Tab 'ne' Tab '--var-file=la' Tab"
    t:contains(typed(t, dir, "zsh -i", keys, "lab.json"), "luabuild check recipes/web.lua --var web_port=81 --color=never --var-file=lab.json")
  end,
  ["fish: what it offers for a line"] = function(t)
    local dir = folder(t)
    local function fish(line)
      local command = "HOME='%s' fish --no-config -c 'luabuild completion fish | source; complete -C \"%s\"'"
      return " " .. run(t, dir, command:format(dir, line)):gsub("\t[^\n]*", ""):gsub("\n", " ")
    end
    offers(t, fish "luabuild che", "check")
    offers(t, fish "luabuild check --col", "--color=", "--force")
    offers(t, fish "luabuild check --color=n", "--color=never")
    offers(t, fish "luabuild recipes/web.lua --var web", "web_port=", "memory=")
    offers(t, fish "luabuild check recipes/", "recipes/web.lua")
    t:contains(fish [[luabuild check my\\ recipes/]], " my recipes/a.lua ")
    offers(t, fish "luabuild check --var-file=", "--var-file=lab.json", "--var-file=text.md")
  end,
}
