-- completion bash|zsh|fish: print the script that makes the shell complete our command lines, by asking `luabuild complete`
local options = require "cli.options"

local scripts = {}

-- bash gives words cut at = and : with their quotes, and adds what we say in the place of the last part.
scripts.bash = [=[
# bash completion for luabuild
_luabuild() {
  local current=${COMP_WORDS[COMP_CWORD]} line directories=
  local -a patterns=() words=() names=()
  while IFS= read -r line; do
    case $line in
      ':files '*) directories=1; read -ra patterns <<<"${line#:files }" ;;
      ':directories') directories=1 ;;
      *) words+=("${line%%$'\t'*}") ;;
    esac
  done < <("${COMP_WORDS[0]/#\~/$HOME}" complete bash "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
  case $current in [=:]) current= ;; esac
  current=${current#[\"\']} current=${current//\\/}
  if [[ $directories ]]; then
    mapfile -t names < <(compgen -d -- "$current")
    # with names alone the shell marks directories and quotes by itself; beside words both are done here
    if ((${#words[@]})); then names=("${names[@]/%//}"); else compopt -o filenames; fi
    for line in "${patterns[@]}"; do mapfile -t -O ${#names[@]} names < <(compgen -f -X "!$line" -- "$current"); done
    if ((${#words[@]})) && [[ ${COMP_WORDS[COMP_CWORD]} != [\"\']* ]]; then
      for line in "${!names[@]}"; do [[ ${names[line]} == \~* ]] || printf -v "names[line]" %q "${names[line]}"; done
    fi
  fi
  COMPREPLY=("${words[@]}" "${names[@]}")
  [[ ${#COMPREPLY[@]} == 1 && $COMPREPLY == *[=/] ]] && compopt -o nospace
  return 0
}
complete -F _luabuild luabuild
]=]

scripts.zsh = [=[
#compdef luabuild
_luabuild() {
  local line text item directories
  local -a patterns plain open
  for line in "${(@f)$("${(Q)words[1]/#\~/$HOME}" complete zsh "${(@)words[2,CURRENT-1]}" "$PREFIX" 2>/dev/null)}"; do
    case $line in
      (':files '*) directories=1 patterns=("${(@s: :)line#:files }") ;;
      (':directories') directories=1 ;;
      (?*)
        text=${line%%$'\t'*} item=${text//\\/\\\\}
        item=${item//:/\\:}${${line#*$'\t'}:+:${line#*$'\t'}}
        if [[ $text == *= ]]; then open+=("$item"); else plain+=("$item"); fi ;;
    esac
  done
  (($#plain)) && _describe luabuild plain
  (($#open)) && _describe luabuild open -S ''
  if [[ -n $directories ]]; then
    compset -P '*='
    if (($#patterns)); then _files -g "$patterns"; else _files -/; fi
  fi
}
if [[ $funcstack[1] == _luabuild ]]; then _luabuild; else compdef _luabuild luabuild; fi
]=]

scripts.fish = [=[
# fish completion for luabuild
function __luabuild_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l program (string replace -r '^~' $HOME -- $words[1])
    set -l before (string match -r '^--[^=]*=' -- $current)
    set -l plain (string replace -- "$before" '' "$current")
    set plain (string unescape -- $plain; or string replace -r '^["\']' '' -- $plain)
    for line in ($program complete fish $words[2..-1] "$current" 2>/dev/null)
        switch $line
            case ':files *' ':directories'
                set -l patterns (string split ' ' -- $line)[2..-1]
                for path in (__fish_complete_path $plain)
                    set -l name (string split \t -- $path)[1]
                    set -l wanted (string match -q '*/' -- $name; and echo yes)
                    for pattern in $patterns
                        string match -q -- $pattern $name; and set wanted yes
                    end
                    test -n "$wanted"; and printf '%s%s\n' "$before" $name
                end
            case '*'
                printf '%s\n' $line
        end
    end
end
complete -c luabuild -f -a '(__luabuild_complete)'
]=]

local function run(_, words)
  io.write(scripts[words[1]])
  return 0
end

return {
  doc = "print the script that completes command lines in a shell",
  text = "For bash: eval \"$(luabuild completion bash)\" in ~/.bashrc. For zsh: the same with zsh in ~/.zshrc, after compinit. "
    .. "For fish: luabuild completion fish > ~/.config/fish/completions/luabuild.fish. "
    .. "make install puts all three where the shells look for them.\n\n"
    .. "Completed are commands, options and their values, recipes and var-files, and of the recipes on the line: variables (for --var), and images; "
    .. "names of virtual machines when the environment or the line says the vCenter and the password, and it answers within 1.5 seconds. "
    .. "A recipe is read as text and never run, so what it works out by itself is not known.",
  words = { { "bash|zsh|fish", values = { "bash", "zsh", "fish" } } },
  options = options.of(),
  run = run,
}
