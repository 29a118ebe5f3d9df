package main

import (
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"
)

// kvmProbe finds out, once, whether a guest really runs with KVM: /dev/kvm may be there, and hang.
type kvmProbe struct {
	once  sync.Once
	works bool
}

// bootSector says so by QEMU's debug-exit device: the process ends with status 2*0x10+1.
// It counts first, so that a CPU that is entered and does not run is noticed.
var bootSector = []byte{
	0xb9, 0xff, 0xff, // mov cx, 0xffff
	0xe2, 0xfe, // loop $
	0xba, 0xf4, 0x00, // mov dx, 0xf4
	0xb0, 0x10, // mov al, 0x10
	0xee, // out dx, al
	0xf4, // hlt
}

// accel is what QEMU is to be started with.
func (l *Lab) accel() string {
	if l.opt.accel != "auto" {
		return l.opt.accel
	}
	l.kvm.once.Do(func() {
		l.kvm.works = l.tryKVM()
		log.Printf("kvm works: %v", l.kvm.works)
	})
	if l.kvm.works {
		return "kvm"
	}
	return "tcg"
}

func (l *Lab) tryKVM() bool {
	dev, err := os.OpenFile("/dev/kvm", os.O_RDWR, 0)
	if err != nil {
		return false
	}
	_ = dev.Close()
	disk := filepath.Join(l.dir, "tmp", "probe.img")
	sector := make([]byte, 512*64)
	copy(sector, bootSector)
	sector[510], sector[511] = 0x55, 0xaa
	if err := os.WriteFile(disk, sector, 0o600); err != nil {
		return false
	}
	defer os.Remove(disk)
	cmd := exec.Command("qemu-system-x86_64", "-accel", "kvm", "-machine", "pc", "-m", "32", "-nodefaults", "-display", "none",
		"-device", "isa-debug-exit,iobase=0xf4,iosize=4", "-drive", "file="+disk+",format=raw,if=ide")
	if err := l.spawner.start(cmd); err != nil {
		return false
	}
	end := make(chan struct{})
	go func() { _ = cmd.Wait(); close(end) }()
	select {
	case <-end:
		return cmd.ProcessState.ExitCode() == 0x21
	case <-time.After(3 * time.Second):
		_ = cmd.Process.Kill()
		<-end
		return false
	}
}
