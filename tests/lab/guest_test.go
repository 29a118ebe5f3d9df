package main

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// typeText types text of the US layout.
func (c *client) typeText(t *testing.T, vm mo.Reference, text string) {
	t.Helper()
	var keys []types.UsbScanCodeSpecKeyEvent
	for _, r := range text {
		if i := strings.IndexRune(plainText, r); i >= 0 {
			keys = append(keys, types.UsbScanCodeSpecKeyEvent{UsbHidCode: int32(i+4)<<16 | 7})
		} else if i := strings.IndexRune(shiftedText, r); i >= 0 {
			keys = append(keys, types.UsbScanCodeSpecKeyEvent{UsbHidCode: int32(i+4)<<16 | 7,
				Modifiers: &types.UsbScanCodeSpecModifierType{LeftShift: types.NewBool(true)}})
		} else {
			t.Fatalf("no key for %q", r)
		}
	}
	res, err := methods.PutUsbScanCodes(ctx, c.Client, &types.PutUsbScanCodes{This: vm.Reference(), Spec: types.UsbScanCodeSpec{KeyEvents: keys}})
	must(t, err)
	if int(res.Returnval) != len(keys) {
		t.Fatalf("%d keys of %d", res.Returnval, len(keys))
	}
}

// TestInstallGuest installs the lab's guest from its CD with a kickstart on a floppy, by software emulation
// if LAB_ACCEL says tcg.
func TestInstallGuest(t *testing.T) {
	root, err := filepath.Abs("../..")
	must(t, err)
	iso := filepath.Join(root, "build/lab/guest.iso")
	if _, err := os.Stat(iso); err != nil || testing.Short() {
		t.Skip("needs build/lab/guest.iso, and a minute")
	}
	if accel := os.Getenv("LAB_ACCEL"); accel != "" {
		theLab.opt.accel = accel
		t.Cleanup(func() { theLab.opt.accel = "auto" })
	}
	c := connect(t)
	copyFile := func(name string) {
		in, err := os.Open(name)
		must(t, err)
		defer in.Close()
		out, err := os.Create(filepath.Join(theLab.inv.datastoreDir, filepath.Base(name)))
		must(t, err)
		_, err = io.Copy(out, in)
		must(t, err)
		must(t, out.Close())
		t.Cleanup(func() { _ = os.Remove(out.Name()) })
	}
	copyFile(iso)
	ks := filepath.Join(t.TempDir(), "ks.cfg")
	must(t, os.WriteFile(ks, []byte("install\ncdrom\nrootpw secret\nnetwork --bootproto=dhcp --hostname=made\nreboot\n%packages\nopen-vm-tools\n%end\n"), 0o600))
	flp := filepath.Join(t.TempDir(), "ks.flp")
	for _, args := range [][]string{{"mformat", "-C", "-i", flp, "-f", "1440", "::"}, {"mcopy", "-i", flp, ks, "::/ks.cfg"}} {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %s", args[0], out)
		}
	}
	copyFile(flp)

	spec := c.spec("guest", orElse(os.Getenv("LAB_CONTROLLER"), "lsilogic"))
	spec.MemoryMB, spec.NumCPUs = 1024, 2
	spec.DeviceChange[1].GetVirtualDeviceConfigSpec().Device.(*types.VirtualDisk).CapacityInKB = 4 << 20
	cd, floppy := &types.VirtualCdrom{}, &types.VirtualFloppy{}
	cd.Key, cd.ControllerKey, floppy.Key = -9, 201, -10
	isoBacking, flpBacking := &types.VirtualCdromIsoBackingInfo{}, &types.VirtualFloppyImageBackingInfo{}
	isoBacking.FileName, flpBacking.FileName = "[LocalDS_0] guest.iso", "[LocalDS_0] ks.flp"
	cd.Backing, floppy.Backing = isoBacking, flpBacking
	spec.DeviceChange = append(spec.DeviceChange, &types.VirtualDeviceConfigSpec{Operation: "add", Device: cd}, &types.VirtualDeviceConfigSpec{Operation: "add", Device: floppy})
	vm, err := c.create(t, spec)
	must(t, err)
	start := time.Now()
	task, err := vm.PowerOn(ctx)
	must(t, done(t, task, err))
	c.typeText(t, vm, "\t text ks=hd:fd0:/ks.cfg\n")
	var v mo.VirtualMachine
	for end := time.Now().Add(15 * time.Minute); v.Guest == nil || v.Guest.IpAddress == ""; time.Sleep(300 * time.Millisecond) {
		must(t, c.PropertyCollector().RetrieveOne(ctx, vm.Reference(), []string{"guest"}, &v))
		if time.Now().After(end) {
			serial, _ := os.ReadFile(theLab.machineOf(vm.Reference()).qemu.serial)
			t.Fatalf("no address; the console said:\n%s", serial)
		}
	}
	t.Logf("installed, rebooted and answering after %.1f s", time.Since(start).Seconds())
	must(t, vm.ShutdownGuest(ctx))
	defer func() {
		if t.Failed() {
			serial, _ := filepath.Glob(filepath.Join(theLab.dir, "log", "*.serial"))
			text, _ := os.ReadFile(serial[len(serial)-1])
			t.Logf("%s", text)
		}
	}()
	within(t, "the power button shuts it down", func() bool {
		state, err := vm.PowerState(ctx)
		return err == nil && state == poweredOff
	})
}
