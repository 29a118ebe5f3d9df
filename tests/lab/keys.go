package main

import (
	"fmt"

	"github.com/vmware/govmomi/vim25/types"
)

// keyTyped is one key as it was sent: a usage of the HID keyboard page and modifier bits (0-7: usages e0-e7).
type keyTyped struct{ usage, modifiers int }

// qcodes are QEMU's names of the usages (HID Usage Tables 1.12, section 10).
var qcodes = func() map[int]string {
	q := map[int]string{}
	for i := 0; i < 26; i++ {
		q[0x04+i] = string(rune('a' + i))
	}
	for i := 1; i <= 9; i++ {
		q[0x1d+i] = fmt.Sprint(i)
	}
	for i := 1; i <= 12; i++ {
		q[0x39+i] = fmt.Sprintf("f%d", i)
	}
	for usage, name := range map[int]string{
		0x27: "0", 0x28: "ret", 0x29: "esc", 0x2a: "backspace", 0x2b: "tab", 0x2c: "spc", 0x2d: "minus", 0x2e: "equal",
		0x2f: "bracket_left", 0x30: "bracket_right", 0x31: "backslash", 0x32: "backslash", 0x33: "semicolon", 0x34: "apostrophe",
		0x35: "grave_accent", 0x36: "comma", 0x37: "dot", 0x38: "slash", 0x39: "caps_lock", 0x46: "print", 0x47: "scroll_lock",
		0x48: "pause", 0x49: "insert", 0x4a: "home", 0x4b: "pgup", 0x4c: "delete", 0x4d: "end", 0x4e: "pgdn", 0x4f: "right",
		0x50: "left", 0x51: "down", 0x52: "up", 0x53: "num_lock", 0x54: "kp_divide", 0x55: "kp_multiply", 0x56: "kp_subtract",
		0x57: "kp_add", 0x58: "kp_enter", 0x64: "less", 0x65: "menu",
		0xe0: "ctrl", 0xe1: "shift", 0xe2: "alt", 0xe3: "meta_l", 0xe4: "ctrl_r", 0xe5: "shift_r", 0xe6: "alt_r", 0xe7: "meta_r",
	} {
		q[usage] = name
	}
	return q
}()

const (
	plainText   = "abcdefghijklmnopqrstuvwxyz1234567890\n\x1b\b\t -=[]\\\x00;'`,./"
	shiftedText = "ABCDEFGHIJKLMNOPQRSTUVWXYZ!@#$%^&*()\n\x1b\b\t _+{}|\x00:\"~<>?"
)

// text is the key as a character of the US layout, or its name in angle brackets.
func (k keyTyped) text() string {
	i := k.usage - 4
	if i >= 0 && i < len(plainText) && k.modifiers&^0x22 == 0 && plainText[i] >= ' ' {
		if k.modifiers != 0 {
			return shiftedText[i : i+1]
		}
		return plainText[i : i+1]
	}
	return "<" + qcodes[k.usage] + ">"
}

func modifierBits(m *types.UsbScanCodeSpecModifierType) int {
	bits := 0
	if m == nil {
		return 0
	}
	for i, b := range []*bool{m.LeftControl, m.LeftShift, m.LeftAlt, m.LeftGui, m.RightControl, m.RightShift, m.RightAlt, m.RightGui} {
		if b != nil && *b {
			bits |= 1 << i
		}
	}
	return bits
}

// putUsbScanCodes types the keys and returns how many were accepted.
func putUsbScanCodes(c *call) (interface{}, error) {
	m, err := c.machine()
	if err == nil {
		err = m.mustBe(poweredOn)
	}
	if err != nil {
		return nil, err
	}
	events := c.method.Body.(*types.PutUsbScanCodes).Spec.KeyEvents
	var keys []keyTyped
	for _, e := range events {
		usage := int(e.UsbHidCode) >> 16
		if e.UsbHidCode&0xffff != 7 || qcodes[usage] == "" {
			return nil, invalidArgument("spec.keyEvents.usbHidCode")
		}
		keys = append(keys, keyTyped{usage, modifierBits(e.Modifiers)})
	}
	if f := c.injected("dropkeys"); f != nil {
		lost := int(f.At)
		if lost <= 0 {
			lost = 1
		}
		if lost > len(keys) {
			lost = len(keys)
		}
		keys = keys[:len(keys)-lost]
	}
	q := m.running()
	for _, k := range keys {
		if q != nil {
			if err := q.typeKey(k); err != nil {
				return nil, err
			}
		}
		m.mu.Lock()
		m.keys = append(m.keys, k)
		m.mu.Unlock()
	}
	return &types.PutUsbScanCodesResponse{Returnval: int32(len(keys))}, nil
}
