package main

import (
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// configProperties are told as changed when a configuration is put in place.
var configProperties = []string{
	"name", "network", "datastore", "snapshot", "config.name", "config.hardware.device", "config.hardware.numCPU", "config.hardware.numCoresPerSocket",
	"config.hardware.memoryMB", "config.annotation", "config.extraConfig", "config.bootOptions", "config.guestId", "config.guestFullName",
	"config.firmware", "config.version", "config.uuid", "config.instanceUuid", "config.template", "config.changeVersion",
	"config.modified", "config.files", "config.flags", "config.tools", "config.managedBy", "summary.config", "summary.storage", "layoutEx", "storage",
}

// summarize sets what follows from the configuration.
func (l *Lab) summarize(vm *mo.VirtualMachine) {
	cfg := vm.Config
	nics, disks := int32(0), int32(0)
	var networks []types.ManagedObjectReference
	for _, d := range cfg.Hardware.Device {
		if _, ok := d.(types.BaseVirtualEthernetCard); ok {
			nics++
			if ref := networkOf(d); ref != nil {
				networks = with(*ref)(networks)
			}
		}
		if _, ok := d.(*types.VirtualDisk); ok {
			disks++
		}
	}
	vm.Network = networks
	vm.Summary.Config = types.VirtualMachineConfigSummary{
		Name: cfg.Name, Template: cfg.Template, VmPathName: cfg.Files.VmPathName, MemorySizeMB: cfg.Hardware.MemoryMB,
		NumCpu: cfg.Hardware.NumCPU, NumEthernetCards: nics, NumVirtualDisks: disks, Uuid: cfg.Uuid, InstanceUuid: cfg.InstanceUuid,
		GuestId: cfg.GuestId, GuestFullName: cfg.GuestFullName, Annotation: cfg.Annotation, ManagedBy: cfg.ManagedBy,
	}
	vm.Summary.Runtime = vm.Runtime
	vm.Summary.OverallStatus = types.ManagedEntityStatusGreen
	vm.Summary.QuickStats.GuestHeartbeatStatus = types.ManagedEntityStatusGray
	summarizeGuest(vm)
	l.layout(vm)
}

// layout lists the VM's files with their sizes. A disk's extent is the image beside the descriptor.
func (l *Lab) layout(vm *mo.VirtualMachine) {
	layout := &types.VirtualMachineFileLayoutEx{Timestamp: *now()}
	add := func(name, kind string, size int64) int32 {
		key := int32(len(layout.File))
		layout.File = append(layout.File, types.VirtualMachineFileLayoutExFileInfo{
			Key: key, Name: name, Type: kind, Size: size, UniqueSize: size, Accessible: types.NewBool(true)})
		return key
	}
	sizeOf := func(name string) int64 {
		if file, err := l.local(name); err == nil {
			if info, err := os.Stat(file); err == nil {
				return info.Size()
			}
		}
		return 0
	}
	vmx := vm.Config.Files.VmPathName
	add(vmx, "config", sizeOf(vmx))
	nvram := strings.TrimSuffix(vmx, ".vmx") + ".nvram"
	add(nvram, "nvram", sizeOf(nvram))
	add(path.Join(path.Dir(vmx), "vmware.log"), "log", 0)
	var committed, provisioned int64
	for _, d := range disksOf(vm.Config) {
		provisioned += d.CapacityInBytes
		disk := types.VirtualMachineFileLayoutExDiskLayout{Key: d.Key}
		for _, name := range chain(flat(d)) {
			descriptor := add(name, "diskDescriptor", sizeOf(name))
			extent := add(strings.TrimSuffix(name, filepath.Ext(name))+"-flat.vmdk", "diskExtent", sizeOf(qcow2Of(name)))
			disk.Chain = append([]types.VirtualMachineFileLayoutExDiskUnit{{FileKey: []int32{descriptor, extent}}}, disk.Chain...)
		}
		layout.Disk = append(layout.Disk, disk)
	}
	for _, f := range layout.File {
		committed += f.Size
	}
	uncommitted := provisioned - committed
	if uncommitted < 0 {
		uncommitted = 0
	}
	vm.LayoutEx = layout
	vm.Summary.Storage = &types.VirtualMachineStorageSummary{Committed: committed, Uncommitted: uncommitted, Unshared: committed, Timestamp: *now()}
	vm.Storage = &types.VirtualMachineStorageInfo{
		PerDatastoreUsage: []types.VirtualMachineUsageOnDatastore{{
			Datastore: l.inv.datastore.Self, Committed: committed, Uncommitted: uncommitted, Unshared: committed}},
		Timestamp: *now(),
	}
}

func refreshStorageInfo(c *call) (interface{}, error) {
	m, err := c.machine()
	if err != nil {
		return nil, err
	}
	m.change(c.lab.layout, "layoutEx", "storage", "summary.storage")
	return &types.RefreshStorageInfoResponse{}, nil
}
