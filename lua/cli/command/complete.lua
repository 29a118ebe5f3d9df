-- complete WORD…: for the completion scripts: what can stand in the place of the last word. Not for people.
-- Lines: a candidate, a tab, what it is; at the end ":files PATTERN…" and ":directories" for the shell to look up.
local completion = require "cli.completion"

-- bash cuts words at = and :, so the parts are put together again; what it has already of the last one is not repeated.
local function joined(words)
  local out, glued, last = {}, false, ""
  for i, word in ipairs(words) do
    local cut = word == "=" or word == ":"
    if #out > 0 and (cut or glued) then out[#out] = out[#out] .. word else out[#out + 1] = word end
    glued = cut
    if i == #words then last = cut and "" or word end
  end
  return out, #out[#out] - #last
end

-- Quotes as people type them in paths: 'a b', "a b", a\ b.
local function unquoted(word)
  local quote, rest = word:match("^([\"'])(.*)$")
  if quote then return (rest:gsub(quote .. "$", "")) end
  return (word:gsub("\\(.)", "%1"))
end

local function run(arguments)
  local shell, words, skip = arguments[1], table.move(arguments, 2, #arguments, 1, {}), 0
  if #words == 0 then words = { "" } end
  if shell == "bash" then words, skip = joined(words) end
  for i, word in ipairs(words) do words[i] = unquoted(word) end
  local found = completion.of(words)
  for _, item in ipairs(found.items) do print(item.text:sub(skip + 1) .. "\t" .. (item.doc or "")) end
  if #found.files > 0 then print(":files " .. table.concat(found.files, " ")) end
  if found.directories then print ":directories" end
  return 0
end

return { doc = "say what can stand at the end of a command line", raw = true, run = run }
