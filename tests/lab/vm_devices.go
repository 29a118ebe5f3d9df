package main

import (
	"fmt"
	"os"
	"path"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// badDevice is the fault of one entry of deviceChange.
func badDevice(index int, property string) error {
	return faultf(&types.InvalidDeviceSpec{InvalidVmConfig: types.InvalidVmConfig{Property: property}, DeviceIndex: int32(index)},
		"Invalid configuration for device '%d'.", index)
}

func badBacking(index int) error {
	return faultf(&types.InvalidDeviceBacking{InvalidDeviceSpec: types.InvalidDeviceSpec{
		InvalidVmConfig: types.InvalidVmConfig{Property: "virtualDeviceSpec.device.backing"}, DeviceIndex: int32(index)}},
		"Incompatible device backing specified for device '%d'.", index)
}

func (e *edit) find(key int32) types.BaseVirtualDevice {
	for _, d := range e.cfg.Hardware.Device {
		if d.GetVirtualDevice().Key == key {
			return d
		}
	}
	return nil
}

// realKey translates the key a specification gives a new device.
func (e *edit) realKey(key int32) int32 {
	if real, ok := e.keys[key]; ok {
		return real
	}
	return key
}

func (l *Lab) applyDevices(e *edit, changes []types.BaseVirtualDeviceConfigSpec) error {
	e.keys = map[int32]int32{}
	for i, change := range changes {
		spec := change.GetVirtualDeviceConfigSpec()
		if spec.Device == nil {
			return badDevice(i, "virtualDeviceSpec.device")
		}
		device := deepCopy(spec.Device).(types.BaseVirtualDevice)
		var err error
		switch spec.Operation {
		case types.VirtualDeviceConfigSpecOperationAdd:
			err = l.addDevice(e, i, device, spec.FileOperation)
		case types.VirtualDeviceConfigSpecOperationEdit:
			err = l.editDevice(e, i, device)
		case types.VirtualDeviceConfigSpecOperationRemove:
			err = l.removeDevice(e, i, device.GetVirtualDevice().Key, spec.FileOperation)
		default:
			err = badDevice(i, "virtualDeviceSpec.operation")
		}
		if err != nil {
			return err
		}
	}
	e.linkControllers()
	return nil
}

// linkControllers sets each controller's list of the devices on it.
func (e *edit) linkControllers() {
	for _, d := range e.cfg.Hardware.Device {
		c, ok := d.(types.BaseVirtualController)
		if !ok {
			continue
		}
		ctl := c.GetVirtualController()
		ctl.Device = nil
		for _, other := range e.cfg.Hardware.Device {
			if other.GetVirtualDevice().ControllerKey == ctl.Key && other.GetVirtualDevice().Key != ctl.Key {
				ctl.Device = append(ctl.Device, other.GetVirtualDevice().Key)
			}
		}
	}
}

func (l *Lab) addDevice(e *edit, index int, device types.BaseVirtualDevice, op types.VirtualDeviceConfigSpecFileOperation) error {
	d := device.GetVirtualDevice()
	kind := kindOfDevice(device)
	if kind == nil {
		return badDevice(index, "virtualDeviceSpec.device")
	}
	wanted := d.Key
	if kind.fixed { // every VM has it: accepted, nothing added
		e.keys[wanted] = e.existing(device, kind)
		return nil
	}
	if e.on && kind.coldOnly {
		return faultf(&types.InvalidPowerState{RequestedState: "poweredOff", ExistingState: "poweredOn"},
			"The attempted operation cannot be performed in the current state (Powered on).")
	}
	if err := e.attach(index, device, kind); err != nil {
		return err
	}
	if _, taken := e.keys[wanted]; taken && wanted < 0 {
		return badDevice(index, "virtualDeviceSpec.device.key")
	}
	d.Key = e.newKey(device, kind)
	if wanted != 0 {
		e.keys[wanted] = d.Key
	}
	var err error
	switch x := device.(type) {
	case *types.VirtualDisk:
		err = l.addDisk(e, index, x, op)
	case types.BaseVirtualEthernetCard:
		err = e.checkNIC(index, x)
	case *types.VirtualCdrom, *types.VirtualFloppy:
		err = l.checkMedia(e, index, device)
	}
	if err != nil {
		return err
	}
	e.label(device, kind)
	e.cfg.Hardware.Device = append(e.cfg.Hardware.Device, device)
	return nil
}

func (l *Lab) addDisk(e *edit, index int, disk *types.VirtualDisk, op types.VirtualDeviceConfigSpecFileOperation) error {
	b := flat(disk)
	if b == nil {
		return badBacking(index)
	}
	if disk.CapacityInBytes == 0 {
		disk.CapacityInBytes = disk.CapacityInKB << 10
	}
	disk.CapacityInKB = disk.CapacityInBytes >> 10
	if b.DiskMode == "" {
		b.DiskMode = "persistent"
	}
	no := types.NewBool(false)
	for _, p := range []**bool{&b.ThinProvisioned, &b.EagerlyScrub, &b.WriteThrough, &b.Split, &b.DigestEnabled} {
		if *p == nil {
			*p = no
		}
	}
	p, err := datastorePath(orElse(b.FileName, inDatastore("")))
	if err != nil {
		return err
	}
	b.Datastore = &l.inv.datastore.Self
	b.Uuid, b.ContentId, b.Sharing = diskUUID(), newUUID()[:8]+"fffffffe", "sharingNone"
	if disk.StorageIOAllocation == nil {
		disk.StorageIOAllocation = &types.StorageIOAllocationInfo{Limit: types.NewInt64(-1), Shares: &types.SharesInfo{Shares: 1000, Level: "normal"}}
	}
	disk.VDiskId = nil
	if op != types.VirtualDeviceConfigSpecFileOperationCreate {
		_, err := l.existing(b.FileName)
		return err
	}
	if disk.UnitNumber == nil || disk.CapacityInBytes < 1<<20 {
		return badDevice(index, "virtualDeviceSpec.device.capacityInKB")
	}
	free := l.free()
	if free <= 1<<20 || (!*b.ThinProvisioned && disk.CapacityInBytes > free) || disk.CapacityInBytes > 62<<40 {
		return l.noSpace()
	}
	if p.Path == "" || path.Ext(p.Path) != ".vmdk" {
		home, err := datastorePath(e.cfg.Files.VmPathName)
		if err != nil {
			return err
		}
		b.FileName = l.newDiskName(path.Dir(home.Path), e.cfg.Name)
	}
	if err := l.createDisk(b.FileName, "", disk.CapacityInBytes); err != nil {
		return err
	}
	e.made = append(e.made, b.FileName)
	return nil
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

func diskUUID() string { return "6000C29" + newUUID()[7:] }

// checkMedia completes a CD-ROM's or floppy's backing; an image must be there.
func (l *Lab) checkMedia(e *edit, index int, device types.BaseVirtualDevice) error {
	d := device.GetVirtualDevice()
	if d.Connectable == nil {
		d.Connectable = &types.VirtualDeviceConnectInfo{StartConnected: true, AllowGuestControl: true, Connected: e.on}
	}
	d.Connectable.Status = map[bool]string{true: "ok", false: "untried"}[e.on && d.Connectable.Connected]
	if b, ok := d.Backing.(types.BaseVirtualDeviceFileBackingInfo); ok {
		info := b.GetVirtualDeviceFileBackingInfo()
		if _, err := l.existing(info.FileName); err != nil {
			return err
		}
		info.Datastore = &l.inv.datastore.Self
		return nil
	}
	if d.Backing == nil {
		return badBacking(index)
	}
	return nil
}

// checkNIC finds the network of a card and gives it a MAC address as vCenter does.
func (e *edit) checkNIC(index int, card types.BaseVirtualEthernetCard) error {
	c := card.GetVirtualEthernetCard()
	ref := e.network(c.Backing)
	if ref == nil {
		return badBacking(index)
	}
	if b, ok := c.Backing.(*types.VirtualEthernetCardNetworkBackingInfo); ok {
		b.Network = ref
	}
	switch {
	case c.MacAddress == "" || c.AddressType == string(types.VirtualEthernetCardMacTypeGenerated) || c.AddressType == string(types.VirtualEthernetCardMacTypeAssigned):
		c.MacAddress, c.AddressType = newMAC(), "assigned"
	default:
		c.AddressType = "manual"
	}
	if c.WakeOnLanEnabled == nil {
		c.WakeOnLanEnabled = types.NewBool(true)
	}
	if c.Connectable == nil {
		c.Connectable = &types.VirtualDeviceConnectInfo{StartConnected: true, AllowGuestControl: true, Connected: e.on, Status: "untried"}
	}
	return nil
}

// network resolves a card's backing among the networks of the host.
func (e *edit) network(backing types.BaseVirtualDeviceBackingInfo) *types.ManagedObjectReference {
	switch b := backing.(type) {
	case *types.VirtualEthernetCardNetworkBackingInfo:
		if n := simulator.Map.FindByName(b.DeviceName, e.host.Network); n != nil && n.Reference().Type == "Network" {
			ref := n.Reference()
			return &ref
		}
	case *types.VirtualEthernetCardDistributedVirtualPortBackingInfo:
		for _, ref := range e.host.Network {
			if pg, ok := simulator.Map.Get(ref).(*simulator.DistributedVirtualPortgroup); ok && pg.Key == b.Port.PortgroupKey {
				ref := ref
				return &ref
			}
		}
	}
	return nil
}

// networkOf is the network a card's backing names, once it has been resolved.
func networkOf(d types.BaseVirtualDevice) *types.ManagedObjectReference {
	switch b := d.GetVirtualDevice().Backing.(type) {
	case *types.VirtualEthernetCardNetworkBackingInfo:
		return b.Network
	case *types.VirtualEthernetCardDistributedVirtualPortBackingInfo:
		for _, e := range simulator.Map.All("DistributedVirtualPortgroup") {
			if pg, ok := e.(*simulator.DistributedVirtualPortgroup); ok && pg.Key == b.Port.PortgroupKey {
				return &pg.Self
			}
		}
	}
	return nil
}

func (l *Lab) editDevice(e *edit, index int, device types.BaseVirtualDevice) error {
	d := device.GetVirtualDevice()
	d.Key = e.realKey(d.Key)
	old := e.find(d.Key)
	if old == nil || kindOfDevice(old) != kindOfDevice(device) {
		return badDevice(index, "virtualDeviceSpec.device.key")
	}
	o := old.GetVirtualDevice()
	d.ControllerKey, d.UnitNumber = o.ControllerKey, o.UnitNumber
	d.SlotInfo = o.SlotInfo
	if d.Backing == nil {
		d.Backing = o.Backing
	}
	if d.Connectable == nil {
		d.Connectable = o.Connectable
	}
	var err error
	switch x := device.(type) {
	case *types.VirtualDisk:
		err = l.editDisk(e, index, x, old.(*types.VirtualDisk))
	case types.BaseVirtualEthernetCard:
		c, was := x.GetVirtualEthernetCard(), old.(types.BaseVirtualEthernetCard).GetVirtualEthernetCard()
		if c.MacAddress == "" || c.MacAddress == was.MacAddress {
			mac, kind := was.MacAddress, was.AddressType
			err = e.checkNIC(index, x)
			c.MacAddress, c.AddressType = mac, kind
		} else {
			err = e.checkNIC(index, x)
		}
	case *types.VirtualCdrom, *types.VirtualFloppy:
		err = l.checkMedia(e, index, device)
	}
	if err != nil {
		return err
	}
	d.DeviceInfo = &types.Description{Label: o.DeviceInfo.GetDescription().Label, Summary: summaryOf(device)}
	for i, x := range e.cfg.Hardware.Device {
		if x.GetVirtualDevice().Key == d.Key {
			e.cfg.Hardware.Device[i] = device
		}
	}
	return nil
}

// editDisk lets a disk grow, nothing else; and not while a snapshot or a clone depends on it.
func (l *Lab) editDisk(e *edit, index int, disk, old *types.VirtualDisk) error {
	size := disk.CapacityInBytes
	if disk.CapacityInKB<<10 != old.CapacityInBytes && disk.CapacityInKB != 0 {
		size = disk.CapacityInKB << 10
	}
	if size == 0 {
		size = old.CapacityInBytes
	}
	disk.Backing = old.Backing
	disk.CapacityInBytes, disk.CapacityInKB = size, size>>10
	if disk.StorageIOAllocation == nil {
		disk.StorageIOAllocation = old.StorageIOAllocation
	}
	if size == old.CapacityInBytes {
		return nil
	}
	if size < old.CapacityInBytes || flat(old).Parent != nil {
		return faultf(&types.InvalidDeviceOperation{InvalidDeviceSpec: types.InvalidDeviceSpec{
			InvalidVmConfig: types.InvalidVmConfig{Property: "virtualDeviceSpec.device.capacityInKB"}, DeviceIndex: int32(index)},
			BadOp: "edit"}, "Invalid operation for device '%d'.", index)
	}
	if !*flat(old).ThinProvisioned && size-old.CapacityInBytes > l.free() {
		return l.noSpace()
	}
	file, err := l.existing(diskFile(old))
	if err != nil {
		return err
	}
	if e.on {
		return e.m.resizeDisk(disk.Key, size)
	}
	return qemuImg("resize", "-q", qcow2Of(file), fmt.Sprint(size))
}

func (l *Lab) removeDevice(e *edit, index int, key int32, op types.VirtualDeviceConfigSpecFileOperation) error {
	device := e.find(e.realKey(key))
	if device == nil {
		return badDevice(index, "virtualDeviceSpec.device.key")
	}
	key = device.GetVirtualDevice().Key
	kind := kindOfDevice(device)
	if kind == nil || kind.fixed {
		return badDevice(index, "virtualDeviceSpec.device.key")
	}
	if e.on && kind.coldOnly {
		return faultf(&types.InvalidPowerState{RequestedState: "poweredOff", ExistingState: "poweredOn"},
			"The attempted operation cannot be performed in the current state (Powered on).")
	}
	var rest []types.BaseVirtualDevice
	for _, d := range e.cfg.Hardware.Device {
		if d.GetVirtualDevice().ControllerKey == key && d.GetVirtualDevice().Key != key {
			return badDevice(index, "virtualDeviceSpec.device.key") // a controller with devices on it
		}
		if d.GetVirtualDevice().Key != key {
			rest = append(rest, d)
		}
	}
	e.cfg.Hardware.Device = rest
	if disk, ok := device.(*types.VirtualDisk); ok && op == types.VirtualDeviceConfigSpecFileOperationDestroy {
		file, err := l.local(diskFile(disk))
		if err == nil {
			if _, err := os.Stat(file); err == nil {
				e.drop = append(e.drop, diskFile(disk))
			}
		}
	}
	var order []types.BaseVirtualMachineBootOptionsBootableDevice
	for _, b := range e.cfg.BootOptions.BootOrder {
		if bootKey(b) != key {
			order = append(order, b)
		}
	}
	e.cfg.BootOptions.BootOrder = order
	return nil
}

// bootKey is the device an entry of the boot order names; 0 for the kinds without one.
func bootKey(b types.BaseVirtualMachineBootOptionsBootableDevice) int32 {
	switch d := b.(type) {
	case *types.VirtualMachineBootOptionsBootableDiskDevice:
		return d.DeviceKey
	case *types.VirtualMachineBootOptionsBootableEthernetDevice:
		return d.DeviceKey
	}
	return 0
}
