local spec = require "core.spec"
local units = require "core.units"

local disk = spec.record("disk", { short = "size", { "size", spec.size, required = true }, { "thin", spec.boolean, default = true } })
local hardware = spec.record("hardware", {
  { "cpus", spec.integer(1, 768), default = 1 },
  { "memory", spec.size, default = "1GiB" },
  { "disks", spec.list(disk), default = {} },
  { "firmware", spec.enum { "bios", "efi", "efi-secure" } },
})

local function messages(problems)
  local out = {}
  for _, p in ipairs(problems) do out[#out + 1] = p.path .. ": " .. p.message end
  table.sort(out)
  return table.concat(out, "\n")
end

return {
  ["sizes take units, and a bare number is MiB"] = function(t)
    for text, bytes in pairs { ["4GiB"] = 4 << 30, ["4G"] = 4 << 30, ["1GB"] = 1000000000, ["512"] = 512 << 20, ["1.5GiB"] = 3 << 29,
                               ["7 B"] = 7, [4096] = 4096 << 20 } do
      t:equal(units.bytes(text), bytes, tostring(text))
    end
    for _, text in ipairs { "", "GiB", "4XB", "-1", "4 GiB x" } do t:equal(units.bytes(text), nil, text) end
  end,
  ["durations take units, and a bare number is seconds"] = function(t)
    for text, seconds in pairs { ["15s"] = 15, ["1m30s"] = 90, ["500ms"] = 0.5, ["2h"] = 7200, ["10"] = 10, [0] = 0 } do
      t:equal(units.seconds(text), seconds, tostring(text))
    end
    for _, text in ipairs { "", "s", "5x", "-5", "5s5" } do t:equal(units.seconds(text), nil, text) end
  end,
  ["durations and sizes for people"] = function(t)
    t:equal(units.format_seconds(0.44), "0.4s")
    t:equal(units.format_seconds(59.9), "1m00s")
    t:equal(units.format_seconds(3725), "1h02m")
    t:equal(units.format_bytes(1474560), "1.4 MiB")
    t:equal(units.format_bytes(10), "10 B")
  end,
  ["defaults, coercion and short forms"] = function(t)
    local value, problems = spec.read(hardware, { cpus = "2", disks = { "64GiB", { size = 10, thin = "false" } } })
    t:equal(problems, {})
    t:equal(value, { cpus = 2, memory = 1 << 30, disks = { { size = 64 << 30, thin = true }, { size = 10 << 20, thin = false } } })
  end,
  ["every problem is reported, with its path and the nearest name"] = function(t)
    local _, problems = spec.read(hardware, { cpu = 2, cpus = 0, memory = "4Gib!", disks = { {}, "x" }, firmware = "uefi" }, "hardware")
    local text = messages(problems)
    t:contains(text, "hardware.cpu: unknown option 'cpu': did you mean 'cpus'?")
    local _, misplaced = spec.read(spec.record("image", { { "name", spec.string }, { "hardware", hardware } }), { memory = 1 }, "image")
    t:contains(messages(misplaced), "unknown option 'memory': it belongs in hardware = { … }")
    t:contains(text, "hardware.cpus: 0 is out of range (1 to 768)")
    t:contains(text, "hardware.memory: ")
    t:contains(text, "hardware.disks[1].size: is required")
    t:contains(text, "hardware.disks[2].size: \"x\" is not a size")
    t:contains(text, 'hardware.firmware: "uefi" is not one of bios, efi, efi-secure: did you mean "efi"?')
    t:equal(#problems, 6)
  end,
}
