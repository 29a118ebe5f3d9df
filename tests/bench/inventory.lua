-- bench inventory: 10,000 virtual machines in a plain vcsim: how long a question takes, to the time the server takes to answer.
local cjson = require "cjson"
local pretty = require "cli.pretty"
local finder = require "vsphere.finder"
local inventory = require "vsphere.inventory"
local session = require "vsphere.session"
local signal = require "signal"
local measure = require "tests.bench.measure"
local vcsim = require "tests.vcsim"

local MACHINES, ROUNDS = 10000, 5
local BOUNDS = { { "", "the server, which sends 230 to 420 bytes for each machine; reading them costs 50,000 instructions, most of them libxml2's" } }
local LARGE = 1 << 20 -- bytes: what tells something of every machine is more than this
local LAST = "DC0_H0_VM4999"
local RECIPE = [[return clone { name = "new", from = "]] .. LAST .. [[", ssh = { username = "root", password = "secret" } }]]
local PLACE = { datastore = "LocalDS_0", cluster = "DC0_C0", network = "VM Network", insecure_connection = "true" }

-- b.record the middle one of some runs: { seconds, server = seconds until the answers were there, requests, large = those with large answers }
local function record(b, what, runs, questions)
  for _, run in ipairs(runs) do run.ratio = run.seconds / run.server end
  local ratio, one = measure.median(runs, "ratio"), runs[1]
  b.record(what .. ", time to the server's", ratio, "", string.format("<= 3, %d large", questions), ratio <= 3 and one.large == questions,
    string.format("own %.2f s; %d requests, %d large", measure.median(runs, "seconds"), one.requests, one.large))
end

local function count(run, seconds, is_large)
  run.server, run.requests, run.large = run.server + seconds, run.requests + 1, run.large + (is_large and 1 or 0)
end

local function nothing() return { server = 0, requests = 0, large = 0 } end

-- A question to a session whose trace counts into self.run; `questions` of them are about every machine.
local function ask(self, what, questions, question)
  local runs = {}
  for i = 1, ROUNDS do
    self.run = nothing()
    local started = signal.now()
    question()
    self.run.seconds, runs[i] = signal.now() - started, self.run
  end
  record(self.b, what, runs, questions)
end

-- The program's own check of a recipe that clones one of them; with --debug it tells of its requests.
local function check(b, server)
  local dir = b.t:directory()
  local recipe = b.t:write(dir .. "/new.lua", RECIPE)
  local vars = b.t:write(dir .. "/vars.json", cjson.encode(PLACE))
  local command = string.format("VCENTER_SERVER=%s VCENTER_USERNAME=user VCENTER_PASSWORD=secret %s check %s --debug --connect --var-file %s",
    server, b.program, recipe, vars)
  local runs = {}
  for i = 1, ROUNDS do
    local run, started = nothing(), signal.now()
    local out = measure.shell(command)
    run.seconds = signal.now() - started
    for seconds, unit in out:gmatch(": 200 in ([%d.]+)s, [%d.]+ %a+ sent, [%d.]+ (%a+) received") do count(run, tonumber(seconds), unit == "MiB") end
    runs[i] = run
  end
  record(b, "check --connect of a clone", runs, 2) -- for its source in the datacenter, and for other builds in its folder
end

return function(b)
  b.bounds = BOUNDS
  local self, server = { b = b, run = nothing() }, vcsim.start(b.t, { vms = MACHINES // 2 })
  local vc <close> = session.connect { server = server, username = "user", password = "secret", insecure = true,
    trace = function(request) count(self.run, request.seconds, request.received > LARGE) end }
  local find = finder.new(vc)
  local datacenter = find:datacenter()
  ask(self, 'find("vm/*") and its table', 1, function() pretty.show(vc:find "vm/*") end)
  ask(self, "find(name)", 1, function() vc:find(LAST) end)
  ask(self, 'find("vm/*").runtime.powerState', 2, function() return vc:find("vm/*").runtime.powerState[1] end)
  ask(self, 'TAB after find("vm/', 1, function() inventory.candidates(vc, "vm/") end)
  ask(self, "all machines with their paths", 1, function() find:vms(datacenter) end)
  check(b, server)
end
