package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// edit is one change of a configuration: a copy, put back only when all of it went well.
type edit struct {
	cfg    *types.VirtualMachineConfigInfo
	host   *simulator.HostSystem
	m      *machine // nil while it is being created
	create bool
	on     bool
	made   []string        // VMDKs made, to remove if the change fails
	drop   []string        // VMDKs to remove once it is done
	keys   map[int32]int32 // keys of the specification to the real ones
}

func badConfig(property, message string) error {
	return faultf(&types.InvalidVmConfig{Property: property}, "Invalid virtual machine configuration. %s", message)
}

// applySpec changes e.cfg as the specification says, with a vCenter's strictness.
func (l *Lab) applySpec(e *edit, spec *types.VirtualMachineConfigSpec) error {
	cfg := e.cfg
	if spec.ChangeVersion != "" && spec.ChangeVersion != cfg.ChangeVersion {
		return faultf(&types.ConcurrentAccess{}, "The operation cannot be completed because of concurrent access.")
	}
	if err := checkGuestID(spec.GuestId); err != nil {
		return err
	}
	if err := e.hardware(spec); err != nil {
		return err
	}
	for _, s := range []struct {
		dst *string
		src string
	}{
		{&cfg.GuestId, spec.GuestId}, {&cfg.AlternateGuestName, spec.AlternateGuestName}, {&cfg.Annotation, spec.Annotation},
		{&cfg.Uuid, spec.Uuid}, {&cfg.InstanceUuid, spec.InstanceUuid}, {&cfg.LocationId, spec.LocationId}, {&cfg.Name, spec.Name},
		{&cfg.SwapPlacement, spec.SwapPlacement},
	} {
		if s.src != "" {
			*s.dst = s.src
		}
	}
	cfg.GuestFullName = guestFullName(cfg.GuestId)
	for _, b := range []struct{ dst, src **bool }{
		{&cfg.NestedHVEnabled, &spec.NestedHVEnabled}, {&cfg.CpuHotAddEnabled, &spec.CpuHotAddEnabled},
		{&cfg.CpuHotRemoveEnabled, &spec.CpuHotRemoveEnabled}, {&cfg.MemoryHotAddEnabled, &spec.MemoryHotAddEnabled},
		{&cfg.MemoryReservationLockedToMax, &spec.MemoryReservationLockedToMax}, {&cfg.ChangeTrackingEnabled, &spec.ChangeTrackingEnabled},
		{&cfg.GuestAutoLockEnabled, &spec.GuestAutoLockEnabled}, {&cfg.MessageBusTunnelEnabled, &spec.MessageBusTunnelEnabled},
	} {
		if *b.src != nil {
			*b.dst = *b.src
		}
	}
	if spec.Flags != nil {
		merge(&cfg.Flags, spec.Flags)
	}
	if spec.Tools != nil {
		merge(cfg.Tools, spec.Tools)
	}
	if spec.CpuAllocation != nil {
		merge(cfg.CpuAllocation, spec.CpuAllocation)
	}
	if spec.MemoryAllocation != nil {
		merge(cfg.MemoryAllocation, spec.MemoryAllocation)
	}
	if spec.LatencySensitivity != nil {
		cfg.LatencySensitivity = spec.LatencySensitivity
	}
	if spec.ManagedBy != nil {
		cfg.ManagedBy = spec.ManagedBy
	}
	if err := l.applyDevices(e, spec.DeviceChange); err != nil {
		e.undo(l)
		return err
	}
	if err := e.boot(spec.BootOptions); err != nil {
		e.undo(l)
		return err
	}
	cfg.ExtraConfig = mergeExtra(cfg.ExtraConfig, spec.ExtraConfig)
	return nil
}

func (e *edit) undo(l *Lab) {
	for _, name := range e.made {
		if file, err := l.local(name); err == nil {
			removeDisk(file)
		}
	}
}

