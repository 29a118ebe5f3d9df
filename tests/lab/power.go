package main

import (
	"fmt"
	"log"
	"time"

	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

const (
	poweredOn  = types.VirtualMachinePowerStatePoweredOn
	poweredOff = types.VirtualMachinePowerStatePoweredOff
)

// setPower sets the state everywhere it shows.
func (m *machine) setPower(state types.VirtualMachinePowerState) {
	m.change(func(vm *mo.VirtualMachine) {
		vm.Runtime.PowerState = state
		vm.Runtime.BootTime = nil
		if state == poweredOn {
			vm.Runtime.BootTime = now()
		}
		vm.Guest = offGuest(vm.Config)
		if state == poweredOn {
			vm.Guest.GuestState = "notRunning"
		}
		vm.Summary.Runtime = vm.Runtime
		summarizeGuest(vm)
	}, append([]string{"runtime.powerState", "runtime.bootTime", "summary.runtime.powerState", "summary.runtime.bootTime"}, guestProperties...)...)
}

// start powers the machine on; the caller holds it.
func (m *machine) start() error {
	if err := m.mustBe(poweredOff); err != nil {
		return err
	}
	cfg := m.config()
	if cfg.Template {
		return faultf(&types.InvalidState{}, "The operation is not allowed in the current state.")
	}
	for _, d := range cfg.Hardware.Device { // what is set to connect is connected when it starts
		if c := d.GetVirtualDevice().Connectable; c != nil {
			c.Connected = c.StartConnected
			c.Status = map[bool]string{true: "ok", false: "untried"}[c.Connected]
		}
	}
	off := make(chan struct{})
	if m.lab.opt.noBoot {
		m.mu.Lock()
		m.off = off
		m.mu.Unlock()
		m.setConnected(cfg)
		m.setPower(poweredOn)
		if err := m.lab.ssh.boot(m); err != nil {
			m.stop()
			return err
		}
		go m.watchGuest(off)
		return nil
	}
	args, err := m.arguments(cfg)
	if err != nil {
		return m.cannotStart(err)
	}
	q, err := m.lab.startQEMU(m.vm.Self.Value, args)
	if err != nil {
		return m.cannotStart(err)
	}
	m.mu.Lock()
	m.qemu, m.off = q, off
	m.mu.Unlock()
	m.setConnected(cfg)
	m.setPower(poweredOn)
	go m.mind(q)
	go m.watchGuest(off)
	return nil
}

// mind waits for the end of QEMU. One that stops running by itself under KVM is started anew, emulated:
// to the guest it is a reset.
func (m *machine) mind(q *qemu) {
	select {
	case <-q.paused: // an internal error, or a disk of this machine that is full
		log.Printf("%s: QEMU stopped running: %s", m.vm.Self.Value, q.stderr)
		if m.lab.accel() == "kvm" && m.lab.opt.accel == "auto" {
			m.lab.mistrustKVM()
			if m.replace(q) {
				return
			}
		}
		q.kill()
	case <-q.ended:
	}
	m.ended(q)
}

// replace starts another QEMU in the place of one that is of no use.
func (m *machine) replace(old *qemu) bool {
	old.kill() // it holds the disks and the port
	args, err := m.arguments(m.config())
	if err != nil {
		return false
	}
	q, err := m.lab.startQEMU(m.vm.Self.Value, args)
	if err != nil {
		log.Printf("%s: %v", m.vm.Self.Value, err)
		return false
	}
	m.mu.Lock()
	current := m.qemu == old
	if current {
		m.qemu = q
	}
	m.mu.Unlock()
	if !current { // powered off meanwhile
		q.kill()
		return true
	}
	go m.mind(q)
	return true
}

// running is the machine's QEMU, or nil.
func (m *machine) running() *qemu {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.qemu
}

// cannotStart tells why, in the fault a vCenter has for it.
func (m *machine) cannotStart(err error) error {
	if f, ok := err.(*vimFault); ok {
		return f
	}
	return faultf(&types.GenericVmConfigFault{Reason: err.Error()}, "Failed to power on virtual machine %s: %v", m.name(), err)
}

func (m *machine) setConnected(cfg *types.VirtualMachineConfigInfo) {
	m.change(func(vm *mo.VirtualMachine) {
		c := *vm.Config
		c.Hardware.Device = cfg.Hardware.Device
		vm.Config = &c
	}, "config.hardware.device")
}

// ended notes that QEMU is gone: because it was told to, or because the guest powered itself off. It returns when that is told.
func (m *machine) ended(q *qemu) {
	m.ending.Lock()
	defer m.ending.Unlock()
	m.mu.Lock()
	current := m.qemu == q
	if current {
		m.qemu = nil
		close(m.off)
	}
	m.mu.Unlock()
	if current {
		m.afterOff()
	}
}

func (m *machine) afterOff() {
	m.mu.Lock()
	m.guestUp = false
	if m.answer != nil {
		close(m.answer)
		m.answer = nil
	}
	m.mu.Unlock()
	cfg := m.config()
	for _, d := range cfg.Hardware.Device {
		if c := d.GetVirtualDevice().Connectable; c != nil {
			c.Connected, c.Status = false, "untried"
		}
	}
	m.setConnected(cfg)
	m.setPower(poweredOff)
}

// stop powers the machine off, whatever it is doing.
func (m *machine) stop() {
	if m.lab.opt.noBoot {
		m.stopUnbooted(m.powerOn())
	} else if q := m.running(); q != nil {
		q.kill()
		m.ended(q)
	}
}

// stopUnbooted ends a power-on in no-boot mode, if it lasts. It returns when that is told.
func (m *machine) stopUnbooted(on chan struct{}) {
	m.during(on, func() {
		m.mu.Lock()
		m.off = nil
		m.mu.Unlock()
		close(on)
		m.lab.ssh.unlisten(m)
		m.afterOff()
	})
}

// during runs f if this power-on still lasts in no-boot mode; it does not end meanwhile.
func (m *machine) during(on chan struct{}, f func()) {
	m.ending.Lock()
	defer m.ending.Unlock()
	if on != nil && m.powerOn() == on {
		f()
	}
}

// powerOn is the present power-on: a channel that is closed when it ends.
func (m *machine) powerOn() chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.off
}

