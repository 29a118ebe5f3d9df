-- http: what a web server answers to the guest
local spec = require "core.spec"
local err = require "core.err"
local gather = require "guest.gather"
local matcher = require "guest.matcher"

local http = { name = "http", doc = "an answer that the guest gets from a web server", example = "http://localhost:8080/healthz",
  main = "status", short = "status" }

http.fields = {
  { "status", matcher.type, default = 200, doc = "of the answer" },
  { "body", matcher.type, doc = "patterns for its lines" },
  { "headers", matcher.type, doc = "patterns for their lines: \"Content-Type: text/html\"" },
  { "method", spec.text, default = "GET", doc = "of the request" },
  { "request_headers", spec.map(spec.text), default = {}, doc = "by name" },
  { "request_body", spec.string, doc = "what is sent" },
  { "username", spec.text, doc = "for basic authentication" }, { "password", spec.text, secret = true, doc = "for basic authentication" },
  { "follow", spec.boolean, default = true, doc = "go where redirects lead" },
  { "insecure", spec.boolean, default = false, doc = "take any certificate" },
  { "ca_file", spec.string, doc = "certificates to trust, a file in the guest" },
  { "timeout", spec.duration, default = "5s", doc = "for the answer" },
}

function http.check_name(name)
  if not name:find("^https?://[^/%s]+") or name:find("[%c%s]") then return string.format("%q is no http or https URL", name) end
end

-- A line of curl's configuration; see curl(1), -K.
local function line(name, value)
  if value == true then return name .. "\n" end
  return string.format('%s = "%s"\n', name, tostring(value):gsub('[\\"]', "\\%0"):gsub("\n", "\\n"):gsub("\r", "\\r"):gsub("\t", "\\t"))
end

-- Everything goes over standard input: header lines and passwords are in no list of processes.
local function configuration(url, want)
  local out = { line("url", url), line("max-time", want.timeout), line("silent", true), line("show-error", true), line("include", true),
    line("globoff", true), line("write-out", "\n%{size_header} %{http_code}") }
  local function add(name, value) if value then out[#out + 1] = line(name, value) end end
  if want.method == "HEAD" then add("head", true) elseif want.method ~= "GET" or want.request_body then add("request", want.method) end
  for name, value in pairs(want.request_headers) do add("header", name .. ": " .. value) end
  add("data-raw", want.request_body)
  if want.username then add("user", want.username .. ":" .. (want.password or "")) end
  add("location", want.follow)
  add("insecure", want.insecure)
  add("cacert", want.ca_file)
  return table.concat(out)
end

-- The headers of every answer on the way, then the last one's body; how long all of the headers are stands at the end.
local function take(facts, out)
  local rest, size, status = out:match("^(.*)\n(%d+) (%d+)$")
  if not status or status == "000" then return false end
  local headers = rest:sub(1, tonumber(size)):gsub("\r", "")
  for block in headers:gmatch("HTTP/.-\n\n") do facts.headers = block end
  facts.status, facts.body = tonumber(status), rest:sub(tonumber(size) + 1)
  return true
end

local function by_curl(guest, one)
  local r = guest:try("curl -q -K -", { stdin = configuration(one.name, one.want), timeout = one.want.timeout + 30, sudo = one.sudo, limit = 4 << 20 })
  if r.status == 127 or r.status == 2 then return nil end -- none, or one that does not know -K
  local said = r.err:gsub("%s+$", ""):match("[^\n]*$")
  if not take(one.facts, r.out) then return said ~= "" and said or "curl ended with status " .. tostring(r.status) end
  return false
end

-- wget (busybox's too) knows GET and POST, and has its arguments in the list of processes. Its -T is not used: there are busyboxes
-- that crash over it (Debian 12's static one).
local function wget_command(url, want)
  if want.username or want.ca_file or not want.follow or not (want.method == "GET" or want.method == "POST") then
    return nil, "this wants curl in the guest"
  end
  local q = gather.quote
  local words = { "wget -S -O -" }
  if want.insecure then words[#words + 1] = "--no-check-certificate" end
  for name, value in pairs(want.request_headers) do words[#words + 1] = "--header " .. q(name .. ": " .. value) end
  if want.method == "POST" then words[#words + 1] = "--post-data " .. q(want.request_body or "") end
  words[#words + 1] = q(url)
  return table.concat(words, " ")
end

local function by_wget(guest, one)
  local command, why = wget_command(one.name, one.want)
  if not command then return why end
  local r = guest:try(command, { timeout = one.want.timeout, sudo = one.sudo, limit = 4 << 20 })
  if r.status == 127 then return "neither curl nor wget in the guest" end
  local headers = {}
  for text in r.err:gmatch("[^\r\n]+") do
    if text:find("^%s+HTTP/") then headers = {} end
    headers[#headers + 1] = text:match("^  (%S.*)$")
  end
  one.facts.status = headers[1] and tonumber(headers[1]:match("^HTTP/%S+ (%d+)"))
  one.facts.headers, one.facts.body = table.concat(headers, "\n"), r.out
  if not one.facts.status then return r.err:gsub("%s+$", ""):match("[^\n]*$") end
  return false
end

function http.gather(guest, one)
  local ok, problem = pcall(by_curl, guest, one)
  if ok and problem == nil then ok, problem = pcall(by_wget, guest, one) end
  if not ok and not err.is(problem, "timeout") then error(problem, 0) end
  if not ok then problem = "no answer in time" end
  if problem then one.problem = problem end
end

function http.judge(judge, facts)
  judge("status", facts.status)
  judge("headers", facts.headers, { lines = true })
  judge("body", facts.body, { lines = true })
end

return { http }
