-- case: one build, one fault at one place, and everything that has to be true afterwards
local builds = require "tests.builds"
local cjson = require "cjson"
local signal = require "signal"

local case = {}

-- ---- what there is ----

-- The image's id, and its files with their sizes: its disk chain is among them.
local function image_of(s)
  local out = { files = {} }
  for _, vm in ipairs(s.lab:vms()) do if vm.name == "image" then out.moid = vm.moid end end
  for _, file in ipairs(cjson.decode(s.lab:control("GET", "/orphans"))) do
    if file.vm == "image" and file.path:find("%.vmdk") then out.files[#out.files + 1] = file.path .. " " .. file.size end
  end
  table.sort(out.files)
  out.files = table.concat(out.files, "\n")
  out.artifacts = s.t:shell("cd " .. s.dir .. "/output 2>/dev/null && sha256sum *.ova *.sha256 2>/dev/null")
  return out
end

-- Every request has been answered, by whoever was asked.
local function settle(s)
  for _ = 1, 400 do
    local busy = false
    for _, r in ipairs(s.lab:log()) do busy = busy or r.seconds == 0 and r.status == 0 end
    if not busy then return end
    signal.sleep(0.025)
  end
end

local function requests(s)
  local _, lines = s.lab:control("GET", "/log"):gsub("\n", "\n")
  return lines
end

--[[
case.places(s, kind) -> {{ number, step, method }, ...}
The requests of a build without a fault, each with the step that it belongs to.
]]
function case.places(s, kind)
  local out = {}
  local text, status = builds.run(s, kind.recipe(s, 0), "--json")
  assert(status == 0, text)
  for line in text:gmatch("[^\n]+") do
    local ok, e = pcall(cjson.decode, line)
    if ok and e.event == "request" then out[#out + 1] = { number = #out + 1, step = e.step or "end", method = e.method } end
  end
  return out
end

-- ---- one case ----

-- Start the build; when the request has come, the signal; its output and status.
local function suffer(s, kind, n, fault, place)
  s.lab:control("DELETE", "/log")
  local f = { after = place.number - 1 }
  for key, value in pairs(fault.lab) do f[key] = value end
  s.lab:fault(f)
  s.lab:fault { fault = "shortlease", delay = 3 } -- five minutes, in the life of this lab
  local process = builds.start(s, kind.recipe(s, n))
  if fault.signal then
    while requests(s) < place.number and process:running() do signal.sleep(0.01) end
    os.execute(string.format("kill -%s %s 2>/dev/null", fault.signal, process.pid))
  end
  local out, status = process:wait()
  settle(s)
  s.lab:control("DELETE", "/fault")
  return out, status
end

local function same(a, b) return a.moid == b.moid and a.files == b.files and a.artifacts == b.artifacts end

-- What is wrong with what is there now; nil when nothing is.
local function wrong(s, kind, published)
  local state = builds.state(s)
  if published then for i = #state.vms, 1, -1 do if state.vms[i]:find("^image%.old%-") then table.remove(state.vms, i) end end end
  local wanted = table.concat(kind.vms, " ")
  if table.concat(state.vms, " ") ~= wanted then return "machines: " .. table.concat(state.vms, " ") end
  if #state.files > 0 then return "files: " .. table.concat(state.files, " ") end
  if state.sessions ~= 0 then return "sessions: " .. state.sessions end
  local leases = tonumber(s.lab:control("GET", "/leases"))
  if leases ~= 0 then return "leases: " .. leases end
  local partial = s.t:shell("find " .. s.dir .. "/output " .. s.dir .. "/cache -name '*.part*' -o -name '*.before-*' 2>/dev/null")
  if partial ~= "" then return "partial files: " .. partial end
end

local function check_message(out, status)
  if out:find("traceback", 1, true) or out:find("internal error", 1, true) then return "a traceback" end
  if status == 1 and not out:find("image: failed: %S+") then return "no message" end
  if status == 130 and not out:find("image: interrupted", 1, true) then return "no message" end
end

-- Which checkpoints were kept is no orphan: they go with gc, as at the end of their day.
local function tidy(s, killed, out)
  if not (killed or out:find("luabuild gc", 1, true)) then return end
  local text, status = builds.run(s, "gc", "--older-than=0")
  if status == 1 and text:find("run gc again then", 1, true) then
    for _ = 1, 200 do
      if tonumber(s.lab:control("GET", "/leases")) == 0 then break end
      signal.sleep(0.05)
    end
    text, status = builds.run(s, "gc", "--older-than=0")
  end
  if status ~= 0 then return "gc failed: " .. text end
end

--[[
case.run(s, kind, n, fault, place) -> string|nil, string, boolean
One build (its `n` makes it another than before) with a fault at a place, and a plain one after it. Returns what is wrong, nil when
nothing is; the output; and whether the build got to its end in spite of the fault.
]]
function case.run(s, kind, n, fault, place)
  local before = image_of(s)
  local out, status = suffer(s, kind, n, fault, place)
  local ended = status == 0 or out:find("has its name already", 1, true) ~= nil
  local function judge()
    if not fault.status[status] and status ~= 0 then return "exit status " .. tostring(status) end
    local message = check_message(out, status) or tidy(s, fault.signal == "KILL", out) or wrong(s, kind, ended)
    if message then return message end
    local now = image_of(s)
    local published = ended or fault.signal == "KILL" and now.moid ~= before.moid
    if not published and not same(now, before) then return "the image before is not what it was" end
    if published and now.artifacts == before.artifacts and before.artifacts ~= "" then return "the files are those of the image before" end
    if not now.moid then return "there is no image" end
    local again, result = builds.run(s, kind.recipe(s, n))
    if result ~= 0 then return "the build after it failed: " .. again end
    return wrong(s, kind)
  end
  local why = judge()
  return why, out, status == 0
end

return case
