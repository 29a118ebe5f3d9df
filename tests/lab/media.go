package main

import (
	"github.com/vmware/govmomi/vim25/types"
)

// hotMedia carries a change of CD-ROMs and floppies out in the running machine, before it becomes
// the configuration.
func (m *machine) hotMedia(cfg *types.VirtualMachineConfigInfo) error {
	q := m.running()
	if q == nil {
		return nil
	}
	before := map[int32]string{}
	for _, d := range m.config().Hardware.Device {
		before[d.GetVirtualDevice().Key] = m.lab.inserted(d)
	}
	for _, d := range cfg.Hardware.Device {
		switch d.(type) {
		case *types.VirtualCdrom, *types.VirtualFloppy:
		default:
			continue
		}
		key := d.GetVirtualDevice().Key
		file := m.lab.inserted(d)
		if file == before[key] {
			continue
		}
		var err error
		if file == "" {
			_, err = q.command("eject", map[string]interface{}{"device": driveID(key), "force": true})
		} else {
			_, err = q.command("blockdev-change-medium", map[string]interface{}{"device": driveID(key), "filename": file, "format": "raw", "force": true})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// inserted is the image in the drive of a machine that is on, or "".
func (l *Lab) inserted(d types.BaseVirtualDevice) string {
	v := d.GetVirtualDevice()
	b, ok := v.Backing.(types.BaseVirtualDeviceFileBackingInfo)
	if !ok || v.Connectable == nil || !v.Connectable.Connected {
		return ""
	}
	file, err := l.existing(b.GetVirtualDeviceFileBackingInfo().FileName)
	if err != nil {
		return ""
	}
	return file
}

// resizeDisk grows the disk of a running machine.
func (m *machine) resizeDisk(key int32, size int64) error {
	q := m.running()
	if q == nil {
		return nil
	}
	_, err := q.command("block_resize", map[string]interface{}{"device": driveID(key), "size": size})
	return err
}
