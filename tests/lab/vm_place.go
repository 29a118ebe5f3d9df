package main

import (
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// refList is a list of VMs that some other object keeps.
type refList struct {
	owner    mo.Reference
	property string
	list     *[]types.ManagedObjectReference
}

// lists are the lists of VMs that name this one, its folder's apart.
func (m *machine) lists() []refList {
	var all []refList
	vm := &m.vm.VirtualMachine
	if vm.ResourcePool != nil {
		switch p := simulator.Map.Get(*vm.ResourcePool).(type) {
		case *simulator.ResourcePool:
			all = append(all, refList{p, "vm", &p.Vm})
		case *mo.ResourcePool:
			all = append(all, refList{p, "vm", &p.Vm})
		}
	}
	if h, ok := simulator.Map.Get(*vm.Runtime.Host).(*simulator.HostSystem); ok {
		all = append(all, refList{h, "vm", &h.Vm})
	}
	all = append(all, refList{m.lab.inv.datastore, "vm", &m.lab.inv.datastore.Vm})
	for _, ref := range vm.Network {
		switch n := simulator.Map.Get(ref).(type) {
		case *mo.Network:
			all = append(all, refList{n, "vm", &n.Vm})
		case *simulator.DistributedVirtualPortgroup:
			all = append(all, refList{n, "vm", &n.Vm})
		}
	}
	return all
}

func (r refList) edit(f func([]types.ManagedObjectReference) []types.ManagedObjectReference) {
	simulator.Map.WithLock(r.owner, func() {
		list := f(append([]types.ManagedObjectReference(nil), *r.list...))
		simulator.Map.Update(r.owner, []types.PropertyChange{{Name: r.property, Val: list}})
	})
}

func with(ref types.ManagedObjectReference) func([]types.ManagedObjectReference) []types.ManagedObjectReference {
	return func(list []types.ManagedObjectReference) []types.ManagedObjectReference {
		if simulator.FindReference(list, ref) == nil {
			list = append(list, ref)
		}
		return list
	}
}

func without(ref types.ManagedObjectReference) func([]types.ManagedObjectReference) []types.ManagedObjectReference {
	return func(list []types.ManagedObjectReference) []types.ManagedObjectReference {
		simulator.RemoveReference(&list, ref)
		return list
	}
}

// enter makes the VM known: in its folder, and to pool, host, datastore and networks.
func (m *machine) enter(at *place) {
	// the folder first, so that views of it see the VM come
	refList{at.folder, "childEntity", &at.folder.ChildEntity}.edit(with(m.vm.Self))
	simulator.Map.PutEntity(at.folder, m.vm)
	for _, r := range m.lists() {
		r.edit(with(m.vm.Self))
	}
}

// leave is the reverse of enter.
func (m *machine) leave() {
	for _, r := range m.lists() {
		r.edit(without(m.vm.Self))
	}
	if f, ok := simulator.Map.Get(*m.vm.Parent).(*simulator.Folder); ok {
		refList{f, "childEntity", &f.ChildEntity}.edit(without(m.vm.Self))
	}
	simulator.Map.Remove(m.vm.Self)
	m.lab.dropMachine(m)
}

// vmFile are the endings of the files that belong to a VM.
var vmFile = map[string]bool{".vmx": true, ".nvram": true, ".log": true, ".vmdk": true, ".qcow2": true, ".png": true}

// removeVMFiles deletes a VM's files, but keeps disks that other VMs' disks are children of, and what
// somebody else put into its directory (a floppy's image, say), as vCenter does.
func (l *Lab) removeVMFiles(cfg *types.VirtualMachineConfigInfo, self *machine) {
	p, err := datastorePath(cfg.Files.VmPathName)
	if err != nil || path.Dir(p.Path) == "." {
		return
	}
	used := l.filesInUse(self)
	dir := filepath.Join(l.inv.datastoreDir, path.Dir(p.Path))
	files, _ := os.ReadDir(dir)
	kept := 0
	for _, f := range files {
		full := filepath.Join(dir, f.Name())
		if used[qcow2Of(full)] || !vmFile[filepath.Ext(full)] {
			kept++
			continue
		}
		_ = os.RemoveAll(full)
	}
	if kept == 0 {
		_ = os.Remove(dir)
	}
	for _, d := range disksOf(cfg) { // disks elsewhere
		if file, err := l.local(diskFile(d)); err == nil && filepath.Dir(file) != dir && !used[qcow2Of(file)] {
			removeDisk(file)
		}
	}
}

// qcow2Of is the image that stands beside the VMDK of the API.
func qcow2Of(vmdk string) string {
	return strings.TrimSuffix(strings.TrimSuffix(vmdk, ".vmdk"), ".qcow2") + ".qcow2"
}
