-- Completion at the REPL: text and an environment to candidates; no terminal and no server.
local complete = require "cli.complete"
local lex = require "cli.lex"
local list = require "vsphere.list"
local object = require "vsphere.object"
local session = require "vsphere.session"
local shape = require "cli.shape"
local vim = require "vim"

local space = object.space(nil)
local vm = object.of(space, "VirtualMachine", "vm-1")
local function find() error "completion runs nothing" end
local function watch() error "completion runs nothing" end

local values = {
  vm = vm, vms = list.new(nil, { vm }), vim = vim, string = string, find = find, watch = watch,
  hardware = vim.VirtualHardware { device = { vim.VirtualDisk { backing = vim.VirtualDiskFlatVer2BackingInfo { fileName = "x" } } } },
  settings = setmetatable({ alpha = 1, alps = { deep = find } }, { __index = function() error "completion runs nothing" end }),
}

local env = {
  watchers = { [watch] = true },
  finders = { [find] = true, [session.find] = true },
  paths = function(begun)
    if begun:find("^vm/") then return { "web-1", "web-2", "templates/" } end
    return { "vm/", "host/" }
  end,
  options = function(f) return f == find and { { name = "timeout" }, { name = "kind" } } or nil end,
}
function env.shape(name)
  if name == "vc" then return { kind = "session" } end
  local t = vim.type(name)
  if t and t.kind == "data" then return { kind = "constructor", type = name } end
  return values[name] ~= nil and shape.of(values[name]) or nil
