-- case: one build, one fault at one place, and everything that has to be true afterwards
local builds = require "tests.builds"
local cjson = require "cjson"
local lfs = require "lfs"
local signal = require "signal"

local case = {}

-- ---- what there is ----

-- An image's id, and its files with their sizes: its disk chain is among them.
local function image_of(s, name)
  local out = { files = {} }
  for _, vm in ipairs(s.lab:vms()) do if vm.name == name then out.moid = vm.moid end end
  for _, file in ipairs(cjson.decode(s.lab:control("GET", "/orphans"))) do
    if file.vm == name and file.path:find("%.vmdk") then out.files[#out.files + 1] = file.path .. " " .. file.size end
  end
  table.sort(out.files)
  out.files = table.concat(out.files, "\n")
  out.artifacts = s.t:shell("cd " .. s.dir .. "/output 2>/dev/null && sha256sum *.ova *.sha256 2>/dev/null")
  return out
end

local function images_of(s, kind)
  local out = {}
  for _, name in ipairs(kind.images) do out[name] = image_of(s, name) end
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

-- How many requests came, or of a method.
local function requests(s, method)
  local _, n = s.lab:control("GET", "/log"):gsub(method and '"method":"' .. method .. '"' or "\n", "")
  return n
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

local function children_of(pid)
  local out = {}
  local file <close> = io.open("/proc/" .. pid .. "/task/" .. pid .. "/children")
  for child in (file and file:read("a") or ""):gmatch("%d+") do out[#out + 1] = child end
  return out
end

-- To the build, or to the first process that it has started for one of its images.
local function send(fault, process, children)
  os.execute(string.format("kill -%s %s 2>/dev/null", fault.signal, fault.to_child and children[1] or process.pid))
end

-- Those that clean up for themselves after their parent was killed.
local function wait_for(children)
  for _, pid in ipairs(children) do
    while lfs.attributes("/proc/" .. pid) do signal.sleep(0.02) end
  end
end

-- What the lab does at the request; a function that waits for it.
local function arm(s, fault, place)
  if place.at then return function() signal.sleep(place.at) end end
  local f = { after = place.number - 1, method = place.only and place.method }
  for key, value in pairs(fault.lab) do f[key] = value end
  s.lab:fault(f)
  return function(process)
    while requests(s, f.method) < place.number and process:running() do signal.sleep(0.01) end
  end
end

-- Start the build; when the request or the moment has come, the signal; its output and status.
local function suffer(s, kind, n, fault, place)
  s.lab:control("DELETE", "/log")
  local wait = arm(s, fault, place)
  s.lab:fault { fault = "shortlease", delay = 3 } -- five minutes, in the life of this lab
  local process = builds.start(s, kind.recipe(s, n))
  local children = {}
  if fault.signal then
    wait(process)
    children = children_of(process.pid)
    send(fault, process, children)
    if place.gap then
      signal.sleep(place.gap)
      send(fault, process, children)
    end
  end
  local out, status = process:wait()
  wait_for(children)
  settle(s)
  s.lab:control("DELETE", "/fault")
  return out, status
end

local function same(a, b) return a.moid == b.moid and a.files == b.files and a.artifacts == b.artifacts end

-- What is wrong with what is there now; nil when nothing is.
local function wrong(s, kind, published)
  local state, old = builds.state(s), 0
  for i = #state.vms, 1, -1 do
    if (published or kind.keep) and state.vms[i]:find("%.old%-") then
      table.remove(state.vms, i)
      old = old + 1
    end
  end
  if not published and old ~= (kind.keep or 0) then return old .. " images before" end
  local wanted = table.concat(kind.vms, " ")
  if table.concat(state.vms, " ") ~= wanted then return "machines: " .. table.concat(state.vms, " ") end
  if #state.files > 0 then return "files: " .. table.concat(state.files, " ") end
  if state.sessions ~= 0 then return "sessions: " .. state.sessions end
  local leases = tonumber(s.lab:control("GET", "/leases"))
  if leases ~= 0 then return "leases: " .. leases end
  local partial = s.t:shell("find " .. s.dir .. "/output " .. s.dir .. "/cache -name '*.part*' -o -name '*.before-*' 2>/dev/null")
  if partial ~= "" then return "partial files: " .. partial end
end

local function check_message(fault, out, status)
  if out:find("traceback", 1, true) or out:find("internal error", 1, true) then return "a traceback" end
  if status == 1 and not out:find("%w+: failed: %S+") then return "no message" end
  if fault.to_child and status == 1 then
    if not out:find("was killed by signal 9", 1, true) then return "no message" end
    if not out:find("%w: replaced") then return "the others did not go on" end
  end
  if status == 130 and out ~= "" and not out:find("%w+: interrupted") then return "no message" end -- before it begins it has none
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
  place          table             of case.places; with `only`, its number counts the requests of its method alone. Or { at = seconds since
                                   the start, gap = seconds until a second signal|nil }, for a fault of a signal alone
]]
function case.run(s, kind, n, fault, place)
  local before = images_of(s, kind)
  local out, status = suffer(s, kind, n, fault, place)
  local killed = fault.signal == "KILL"

  -- Is the image of that name another one, whatever became of the build's end?
  local function is_published(name)
    return status == 0 or out:find("has its name already", 1, true) or out:find(name .. ": replaced", 1, true)
      or killed and image_of(s, name).moid ~= before[name].moid
  end

  local function judge_image(name)
    local now, published = image_of(s, name), is_published(name)
    if not published and not same(now, before[name]) then return "the image before is not what it was: " .. name end
    if published and now.artifacts == before[name].artifacts and now.artifacts ~= "" then return "the files are those of the image before" end
    if not now.moid then return "there is no " .. name end
  end

  local function judge()
    if not fault.status[status] and status ~= 0 then return "exit status " .. tostring(status) end
    local any = false
    for _, name in ipairs(kind.images) do any = any or not killed and is_published(name) end
    local message = check_message(fault, out, status) or tidy(s, killed, out) or wrong(s, kind, any)
    for _, name in ipairs(kind.images) do message = message or judge_image(name) end
    message = message or kind.look and kind.look(s)
    if message then return message end
    local again, result = builds.run(s, kind.recipe(s, n))
    if result ~= 0 then return "the build after it failed: " .. again end
    return wrong(s, kind)
  end

  local why = judge()
  return why, out, status == 0
end

return case