// hardware checks and takes processors, memory, firmware and version.
func (e *edit) hardware(spec *types.VirtualMachineConfigSpec) error {
	hw := &e.cfg.Hardware
	if spec.NumCPUs < 0 || spec.NumCPUs > 128 {
		return invalidArgument("configSpec.numCPUs")
	}
	if spec.MemoryMB < 0 || spec.MemoryMB%4 != 0 || spec.MemoryMB > 6<<20 {
		return invalidArgument("configSpec.memoryMB")
	}
	changes := (spec.NumCPUs != 0 && spec.NumCPUs != hw.NumCPU) || (spec.MemoryMB != 0 && spec.MemoryMB != int64(hw.MemoryMB)) ||
		(spec.NumCoresPerSocket != 0 && spec.NumCoresPerSocket != hw.NumCoresPerSocket) ||
		(spec.Firmware != "" && spec.Firmware != e.cfg.Firmware)
	if e.on && changes {
		return faultf(&types.InvalidPowerState{RequestedState: "poweredOff", ExistingState: "poweredOn"},
			"The attempted operation cannot be performed in the current state (Powered on).")
	}
	if spec.NumCPUs != 0 {
		hw.NumCPU = spec.NumCPUs
	}
	if spec.NumCoresPerSocket != 0 {
		hw.NumCoresPerSocket = spec.NumCoresPerSocket
	}
	if hw.NumCoresPerSocket < 1 || hw.NumCPU%hw.NumCoresPerSocket != 0 {
		return badConfig("configSpec.numCoresPerSocket", "The number of processors is no multiple of the cores per socket.")
	}
	if spec.MemoryMB != 0 {
		hw.MemoryMB = int32(spec.MemoryMB)
	}
	switch spec.Firmware {
	case "", "bios", "efi":
	default:
		return invalidArgument("configSpec.firmware")
	}
	if spec.Firmware != "" {
		e.cfg.Firmware = spec.Firmware
	}
	if spec.Version != "" {
		n, err := strconv.Atoi(strings.TrimPrefix(spec.Version, "vmx-"))
		newest, _ := strconv.Atoi(strings.TrimPrefix(newConfig(simulator.Map.IsESX()).Version, "vmx-"))
		if err != nil || !strings.HasPrefix(spec.Version, "vmx-") || n < 4 || n > newest {
			return faultf(&types.VirtualHardwareVersionNotSupported{HostName: e.host.Name, Host: e.host.Self},
				"Virtual machine hardware version '%s' is not supported by the host '%s'.", spec.Version, e.host.Name)
		}
		e.cfg.Version = spec.Version
	}
	return nil
}

// boot merges boot options. A list of one entry of the base type clears the order; no list leaves it.
func (e *edit) boot(o *types.VirtualMachineBootOptions) error {
	if o == nil {
		return nil
	}
	b := e.cfg.BootOptions
	order := b.BootOrder
	merge(b, o)
	b.BootOrder = order
	if b.EfiSecureBootEnabled != nil && *b.EfiSecureBootEnabled && e.cfg.Firmware != "efi" {
		return badConfig("msg.hostd.configSpec.efi", "Secure boot requires EFI firmware.")
	}
	if len(o.BootOrder) == 0 {
		return nil
	}
	b.BootOrder = nil
	for _, entry := range o.BootOrder {
		var key int32
		switch d := entry.(type) {
		case *types.VirtualMachineBootOptionsBootableDiskDevice:
			d.DeviceKey = e.realKey(d.DeviceKey)
			key = d.DeviceKey
		case *types.VirtualMachineBootOptionsBootableEthernetDevice:
			d.DeviceKey = e.realKey(d.DeviceKey)
			key = d.DeviceKey
		case *types.VirtualMachineBootOptionsBootableCdromDevice, *types.VirtualMachineBootOptionsBootableFloppyDevice:
		default: // the base type, or nothing
			if len(o.BootOrder) != 1 {
				return invalidArgument("configSpec.bootOptions.bootOrder")
			}
			return nil
		}
		if key != 0 && e.find(key) == nil {
			return invalidArgument("configSpec.bootOptions.bootOrder")
		}
		b.BootOrder = append(b.BootOrder, entry)
	}
	return nil
}