end
function env.names()
  local out = { "vc", "print" }
  for name in pairs(values) do out[#out + 1] = name end
  return out
end

local function candidates(text) return table.concat((complete.candidates(text, env)), " ") end

-- text -> all candidates, or what must be (and, after !, must not be) among them
local CASES = {
  -- properties and methods of the API's types, along references, calls and indices
  { "vm.config.hard", "hardware" },
  { "vm.config.hardware.num", "numCoresPerSocket numCPU" },
  { "vm.runtime.host.parent.na", "name" },
  { "x = vm.runtime.ho", "host" },
  { "print(vm.runtime.ho", "host" },
  { "vm:PowerOn", "PowerOnVM_Task" },
  { "vm:power_o", "power_off power_on" },
  { "vm:PowerOnVM_Task():wai", "wait" },
  { "vm:CloneVM_Task({}):wait().gue", "guest guestHeartbeatStatus" },
  { "vm:CloneVM_Task { folder = x, spec = {} }:wait().runtime.pow", "powerState" },
  { "vm.PowerOn", "" },
  { "vm:conf", "" },
  { "vm.nothing.", "" },
  { "(vm.config).hard", "hardware" },
  { "vc.content.rootF", "rootFolder" },
  { "vc.content.rootFolder:CreateF", "CreateFolder" },
  { "vc:fi", "find" },
  { "vc.ab", "about" },
  { "vc.about.full", "fullName" },
  -- lists, and what find will give
  { "vms[1].config.hardware.num", "numCoresPerSocket numCPU" },
  { "vms.runtime.pow", "powerState" },
  { "vms.runtime.host.na", "name" },
  { "vms:wh", "where" },
  { "vms.name:ea", "each" },
  { 'find("vm/*").runtime.host.na', "name" },
  { 'find("vm/web-1"):PowerOnVM', "PowerOnVM_Task" },
  { 'vc:find("/dc/datastore/a").summary.fr', "freeSpace" },
  { 'find("*", "HostSystem")[1].hardware.cpuI', "cpuInfo" },
  -- what values know beyond the schema: the disk's own fields
  { "hardware.device[1].capac", "capacityInBytes capacityInKB" },
  { "hardware.device[1].backing.fileN", "fileName" },
  -- field names in braces, at any depth
  { "VirtualMachineConfigSpec{ num", "numCoresPerSocket numCPUs" },
  { "vim.VirtualMachineConfigSpec { name = 'x', num", "numCoresPerSocket numCPUs" },
  { "x = VirtualMachineConfigSpec {\n  name = 'x', -- { a comment\n  memoryM", "memoryMB" },
  { "VirtualMachineConfigSpec({ guestI", "guestId" },
  { "vm:ReconfigVM_Task{ sp", "spec" },
  { "vm:ReconfigVM_Task{ spec = { memoryM", "memoryMB" },
  { "vm:ReconfigVM_Task({ spec = { deviceChange = { { fileO", "fileOperation" },
  { "vm:ReconfigVM_Task{ spec = { deviceChange = { {}, { operation = 'add', dev", "device" },
  { "vm:CloneVM_Task{ spec = { location = { diskM", "diskMoveType" },
  { "VirtualMachineConfigSpec{ numCPUs = 2 }.memoryM", "memoryMB" },
  { "find { tim", "timeout" },
  -- values: enums in and without quotes, constructors that fit, booleans
  { "VirtualDeviceConfigSpec{ operation = ", '"add" "edit" "remove"' },
  { 'VirtualDeviceConfigSpec{ operation = "a', "add" },
  { "VirtualDeviceConfigSpec{ device = VirtualE", "VirtualE1000 VirtualE1000e VirtualEnsoniq1371 VirtualEthernetCard" },
  { "VirtualMachineConfigSpec{ cpuHotAddEnabled = ", "false true" },
  { 'vm.runtime.powerState == "powered', "poweredOff poweredOn" },
  { 'if vm.runtime.powerState ~= "sus', "suspended" },
  { "vm:ReconfigVM_Task{ spec = { bootOptions = { bootOrder = { VirtualMachineBootOptionsBootableC", "VirtualMachineBootOptionsBootableCdromDevice" },
  { "VirtualMachineConfigSpec{ bootOptions = { bootOrder = { ", "VirtualMachineBootOptionsBootableCdromDevice VirtualMachineBootOptionsBootableDevice "
    .. "VirtualMachineBootOptionsBootableDiskDevice VirtualMachineBootOptionsBootableEthernetDevice VirtualMachineBootOptionsBootableFloppyDevice" },
  { "find { timeout = vm.runtime.ho", "host" },
  { "find { timeout = pri", "print" },
  { "find { timeout = 'a", "" },
  -- paths
  { 'find("vm/we', "web-1 web-2" },
  { 'find "vm/t', "templates/" },
  { "vc:find 'v", "vm/" },
  { 'find("vm/*", "HostSy', "HostSystem" },
  { 'watch(vm, "runti', "runtime" },
  { 'watch(vms[1], "guest.ipA', "ipAddress" },
  { 'watch(find("vm/web-1"), "name", "config.hardware.numC', "numCoresPerSocket numCPU" },
  { 'watch("gue', "" },
  { 'watch(vm, "runtime.host.na', "" }, -- another object's
  { 'vm:get "gue', "guest guestHeartbeatStatus" },
  { 'vm:get("runtime.pow', "powerState" },
  { 'vm:get { "name", "config.hardware.numC', "numCoresPerSocket numCPU" },
  { 'x = vm:get({ "guest.ipA', "ipAddress" },
  { 'vms:get { "runtime.pow', "powerState" },
  { 'find("vm/*"):get { "runtime.pow', "powerState" },
  { 'vm:get("name", "gue', "" },
  { 'vm:get { name = "gue', "" },
  { 'vm:get { { "gue', "" },
  -- names
  { "vc:__", "" },
  { "vm", "vm vms" },
  { "pri", "print" },
  { "retu", "return" },
  { "VirtualE1000e", "VirtualE1000e VirtualE1000eOption" },
  { "vim.VirtualE1000", "VirtualE1000 VirtualE1000BackingInfo VirtualE1000e", loose = true },
  { "string.fo", "format" },
  { "settings.al", "alpha alps" },
  { "settings.alps:de", "deep" },
  -- nothing to say
  { "-- vm.con", "" },
  { "x = 12", "" },
  { 'print("hello', "" },
  { "unknown.na", "" },
  -- with other capitals
  { "vm:poweronvm", "PowerOnVM_Task" },
}

return {
  ["candidates for every place"] = function(t)
    for _, case in ipairs(CASES) do
      local got = candidates(case[1])
      if case.loose then t:contains(got, case[2]:match("%S+"), case[1]) else t:equal(got, case[2], case[1]) end
    end
  end,

  ["the key puts in what is common, then what belongs behind, or shows all"] = function(t)
    local function tab(text) return { complete.at_tab(text, env, 80) } end
    t:equal(tab "vm.config.hard", { "ware", nil, 0 })
    t:equal(tab "VirtualMachineConfigSpec{ memoryM", { "B = ", nil, 0 })
    t:equal(tab 'find("vm/we', { "b-", nil, 0 })
    t:equal(tab 'find("vm/web-', { nil, "web-1  web-2", 0 })
    t:equal(tab 'find("vm/t', { "emplates/", nil, 0 })
    t:equal(tab 'VirtualDeviceConfigSpec{ operation = "a', { 'dd"', nil, 0 })
    t:equal(tab "vm:poweronvm", { "PowerOnVM_Task", nil, 9 })
    t:equal(tab "x = {\n  ", { "  ", nil, 0 })
    t:equal(tab "nothing.at.all", { nil, nil, 0 })
    local _, shown = complete.at_tab("Virtual", env, 60)
    t:contains(shown, "… ")
    for line in shown:gmatch("[^\n]+") do t:ok(#line <= 62, line) end
  end,

  ["whatever stands there, nothing raises"] = function(t)
    local texts = { "", "}", "]]", ")(", "vm.", "vm:", "vm..", "vm:x.", "{", "{{{", "= ", "f{ = ", "[[", "--[[", "'\\", '"', "vm[", "vm[1",
      "vm[1].", "a.b.c:d()", "((((", "VirtualDisk{ backing = { ",
      "find(", "find('", "find(vm, '", "\255\0", "x == '", "== '", "vm.config == '", "local function f(", "...", "1.", "vim.Vir", "vim." }
    for _, text in ipairs(texts) do t:ok(pcall(complete.at_tab, text, env, 80), text) end
    local long = 'vm:ReconfigVM_Task({ spec = VirtualMachineConfigSpec{ deviceChange = { { operation = "add", '
      .. 'device = vms[1].config.hardware:x() } } }, f "x" })'
    for i = 1, #long do t:ok(pcall(complete.at_tab, long:sub(1, i), env, 80), long:sub(1, i)) end
  end,

  ["tokens of an unfinished text cover it"] = function(t)
    local text = "x = 'a\\'b' .. [==[ c ]] ]==] --[[ d ]] 0x1F -- e"
    local kinds = {}
    for i, token in ipairs(lex.tokens(text)) do kinds[i] = token.kind end
    t:equal(table.concat(kinds, " "), "name op string op string comment number comment")
    t:equal(lex.tokens(text)[5].text, " c ]] ")
    t:equal(lex.tokens("f 'ab")[2], { kind = "string", from = 3, to = 5, closed = false, quote = "'", text = "ab" })
  end,
}
