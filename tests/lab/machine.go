package main

import (
	"path"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// machine is what the lab keeps of a virtual machine beside vcsim's object of it.
type machine struct {
	lab     *Lab
	vm      *simulator.VirtualMachine
	address string

	busy   chan struct{} // held by the operation under way: one at a time
	ending sync.Mutex    // held until everybody knows that the machine is off

	mu       sync.Mutex
	qemu     *qemu         // nil when off; in no-boot mode always
	off      chan struct{} // closed when the present power-on ends
	guestUp  bool
	keys     []keyTyped
	answer   chan string // of the pending question
	pending  string      // its id
	snapshot int32       // ids of snapshots given out
}

func (l *Lab) addMachine(vm *simulator.VirtualMachine) (*machine, error) {
	address, err := l.loopback.take()
	if err != nil {
		return nil, err
	}
	m := &machine{lab: l, vm: vm, address: address, busy: make(chan struct{}, 1)}
	l.mu.Lock()
	l.machines[vm.Self.Value] = m
	l.mu.Unlock()
	return m, nil
}

func (l *Lab) dropMachine(m *machine) {
	l.mu.Lock()
	delete(l.machines, m.vm.Self.Value)
	l.mu.Unlock()
	l.loopback.give(m.address)
}

func (l *Lab) machineOf(ref types.ManagedObjectReference) *machine {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.machines[ref.Value]
}

func (l *Lab) allMachines() []*machine {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []*machine
	for _, m := range l.machines {
		all = append(all, m)
	}
	sort.Slice(all, func(i, j int) bool { return all[i].vm.Self.Value < all[j].vm.Self.Value })
	return all
}

// machine finds the one the call is about.
func (c *call) machine() (*machine, error) {
	if m := c.lab.machineOf(c.method.This); m != nil {
		return m, nil
	}
	return nil, gone(c.method.This)
}

// look runs f with the VM locked against changes.
func (m *machine) look(f func(vm *mo.VirtualMachine)) {
	simulator.Map.WithLock(m.vm, func() { f(&m.vm.VirtualMachine) })
}

// change runs f with the VM locked, then tells whoever waits that the named properties changed.
func (m *machine) change(f func(vm *mo.VirtualMachine), names ...string) {
	m.look(func(vm *mo.VirtualMachine) {
		f(vm)
		changes := make([]types.PropertyChange, 0, len(names))
		for _, name := range names {
			changes = append(changes, types.PropertyChange{Name: name, Val: propertyOf(vm, strings.Split(name, "."))})
		}
		simulator.Map.Update(m.vm, changes)
	})
}

func (m *machine) name() (name string) {
	m.look(func(vm *mo.VirtualMachine) { name = vm.Name })
	return
}

func (m *machine) power() (state types.VirtualMachinePowerState) {
	m.look(func(vm *mo.VirtualMachine) { state = vm.Runtime.PowerState })
	return
}

// config returns a copy of the configuration, to change and put back.
func (m *machine) config() (cfg *types.VirtualMachineConfigInfo) {
	m.look(func(vm *mo.VirtualMachine) { cfg = deepCopy(vm.Config).(*types.VirtualMachineConfigInfo) })
	return
}

// dir is the VM's directory in the datastore.
func (m *machine) dir() (dir string) {
	m.look(func(vm *mo.VirtualMachine) {
		if p, err := datastorePath(vm.Config.Files.VmPathName); err == nil {
			dir = path.Dir(p.Path)
		}
	})
	return
}

// hold waits until no other operation is under way on the VM; release ends this one.
func (m *machine) hold() error {
	select {
	case m.busy <- struct{}{}:
		return nil
	case <-time.After(5 * time.Second):
		return faultf(&types.TaskInProgress{}, "The operation cannot be completed because another operation is in progress on this virtual machine.")
	}
}

func (m *machine) release() { <-m.busy }

// task starts a task on the machine, alone on it while it runs.
func (m *machine) task(c *call, id string, run func(*task) (types.AnyType, error)) types.ManagedObjectReference {
	return c.startTask(m.vm, id, func(t *task) (types.AnyType, error) {
		if err := m.hold(); err != nil {
			return nil, err
		}
		defer m.release()
		return run(t)
	})
}

// mustBe is the fault of an operation in the wrong power state, or nil.
func (m *machine) mustBe(want types.VirtualMachinePowerState) error {
	if now := m.power(); now != want {
		return faultf(&types.InvalidPowerState{RequestedState: want, ExistingState: now},
			"The attempted operation cannot be performed in the current state (%s).",
			map[types.VirtualMachinePowerState]string{"poweredOn": "Powered on", "poweredOff": "Powered off", "suspended": "Suspended"}[now])
	}
	return nil
}

// description is a machine as GET /lab/vms shows it.
type description struct {
	Name      string   `json:"name"`
	Moid      string   `json:"moid"`
	Power     string   `json:"power"`
	Template  bool     `json:"template"`
	Address   string   `json:"address"`
	Port      int      `json:"port"`
	PID       int      `json:"pid"`
	Tools     string   `json:"tools"`
	Keys      []int    `json:"keys"`      // HID usages typed since the machine was created
	Modifiers []int    `json:"modifiers"` // beside each: bits 0-7 for usages 0xe0-0xe7
	Typed     string   `json:"typed"`     // the same as text, where it is text
	Disks     []string `json:"disks"`
	Serial    string   `json:"serial,omitempty"`
}

func (l *Lab) describeMachines() []description {
	list := []description{}
	for _, m := range l.allMachines() {
		d := description{Moid: m.vm.Self.Value, Address: m.address, Port: l.loopback.port, Keys: []int{}, Modifiers: []int{}, Disks: []string{}}
		m.look(func(vm *mo.VirtualMachine) {
			d.Name, d.Power, d.Template, d.Tools = vm.Name, string(vm.Runtime.PowerState), vm.Config.Template, vm.Guest.ToolsRunningStatus
			for _, disk := range disksOf(vm.Config) {
				d.Disks = append(d.Disks, diskFile(disk))
			}
		})
		m.mu.Lock()
		if m.qemu != nil {
			d.PID, d.Serial = m.qemu.pid(), m.qemu.serial
		}
		for _, k := range m.keys {
			d.Keys, d.Modifiers = append(d.Keys, k.usage), append(d.Modifiers, k.modifiers)
			d.Typed += k.text()
		}
		m.mu.Unlock()
		list = append(list, d)
	}
	return list
}

// fileOwners maps directories of the datastore to the names of the VMs they belong to.
func (l *Lab) fileOwners() map[string]string {
	owners := map[string]string{}
	for _, m := range l.allMachines() {
		owners[m.dir()] = m.name()
	}
	return owners
}
