package main

import (
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strconv"

	"github.com/vmware/govmomi/vim25/types"
)

// controllers of the API and the QEMU devices that stand for them.
func qemuController(d types.BaseVirtualDevice) string {
	switch d.(type) {
	case *types.VirtualLsiLogicController, *types.VirtualBusLogicController:
		return "lsi53c895a"
	case *types.VirtualLsiLogicSASController:
		return "megasas" // Linux sees no disk on the mptsas1068 of QEMU 7.2
	case *types.ParaVirtualSCSIController:
		return "pvscsi"
	case types.BaseVirtualSATAController:
		return "ich9-ahci"
	}
	return "" // IDE's is part of the board; NVMe's is part of each disk
}

func qemuCard(d types.BaseVirtualDevice) string {
	switch d.(type) {
	case *types.VirtualVmxnet3:
		return "vmxnet3"
	case *types.VirtualE1000e:
		return "e1000e"
	}
	return "e1000"
}

// arguments is QEMU's command line for a machine of this configuration.
func (m *machine) arguments(cfg *types.VirtualMachineConfigInfo) ([]string, error) {
	l := m.lab
	accel := l.accel()
	board := "pc"
	if secure(cfg) {
		board = "q35,smm=on"
	}
	args := []string{
		"-name", escapeOption(cfg.Name), "-nodefaults", "-no-user-config", "-display", "none", "-vga", "std",
		"-machine", board, "-m", strconv.Itoa(int(cfg.Hardware.MemoryMB)),
		"-smp", fmt.Sprintf("%d,cores=%d", cfg.Hardware.NumCPU, cfg.Hardware.NumCoresPerSocket),
		"-uuid", cfg.Uuid, "-rtc", "base=utc", "-boot", "menu=off",
	}
	if accel == "kvm" {
		args = append(args, "-accel", "kvm", "-cpu", "host")
	} else {
		// A small cache of translations: throwing away those of the first boot costs the second one 17 s (with "max") or
		// 7 s. Given that, "max" is as quick as an older CPU, and its rdrand saves the 5 s a kernel waits for randomness.
		args = append(args, "-accel", "tcg,tb-size=64", "-cpu", "max")
	}
	firmware, err := m.firmware(cfg)
	if err != nil {
		return nil, err
	}
	args = append(args, firmware...)
	index := bootIndex(cfg)
	for _, d := range cfg.Hardware.Device {
		if model := qemuController(d); model != "" {
			args = append(args, "-device", fmt.Sprintf("%s,id=ctl%d", model, d.GetVirtualDevice().Key))
		}
	}
	cards := 0
	for _, d := range cfg.Hardware.Device {
		var more []string
		switch x := d.(type) {
		case *types.VirtualDisk:
			more, err = l.diskArguments(cfg, x, index[x.Key])
		case *types.VirtualCdrom, *types.VirtualFloppy:
			more, err = l.mediaArguments(cfg, d, index[d.GetVirtualDevice().Key])
		case types.BaseVirtualEthernetCard:
			more = m.cardArguments(d, cards, index[d.GetVirtualDevice().Key])
			cards++
		}
		if err != nil {
			return nil, err
		}
		args = append(args, more...)
	}
	return args, nil
}

// firmware is SeaBIOS without a word, or OVMF with variables of the VM's own, kept in its nvram file.
func (m *machine) firmware(cfg *types.VirtualMachineConfigInfo) ([]string, error) {
	if cfg.Firmware != "efi" {
		return nil, nil
	}
	code, vars := "/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"
	if secure(cfg) {
		code, vars = "/usr/share/OVMF/OVMF_CODE_4M.ms.fd", "/usr/share/OVMF/OVMF_VARS_4M.ms.fd"
	}
	nvram, err := m.lab.local(cfg.Files.VmPathName)
	if err != nil {
		return nil, err
	}
	nvram = nvram[:len(nvram)-len(filepath.Ext(nvram))] + ".nvram"
	if info, err := os.Stat(nvram); err != nil || info.Size() <= biosNVRAM {
		fresh, err := os.ReadFile(vars)
		if err != nil {
			return nil, fmt.Errorf("EFI needs the package ovmf: %w", err)
		}
		if err := os.WriteFile(nvram, fresh, 0o600); err != nil {
			return nil, err
		}
	}
	var args []string
	if secure(cfg) { // the board that has what secure boot needs comes without a floppy controller
		args = []string{"-global", "driver=cfi.pflash01,property=secure,value=on", "-device", "isa-fdc,id=fdc"}
	}
	return append(args,
		"-drive", "if=pflash,unit=0,format=raw,readonly=on,file="+code,
		"-drive", "if=pflash,unit=1,format=raw,file="+escapeOption(nvram)), nil
}

// secure tells whether the machine boots with EFI's secure boot.
func secure(cfg *types.VirtualMachineConfigInfo) bool {
	on := cfg.BootOptions.EfiSecureBootEnabled
	return cfg.Firmware == "efi" && on != nil && *on
}

// ideBus is where a device of the IDE controllers is put; the board for secure boot has AHCI in their place.
func ideBus(cfg *types.VirtualMachineConfigInfo, controller, unit int32) string {
	if secure(cfg) {
		return fmt.Sprintf("bus=ide.%d", 2*(controller-200)+unit)
	}
	return fmt.Sprintf("bus=ide.%d,unit=%d", controller-200, unit)
}

