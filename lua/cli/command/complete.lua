-- complete WORD…: for the completion scripts: what can stand in the place of the last word. Not for people.
-- Lines: a candidate, a tab, what it is; at the end ":files PATTERN…" and ":directories" for the shell to look up. zsh and fish quote by
-- themselves what they put into the line.
local completion = require "cli.completion"

-- bash cuts words at = and :, so the parts are put together again; second: the part of the last one that is being completed.
local function joined(words)
  local out, glued, last = {}, false, ""
  for i, word in ipairs(words) do
    local cut = word == "=" or word == ":"
    if #out > 0 and (cut or glued) then out[#out] = out[#out] .. word else out[#out + 1] = word end
    glued = cut
    if i == #words then last = cut and "" or word end
  end
  return out, last
end

-- Quotes as people type them: 'a b', "a b", a\ b.
local function unquoted(word)
  local quote, rest = word:match("^([\"'])(.*)$")
  if not quote then rest = word end
  if quote ~= "'" then rest = rest:gsub("\\(.?)", "%1") end
  return quote and rest:gsub(quote .. "$", "") or rest
end

-- What bash is to put into the line as one word, behind the quote that begins it, if any.
local function quoted(text, quote)
  if quote == '"' then return (text:gsub('[\\"$`]', "\\%0")) end
  if quote == "'" then return (text:gsub("'", "'\\''")) end
  return (text:gsub("[%s\\\"'$`&;|<>()*?#~{}%[%]!]", "\\%0"))
end

local function run(arguments)
  local shell, words, skip, quote = arguments[1], table.move(arguments, 2, #arguments, 1, {}), 0, nil
  if #words == 0 then words = { "" } end
  if shell == "bash" then
    local all, last = joined(words)
    words, skip, quote = all, #unquoted(all[#all]) - #unquoted(last), last:match "^[\"']" or ""
  end
  for i, word in ipairs(words) do words[i] = unquoted(word) end
  local found = completion.of(words)
  for _, item in ipairs(found.items) do
    print((quote and quoted(item.text:sub(skip + 1), quote) or item.text) .. "\t" .. (item.doc or ""))
  end
  if #found.files > 0 then print(":files " .. table.concat(found.files, " ")) end
  if found.directories then print ":directories" end
  return 0
end

return { doc = "say what can stand at the end of a command line", raw = true, run = run }