// kill is stop without telling anybody, for the end of the lab.
func (m *machine) kill() {
	if q := m.running(); q != nil {
		q.kill()
	}
}

func powerOn(c *call) (interface{}, error) {
	m, err := c.machine()
	if err != nil {
		return nil, err
	}
	ref := m.task(c, "powerOn", func(*task) (types.AnyType, error) { return nil, m.start() })
	return &types.PowerOnVM_TaskResponse{Returnval: ref}, nil
}

// powerOnMulti is Datacenter.PowerOnMultiVM_Task: without DRS it is a power-on of each.
func powerOnMulti(c *call) (interface{}, error) {
	req := c.method.Body.(*types.PowerOnMultiVM_Task)
	ref := c.startTask(c.method.This, "powerOnMultiVM", func(*task) (types.AnyType, error) {
		result := types.ClusterPowerOnVmResult{}
		for _, vm := range req.Vm {
			m := c.lab.machineOf(vm)
			if m == nil {
				return nil, gone(vm)
			}
			vm := vm
			attempt := c.startTask(m.vm, "powerOn", func(*task) (types.AnyType, error) {
				if err := m.hold(); err != nil {
					return nil, err
				}
				defer m.release()
				return nil, m.start()
			})
			result.Attempted = append(result.Attempted, types.ClusterAttemptedVmInfo{Vm: vm, Task: &attempt})
		}
		return result, nil
	})
	return &types.PowerOnMultiVM_TaskResponse{Returnval: ref}, nil
}

func powerOff(c *call) (interface{}, error) {
	m, err := c.machine()
	if err != nil {
		return nil, err
	}
	ref := c.startTask(m.vm, "powerOff", func(*task) (types.AnyType, error) {
		m.dismiss() // a pending question does not keep a machine on
		if err := m.hold(); err != nil {
			return nil, err
		}
		defer m.release()
		if err := m.mustBe(poweredOn); err != nil {
			return nil, err
		}
		m.stop()
		return nil, nil
	})
	return &types.PowerOffVM_TaskResponse{Returnval: ref}, nil
}

func resetVM(c *call) (interface{}, error) {
	m, err := c.machine()
	if err != nil {
		return nil, err
	}
	ref := m.task(c, "reset", func(*task) (types.AnyType, error) {
		if err := m.mustBe(poweredOn); err != nil {
			return nil, err
		}
		return nil, m.reset()
	})
	return &types.ResetVM_TaskResponse{Returnval: ref}, nil
}

func (m *machine) reset() error {
	q := m.running()
	if q == nil {
		return nil
	}
	_, err := q.command("system_reset", nil)
	return err
}

// toolsNeeded is the check of the methods that ask the guest.
func (m *machine) toolsNeeded() error {
	if err := m.mustBe(poweredOn); err != nil {
		return err
	}
	running := false
	m.look(func(vm *mo.VirtualMachine) { running = vm.Guest.ToolsRunningStatus == toolsRunning })
	if !running {
		return faultf(&types.ToolsUnavailable{}, "Cannot complete operation because VMware Tools is not running in this virtual machine.")
	}
	return nil
}

// shutdownGuest presses the power button; the guest does the rest.
func shutdownGuest(c *call) (interface{}, error) {
	m, err := c.machine()
	if err == nil {
		err = m.toolsNeeded()
	}
	if err != nil {
		return nil, err
	}
	if m.lab.opt.noBoot {
		go m.guestOff(m.powerOn(), 300*time.Millisecond)
		return &types.ShutdownGuestResponse{}, nil
	}
	q := m.running()
	if q == nil {
		return nil, fmt.Errorf("the machine is gone")
	}
	if _, err := q.command("system_powerdown", nil); err != nil {
		return nil, err
	}
	go q.keepPressing()
	return &types.ShutdownGuestResponse{}, nil
}

// keepPressing presses the power button again while the machine is on: ssh may answer before the guest
// looks at the button, where VMware's tools would have it from the start.
func (q *qemu) keepPressing() {
	for i := 0; i < 60; i++ {
		select {
		case <-q.ended:
			return
		case <-time.After(5 * time.Second):
			_, _ = q.command("system_powerdown", nil)
		}
	}
}

// guestOff is a guest that takes a moment to shut down, in no-boot mode.
func (m *machine) guestOff(on chan struct{}, after time.Duration) {
	time.Sleep(after)
	m.stopUnbooted(on)
}

// rebootGuest resets: QEMU has no button that makes a guest reboot.
func rebootGuest(c *call) (interface{}, error) {
	m, err := c.machine()
	if err == nil {
		err = m.toolsNeeded()
	}
	if err == nil {
		err = m.reset()
	}
	if err != nil {
		return nil, err
	}
	return &types.RebootGuestResponse{}, nil
}
