package main

import (
	"path"
	"strings"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// allConfigs are the VM's configuration and those of its snapshots.
func (m *machine) allConfigs() []*types.VirtualMachineConfigInfo {
	list := []*types.VirtualMachineConfigInfo{m.config()}
	for _, ref := range m.snapshots() {
		if s, ok := simulator.Map.Get(ref).(*simulator.VirtualMachineSnapshot); ok {
			list = append(list, deepCopy(&s.Config).(*types.VirtualMachineConfigInfo))
		}
	}
	return list
}

// tree is a copy of the VM's snapshots; nil without any.
func (m *machine) tree() (info *types.VirtualMachineSnapshotInfo) {
	m.look(func(vm *mo.VirtualMachine) {
		if vm.Snapshot != nil {
			info = deepCopy(vm.Snapshot).(*types.VirtualMachineSnapshotInfo)
		}
	})
	return
}

// walkTree visits every snapshot, parents before children.
func walkTree(list []types.VirtualMachineSnapshotTree, f func(*types.VirtualMachineSnapshotTree)) {
	for i := range list {
		f(&list[i])
		walkTree(list[i].ChildSnapshotList, f)
	}
}

func (m *machine) snapshots() []types.ManagedObjectReference {
	var refs []types.ManagedObjectReference
	if info := m.tree(); info != nil {
		walkTree(info.RootSnapshotList, func(t *types.VirtualMachineSnapshotTree) { refs = append(refs, t.Snapshot) })
	}
	return refs
}

func (m *machine) setTree(info *types.VirtualMachineSnapshotInfo) {
	names := []string{"snapshot", "rootSnapshot"}
	if info != nil {
		names = append(names, "snapshot.currentSnapshot", "snapshot.rootSnapshotList")
	}
	m.change(func(vm *mo.VirtualMachine) {
		vm.Snapshot = info
		vm.RootSnapshot = nil
		if info != nil {
			for _, t := range info.RootSnapshotList {
				vm.RootSnapshot = append(vm.RootSnapshot, t.Snapshot)
			}
		}
	}, names...)
}

// branch puts a new child on top of every disk of cfg, which stays as it is; cfg then names the children.
func (m *machine) branch(cfg *types.VirtualMachineConfigInfo, live bool) error {
	var made []string
	for _, d := range disksOf(cfg) {
		b := flat(d)
		parent := *b
		p, err := datastorePath(b.FileName)
		if err != nil {
			return err
		}
		stem := strings.TrimSuffix(path.Base(p.Path), ".vmdk")
		if i := len(stem) - 7; i > 0 && stem[i] == '-' && strings.Trim(stem[i+1:], "0123456789") == "" {
			stem = stem[:i] // a child of a child is numbered on, not stacked
		}
		name := m.lab.newChildName(m.dir(), stem)
		if err := m.lab.createDisk(name, b.FileName, d.CapacityInBytes); err == nil {
			made = append(made, name)
			err = m.switchDisk(d.Key, name, live)
		} else {
			(&edit{made: made}).undo(m.lab)
			return err
		}
		b.FileName, b.Parent = name, &parent
		b.Uuid = diskUUID()
		b.ThinProvisioned = types.NewBool(true)
	}
	return nil
}

// switchDisk makes a running QEMU write to the child.
func (m *machine) switchDisk(key int32, name string, live bool) error {
	q := m.running()
	if !live || q == nil {
		return nil
	}
	file, err := m.lab.local(name)
	if err != nil {
		return err
	}
	_, err = q.command("blockdev-snapshot-sync", map[string]interface{}{
		"device": driveID(key), "snapshot-file": qcow2Of(file), "format": "qcow2", "mode": "existing"})
	return err
}

// createSnapshot is CreateSnapshot_Task and CreateSnapshotEx_Task; memory is not kept.
func createSnapshot(c *call) (interface{}, error) {
	m, err := c.machine()
	if err != nil {
		return nil, err
	}
	var name, text string
	quiesce, ex := false, false
	switch b := c.method.Body.(type) {
	case *types.CreateSnapshot_Task:
		name, text, quiesce = b.Name, b.Description, b.Quiesce
	case *types.CreateSnapshotEx_Task:
		name, text, ex = b.Name, b.Description, true
		quiesce = b.QuiesceSpec != nil
	}
	ref := m.task(c, "createSnapshot", func(*task) (types.AnyType, error) {
		return m.takeSnapshot(name, text, quiesce)
	})
	if ex {
		return &types.CreateSnapshotEx_TaskResponse{Returnval: ref}, nil
	}
	return &types.CreateSnapshot_TaskResponse{Returnval: ref}, nil
}

func (m *machine) takeSnapshot(name, text string, quiesce bool) (types.AnyType, error) {
	frozen := m.config()
	if frozen.Template {
		return nil, faultf(&types.NotSupported{}, "The operation is not supported on the object.")
	}
	cfg := m.config()
	if err := m.branch(cfg, true); err != nil {
		return nil, err
	}
	s := &simulator.VirtualMachineSnapshot{}
	s.Vm, s.Config = m.vm.Self, *frozen
	simulator.Map.Put(s)
	m.mu.Lock()
	m.snapshot++
	id := m.snapshot
	m.mu.Unlock()
	item := types.VirtualMachineSnapshotTree{
		Snapshot: s.Self, Vm: m.vm.Self, Name: name, Description: text, Id: id, CreateTime: *now(),
		State: m.power(), Quiesced: quiesce, ReplaySupported: types.NewBool(false),
	}
	info := m.tree()
	if info == nil {
		info = &types.VirtualMachineSnapshotInfo{}
	}
	if info.CurrentSnapshot == nil {
		info.RootSnapshotList = append(info.RootSnapshotList, item)
	}
	walkTree(info.RootSnapshotList, func(t *types.VirtualMachineSnapshotTree) {
		if info.CurrentSnapshot != nil && t.Snapshot == *info.CurrentSnapshot {
			t.ChildSnapshotList = append(t.ChildSnapshotList, item)
		}
	})
	info.CurrentSnapshot = &s.Self
	m.install(cfg)
	m.setTree(info)
	return s.Self, nil
}

// owner is the machine of the snapshot the call is about.
func (c *call) owner() (*machine, *simulator.VirtualMachineSnapshot, error) {
	s, ok := simulator.Map.Get(c.method.This).(*simulator.VirtualMachineSnapshot)
	if !ok {
		return nil, nil, gone(c.method.This)
	}
	m := c.lab.machineOf(s.Vm)
	if m == nil {
		return nil, nil, gone(s.Vm)
	}
	return m, s, nil
}

func revertToSnapshot(c *call) (interface{}, error) {
	m, s, err := c.owner()
	if err != nil {
		return nil, err
	}
	ref := m.task(c, "revertToSnapshot", func(*task) (types.AnyType, error) { return nil, m.revert(s) })
	return &types.RevertToSnapshot_TaskResponse{Returnval: ref}, nil
}

func revertToCurrent(c *call) (interface{}, error) {
	m, err := c.machine()
	if err != nil {
		return nil, err
	}
	info := m.tree()
	if info == nil || info.CurrentSnapshot == nil {
		return nil, faultf(&types.NotFound{}, "The object or item referred to could not be found.")
	}
	s := simulator.Map.Get(*info.CurrentSnapshot).(*simulator.VirtualMachineSnapshot)
	ref := m.task(c, "revertToSnapshot", func(*task) (types.AnyType, error) { return nil, m.revert(s) })
	return &types.RevertToCurrentSnapshot_TaskResponse{Returnval: ref}, nil
}

// revert throws the present disks away and starts new ones from the snapshot's; without memory the
// machine is then off.
func (m *machine) revert(s *simulator.VirtualMachineSnapshot) error {
	m.stop()
	old := m.config()
	cfg := deepCopy(&s.Config).(*types.VirtualMachineConfigInfo)
	cfg.Name, cfg.Template = old.Name, false
	if err := m.branch(cfg, false); err != nil {
		return err
	}
	m.install(cfg)
	info := m.tree()
	ref := s.Self
	info.CurrentSnapshot = &ref
	m.setTree(info)
	m.dropUnused(old)
	return nil
}

// dropUnused removes the disks of a configuration that nothing refers to any more.
func (m *machine) dropUnused(old *types.VirtualMachineConfigInfo) {
	used := m.lab.filesInUse(nil)
	for _, d := range disksOf(old) {
		for _, name := range chain(flat(d)) {
			if file, err := m.lab.local(name); err == nil && !used[qcow2Of(file)] {
				removeDisk(file)
			}
		}
	}
}
