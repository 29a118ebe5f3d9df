package main

import (
	"crypto/rand"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/simulator/esx"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// place is where a new VM goes.
type place struct {
	folder *simulator.Folder
	pool   *types.ManagedObjectReference // nil for a template
	host   *simulator.HostSystem
}

func invalidArgument(property string) error {
	return faultf(&types.InvalidArgument{InvalidProperty: property}, "A specified parameter was not correct: %s", property)
}

// poolOwner is the compute resource a pool belongs to.
func poolOwner(ref types.ManagedObjectReference) (*mo.ComputeResource, error) {
	switch p := simulator.Map.Get(ref).(type) {
	case *simulator.ResourcePool:
		return computeOf(p.Owner), nil
	case *mo.ResourcePool:
		return computeOf(p.Owner), nil
	}
	return nil, gone(ref)
}

// newPlace checks the folder, the pool and the host against each other and picks a host if none is given.
func newPlace(folder types.ManagedObjectReference, pool, host *types.ManagedObjectReference) (*place, error) {
	f, ok := simulator.Map.Get(folder).(*simulator.Folder)
	if !ok {
		return nil, gone(folder)
	}
	allowed := false
	for _, kind := range f.ChildType {
		allowed = allowed || kind == "VirtualMachine"
	}
	if !allowed {
		return nil, faultf(&types.NotSupported{}, "The operation is not supported on the object.")
	}
	p := &place{folder: f, pool: pool}
	var candidates []types.ManagedObjectReference
	if pool != nil {
		owner, err := poolOwner(*pool)
		if err != nil {
			return nil, err
		}
		candidates = owner.Host
	}
	for _, h := range hosts() {
		if host != nil && h.Self != *host {
			continue
		}
		if pool == nil || simulator.FindReference(candidates, h.Self) != nil {
			p.host = h
			return p, nil
		}
	}
	return nil, invalidArgument("host")
}

// checkName refuses a name that is empty, too long or taken in the folder.
func checkName(folder *simulator.Folder, name, property string, self types.ManagedObjectReference) error {
	if name == "" || len(name) > 80 {
		return faultf(&types.InvalidName{Name: name, Entity: &folder.Self}, "The name '%s' is invalid. (%s)", name, property)
	}
	var children []types.ManagedObjectReference
	simulator.Map.WithLock(folder, func() {
		children = append(children, folder.ChildEntity...)
	})
	if e := simulator.Map.FindByName(name, children); e != nil && e.Reference() != self {
		return faultf(&types.DuplicateName{Name: name, Object: e.Reference()}, "The name '%s' already exists.", name)
	}
	return nil
}

func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// newConfig is the configuration of a VM before its specification is applied.
func newConfig(esxi bool) *types.VirtualMachineConfigInfo {
	resources := types.DefaultResourceConfigSpec()
	version := "vmx-19"
	if esxi {
		version = "vmx-13"
	}
	cfg := &types.VirtualMachineConfigInfo{
		Version: version, Uuid: newUUID(), InstanceUuid: newUUID(), LocationId: newUUID(),
		GuestId: "otherGuest", Firmware: "bios",
		Tools: &types.ToolsConfigInfo{
			ToolsVersion: 0, ToolsUpgradePolicy: "manual", SyncTimeWithHost: types.NewBool(false),
			AfterPowerOn: types.NewBool(true), AfterResume: types.NewBool(true),
			BeforeGuestStandby: types.NewBool(true), BeforeGuestShutdown: types.NewBool(true),
		},
		BootOptions: &types.VirtualMachineBootOptions{
			EnterBIOSSetup: types.NewBool(false), EfiSecureBootEnabled: types.NewBool(false),
			BootRetryEnabled: types.NewBool(false), BootRetryDelay: 10000, NetworkBootProtocol: "ipv4",
		},
		ExtraConfig:         []types.BaseOptionValue{},
		CpuAllocation:       &resources.CpuAllocation,
		MemoryAllocation:    &resources.MemoryAllocation,
		LatencySensitivity:  &types.LatencySensitivity{Level: types.LatencySensitivitySensitivityLevelNormal},
		CpuHotAddEnabled:    types.NewBool(false),
		MemoryHotAddEnabled: types.NewBool(false),
		SwapPlacement:       "inherit",
	}
	cfg.Hardware = types.VirtualHardware{NumCPU: 1, NumCoresPerSocket: 1, MemoryMB: 32, VirtualICH7MPresent: types.NewBool(false), VirtualSMCPresent: types.NewBool(false)}
	for _, d := range esx.VirtualDevice {
		cfg.Hardware.Device = append(cfg.Hardware.Device, deepCopy(d).(types.BaseVirtualDevice))
	}
	return cfg
}

// biosNVRAM is the size of the nvram file of a VM with BIOS.
const biosNVRAM = 8684

// writeVMFiles gives the VM a directory with the files every VM has besides its disks.
func (l *Lab) writeVMFiles(cfg *types.VirtualMachineConfigInfo, vmPathName string) error {
	p, err := datastorePath(vmPathName)
	if err != nil {
		return err
	}
	dir := path.Dir(p.Path)
	if path.Ext(p.Path) == ".vmx" && dir != "." {
		if err := os.MkdirAll(filepath.Join(l.inv.datastoreDir, dir), 0o700); err != nil {
			return err
		}
	} else {
		if dir, err = l.newVMDir(cfg.Name); err != nil {
			return err
		}
		p.Path = path.Join(dir, cfg.Name+".vmx")
	}
	here := inDatastore(dir) + "/"
	cfg.Files = types.VirtualMachineFileInfo{
		VmPathName: inDatastore(p.Path), SnapshotDirectory: here, SuspendDirectory: here, LogDirectory: here,
	}
	vmx := fmt.Sprintf(".encoding = \"UTF-8\"\ndisplayName = %q\nuuid.bios = %q\n", cfg.Name, cfg.Uuid)
	stem := strings.TrimSuffix(filepath.Join(l.inv.datastoreDir, p.Path), ".vmx")
	for file, content := range map[string]string{stem + ".vmx": vmx, stem + ".nvram": strings.Repeat("\x00", biosNVRAM), filepath.Join(filepath.Dir(stem), "vmware.log"): ""} {
		f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err != nil {
			return faultf(&types.FileAlreadyExists{FileFault: types.FileFault{File: cfg.Files.VmPathName}}, "The specified key, name, or identifier '%s' already exists.", cfg.Files.VmPathName)
		}
		_, _ = f.WriteString(content)
		_ = f.Close()
	}
	cfg.ExtraConfig = mergeExtra(cfg.ExtraConfig, []types.BaseOptionValue{
		&types.OptionValue{Key: "nvram", Value: path.Base(stem) + ".nvram"},
		&types.OptionValue{Key: "svga.present", Value: "TRUE"}})
	return nil
}

// newVM makes the machine: build fills a configuration that has its files and directory.
func (l *Lab) newVM(name, vmPathName string, at *place, cfg *types.VirtualMachineConfigInfo, build func(*types.VirtualMachineConfigInfo) error) (*machine, error) {
	if err := checkName(at.folder, name, "configSpec.name", types.ManagedObjectReference{}); err != nil {
		return nil, err
	}
	cfg.Name = name
	if err := l.writeVMFiles(cfg, vmPathName); err != nil {
		return nil, err
	}
	if err := build(cfg); err != nil {
		l.removeVMFiles(cfg, nil)
		return nil, err
	}
	cfg.CreateDate = now()
	cfg.Modified, cfg.ChangeVersion = *now(), changeVersion()
	vm := &simulator.VirtualMachine{}
	vm.Config, vm.Name = cfg, name
	vm.Parent = &at.folder.Self
	vm.ResourcePool = at.pool
	vm.Runtime = types.VirtualMachineRuntimeInfo{
		Host: &at.host.Self, ConnectionState: types.VirtualMachineConnectionStateConnected,
		PowerState: types.VirtualMachinePowerStatePoweredOff, ToolsInstallerMounted: false,
		NumMksConnections: 0, ConsolidationNeeded: types.NewBool(false),
	}
	vm.Guest = offGuest(cfg)
	vm.Capability = types.VirtualMachineCapability{
		SnapshotOperationsSupported: true, MultipleSnapshotsSupported: true, SnapshotConfigSupported: true,
		PoweredOffSnapshotsSupported: true, MemorySnapshotsSupported: true, RevertToSnapshotSupported: true,
		BootOptionsSupported: true, ToolsSyncTimeSupported: true, ConsolePreferencesSupported: true,
	}
	vm.EnvironmentBrowser = *computeOf(*at.host.Parent).EnvironmentBrowser
	vm.Datastore = []types.ManagedObjectReference{l.inv.datastore.Self}
	simulator.Map.NewEntity(vm)
	vm.Summary.Vm = &vm.Self
	l.summarize(&vm.VirtualMachine)
	m, err := l.addMachine(vm)
	if err != nil {
		l.removeVMFiles(cfg, nil)
		return nil, err
	}
	m.enter(at)
	return m, nil
}

func now() *time.Time { t := time.Now().UTC(); return &t }

func changeVersion() string { return time.Now().UTC().Format("2006-01-02T15:04:05.000000Z") }

// createVM is Folder.CreateVM_Task.
func createVM(c *call) (interface{}, error) {
	req := c.method.Body.(*types.CreateVM_Task)
	ref := c.startTask(c.method.This, "createVm", func(*task) (types.AnyType, error) {
		at, err := newPlace(c.method.This, &req.Pool, req.Host)
		if err != nil {
			return nil, err
		}
		spec := &req.Config
		if spec.Files == nil || spec.Files.VmPathName == "" {
			return nil, faultf(&types.InvalidVmConfig{Property: "configSpec.files.vmPathName"}, "Invalid virtual machine configuration.")
		}
		var p object.DatastorePath
		if p.FromString(spec.Files.VmPathName); p.Path == "" {
			spec.Files.VmPathName = fmt.Sprintf("[%s] ", p.Datastore)
		}
		cfg := newConfig(c.lab.inv.esx)
		m, err := c.lab.newVM(spec.Name, spec.Files.VmPathName, at, cfg, func(cfg *types.VirtualMachineConfigInfo) error {
			return c.lab.applySpec(&edit{cfg: cfg, host: at.host, create: true}, spec)
		})
		if err != nil {
			return nil, err
		}
		return m.vm.Self, nil
	})
	return &types.CreateVM_TaskResponse{Returnval: ref}, nil
}
