package main

import (
	"os"
	"path"
	"strings"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

const childMove = string(types.VirtualMachineRelocateDiskMoveOptionsCreateNewChildDiskBacking)

// cloning is one CloneVM_Task on its way.
type cloning struct {
	lab    *Lab
	source *machine
	from   *types.VirtualMachineConfigInfo // of the VM or of the snapshot
	spec   *types.VirtualMachineCloneSpec
	linked bool
	at     *place
	task   *task
}

// cloneVM is CloneVM_Task, full and linked, of machines and templates.
func cloneVM(c *call) (interface{}, error) {
	m, err := c.machine()
	if err != nil {
		return nil, err
	}
	if c.lab.inv.esx {
		return nil, faultf(&types.NotSupported{}, "The operation is not supported on the object.")
	}
	req := c.method.Body.(*types.CloneVM_Task)
	ref := m.task(c, "clone", func(t *task) (types.AnyType, error) {
		cl := &cloning{lab: c.lab, source: m, spec: &req.Spec, task: t}
		clone, err := cl.run(req.Folder, req.Name)
		if err != nil {
			return nil, err
		}
		return clone.vm.Self, nil
	})
	return &types.CloneVM_TaskResponse{Returnval: ref}, nil
}

func (cl *cloning) run(folder types.ManagedObjectReference, name string) (*machine, error) {
	if err := cl.check(folder); err != nil {
		return nil, err
	}
	cfg := deepCopy(cl.from).(*types.VirtualMachineConfigInfo)
	fresh := newConfig(false)
	cfg.Uuid, cfg.InstanceUuid, cfg.LocationId = fresh.Uuid, fresh.InstanceUuid, fresh.LocationId
	cfg.Template = cl.spec.Template
	e := &edit{cfg: cfg, host: cl.at.host, create: true}
	m, err := cl.lab.newVM(name, inDatastore(""), cl.at, cfg, func(cfg *types.VirtualMachineConfigInfo) error {
		return cl.fill(e)
	})
	if err != nil {
		return nil, err
	}
	if cl.spec.PowerOn && !cl.spec.Template {
		if err := m.start(); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// check resolves where the clone goes and what it is made of.
func (cl *cloning) check(folder types.ManagedObjectReference) error {
	where := cl.spec.Location
	cl.from = cl.source.config()
	pool, host := where.Pool, where.Host
	if pool == nil && !cl.spec.Template {
		cl.source.look(func(vm *mo.VirtualMachine) { pool = vm.ResourcePool })
		if pool == nil { // a template has none to inherit
			return invalidArgument("spec.location.pool")
		}
	}
	if cl.spec.Template {
		pool = nil
	}
	var err error
	if cl.at, err = newPlace(folder, pool, host); err != nil {
		return err
	}
	if ref := where.Datastore; ref != nil && *ref != cl.lab.inv.datastore.Self {
		return gone(*ref)
	}
	if cl.spec.Snapshot != nil {
		s, ok := simulator.Map.Get(*cl.spec.Snapshot).(*simulator.VirtualMachineSnapshot)
		if !ok || s.Vm != cl.source.vm.Self {
			return invalidArgument("spec.snapshot")
		}
		cl.from = deepCopy(&s.Config).(*types.VirtualMachineConfigInfo)
	}
	cl.linked = where.DiskMoveType == childMove
	if cl.linked && cl.spec.Snapshot == nil {
		return invalidArgument("spec.snapshot")
	}
	if where.DiskMoveType != "" && !cl.linked && !strings.HasPrefix(where.DiskMoveType, "move") {
		return invalidArgument("spec.location.diskMoveType")
	}
	return nil
}

// fill gives the clone disks and cards of its own, then applies what the specification changes.
func (cl *cloning) fill(e *edit) error {
	cfg := e.cfg
	l := cl.lab
	home, err := datastorePath(cfg.Files.VmPathName)
	if err != nil {
		return err
	}
	disks := disksOf(cfg)
	for i, d := range disks {
		b := flat(d)
		source := *b
		b.FileName = l.newDiskName(path.Dir(home.Path), cfg.Name)
		b.Uuid = diskUUID()
		if cl.linked {
			b.Parent, b.ThinProvisioned = &source, types.NewBool(true)
			err = l.createDisk(b.FileName, source.FileName, d.CapacityInBytes)
		} else {
			b.Parent = nil
			if !*source.ThinProvisioned && d.CapacityInBytes > l.free() || l.free() <= 1<<20 {
				return l.noSpace()
			}
			err = l.copyDisk(source.FileName, b.FileName, d.CapacityInBytes)
		}
		if err != nil {
			return err
		}
		cl.task.progress(int32(90 * (i + 1) / len(disks)))
	}
	for _, d := range cfg.Hardware.Device {
		if card, ok := d.(types.BaseVirtualEthernetCard); ok {
			if c := card.GetVirtualEthernetCard(); c.AddressType != "manual" {
				c.MacAddress, c.AddressType = newMAC(), "assigned"
			}
		}
		if c := d.GetVirtualDevice().Connectable; c != nil {
			c.Connected, c.Status = false, "untried"
		}
	}
	if cfg.Firmware == "efi" {
		if err := l.copyNVRAM(cl.from, cfg); err != nil {
			return err
		}
	}
	if err := l.applySpec(e, &types.VirtualMachineConfigSpec{DeviceChange: cl.spec.Location.DeviceChange}); err != nil {
		return err
	}
	if cl.spec.Config == nil {
		return nil
	}
	spec := deepCopy(cl.spec.Config).(*types.VirtualMachineConfigSpec)
	spec.Name, spec.Files = "", nil // the clone's name is the method's argument
	return l.applySpec(e, spec)
}

func (l *Lab) copyNVRAM(from, to *types.VirtualMachineConfigInfo) error {
	src, err := l.local(strings.TrimSuffix(from.Files.VmPathName, ".vmx") + ".nvram")
	if err != nil {
		return err
	}
	dst, err := l.local(strings.TrimSuffix(to.Files.VmPathName, ".vmx") + ".nvram")
	if err != nil {
		return err
	}
	data, err := os.ReadFile(src)
	if err != nil {
		return nil // never powered on, and its file gone: the clone starts anew
	}
	return os.WriteFile(dst, data, 0o600)
}
