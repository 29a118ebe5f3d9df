package main

import (
	"os"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

func removeSnapshot(c *call) (interface{}, error) {
	m, s, err := c.owner()
	if err != nil {
		return nil, err
	}
	children := c.method.Body.(*types.RemoveSnapshot_Task).RemoveChildren
	ref := c.startTask(s, "removeSnapshot", func(*task) (types.AnyType, error) {
		if err := m.hold(); err != nil {
			return nil, err
		}
		defer m.release()
		return nil, m.forget(func(t *types.VirtualMachineSnapshotTree) (bool, bool) { return t.Snapshot == s.Self, children })
	})
	return &types.RemoveSnapshot_TaskResponse{Returnval: ref}, nil
}

func removeAllSnapshots(c *call) (interface{}, error) {
	m, err := c.machine()
	if err != nil {
		return nil, err
	}
	ref := m.task(c, "removeAllSnapshots", func(*task) (types.AnyType, error) {
		return nil, m.forget(func(*types.VirtualMachineSnapshotTree) (bool, bool) { return true, true })
	})
	return &types.RemoveAllSnapshots_TaskResponse{Returnval: ref}, nil
}

// forget takes snapshots out of the tree (choose says which, and whether with their children), then
// merges the disks that only they kept apart.
func (m *machine) forget(choose func(*types.VirtualMachineSnapshotTree) (bool, bool)) error {
	info := m.tree()
	if info == nil {
		return nil
	}
	var removed []types.ManagedObjectReference
	var prune func(list []types.VirtualMachineSnapshotTree, parent *types.ManagedObjectReference, all bool) []types.VirtualMachineSnapshotTree
	prune = func(list []types.VirtualMachineSnapshotTree, parent *types.ManagedObjectReference, all bool) []types.VirtualMachineSnapshotTree {
		var kept []types.VirtualMachineSnapshotTree
		for _, t := range list {
			t := t
			hit, children := choose(&t)
			hit = hit || all
			above := &t.Snapshot
			if hit {
				removed = append(removed, t.Snapshot)
				above = parent
				if info.CurrentSnapshot != nil && *info.CurrentSnapshot == t.Snapshot {
					info.CurrentSnapshot = parent
				}
			}
			below := prune(t.ChildSnapshotList, above, all || (hit && children))
			if hit {
				kept = append(kept, below...)
			} else {
				t.ChildSnapshotList = below
				kept = append(kept, t)
			}
		}
		return kept
	}
	info.RootSnapshotList = prune(info.RootSnapshotList, nil, false)
	if len(info.RootSnapshotList) == 0 {
		info = nil
	}
	m.setTree(info)
	for _, ref := range removed {
		if s, ok := simulator.Map.Get(ref).(*simulator.VirtualMachineSnapshot); ok {
			config := s.Config
			simulator.Map.Remove(ref)
			defer m.dropUnused(&config)
		}
	}
	if m.power() != poweredOff {
		return nil // disks of a running machine are merged when it is off; until then the chain is longer
	}
	return m.consolidate()
}

// consolidate merges each disk into its parent as long as nothing else needs the parent as it is.
func (m *machine) consolidate() error {
	cfg := m.config()
	for _, d := range disksOf(cfg) {
		for b := flat(d); b.Parent != nil; {
			parent, err := m.lab.local(b.Parent.FileName)
			if err != nil {
				return err
			}
			if m.others(b.Parent.FileName) {
				break
			}
			child, err := m.lab.local(b.FileName)
			if err != nil {
				return err
			}
			if err := qemuImg("commit", "-q", qcow2Of(child)); err != nil {
				return err
			}
			removeDisk(child)
			if _, err := os.Stat(parent); err != nil {
				return err
			}
			*b = *b.Parent
		}
	}
	m.install(cfg)
	return nil
}

// others tells whether a disk is used by another VM or by a snapshot of this one.
func (m *machine) others(name string) bool {
	file, err := m.lab.local(name)
	if err != nil {
		return true
	}
	if m.lab.filesInUse(m)[qcow2Of(file)] {
		return true
	}
	for _, cfg := range m.allConfigs()[1:] {
		for _, d := range disksOf(cfg) {
			for _, n := range chain(flat(d)) {
				if n == name {
					return true
				}
			}
		}
	}
	return false
}