// covered are the keys of extraConfig that fields of the specification stand for: ignored, silently.
var covered = map[string]bool{
	"displayname": true, "memsize": true, "numvcpus": true, "guestos": true, "firmware": true, "annotation": true,
	"uuid.bios": true, "vc.uuid": true, "virtualhw.version": true, "cpuid.corespersocket": true, "bios.bootorder": true,
}

// mergeExtra sets the given keys and removes those whose new value is empty.
func mergeExtra(have, change []types.BaseOptionValue) []types.BaseOptionValue {
	for _, o := range change {
		opt := *o.GetOptionValue()
		if covered[strings.ToLower(opt.Key)] {
			continue
		}
		list := have[:0:0]
		found := false
		for _, old := range have {
			if old.GetOptionValue().Key != opt.Key {
				list = append(list, old)
			} else if opt.Value != "" {
				found = true
				list = append(list, &types.OptionValue{Key: opt.Key, Value: fmt.Sprint(opt.Value)})
			}
		}
		if !found && opt.Value != "" && opt.Value != nil {
			list = append(list, &types.OptionValue{Key: opt.Key, Value: fmt.Sprint(opt.Value)})
		}
		have = list
	}
	return have
}

// reconfigVM is VirtualMachine.ReconfigVM_Task.
func reconfigVM(c *call) (interface{}, error) {
	m, err := c.machine()
	if err != nil {
		return nil, err
	}
	spec := &c.method.Body.(*types.ReconfigVM_Task).Spec
	ref := m.task(c, "reconfigure", func(*task) (types.AnyType, error) {
		return nil, m.reconfigure(spec)
	})
	return &types.ReconfigVM_TaskResponse{Returnval: ref}, nil
}

func (m *machine) reconfigure(spec *types.VirtualMachineConfigSpec) error {
	e := &edit{cfg: m.config(), m: m, on: m.power() == types.VirtualMachinePowerStatePoweredOn}
	m.look(func(vm *mo.VirtualMachine) { e.host = simulator.Map.Get(*vm.Runtime.Host).(*simulator.HostSystem) })
	if e.cfg.Template && (len(spec.DeviceChange) > 0 || spec.NumCPUs != 0 || spec.MemoryMB != 0 || spec.BootOptions != nil) {
		return faultf(&types.NotSupported{}, "The operation is not supported on the object.")
	}
	if spec.Name != "" {
		folder := simulator.Map.Get(*m.vm.Parent).(*simulator.Folder)
		if err := checkName(folder, spec.Name, "configSpec.name", m.vm.Self); err != nil {
			return err
		}
	}
	if err := m.lab.applySpec(e, spec); err != nil {
		return err
	}
	if err := m.hotMedia(e.cfg); err != nil {
		e.undo(m.lab)
		return err
	}
	m.install(e.cfg)
	used := m.lab.filesInUse(nil)
	for _, name := range e.drop {
		if file, err := m.lab.local(name); err == nil && !used[qcow2Of(file)] {
			removeDisk(file)
		}
	}
	return nil
}

// install makes cfg the VM's configuration and tells whoever waits.
func (m *machine) install(cfg *types.VirtualMachineConfigInfo) {
	cfg.Modified, cfg.ChangeVersion = *now(), changeVersion()
	before := m.lists()
	m.change(func(vm *mo.VirtualMachine) {
		vm.Config, vm.Name = cfg, cfg.Name
		m.lab.summarize(vm)
	}, configProperties...)
	for _, r := range before {
		if r.owner.Reference().Type == "Network" || r.owner.Reference().Type == "DistributedVirtualPortgroup" {
			r.edit(without(m.vm.Self))
		}
	}
	for _, r := range m.lists() {
		r.edit(with(m.vm.Self))
	}
}
