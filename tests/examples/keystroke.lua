-- keystroke: a boot command as what the console is sent: luabuild run tests/examples/keystroke.lua
local keystroke = require "keystroke"

local function show(events)
  for _, event in ipairs(events) do
    local held = {}
    for name in pairs(event.modifiers or {}) do held[#held + 1] = " + " .. name end
    table.sort(held)
    print(event.text, event.wait and "wait " .. event.wait .. " s" or string.format("usage 0x%02x%s", event.code, table.concat(held)))
  end
end

show(assert(keystroke.parse "<tab>k<wait1m30s>"))
--> <tab>	usage 0x2b
--> k	usage 0x0e
--> <wait1m30s>	wait 90.0 s
show(assert(keystroke.parse "A<ctrl+alt+f2><leftCtrlOn>c<leftCtrlOff>"))
--> A	usage 0x04 + leftShift
--> <ctrl+alt+f2>	usage 0x3b + leftAlt + leftControl
--> c	usage 0x06 + leftControl
show(assert(keystroke.parse("z@", { layout = "de" })))
--> z	usage 0x1c
--> @	usage 0x14 + rightAlt
show(assert(keystroke.keys { code = "KEY_DELETE", la = true, lc = true })) -- govc vm.keystrokes -c KEY_DELETE -la -lc
--> KEY_DELETE	usage 0x4c + leftAlt + leftControl
local _, message, code = keystroke.parse "linux ks=hd:fd0<entr>"
print(code .. ": " .. message)
--> format: boot command, column 16: unknown tag <entr>: did you mean <enter>?
