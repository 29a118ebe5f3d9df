local keystroke = require "keystroke"

-- one event as text: "0b leftShift", "wait 1.5"
local function short(event)
  if event.wait then return string.format("wait %g", event.wait) end
  local names = {}
  for name in pairs(event.modifiers or {}) do names[#names + 1] = name end
  table.sort(names)
  return string.format("%02x", event.code) .. (names[1] and " " .. table.concat(names, "+") or "")
end

local function all(events)
  local out = {}
  for i, event in ipairs(events) do out[i] = short(event) end
  return table.concat(out, ", ")
end

local function parse(text, opts) return all(assert(keystroke.parse(text, opts))) end

-- HID Usage Tables 1.12, table 12: what each key of the US keyboard gives, from usage 0x04 on
local PLAIN = "abcdefghijklmnopqrstuvwxyz1234567890...\t -=[]\\.;'`,./"
local SHIFT = "ABCDEFGHIJKLMNOPQRSTUVWXYZ!@#$%^&*()...\t _+{}|.:\"~<>?"

-- PC scan codes (set 1) of the same keys: USB HID to PS/2 Scan Code Translation Table
local SET1 = {
  [0x02] = 0x1e, [0x03] = 0x1f, [0x04] = 0x20, [0x05] = 0x21, [0x06] = 0x22, [0x07] = 0x23, [0x08] = 0x24, [0x09] = 0x25,
  [0x0a] = 0x26, [0x0b] = 0x27, [0x0c] = 0x2d, [0x0d] = 0x2e, [0x10] = 0x14, [0x11] = 0x1a, [0x12] = 0x08, [0x13] = 0x15,
  [0x14] = 0x17, [0x15] = 0x1c, [0x16] = 0x18, [0x17] = 0x0c, [0x18] = 0x12, [0x19] = 0x13, [0x1a] = 0x2f, [0x1b] = 0x30,
  [0x1e] = 0x04, [0x1f] = 0x16, [0x20] = 0x07, [0x21] = 0x09, [0x22] = 0x0a, [0x23] = 0x0b, [0x24] = 0x0d, [0x25] = 0x0e,
  [0x26] = 0x0f, [0x27] = 0x33, [0x28] = 0x34, [0x29] = 0x35, [0x2b] = 0x31, [0x2c] = 0x1d, [0x2d] = 0x1b, [0x2e] = 0x06,
  [0x2f] = 0x19, [0x30] = 0x05, [0x31] = 0x11, [0x32] = 0x10, [0x33] = 0x36, [0x34] = 0x37, [0x35] = 0x38, [0x39] = 0x2c,
  [0x56] = 0x64,
}
local KEYSYMS = [[space   exclam ! quotedbl " numbersign # dollar $ percent % ampersand & apostrophe ' parenleft ( parenright )
  asterisk * plus + comma , minus - period . slash / colon : semicolon ; less < equal = greater > question ? at @
  bracketleft [ backslash \ bracketright ] underscore _ braceleft { bar | braceright } asciitilde ~
  asciicircum ^ grave ` sterling £ notsign ¬ EuroSign € section § degree ° mu µ ssharp ß
  udiaeresis ü Udiaeresis Ü odiaeresis ö Odiaeresis Ö adiaeresis ä Adiaeresis Ä twosuperior ² threesuperior ³
  eacute é egrave è ccedilla ç agrave à ugrave ù currency ¤]]

-- QEMU's keymap, as { character = { "1f leftShift" = true, ... } }
local function keymap(path, read)
  local names, map = { space = " " }, {}
  for name, character in KEYSYMS:gmatch("(%a+) (%S+)") do names[name] = character end
  for line in read:gmatch("[^\n]+") do
    local name, code, rest = line:match("^(%w+) 0x(%x+)(.*)$")
    local usage = code and SET1[tonumber(code, 16)]
    local character = name and (#name == 1 and name or names[name])
    if usage and character then
      local how = {}
      if rest:find("shift") then how[#how + 1] = "leftShift" end
      if rest:find("altgr") then how[#how + 1] = "rightAlt" end
      map[character] = map[character] or {}
      map[character][string.format("%02x", usage) .. (how[1] and " " .. table.concat(how, "+") or "")] = true
    end
  end
  return next(map) and map or error("nothing in " .. path)
end

return {
  ["every printable ASCII character is typed as the HID tables have it"] = function(t)
    local seen = 0
    for byte = 32, 126 do
      local c = string.char(byte)
      local plain, shifted = PLAIN:find(c, 1, true), SHIFT:find(c, 1, true)
      if c == "." then plain = PLAIN:len() - 1 end
      local want = plain and string.format("%02x", plain + 3) or string.format("%02x leftShift", shifted + 3)
      local text = c == "<" and "<lt>" or c
      t:equal(parse(text), want, c)
      seen = seen + 1
    end
    t:equal(seen, 95)
  end,

  ["both recipes' boot commands"] = function(t)
    t:equal(parse("<tab> text ks=hd:fd0:/HTTP/7/ks.cfg<enter><wait>"),
      "2b, 2c, 17, 08, 1b, 17, 2c, 0e, 16, 2e, 0b, 07, 33 leftShift, 09, 07, 27, 33 leftShift, 38, 0b leftShift, 17 leftShift, "
      .. "17 leftShift, 13 leftShift, 38, 24, 38, 0e, 16, 37, 06, 09, 0a, 28, wait 1")
    local events = assert(keystroke.parse("<esc><wait>vmlinuz initrd=initrd.img root=/dev/ram0 loglevel=3 "
      .. "photon.media=cdrom ks=http://10.0.0.2:8000/3/ks.json<enter>"))
    t:equal(short(events[1]), "29")
    t:equal(short(events[2]), "wait 1")
    t:equal(short(events[#events]), "28")
    local text = {}
    for i = 3, #events - 1 do text[#text + 1] = events[i].text end
    t:equal(table.concat(text), "vmlinuz initrd=initrd.img root=/dev/ram0 loglevel=3 "
      .. "photon.media=cdrom ks=http://10.0.0.2:8000/3/ks.json")
  end,

  ["an event says what the API takes and where it comes from"] = function(t)
    t:equal(keystroke.parse "é A<F2>" , nil)
    t:equal(keystroke.parse " A<F2><wait2>", {
      { code = 0x2c, hid = 0x2c0007, text = " ", column = 1 },
      { code = 0x04, hid = 0x040007, text = "A", column = 2, modifiers = { leftShift = true } },
      { code = 0x3b, hid = 0x3b0007, text = "<F2>", column = 3 },
      { wait = 2.0, text = "<wait2>", column = 7 },
    })
  end,

  ["every tag of Packer, in any case"] = function(t)
    t:equal(parse("<enter><return><esc><tab><spacebar><bs><del><insert><home><end><pageUp><pageDown><up><down><left><right>"),
      "28, 28, 29, 2b, 2c, 2a, 4c, 49, 4a, 4d, 4b, 4e, 52, 51, 50, 4f")
    t:equal(parse("<f1><f2><f3><f4><f5><f6><f7><f8><f9><f10><f11><f12>"), "3a, 3b, 3c, 3d, 3e, 3f, 40, 41, 42, 43, 44, 45")
    t:equal(parse("<leftCtrl><leftShift><leftAlt><leftSuper><rightCtrl><rightShift><rightAlt><rightSuper><menu>"),
      "e0, e1, e2, e3, e4, e5, e6, e7, 65")
    t:equal(parse("<ENTER><pageup><PAGEDOWN><LeftCtrlON>x<LEFTCTRLoff>"), "28, 4b, 4e, 1b leftControl")
    t:equal(parse("<wait><wait5><wait1m30s><wait500ms><wait1h><wait1.5s><wait0>"),
      "wait 1, wait 5, wait 90, wait 0.5, wait 3600, wait 1.5, wait 0")
  end,

  ["held modifiers go with the keys between on and off, left and right"] = function(t)
    t:equal(parse("<leftCtrlOn><leftAltOn><del><leftAltOff>c<leftCtrlOff>c"), "4c leftAlt+leftControl, 06 leftControl, 06")
    t:equal(parse("<rightCtrlOn>a<rightCtrlOff><rightShiftOn>a<rightShiftOff><rightAltOn>a<rightAltOff><rightSuperOn>a<rightSuperOff>"),
      "04 rightControl, 04 rightShift, 04 rightAlt, 04 rightGui")
    t:equal(parse("<leftShiftOn>aA<leftShiftOff>"), "04 leftShift, 04 leftShift")
  end,

  ["a modifier held over no key is one press of it"] = function(t)
    t:equal(parse("<leftAltOn><wait2><leftAltOff>x"), "wait 2, e2, 1b")
    t:equal(parse("<leftCtrlOn><leftAltOn><leftAltOff><leftCtrlOff>"), "e2 leftControl")
  end,

  ["an ordinary key is pressed at on"] = function(t)
    t:equal(parse("<aOn><aOff><enterOn><enterOff>"), "04, 28")
  end,

  ["chords and raw codes"] = function(t)
    t:equal(parse("<ctrl+alt+f2><ctrl+alt+del><CTRL+C><ctrl++><shift+0x04><altGr+q><super+r>"),
      "3b leftAlt+leftControl, 4c leftAlt+leftControl, 06 leftControl, 2e leftControl+leftShift, 04 leftShift, "
      .. "14 rightAlt, 15 leftGui")
    t:equal(parse("<0x28><0xE0><0x4>"), "28, e0, 04")
    t:equal(parse("a\tb\n"), "04, 2b, 05, 28")
    t:equal(parse("<lt>a>b<gt>"), "36 leftShift, 04, 37 leftShift, 05, 37 leftShift")
  end,

  ["each mistake has its column, in characters, and the nearest name"] = function(t)
    for _, case in ipairs {
      { "ab<entr>", 3, "unknown tag <entr>: did you mean <enter>" },
      { "ü", 1, "character 'ü' is not on the 'us' keyboard layout" },
      { "ab界", 3, "'界'" },
      { "<wait1x>", 1, "not a duration" },
      { "x<wait-5>", 2, "not a duration" },
      { "<wait48h>", 1, "longer than a day" },
      { "<leftCtlOn>", 1, "did you mean <leftCtrlOn>" },
      { "<rigthAltOff>", 1, "did you mean <rightAltOff>" },
      { "echo <b", 6, "<lt>" },
      { "<>", 1, "unknown tag" },
      { "<xyzzyx>", 1, "<lt>" },
      { "a<leftCtrlOn>c", 2, "leftControl is left on" },
      { "abc<leftAltOff>", 4, "not on" },
      { "<0x100>", 1, "keyboard page" },
      { "<0xzz>", 1, "keyboard page" },
      { "<q+c>", 1, "'q' is not a modifier" },
      { "<ctrl+foo>", 1, "unknown key" },
      { "a\1", 2, "control character 0x01" },
      { "a\xffb", 2, "UTF-8" },
      { "a\0b", 2, "control character 0x00" },
      { "<tab\0x>", 1, "unknown tag" },
    } do
      local message = t:fails("format", keystroke.parse(case[1]))
      t:contains(message, "boot command, column " .. case[2] .. ":", case[1])
      t:contains(message, case[3], case[1])
    end
    t:contains(t:fails("format", keystroke.parse("öü界x", { layout = "de" })), "column 3:")
  end,

  ["an unknown layout or option is a mistake of the caller"] = function(t)
    t:raises("unknown layout 'dvorak'", keystroke.parse, "a", { layout = "dvorak" })
    t:raises("did you mean 'layout'", keystroke.parse, "a", { layuot = "us" })
    t:raises("string expected", keystroke.parse, nil)
  end,

  ["layouts agree with QEMU's keymaps"] = function(t)
    local compared = 0
    for layout, name in pairs { us = "en-us", uk = "en-gb", de = "de", fr = "fr" } do
      local path = "/usr/share/qemu/keymaps/" .. name
      if not io.open(path) then t:skip("no " .. path) end
      local map = keymap(path, t:read(path))
      for byte = 33, 126 do
        local c = string.char(byte)
        local events = assert(keystroke.parse(c == "<" and "<lt>" or c, { layout = layout }))
        t:ok(map[c], layout .. " " .. c)
        t:ok(map[c][short(events[1])], layout .. " types " .. c .. " as " .. all(events))
        compared = compared + 1
      end
      for c in ("ß§°üÜöÖäÄµ²³€£¬éèçàù¤"):gmatch(utf8.charpattern) do
        local events = keystroke.parse(c, { layout = layout })
        if events then t:ok(map[c] and map[c][short(events[1])], layout .. " types " .. c .. " as " .. all(events)) end
      end
    end
    t:equal(compared, 4 * 94)
    t:equal(#keystroke.layouts(), 4)
  end,

  ["a dead key is followed by a space"] = function(t)
    t:equal(parse("a^b", { layout = "de" }), "04, 35, 2c, 05")
    t:equal(parse("`", { layout = "de" }), "2e leftShift, 2c")
    t:contains(t:fails("format", keystroke.parse("<ctrl+^>", { layout = "de" })), "two keys")
  end,

  -- the examples of `govc vm.keystrokes -h`
  ["keys does what govc vm.keystrokes does"] = function(t)
    t:equal(all(keystroke.keys { string = "root<x>" }), "15, 12, 12, 17, 36 leftShift, 1b, 37 leftShift")
    t:equal(all(keystroke.keys { code = "0x15" }), "15")
    t:equal(all(keystroke.keys { code = 0x28 }), "28")
    t:equal(keystroke.keys { raw = 1376263 }[1].hid, 1376263)
    t:equal(all(keystroke.keys { raw = 1376263 }), "15")
    t:equal(all(keystroke.keys { code = "0x4c", la = true, lc = true }), "4c leftAlt+leftControl")
    t:equal(all(keystroke.keys { code = "0x15,KEY_ENTER" }), "15, 28")
    t:equal(all(keystroke.keys { code = "KEY_DELETE", rc = true, rs = true, ra = true, rg = true, ls = true, lg = true }),
      "4c leftGui+leftShift+rightAlt+rightControl+rightGui+rightShift")
    t:equal(all(keystroke.keys { string = "A", rc = true }), "04 leftShift+rightControl")
    t:contains(t:fails("format", keystroke.keys { code = "KEY_ENTR" }), "did you mean KEY_ENTER?")
    t:contains(t:fails("format", keystroke.keys { code = "0x15,bad" }), "column 6")
    t:fails("format", keystroke.keys { string = "ü" })
    t:fails("format", keystroke.keys { code = 256 })
    t:fails("format", keystroke.keys { raw = -1 })
    t:raises("exactly one", keystroke.keys, {})
    t:raises("exactly one", keystroke.keys, { string = "a", code = 4 })
    t:raises("bad option 'lc'", keystroke.keys, { string = "a", lc = "true" })
    t:raises("bad option 'string'", keystroke.keys, { string = 5 })
  end,
}
