package main

import (
	"encoding/json"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"
)

// echo is a boot program that looks at nothing for two seconds, prints what is typed on screen and serial port, and powers the
// machine off at 'q' by ACPI (PIIX4's register, which QEMU's SeaBIOS puts at 0x600).
var echo = []byte{
	0xfa, 0x31, 0xc0, 0x8e, 0xd8, 0xfb, // cli; ds=0; sti
	0xb0, 'R', 0xe8, 0x2a, 0x00, // print 'R'
	0xb4, 0x00, 0xcd, 0x1a, 0x89, 0xd3, // bx = ticks
	0xb4, 0x00, 0xcd, 0x1a, 0x29, 0xda, 0x83, 0xfa, 0x24, 0x72, 0xf5, // until there have been 36 more
	0x31, 0xc0, 0xcd, 0x16, // loop: wait for a key
	0x3c, 'q', 0x74, 0x05, // q: off
	0xe8, 0x0e, 0x00, 0xeb, 0xf3, // print it, go on
	0xba, 0x04, 0x06, 0xb8, 0x00, 0x20, 0xef, // off: out 0x604, 0x2000
	0xeb, 0xfe,
	0x90, 0x90, 0x90,
	0x50, 0xb4, 0x0e, 0xbb, 0x07, 0x00, 0xcd, 0x10, 0x58, // print: teletype
	0xba, 0xf8, 0x03, 0xee, 0xc3, // out serial
}

// bootISO is an El Torito image of a program.
func bootISO(program []byte) []byte {
	iso := make([]byte, 21*2048)
	copy(iso[16*2048:], "\x01CD001\x01")
	copy(iso[17*2048:], "\x00CD001\x01EL TORITO SPECIFICATION")
	iso[17*2048+0x47] = 19
	copy(iso[18*2048:], "\xffCD001\x01")
	catalog := iso[19*2048:]
	catalog[0], catalog[30], catalog[31] = 1, 0x55, 0xaa
	var sum uint16
	for i := 0; i < 32; i += 2 {
		sum += uint16(catalog[i]) | uint16(catalog[i+1])<<8
	}
	catalog[28], catalog[29] = byte(-sum), byte(-sum>>8)
	catalog[32], catalog[38], catalog[40] = 0x88, 4, 20
	copy(iso[20*2048:], program)
	return iso
}

func within(t *testing.T, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(5 * time.Minute); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if f() {
			return
		}
	}
	t.Fatalf("not within 5 minutes: %s", what)
}

