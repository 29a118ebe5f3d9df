package main

import (
	"crypto/rand"
	"fmt"
	"strconv"
	"strings"

	"github.com/vmware/govmomi/vim25/types"
)

// deviceKind is what vCenter's conventions say about one sort of device.
type deviceKind struct {
	name       string
	label      string // of the n-th, counted from first
	first      int
	base       int32 // first key
	controller string
	units      int32 // on one controller
	coldOnly   bool  // added and removed only when off
	fixed      bool  // every VM has it, and keeps it
}

var kinds = map[string]*deviceKind{
	"scsi":     {name: "scsi", label: "SCSI controller %d", base: 1000, controller: "pci"},
	"sata":     {name: "sata", label: "SATA controller %d", base: 15000, controller: "pci"},
	"nvme":     {name: "nvme", label: "NVME controller %d", base: 31000, controller: "pci"},
	"ide":      {name: "ide", label: "IDE %d", base: 200, fixed: true},
	"pci":      {name: "pci", label: "PCI controller %d", base: 100, fixed: true},
	"sio":      {name: "sio", label: "SIO controller %d", base: 400, fixed: true},
	"ps2":      {name: "ps2", label: "PS2 controller %d", base: 300, fixed: true},
	"usb":      {name: "usb", label: "USB controller", base: 7000, controller: "pci", coldOnly: true},
	"xhci":     {name: "xhci", label: "USB xHCI controller", base: 14000, controller: "pci", coldOnly: true},
	"keyboard": {name: "keyboard", label: "Keyboard", base: 600, controller: "ps2", fixed: true},
	"pointing": {name: "pointing", label: "Pointing device", base: 700, controller: "ps2", fixed: true},
	"video":    {name: "video", label: "Video card", base: 500, controller: "pci", fixed: true},
	"vmci":     {name: "vmci", label: "VMCI device", base: 12000, controller: "pci", fixed: true},
	"disk":     {name: "disk", label: "Hard disk %d", first: 1, base: 2000, controller: "scsi sata nvme ide"},
	"cdrom":    {name: "cdrom", label: "CD/DVD drive %d", first: 1, base: 3000, controller: "ide sata", coldOnly: true},
	"floppy":   {name: "floppy", label: "Floppy drive %d", first: 1, base: 8000, controller: "sio", units: 2, coldOnly: true},
	"nic":      {name: "nic", label: "Network adapter %d", first: 1, base: 4000, controller: "pci"},
	"serial":   {name: "serial", label: "Serial port %d", first: 1, base: 9000, controller: "sio", units: 8, coldOnly: true},
	"tpm":      {name: "tpm", label: "Virtual TPM", base: 11000, coldOnly: true},
	"sound":    {name: "sound", label: "Sound card", base: 5000, controller: "pci", coldOnly: true},
}

func kindOfDevice(d types.BaseVirtualDevice) *deviceKind {
	switch d.(type) {
	case types.BaseVirtualSCSIController:
		return kinds["scsi"]
	case types.BaseVirtualSATAController:
		return kinds["sata"]
	case *types.VirtualNVMEController:
		return kinds["nvme"]
	case *types.VirtualIDEController:
		return kinds["ide"]
	case *types.VirtualPCIController:
		return kinds["pci"]
	case *types.VirtualSIOController:
		return kinds["sio"]
	case *types.VirtualPS2Controller:
		return kinds["ps2"]
	case *types.VirtualUSBController:
		return kinds["usb"]
	case *types.VirtualUSBXHCIController:
		return kinds["xhci"]
	case *types.VirtualKeyboard:
		return kinds["keyboard"]
	case *types.VirtualPointingDevice:
		return kinds["pointing"]
	case *types.VirtualMachineVideoCard:
		return kinds["video"]
	case *types.VirtualMachineVMCIDevice:
		return kinds["vmci"]
	case *types.VirtualDisk:
		return kinds["disk"]
	case *types.VirtualCdrom:
		return kinds["cdrom"]
	case *types.VirtualFloppy:
		return kinds["floppy"]
	case types.BaseVirtualEthernetCard:
		return kinds["nic"]
	case *types.VirtualSerialPort:
		return kinds["serial"]
	case *types.VirtualTPM:
		return kinds["tpm"]
	case types.BaseVirtualSoundCard:
		return kinds["sound"]
	}
	return nil
}

// attach finds the device's controller and a unit on it, or refuses those it was given.
func (e *edit) attach(index int, device types.BaseVirtualDevice, kind *deviceKind) error {
	d := device.GetVirtualDevice()
	if kind.controller == "" {
		return nil
	}
	d.ControllerKey = e.realKey(d.ControllerKey)
	if kind.controller == "pci" {
		d.ControllerKey = 100
		if c, ok := device.(types.BaseVirtualController); ok {
			return e.checkBus(index, c, kind)
		}
	} else if d.ControllerKey == 0 && kind.controller == "sio" {
		d.ControllerKey = 400
	}
	ctl := e.find(d.ControllerKey)
	if ctl == nil || !strings.Contains(" "+kind.controller+" ", " "+kindOfDevice(ctl).name+" ") {
		return badDevice(index, "virtualDeviceSpec.device.controllerKey")
	}
	on := kindOfDevice(ctl).name
	units := map[string]int32{"scsi": 16, "sata": 30, "nvme": 15, "ide": 2, "pci": 64, "sio": 8}[on]
	first := int32(0)
	if on == "pci" {
		first = 7
	}
	free := func(unit int32) bool {
		if on == "scsi" && unit == 7 { // the controller itself
			return false
		}
		for _, other := range e.cfg.Hardware.Device {
			o := other.GetVirtualDevice()
			if o.ControllerKey == d.ControllerKey && o.UnitNumber != nil && *o.UnitNumber == unit &&
				(on != "sio" || kindOfDevice(other) == kind) {
				return false
			}
		}
		return unit >= 0 && unit < units
	}
	if d.UnitNumber != nil && *d.UnitNumber >= 0 && on != "pci" {
		if !free(*d.UnitNumber) {
			return badDevice(index, "virtualDeviceSpec.device.unitNumber")
		}
		return nil
	}
	for unit := first; unit < units; unit++ {
		if free(unit) {
			if kind.name != "disk" || d.UnitNumber != nil {
				d.UnitNumber = types.NewInt32(unit)
				return nil
			}
			return badDevice(index, "virtualDeviceSpec.device.unitNumber") // a disk must say where
		}
	}
	return badDevice(index, "virtualDeviceSpec.device.unitNumber")
}