// bootIndex numbers the devices in the order the firmware is to try them: the configured order first,
// then disks, then CD-ROMs, as a VM's BIOS goes on after the list. An empty disk lets the CD-ROM boot.
func bootIndex(cfg *types.VirtualMachineConfigInfo) map[int32]int {
	index := map[int32]int{}
	add := func(key int32) {
		if index[key] == 0 {
			index[key] = len(index) + 1
		}
	}
	all := func(kind string) {
		var keys []int
		for _, d := range cfg.Hardware.Device {
			if k := kindOfDevice(d); k != nil && k.name == kind {
				keys = append(keys, int(d.GetVirtualDevice().Key))
			}
		}
		sort.Ints(keys)
		for _, key := range keys {
			add(int32(key))
		}
	}
	for _, b := range cfg.BootOptions.BootOrder {
		switch b.(type) {
		case *types.VirtualMachineBootOptionsBootableCdromDevice:
			all("cdrom")
		case *types.VirtualMachineBootOptionsBootableFloppyDevice:
			all("floppy")
		default:
			add(bootKey(b))
		}
	}
	all("disk")
	all("cdrom")
	return index
}

func bootOption(index int) string {
	if index == 0 {
		return ""
	}
	return fmt.Sprintf(",bootindex=%d", index)
}

// driveID names a device's medium to QMP.
func driveID(key int32) string { return fmt.Sprintf("drive%d", key) }

func (l *Lab) diskArguments(cfg *types.VirtualMachineConfigInfo, disk *types.VirtualDisk, index int) ([]string, error) {
	file, err := l.existing(diskFile(disk))
	if err != nil {
		return nil, err
	}
	id := driveID(disk.Key)
	drive := fmt.Sprintf("if=none,id=%s,format=qcow2,cache=unsafe,discard=unmap,file=%s", id, escapeOption(qcow2Of(file)))
	unit := int32(0)
	if disk.UnitNumber != nil {
		unit = *disk.UnitNumber
	}
	ctl := (&edit{cfg: cfg}).find(disk.ControllerKey)
	device := ""
	switch kindOfDevice(ctl).name {
	case "scsi":
		device = fmt.Sprintf("scsi-hd,bus=ctl%d.0,scsi-id=%d", disk.ControllerKey, unit)
		if qemuController(ctl) == "lsi53c895a" && unit > 6 {
			return nil, fmt.Errorf("the lab's LSI Logic controller has 7 units")
		}
	case "sata":
		device = fmt.Sprintf("ide-hd,bus=ctl%d.%d", disk.ControllerKey, unit)
	case "ide":
		device = "ide-hd," + ideBus(cfg, disk.ControllerKey, unit)
	case "nvme":
		device = fmt.Sprintf("nvme,serial=disk%d", disk.Key)
	}
	return []string{"-drive", drive, "-device", fmt.Sprintf("%s,drive=%s,id=dev%d%s", device, id, disk.Key, bootOption(index))}, nil
}

// medium is the image in a CD-ROM or floppy drive that is connected, or "".
func (l *Lab) medium(d types.BaseVirtualDevice) (string, error) {
	v := d.GetVirtualDevice()
	b, ok := v.Backing.(types.BaseVirtualDeviceFileBackingInfo)
	if !ok || (v.Connectable != nil && !v.Connectable.StartConnected && !v.Connectable.Connected) {
		return "", nil
	}
	return l.existing(b.GetVirtualDeviceFileBackingInfo().FileName)
}

func (l *Lab) mediaArguments(cfg *types.VirtualMachineConfigInfo, d types.BaseVirtualDevice, index int) ([]string, error) {
	v := d.GetVirtualDevice()
	file, err := l.medium(d)
	if err != nil {
		return nil, err
	}
	id := driveID(v.Key)
	media := "media=cdrom,readonly=on"
	device := ""
	unit := int32(0)
	if v.UnitNumber != nil {
		unit = *v.UnitNumber
	}
	if _, floppy := d.(*types.VirtualFloppy); floppy {
		media = "media=disk"
		device = fmt.Sprintf("floppy,unit=%d", unit)
	} else if kindOfDevice((&edit{cfg: cfg}).find(v.ControllerKey)).name == "sata" {
		device = fmt.Sprintf("ide-cd,bus=ctl%d.%d", v.ControllerKey, unit)
	} else {
		device = "ide-cd," + ideBus(cfg, v.ControllerKey, unit)
	}
	drive := fmt.Sprintf("if=none,id=%s,%s", id, media)
	if file != "" {
		drive += ",format=raw,cache=unsafe,file=" + escapeOption(file)
	}
	return []string{"-drive", drive, "-device", fmt.Sprintf("%s,drive=%s,id=dev%d%s", device, id, v.Key, bootOption(index))}, nil
}

// cardArguments puts each card on a user network of its own; ssh is forwarded to the first.
func (m *machine) cardArguments(d types.BaseVirtualDevice, n, index int) []string {
	c := d.(types.BaseVirtualEthernetCard).GetVirtualEthernetCard()
	net := fmt.Sprintf("user,id=net%d,net=10.0.%d.0/24", c.Key, 2+n)
	if n == 0 {
		net += fmt.Sprintf(",hostfwd=tcp:%s:%d-:22", m.address, m.lab.loopback.port)
	}
	card := fmt.Sprintf("%s,netdev=net%d,id=dev%d,mac=%s%s", qemuCard(d), c.Key, c.Key, c.MacAddress, bootOption(index))
	if index == 0 {
		card += ",romfile=" // no network boot unless it is asked for
	}
	return []string{"-netdev", net, "-device", card}
}