func TestBootTypeAndPowerOff(t *testing.T) {
	c := connect(t)
	must(t, os.WriteFile(filepath.Join(theLab.inv.datastoreDir, "boot.iso"), bootISO(echo), 0o600))
	spec := c.spec("boot", "lsilogic")
	cd := &types.VirtualCdrom{}
	cd.Key, cd.ControllerKey = -9, 201
	iso := &types.VirtualCdromIsoBackingInfo{}
	iso.FileName = "[LocalDS_0] boot.iso"
	cd.Backing = iso
	spec.DeviceChange = append(spec.DeviceChange, &types.VirtualDeviceConfigSpec{Operation: "add", Device: cd})
	vm, err := c.create(t, spec)
	must(t, err)
	task, err := vm.PowerOn(ctx)
	must(t, done(t, task, err))
	m := theLab.machineOf(vm.Reference())
	serial := func() string { b, _ := os.ReadFile(m.qemu.serial); return string(b) }
	shift := &types.UsbScanCodeSpecModifierType{LeftShift: types.NewBool(true)}
	put := func(keys ...types.UsbScanCodeSpecKeyEvent) int32 {
		res, err := methods.PutUsbScanCodes(ctx, c.Client, &types.PutUsbScanCodes{This: vm.Reference(), Spec: types.UsbScanCodeSpec{KeyEvents: keys}})
		must(t, err)
		return res.Returnval
	}
	a := types.UsbScanCodeSpecKeyEvent{UsbHidCode: 4<<16 | 7}
	early := make([]types.UsbScanCodeSpecKeyEvent, 40) // more than any queue holds, before the BIOS has a keyboard
	for i := range early {
		early[i] = types.UsbScanCodeSpecKeyEvent{UsbHidCode: int32(4+i%10)<<16 | 7}
	}
	if n := put(early...); n != 40 {
		t.Errorf("%d keys", n)
	}
	letters := strings.Repeat("abcdefghij", 4)
	if n := put(a, types.UsbScanCodeSpecKeyEvent{UsbHidCode: 4<<16 | 7, Modifiers: shift}, types.UsbScanCodeSpecKeyEvent{UsbHidCode: 0x2d<<16 | 7}); n != 3 {
		t.Errorf("%d keys", n)
	}
	within(t, "the keys arrive", func() bool { return strings.Contains(serial(), "R"+letters+"aA-") })
	fail(t, `{"method":"PutUsbScanCodes","fault":"dropkeys"}`)
	if n := put(a); n != 0 {
		t.Errorf("%d keys were not dropped", n)
	}

	res, err := c.Client.Client.Client.Get("https://" + theLab.host() + "/screen?id=" + vm.Reference().Value)
	must(t, err)
	picture, err := png.Decode(res.Body)
	must(t, err)
	if picture.Bounds().Dx() < 320 {
		t.Errorf("a picture of %v", picture.Bounds())
	}

	// while it runs: a snapshot, and the CD out
	task, err = vm.CreateSnapshot(ctx, "running", "", false, false)
	must(t, done(t, task, err))
	reply, err := m.qemu.command("query-block", nil)
	must(t, err)
	if !strings.Contains(string(reply), "boot-000001.qcow2") || !strings.Contains(string(reply), "boot.iso") {
		t.Errorf("QEMU has not switched: %s", reply)
	}
	list := object.VirtualDeviceList(c.read(t, vm).Config.Hardware.Device)
	drive := list.SelectByType((*types.VirtualCdrom)(nil))[0].(*types.VirtualCdrom)
	drive.Backing = &types.VirtualCdromRemotePassthroughBackingInfo{}
	must(t, vm.EditDevice(ctx, drive))
	reply, err = m.qemu.command("query-block", nil)
	must(t, err)
	if strings.Contains(string(reply), "boot.iso") {
		t.Errorf("the CD is still in: %s", reply)
	}

	off := make(chan error, 1)
	go func() { off <- vm.WaitForPowerState(ctx, poweredOff) }()
	if n := put(types.UsbScanCodeSpecKeyEvent{UsbHidCode: 0x14<<16 | 7}); n != 1 { // q
		t.Errorf("%d", n)
	}
	select {
	case err := <-off:
		must(t, err)
	case <-time.After(5 * time.Minute):
		t.Fatal("the guest's own power-off was not seen")
	}
	_, err = methods.PutUsbScanCodes(ctx, c.Client, &types.PutUsbScanCodes{This: vm.Reference()})
	wants(t, err, "InvalidPowerState")
	var vms []description
	must(t, json.Unmarshal([]byte(control(t, "GET", "/vms", "")), &vms))
	if len(vms) != 1 || vms[0].Typed != letters+"aA-q" {
		t.Errorf("typed: %+v", vms)
	}
}

func TestLeavesKVMThatFails(t *testing.T) {
	if _, err := os.Stat("/dev/kvm"); err != nil || theLab.tryKVM() {
		t.Skip("needs a KVM that fails")
	}
	c := connect(t)
	must(t, os.WriteFile(filepath.Join(theLab.inv.datastoreDir, "fails.iso"), bootISO(bootSector), 0o600))
	spec := c.spec("fails", "lsilogic")
	cd := &types.VirtualCdrom{}
	b := &types.VirtualCdromIsoBackingInfo{}
	cd.Key, cd.ControllerKey, cd.Backing, b.FileName = -9, 201, b, "[LocalDS_0] fails.iso"
	device(&spec, cd, "")
	vm, err := c.create(t, spec)
	must(t, err)
	theLab.accel() // the probe is over
	theLab.kvm.mu.Lock()
	theLab.kvm.works = true
	theLab.kvm.mu.Unlock()
	task, err := vm.PowerOn(ctx)
	must(t, done(t, task, err))
	m := theLab.machineOf(vm.Reference())
	first := m.running()
	within(t, "another QEMU", func() bool { q := m.running(); return q != nil && q != first })
	if theLab.accel() != "tcg" || m.power() != poweredOn {
		t.Error("it did not go on in emulation")
	}
}