// existing is the key of the device of that kind, and bus, which every VM has.
func (e *edit) existing(device types.BaseVirtualDevice, kind *deviceKind) int32 {
	key := kind.base
	if c, ok := device.(types.BaseVirtualController); ok {
		key += c.GetVirtualController().BusNumber
	}
	return key
}

// checkBus refuses a bus number that is taken and completes a controller.
func (e *edit) checkBus(index int, c types.BaseVirtualController, kind *deviceKind) error {
	bus := c.GetVirtualController().BusNumber
	taken := map[int32]bool{}
	for _, d := range e.cfg.Hardware.Device {
		if kindOfDevice(d) == kind {
			taken[d.(types.BaseVirtualController).GetVirtualController().BusNumber] = true
		}
	}
	if bus < 0 || bus > 3 || taken[bus] {
		return badDevice(index, "virtualDeviceSpec.device.busNumber")
	}
	if s, ok := c.(types.BaseVirtualSCSIController); ok {
		scsi := s.GetVirtualSCSIController()
		scsi.HotAddRemove, scsi.ScsiCtlrUnitNumber = types.NewBool(true), 7
		if scsi.SharedBus == "" {
			return badDevice(index, "virtualDeviceSpec.device.sharedBus")
		}
	}
	return nil
}

// newKey follows vCenter: the kind's base and then bus and unit, or the next free.
func (e *edit) newKey(device types.BaseVirtualDevice, kind *deviceKind) int32 {
	d := device.GetVirtualDevice()
	key := kind.base
	if c, ok := device.(types.BaseVirtualController); ok {
		key += c.GetVirtualController().BusNumber
	} else if ctl := e.find(d.ControllerKey); ctl != nil && d.UnitNumber != nil {
		bus := d.ControllerKey - kindOfDevice(ctl).base
		switch kindOfDevice(ctl).name {
		case "scsi":
			key = 2000 + 16*bus + *d.UnitNumber
		case "sata":
			key = 16000 + 30*bus + *d.UnitNumber
		case "nvme":
			key = 32000 + 15*bus + *d.UnitNumber
		case "ide":
			key = 3000 + 2*bus + *d.UnitNumber
		}
	}
	for e.find(key) != nil {
		key++
	}
	return key
}

// label gives the device the name that people see.
func (e *edit) label(device types.BaseVirtualDevice, kind *deviceKind) {
	n := kind.first
	for _, d := range e.cfg.Hardware.Device {
		if kindOfDevice(d) != kind {
			continue
		}
		words := strings.Fields(d.GetVirtualDevice().DeviceInfo.GetDescription().Label)
		if last, err := strconv.Atoi(words[len(words)-1]); err == nil && last >= n {
			n = last + 1
		}
	}
	text := kind.label
	if strings.Contains(text, "%d") {
		text = fmt.Sprintf(text, n)
	}
	device.GetVirtualDevice().DeviceInfo = &types.Description{Label: text, Summary: summaryOf(device)}
}

func summaryOf(device types.BaseVirtualDevice) string {
	d := device.GetVirtualDevice()
	switch x := device.(type) {
	case *types.VirtualDisk:
		return thousands(x.CapacityInKB) + " KB"
	case *types.VirtualLsiLogicController:
		return "LSI Logic"
	case *types.VirtualLsiLogicSASController:
		return "LSI Logic SAS"
	case *types.ParaVirtualSCSIController:
		return "VMware paravirtual SCSI"
	case *types.VirtualBusLogicController:
		return "BusLogic"
	case types.BaseVirtualSATAController:
		return "AHCI"
	case *types.VirtualNVMEController:
		return "NVME Controller"
	}
	switch b := d.Backing.(type) {
	case *types.VirtualCdromIsoBackingInfo:
		return "ISO " + b.FileName
	case *types.VirtualFloppyImageBackingInfo:
		return "Image " + b.FileName
	case *types.VirtualEthernetCardNetworkBackingInfo:
		return b.DeviceName
	case *types.VirtualEthernetCardDistributedVirtualPortBackingInfo:
		return "DVSwitch: " + b.Port.SwitchUuid
	case types.BaseVirtualDeviceRemoteDeviceBackingInfo:
		return "Remote device"
	}
	if k := kindOfDevice(device); k != nil {
		return strings.TrimSuffix(k.label, " %d")
	}
	return ""
}

func thousands(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// newMAC is an address as vCenter assigns them: 00:50:56:80:00:00 to 00:50:56:bf:ff:ff.
func newMAC() string {
	var b [3]byte
	_, _ = rand.Read(b[:])
	return fmt.Sprintf("00:50:56:%02x:%02x:%02x", 0x80|b[0]&0x3f, b[1], b[2])
}
