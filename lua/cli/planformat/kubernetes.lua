-- kubernetes: names that it takes: of tasks, Secrets and container images
local err = require "core.err"

local kubernetes = {}

--[[
kubernetes.label(name, taken) -> string
A name, "k3s-photon3-v1.2", as an RFC 1123 label that is not among those taken; it is then.
  taken          {name = true}
]]
function kubernetes.label(name, taken)
  local made = name:lower():gsub("[^%w]+", "-"):sub(1, 50):gsub("^%-+", ""):gsub("%-+$", "")
  made = made == "" and "image" or made:find "^%d" and "i" .. made or made
  local unique, n = made, 1
  while taken[unique] do
    n = n + 1
    unique = made .. "-" .. n
  end
  taken[unique] = true
  return unique
end

-- An RFC 1123 subdomain, as Kubernetes wants the names of Secrets.
local function is_subdomain(name)
  for part in (name .. "."):gmatch "([^.]*)%." do
    if not part:find "^[%l%d][%l%d-]*$" or part:find "%-$" then return false end
  end
  return #name <= 253
end

-- The path of a container image: words of small letters and digits, with one of . _ __ or dashes between two.
local function is_path(path)
  for part in (path .. "/"):gmatch "([^/]*)/" do
    if not part:find "^[%l%d][%l%d._-]*$" or part:find "[._-]$" then return false end
    for between in part:gmatch "[._-]+" do
      if not (between == "." or between == "_" or between == "__" or between:find "^%-+$") then return false end
    end
  end
  return true
end

-- [HOST[:PORT]/]PATH[:TAG][@DIGEST]. Source: the grammar of references in distribution/reference.
local function is_container(text)
  local name, digest = text:match "^([^@]*)@(.*)$"
  if digest and #(digest:match "^%a[%w+._-]*:(%x+)$" or "") < 32 then return false end
  local path, tag = (name or text):match "^(.*):([^:/]*)$"
  if tag and (not tag:find "^[%w_][%w_.-]*$" or #tag > 128) then return false end
  path = path or name or text
  local host, below = path:match "^([^/]*)/(.+)$"
  if host and (host == "localhost" or host:find "[.:%u]") then
    if not (host:find "^[%w][%w.-]*:?%d*$" or host:find "^%[[%x:]+%]:?%d*$") then return false end
    path = below
  end
  return is_path(path)
end

local KINDS = {
  container = { is = is_container, form = "[REGISTRY[:PORT]/]NAME[:TAG][@DIGEST], with small letters in NAME", blank = "%0" },
  secret = { is = is_subdomain, form = "small letters and digits, with - or . between them, 253 at most", blank = "-" },
}

--[[
kubernetes.check(option, name) -> nothing
Is what an option was given a name that Kubernetes takes for such a thing?
  option         string            "container" or "secret"
Raises: usage.
]]
function kubernetes.check(option, name)
  local kind = KINDS[option]
  if kind.is(name) then return end
  local near = name:lower():gsub("[ _]", kind.blank)
  err.raise("usage", string.format("--%s: '%s' is not a name that Kubernetes takes: %s", option, name, kind.form),
    { hint = kind.is(near) and "did you mean '" .. near .. "'?" or nil })
end

return kubernetes
