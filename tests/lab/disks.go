package main

import (
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"

	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// capacity of the datastore as the API tells it; what is really there does not matter, as images are sparse.
const capacity = 512 << 30

func disksOf(cfg *types.VirtualMachineConfigInfo) []*types.VirtualDisk {
	var list []*types.VirtualDisk
	for _, d := range cfg.Hardware.Device {
		if disk, ok := d.(*types.VirtualDisk); ok {
			list = append(list, disk)
		}
	}
	return list
}

func flat(d *types.VirtualDisk) *types.VirtualDiskFlatVer2BackingInfo {
	b, _ := d.Backing.(*types.VirtualDiskFlatVer2BackingInfo)
	return b
}

// diskFile is the path of the VMDK in the datastore.
func diskFile(d *types.VirtualDisk) string {
	if b := flat(d); b != nil {
		return b.FileName
	}
	return ""
}

// free is the datastore's free space: capacity less what thick disks reserve and thin ones hold.
func (l *Lab) free() int64 {
	if l.faults.active("nospace", "") {
		return 1 << 20
	}
	var used int64
	_ = filepath.Walk(l.inv.datastoreDir, func(_ string, info os.FileInfo, err error) error {
		if err == nil && info.Mode().IsRegular() {
			used += info.Size()
		}
		return nil
	})
	for _, m := range l.allMachines() {
		m.look(func(vm *mo.VirtualMachine) {
			for _, d := range disksOf(vm.Config) {
				if b := flat(d); b != nil && (b.ThinProvisioned == nil || !*b.ThinProvisioned) && b.Parent == nil {
					used += d.CapacityInBytes
				}
			}
		})
	}
	if used > capacity {
		return 0
	}
	return capacity - used
}

func (l *Lab) noSpace() error {
	return faultf(&types.NoDiskSpace{FileFault: types.FileFault{File: inDatastore("")}, Datastore: datastoreName},
		"Insufficient disk space on datastore '%s'.", datastoreName)
}

func qemuImg(args ...string) error {
	out, err := exec.Command("qemu-img", args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("qemu-img %s: %v: %s", args[0], err, strings.TrimSpace(string(out)))
	}
	return nil
}

// createDisk makes the image and the VMDK descriptor; parent is the VMDK it is a child of, or "".
func (l *Lab) createDisk(file, parent string, size int64) error {
	vmdk, err := l.local(file)
	if err != nil {
		return err
	}
	if _, err := os.Stat(vmdk); err == nil {
		return faultf(&types.FileAlreadyExists{FileFault: types.FileFault{File: file}}, "The specified key, name, or identifier '%s' already exists.", file)
	}
	if err := os.MkdirAll(filepath.Dir(vmdk), 0o700); err != nil {
		return err
	}
	if parent == "" {
		err = qemuImg("create", "-q", "-f", "qcow2", qcow2Of(vmdk), fmt.Sprint(size))
	} else {
		var base string
		if base, err = l.local(parent); err != nil {
			return err
		}
		err = qemuImg("create", "-q", "-u", "-f", "qcow2", "-F", "qcow2", "-b", qcow2Of(base), qcow2Of(vmdk), fmt.Sprint(size))
	}
	if err != nil {
		return err
	}
	return describeDisk(vmdk, parent, size)
}

// describeDisk writes the small text file that a VMDK's name refers to.
func describeDisk(vmdk, parent string, size int64) error {
	return os.WriteFile(vmdk, []byte(fmt.Sprintf("# Disk DescriptorFile\nversion=1\ncreateType=\"vmfs\"\nparentFileNameHint=%q\nRW %d VMFS %q\n",
		parent, size/512, filepath.Base(qcow2Of(vmdk)))), 0o600)
}

func removeDisk(vmdk string) {
	_ = os.Remove(vmdk)
	_ = os.Remove(qcow2Of(vmdk))
}

// copyDisk makes a full, independent copy.
func (l *Lab) copyDisk(from, to string, size int64) error {
	src, err := l.existing(from)
	if err != nil {
		return err
	}
	dst, err := l.local(to)
	if err != nil {
		return err
	}
	if err := qemuImg("convert", "-U", "-O", "qcow2", qcow2Of(src), qcow2Of(dst)); err != nil {
		return err
	}
	return describeDisk(dst, "", size)
}

// newDiskName finds a name that is free in the directory: vm.vmdk, vm_1.vmdk, …
func (l *Lab) newDiskName(dir, stem string) string {
	for i := 0; ; i++ {
		name := stem + ".vmdk"
		if i > 0 {
			name = fmt.Sprintf("%s_%d.vmdk", stem, i)
		}
		file := filepath.Join(l.inv.datastoreDir, dir, name)
		_, noVMDK := os.Stat(file)
		_, noImage := os.Stat(qcow2Of(file))
		if noVMDK != nil && noImage != nil {
			return inDatastore(path.Join(dir, name))
		}
	}
}

// newChildName finds the name of the next delta disk: vm-000001.vmdk, …
func (l *Lab) newChildName(dir, stem string) string {
	for i := 1; ; i++ {
		name := path.Join(dir, fmt.Sprintf("%s-%06d.vmdk", stem, i))
		if _, err := os.Stat(filepath.Join(l.inv.datastoreDir, name)); err != nil {
			return inDatastore(name)
		}
	}
}

// chain lists the VMDK names of a backing, from the top to the base.
func chain(b *types.VirtualDiskFlatVer2BackingInfo) []string {
	var names []string
	for ; b != nil; b = b.Parent {
		names = append(names, b.FileName)
	}
	return names
}

// filesInUse maps every image that a VM other than self uses, its snapshots included.
func (l *Lab) filesInUse(self *machine) map[string]bool {
	used := map[string]bool{}
	for _, m := range l.allMachines() {
		if m == self {
			continue
		}
		for _, cfg := range m.allConfigs() {
			for _, d := range disksOf(cfg) {
				for _, name := range chain(flat(d)) {
					if file, err := l.local(name); err == nil {
						used[qcow2Of(file)] = true
					}
				}
			}
		}
	}
	return used
}
