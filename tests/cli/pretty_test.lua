-- Values as the REPL shows them; the server is a table here, so that what is asked for can be counted.
local object = require "vsphere.object"
local list = require "vsphere.list"
local grid = require "cli.grid"
local pretty = require "cli.pretty"
local vim = require "vim"

-- pretty.show with a server that knows these properties: path -> value, or function(object) -> value
local function shower(known)
  local asked = {}
  return function(value, options)
    local o = { width = 80, now = 1763831966, rows = function(objects, paths)
      asked[#asked + 1] = #objects .. " " .. table.concat(paths, " ")
      local rows = {}
      for i, one in ipairs(objects) do
        rows[i] = { object = one }
        for _, path in ipairs(paths) do
          local v = known[path]
          if type(v) == "function" then v = v(one) end
          rows[i][path] = v
        end
      end
      return rows
    end }
    for key, v in pairs(options or {}) do o[key] = v end
    return pretty.show(value, o), asked
  end
end

local show = shower {}
local space = object.space(nil)
local function machines(n)
  local out = {}
  for i = 1, n do out[i] = object.of(space, "VirtualMachine", "vm-" .. i) end
  return out
end

return {
  ["simple values are as Lua writes them; text of several lines is as it is"] = function(t)
    t:equal(show(nil), "nil")
    t:equal(show(12), "12")
    t:equal(show(0.5), "0.5")
    t:equal(show "a \"b\" \27[2J", [["a \"b\" \27[2J"]])
    t:equal(show "one\ntwo", "one\ntwo")
    t:equal(show { 1, "x", { a = true, ["b c"] = 2 } }, '{ 1, "x", { a = true, ["b c"] = 2 } }')
    t:equal(show {}, "{}")
  end,

  ["bytes are said, not shown; a picture tells its size"] = function(t)
    t:equal(show "\137PNG\r\n\26\n\0\0\0\13IHDR\0\0\2\208\0\0\1\144", "a PNG picture, 720 × 400, 24 B")
    t:equal(show(string.rep("\255\0", 1024)), "2.0 KiB of binary data")
    t:match(show { string.rep("x", 1000) }, '^{\n  "x+"… %(1000 bytes%)\n}$')
  end,

  ["a data object has its type, the schema's order, units and how long ago times were"] = function(t)
    local info = vim.VirtualHardware { memoryMB = 4096, numCPU = 2 }
    t:equal(show(info), "VirtualHardware { numCPU = 2, memoryMB = 4096 (4.0 GiB) }")
    t:equal(show(vim.DatastoreSummary { capacity = 1 << 40, name = "d" }), 'DatastoreSummary { name = "d", capacity = 1099511627776 (1.0 TiB) }')
    t:equal(show(vim.VirtualMachineConfigInfo { modified = "2025-11-22T17:19:21.5Z" }),
      "VirtualMachineConfigInfo { modified = 2025-11-22 17:19:21 UTC (5.0s ago) }")
    t:contains(show(vim.VirtualMachineConfigInfo { modified = "2025-11-20T18:19:21+01:00" }), "2025-11-20 17:19:21 UTC (2 days ago)")
  end,

  ["what is deep is left out, what is long is cut, what goes in circles ends"] = function(t)
    t:equal(show({ { { { { 1 } } } } }), "{ { { { 1 … } } } }")
    t:equal(show({ a = { b = {} } }, { depth = 1 }), "{ a = { … } }")
    local long = {}
    for i = 1, 30 do long[i] = i end
    t:contains(show(long), "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20,\n  … 10 more\n}")
    local circle = { name = "x" }
    circle.self = circle
    t:equal(show(circle), '{ name = "x", self = (the same again) }')
  end,

  ["long data is indented"] = function(t)
    t:equal(show(vim.VirtualMachineConfigInfo { name = string.rep("n", 60), tools = vim.ToolsConfigInfo { toolsVersion = 3 }, template = false }),
      'VirtualMachineConfigInfo {\n  name = "' .. string.rep("n", 60) .. '",\n  template = false,\n  tools = ToolsConfigInfo { toolsVersion = 3 }\n}')
  end,

  ["references have names, all asked for in one request"] = function(t)
    local named = shower { name = function(o) return "name of " .. o.moid end }
    local text, asked = named(vim.VirtualMachineRuntimeInfo { host = object.of(space, "HostSystem", "host-1"), powerState = "poweredOn" })
    t:equal(text, "VirtualMachineRuntimeInfo {\n  host = HostSystem:host-1 'name of host-1',\n  powerState = \"poweredOn\"\n}")
    t:equal(asked, { "1 name" })
    t:equal(show(vim.HostSystem "host-7"), "HostSystem:host-7") -- a reference without a session
  end,

  ["a list of machines is a table, one request for all of it"] = function(t)
    local table_of = shower { name = function(o) return "web " .. o.moid end, ["runtime.powerState"] = "poweredOn", ["summary.config.memorySizeMB"] = 2048 }
    local text, asked = table_of(list.new(nil, machines(2)))
    t:equal(text, "   name      power       memory\n1  web vm-1  poweredOn  2.0 GiB\n2  web vm-2  poweredOn  2.0 GiB")
    t:equal(#asked, 1)
    t:match(asked[1], "^2 name ")
    text = table_of(machines(150)) -- an array of objects does, too
    t:contains(text, "\n100  web vm-100 ")
    t:contains(text, "… 50 more")
    t:equal(show(list.new(nil, {})), "nothing")
  end,

  ["a list of machines among folders shows what the machines have"] = function(t)
    local mixed = { object.of(space, "Folder", "group-v1"), machines(1)[1] }
    local text, asked = shower { name = function(o) return o.moid end,
      ["runtime.powerState"] = function(o) return o.kind == "VirtualMachine" and "poweredOn" or nil end } (list.new(nil, mixed))
    t:equal(text, "   type            name      power\n1  Folder          group-v1\n2  VirtualMachine  vm-1      poweredOn")
    t:equal(#asked, 1)
  end,

  ["a table fits the terminal; wide characters count twice"] = function(t)
    local named = shower { name = string.rep("長", 60), ["runtime.powerState"] = "poweredOn" }
    for line in (named(machines(3), { width = 40 }) .. "\n"):gmatch("([^\n]*)\n") do
      t:ok(select(2, require("term").cut(line, 1000)) <= 40, line)
    end
    t:contains(named(machines(1), { width = 40 }), "長…")
  end,

  ["a list in a cell goes on below when the terminal is narrow"] = function(t)
    local nics = { vim.GuestNicInfo { network = "VM Network", macAddress = "00:50:56:be:0f:ac", ipAddress = { "fe80::250:56ff:febe:fac", "10.0.0.17" },
      connected = true, deviceConfigId = 4000 } }
    t:equal(show(nics, { width = 68 }), "   network     macAddress         ipAddress                connected\n"
      .. "1  VM Network  00:50:56:be:0f:ac  fe80::250:56ff:febe:fac  true\n                                  10.0.0.17")
    t:match(show(nics, { width = 80 }), "fac, 10.0.0.17  true$")
    local o = { heading = { "list" }, width = 7, more = "...", paint = function(_, text) return text end }
    t:equal(grid.lines({ { "aa, bb, cc" }, { "1234567890" } }, o), { "list", "aa, bb,", "cc", "1234..." })
  end,

  ["an array of data objects is a table of what is set; mixed devices have their type"] = function(t)
    t:equal(show { vim.OptionValue { key = "a", value = 1 }, vim.OptionValue { key = "bb", value = "x" } }, "   key  value\n1  a    1\n2  bb   x")
    local devices = { vim.VirtualDisk { key = 2000, deviceInfo = vim.Description { label = "Hard disk 1", summary = "64 GB" } },
      vim.VirtualVmxnet3 { key = 4000, deviceInfo = vim.Description { label = "Network adapter 1", summary = "VM Network" } } }
    t:equal(show(devices), "   type             key  label              summary\n1  VirtualDisk     2000  Hard disk 1        64 GB\n"
      .. "2  VirtualVmxnet3  4000  Network adapter 1  VM Network")
  end,

  ["one object shows what stands for its type"] = function(t)
    local text = shower { name = "web", ["runtime.powerState"] = "poweredOff", ["summary.config.memorySizeMB"] = 512 } (machines(1)[1])
    t:match(text, "^VirtualMachine:vm%-1 'web'\n  runtime%.powerState +\"poweredOff\"\n  summary%.config%.memorySizeMB +512 %(512.0 MiB%)$")
  end,

  ["secrets are masked: by the schema, and what the user gave as one"] = function(t)
    t:equal(show(vim.NamePasswordAuthentication { username = "root", password = "word" }),
      'NamePasswordAuthentication { username = "root", password = •••• }')
    local secrets = require("core.secret").new()
    secrets:add "hunter22"
    t:equal(show({ x = "my hunter22" }, { mask = function(text) return secrets:mask(text) end }), '{ x = "my ••••" }')
  end,

  ["what a server sent cannot steer the terminal"] = function(t)
    local named = shower { name = "a\27[2Jb\194\155c" }
    t:contains(named(machines(1)), "ab?c")
    t:contains(named(machines(1)[1]), "'ab?c'")
    t:equal(show(vim.OptionValue { key = "\27]0;x\7" }):find("[\27\7]"), nil)
  end,
}
