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
	mu           sync.Mutex
	known, works bool
}

// bootSector does what boot loaders do that a half-working KVM stops at: it enters protected mode, takes 4096
// software interrupts there and returns from each. Then QEMU's debug-exit device ends the process with 2*0x10+1.
var bootSector = []byte{
	0xfa, 0x31, 0xc0, 0x8e, 0xd8, // cli; xor ax, ax; mov ds, ax
	0x66, 0x0f, 0x01, 0x16, 0x78, 0x7c, // lgdt [gdtr]
	0x0f, 0x20, 0xc0, 0x0c, 0x01, 0x0f, 0x22, 0xc0, // cr0 |= 1
	0x66, 0xea, 0x1b, 0x7c, 0x00, 0x00, 0x08, 0x00, // jmp 8:pm
	0x66, 0xb8, 0x10, 0x00, 0x8e, 0xd8, 0x8e, 0xd0, // pm: ds = ss = 16
	0xbc, 0x00, 0x70, 0x00, 0x00, // mov esp, 0x7000
	0xb8, 0x5d, 0x7c, 0x00, 0x00, // mov eax, handler
	0xbb, 0x00, 0x00, 0x08, 0x00, 0x66, 0x89, 0xc3, // ebx = 8 << 16 | handler
	0x89, 0x1d, 0x80, 0x06, 0x00, 0x00, // gate of interrupt 0x10, at 0x680
	0xc7, 0x05, 0x84, 0x06, 0x00, 0x00, 0x00, 0x8e, 0x00, 0x00,
	0x0f, 0x01, 0x1d, 0x7e, 0x7c, 0x00, 0x00, // lidt [idtr]
	0xb9, 0x00, 0x10, 0x00, 0x00, // mov ecx, 0x1000
	0xcd, 0x10, 0xe2, 0xfc, // again: int 0x10; loop again
	0x66, 0xba, 0xf4, 0x00, 0xb0, 0x10, 0xee, 0xf4, // out 0xf4, 0x10; hlt
	0x60, 0x61, 0xcf, // handler: pusha; popa; iret
	0, 0, 0, 0, 0, 0, 0, 0, // gdt: null, code, data
	0xff, 0xff, 0x00, 0x00, 0x00, 0x9b, 0xcf, 0x00,
	0xff, 0xff, 0x00, 0x00, 0x00, 0x93, 0xcf, 0x00,
	0x17, 0x00, 0x60, 0x7c, 0x00, 0x00, // gdtr
	0x87, 0x00, 0x00, 0x06, 0x00, 0x00, // idtr
}

// accel is what QEMU is to be started with.
func (l *Lab) accel() string {
	if l.opt.accel != "auto" {
		return l.opt.accel
	}
	l.kvm.mu.Lock()
	defer l.kvm.mu.Unlock()
	if !l.kvm.known {
		l.kvm.works, l.kvm.known = l.tryKVM(), true
		log.Printf("kvm works: %v", l.kvm.works)
	}
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

// mistrustKVM is for a machine that KVM gave up on in spite of the probe: later ones are emulated.
func (l *Lab) mistrustKVM() {
	l.kvm.mu.Lock()
	l.kvm.works, l.kvm.known = false, true
	l.kvm.mu.Unlock()
}
