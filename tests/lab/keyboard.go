package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// A key that comes too early is lost: the BIOS empties the keyboard's queue when it starts, QEMU's queue holds 16 bytes, the
// BIOS's 15 keys. An emulated machine on a busy host may be late by seconds. So each key is typed when the one before it was read, the
// first when the machine has begun to boot; for a machine that reads none, a limit.
const (
	keyPause = 25 * time.Millisecond // at least, from one key to the next
	keyLook  = 20 * time.Millisecond
	keyLimit = 30 * time.Second
)

// until looks until it is so, the machine is gone or the limit is over.
func (q *qemu) until(so func() bool) {
	for end := time.Now().Add(keyLimit); !so() && time.Now().Before(end); {
		select {
		case <-q.ended:
			return
		case <-time.After(keyLook):
		}
	}
}

// booting tells whether a drive has been read from, which no BIOS does before it has set up the keyboard.
func (q *qemu) booting() bool {
	reply, err := q.command("query-blockstats", nil)
	var drives []struct {
		Stats struct {
			Reads int64 `json:"rd_operations"`
		} `json:"stats"`
	}
	if err != nil || json.Unmarshal(reply, &drives) != nil {
		return true
	}
	for _, d := range drives {
		if d.Stats.Reads > 0 {
			return true
		}
	}
	return len(drives) == 0
}

// controllerEmpty tells whether the guest has read what the keyboard sent: bit 0 of the 8042's status.
func (q *qemu) controllerEmpty() bool {
	text, err := q.monitor("i /1bx 0x64")
	var status int
	if _, value, ok := strings.Cut(text, "="); err == nil && ok {
		_, err = fmt.Sscanf(strings.TrimSpace(value), "0x%x", &status)
	}
	return err != nil || status&1 == 0
}

// keysOfBIOS are the ends of the BIOS's queue (its data area, 40:1a and 40:1c): where a program reads the next key, where the next
// one goes. What runs without the BIOS leaves them as they are.
func (q *qemu) keysOfBIOS() (head, tail int) {
	text, err := q.monitor("xp /2hx 0x41a")
	if _, values, ok := strings.Cut(text, ":"); err == nil && ok {
		_, _ = fmt.Sscanf(strings.TrimSpace(values), "0x%x 0x%x", &head, &tail)
	}
	return
}

// typeKey presses a key when the machine can take it, and waits until it has.
func (q *qemu) typeKey(k keyTyped) error {
	q.typing.Lock()
	defer q.typing.Unlock()
	if !q.typed {
		q.until(q.booting)
		q.typed = true
	}
	_, before := q.keysOfBIOS()
	if err := q.press(k); err != nil {
		return err
	}
	time.Sleep(keyPause)
	q.until(q.controllerEmpty)
	if _, after := q.keysOfBIOS(); after != before {
		q.until(func() bool { head, tail := q.keysOfBIOS(); return head == tail })
	}
	return nil
}

// press sends modifiers and key down and up again.
func (q *qemu) press(k keyTyped) error {
	var names []string
	for i := 0; i < 8; i++ {
		if k.modifiers&(1<<i) != 0 {
			names = append(names, qcodes[0xe0+i])
		}
	}
	names = append(names, qcodes[k.usage])
	event := func(name string, down bool) map[string]interface{} {
		return map[string]interface{}{"type": "key", "data": map[string]interface{}{
			"down": down, "key": map[string]interface{}{"type": "qcode", "data": name}}}
	}
	var down, up []interface{}
	for i := range names {
		down = append(down, event(names[i], true))
		up = append(up, event(names[len(names)-1-i], false))
	}
	if _, err := q.command("input-send-event", map[string]interface{}{"events": down}); err != nil {
		return err
	}
	time.Sleep(keyPause / 2)
	_, err := q.command("input-send-event", map[string]interface{}{"events": up})
	if err != nil {
		select {
		case <-q.ended:
			return nil // the key itself ended the machine
		case <-time.After(time.Second):
		}
	}
	return err
}
