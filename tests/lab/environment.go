package main

import (
	"fmt"
	"strings"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/simulator/esx"
	"github.com/vmware/govmomi/vim25/types"
)

// guestNames are the full names of the guests that recipes use; others are named by their id.
var guestNames = map[string]string{
	"vmwarePhoton64Guest": "VMware Photon OS (64-bit)", "centos7_64Guest": "CentOS 7 (64-bit)", "centos8_64Guest": "CentOS 8 (64-bit)",
	"otherLinux64Guest": "Other Linux (64-bit)", "otherLinuxGuest": "Other Linux (32-bit)", "other3xLinux64Guest": "Other 3.x or later Linux (64-bit)",
	"other4xLinux64Guest": "Other 4.x or later Linux (64-bit)", "other5xLinux64Guest": "Other 5.x or later Linux (64-bit)",
	"debian10_64Guest": "Debian GNU/Linux 10 (64-bit)", "debian11_64Guest": "Debian GNU/Linux 11 (64-bit)", "ubuntu64Guest": "Ubuntu Linux (64-bit)",
	"rhel7_64Guest": "Red Hat Enterprise Linux 7 (64-bit)", "rhel8_64Guest": "Red Hat Enterprise Linux 8 (64-bit)",
	"rockylinux_64Guest": "Rocky Linux (64-bit)", "almalinux_64Guest": "AlmaLinux (64-bit)", "oracleLinux8_64Guest": "Oracle Linux 8 (64-bit)",
	"sles15_64Guest": "SUSE Linux Enterprise 15 (64-bit)", "otherGuest": "Other (32-bit)", "otherGuest64": "Other (64-bit)",
}

// guestIDs is vcsim's list and the names above that are newer than it.
func guestIDs() []string {
	var ids []string
	seen := map[string]bool{}
	for _, id := range simulator.GuestID {
		ids, seen[string(id)] = append(ids, string(id)), true
	}
	for id := range guestNames {
		if !seen[id] {
			ids = append(ids, id)
		}
	}
	return ids
}

func checkGuestID(id string) error {
	for _, known := range guestIDs() {
		if id == known || id == "" {
			return nil
		}
	}
	return invalidArgument("configSpec.guestId")
}

func guestFullName(id string) string { return orElse(guestNames[id], id) }

func guestDescriptor(id string) types.GuestOsDescriptor {
	family := "linuxGuest"
	if strings.HasPrefix(id, "win") {
		family = "windowsGuest"
	} else if strings.HasPrefix(id, "darwin") {
		family = "darwinGuestFamily"
	} else if strings.HasPrefix(id, "otherGuest") {
		family = "otherGuestFamily"
	}
	return types.GuestOsDescriptor{
		Id: id, Family: family, FullName: guestFullName(id),
		SupportedMaxCPUs: 128, SupportedMinMemMB: 32, SupportedMaxMemMB: 4177920, RecommendedMemMB: 2048, RecommendedColorDepth: 24,
		SupportedDiskControllerList: []string{"VirtualLsiLogicController", "VirtualLsiLogicSASController", "ParaVirtualSCSIController", "VirtualAHCIController", "VirtualNVMEController", "VirtualIDEController"},
		RecommendedSCSIController:   "VirtualLsiLogicController", RecommendedDiskController: "VirtualLsiLogicController",
		SupportedNumDisks: 61, RecommendedDiskSizeMB: 16384, RecommendedCdromController: "VirtualIDEController",
		SupportedEthernetCard: []string{"VirtualVmxnet3", "VirtualE1000", "VirtualE1000e"}, RecommendedEthernetCard: "VirtualVmxnet3",
		RecommendedFirmware: "bios", SupportedFirmware: []string{"bios", "efi"}, SupportLevel: "supported",
	}
}

// queryConfigOption answers both forms of the method; a guest id in the newer one filters.
func queryConfigOption(c *call) (interface{}, error) {
	option := &types.VirtualMachineConfigOption{
		Version: newConfig(c.lab.inv.esx).Version, Description: "the lab's", DefaultDevice: esx.VirtualDevice,
	}
	var wanted []string
	if ex, ok := c.method.Body.(*types.QueryConfigOptionEx); ok && ex.Spec != nil {
		wanted = ex.Spec.GuestId
		option.Version = orElse(ex.Spec.Key, option.Version)
	} else if q, ok := c.method.Body.(*types.QueryConfigOption); ok {
		option.Version = orElse(q.Key, option.Version)
	}
	for _, id := range wanted {
		if checkGuestID(id) == nil {
			option.GuestOSDescriptor = append(option.GuestOSDescriptor, guestDescriptor(id))
		}
	}
	if len(option.GuestOSDescriptor) == 0 {
		for _, id := range guestIDs() {
			option.GuestOSDescriptor = append(option.GuestOSDescriptor, guestDescriptor(id))
		}
	}
	if _, ex := c.method.Body.(*types.QueryConfigOptionEx); ex {
		return &types.QueryConfigOptionExResponse{Returnval: option}, nil
	}
	return &types.QueryConfigOptionResponse{Returnval: option}, nil
}

// hardwareVersions are those that may be asked for.
func hardwareVersions(newest string) []string {
	var keys []string
	for n := 10; n <= 19; n++ {
		key := fmt.Sprintf("vmx-%d", n)
		if n != 12 && n != 16 && key <= newest {
			keys = append(keys, key)
		}
	}
	return keys
}

// queryConfigOptionDescriptor lists the hardware versions that may be asked for.
func queryConfigOptionDescriptor(c *call) (interface{}, error) {
	newest := newConfig(c.lab.inv.esx).Version
	var refs []types.ManagedObjectReference
	for _, h := range hosts() {
		refs = append(refs, h.Self)
	}
	response := &types.QueryConfigOptionDescriptorResponse{}
	for _, key := range hardwareVersions(newest) {
		response.Returnval = append(response.Returnval, types.VirtualMachineConfigOptionDescriptor{
			Key: key, Description: key, Host: refs, CreateSupported: types.NewBool(true), RunSupported: types.NewBool(true),
			UpgradeSupported: types.NewBool(true), DefaultConfigOption: types.NewBool(key == newest),
		})
	}
	return response, nil
}

// refreshDatastore makes the summary's numbers current.
func refreshDatastore(c *call) (interface{}, error) {
	c.lab.measure()
	return &types.RefreshDatastoreResponse{}, nil
}

func (l *Lab) measure() {
	free := l.free()
	ds := l.inv.datastore
	simulator.Map.WithLock(ds, func() {
		info := deepCopy(ds.Info).(*types.LocalDatastoreInfo)
		info.FreeSpace, info.Timestamp = free, now()
		summary := ds.Summary
		summary.Capacity, summary.FreeSpace = capacity, free
		simulator.Map.Update(ds, []types.PropertyChange{
			{Name: "info", Val: info}, {Name: "summary", Val: summary}, {Name: "summary.freeSpace", Val: free}})
	})
}

// retrieve looks at a request for properties before vcsim answers it: a datastore's space is
// measured when somebody asks.
func retrieve(c *call) (interface{}, error) {
	var specs []types.PropertyFilterSpec
	switch b := c.method.Body.(type) {
	case *types.RetrieveProperties:
		specs = b.SpecSet
	case *types.RetrievePropertiesEx:
		specs = b.SpecSet
	}
	for _, s := range specs {
		for _, p := range s.PropSet {
			if p.Type == "Datastore" {
				c.lab.measure()
				return nil, nil
			}
		}
	}
	return nil, nil
}
