package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"sort"
	"strings"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// Names that are the same in both models.
const (
	datastoreName = "LocalDS_0"
	networkName   = "VM Network"
)

// inventory is what the lab knows of vcsim's objects.
type inventory struct {
	esx            bool
	datacenter     *simulator.Datacenter
	datastore      *simulator.Datastore
	datastoreDir   string
	datacenterName string
	clusterName    string
	hostName       string
	poolName       string
	folderName     string
}

// newInventory fills the simulator's registry with one datacenter: a cluster of two hosts, a
// standalone host, a datastore they all mount, a pool and a folder called Packer. No machines.
func newInventory(model, dir string) (*inventory, *simulator.Service, error) {
	inv := &inventory{esx: model == "esx", datastoreDir: dir}
	var m *simulator.Model
	if inv.esx {
		m = simulator.ESX()
	} else {
		m = simulator.VPX()
		m.ServiceContent.About.Version = "7.0.3"
		m.ServiceContent.About.Build = "20395099"
		m.ServiceContent.About.ApiVersion = "7.0.3.0"
		m.ServiceContent.About.FullName = "VMware vCenter Server 7.0.3 build-20395099"
		m.ServiceContent.About.LicenseProductVersion = "7.0"
		m.ClusterHost = 2
	}
	m.Machine, m.Datastore, m.Autostart = 0, 0, false
	if err := m.Create(); err != nil {
		return nil, nil, err
	}
	dc, ok := simulator.Map.Any("Datacenter").(*simulator.Datacenter)
	if !ok {
		return nil, nil, fmt.Errorf("vcsim made no datacenter")
	}
	inv.datacenter, inv.datacenterName = dc, dc.Name
	inv.addDatastore()
	if err := inv.addNamed(m.Service); err != nil {
		return nil, nil, err
	}
	return inv, m.Service, nil
}

// computeOf gives the fields a host's or pool's compute resource has in either model.
func computeOf(ref types.ManagedObjectReference) *mo.ComputeResource {
	switch c := simulator.Map.Get(ref).(type) {
	case *mo.ComputeResource:
		return c
	case *simulator.ClusterComputeResource:
		return &c.ComputeResource
	}
	return nil
}

// hosts returns every host, those of the cluster first.
func hosts() []*simulator.HostSystem {
	var clustered, alone []*simulator.HostSystem
	for _, e := range simulator.Map.All("HostSystem") {
		h, ok := e.(*simulator.HostSystem)
		if !ok {
			continue
		}
		if h.Parent.Type == "ClusterComputeResource" {
			clustered = append(clustered, h)
		} else {
			alone = append(alone, h)
		}
	}
	sort.Slice(clustered, func(i, j int) bool { return clustered[i].Name < clustered[j].Name })
	return append(clustered, alone...)
}

// addDatastore makes the datastore by hand: vcsim's own way puts the directory's path into
// the managed object id and the URL a client sees.
func (inv *inventory) addDatastore() {
	ds := &simulator.Datastore{}
	ds.Self = types.ManagedObjectReference{Type: "Datastore", Value: "datastore-100"}
	ds.Name = datastoreName
	ds.Info = &types.LocalDatastoreInfo{
		DatastoreInfo: types.DatastoreInfo{Name: datastoreName, Url: inv.datastoreDir, MaxFileSize: 62 << 40},
		Path:          inv.datastoreDir,
	}
	ds.Summary = types.DatastoreSummary{
		Datastore: &ds.Self, Name: datastoreName, Url: "ds:///vmfs/volumes/" + datastoreName + "/",
		Type: "VMFS", Accessible: true, MultipleHostAccess: types.NewBool(true),
		MaintenanceMode: string(types.DatastoreSummaryMaintenanceModeStateNormal),
	}
	ds.Capability = types.DatastoreCapability{
		DirectoryHierarchySupported: true, PerFileThinProvisioningSupported: true,
		TopLevelDirectoryCreateSupported: types.NewBool(true),
	}
	browser := &simulator.HostDatastoreBrowser{}
	browser.Datastore = []types.ManagedObjectReference{ds.Self}
	ds.Browser = simulator.Map.Put(browser).Reference()
	folder := simulator.Map.Get(inv.datacenter.DatastoreFolder).(*simulator.Folder)
	folder.ChildEntity = append(folder.ChildEntity, ds.Self)
	simulator.Map.PutEntity(folder, ds)
	inv.datacenter.Datastore = append(inv.datacenter.Datastore, ds.Self)

	for _, h := range hosts() {
		h.Datastore = append(h.Datastore, ds.Self)
		if sys, ok := simulator.Map.Get(*h.ConfigManager.DatastoreSystem).(*simulator.HostDatastoreSystem); ok {
			sys.Datastore = append(sys.Datastore, ds.Self)
		}
		if c := computeOf(*h.Parent); c != nil {
			simulator.Map.AddReference(c, &c.Datastore, ds.Self)
		}
		ds.Host = append(ds.Host, types.DatastoreHostMount{
			Key: h.Self,
			MountInfo: types.HostMountInfo{
				Path: "/vmfs/volumes/" + datastoreName, AccessMode: string(types.HostMountModeReadWrite),
				Mounted: types.NewBool(true), Accessible: types.NewBool(true),
			},
		})
	}
	inv.datastore = ds
}

// addNamed makes the pool and the folder the recipes' var-files ask for, and notes the names.
func (inv *inventory) addNamed(service *simulator.Service) error {
	all := hosts()
	inv.hostName = all[0].Name
	if inv.esx {
		inv.hostName = all[0].Summary.Config.Name
		return nil
	}
	ctx := context.Background()
	client, err := vim25.NewClient(ctx, service)
	if err != nil {
		return err
	}
	compute := computeOf(*all[0].Parent)
	inv.clusterName = compute.Name
	pool := object.NewResourcePool(client, *compute.ResourcePool)
	if _, err := pool.Create(ctx, "Packer", types.DefaultResourceConfigSpec()); err != nil {
		return err
	}
	if _, err := object.NewFolder(client, inv.datacenter.VmFolder).CreateFolder(ctx, "Packer"); err != nil {
		return err
	}
	inv.poolName, inv.folderName = "Packer", "Packer"
	for _, h := range all { // the port group belongs to the cluster's hosts as much as to the cluster
		if c := computeOf(*h.Parent); c != nil {
			h.Network = append([]types.ManagedObjectReference(nil), c.Network...)
		}
	}
	return nil
}

// serveVcsim mounts vcsim's own handlers on a mux of the lab's, without vcsim's server.
func serveVcsim(service *simulator.Service, address string, permissions *permissionTable) http.Handler {
	service.Listen = &url.URL{Scheme: "https", Host: address, Path: vim25.Path, User: url.UserPassword(labUser, labPassword)}
	service.RegisterSDK(simulator.Map)
	useCollectors(permissions)
	simulator.Map.SessionManager().ServiceHostName = address
	mux := service.ServeMux
	mux.HandleFunc(vim25.Path+"/vimServiceVersions.xml", serveVersions)
	mux.HandleFunc("/about", service.About)
	return mux
}

// serveVersions tells the API versions, in the form of a real vCenter 7.0.3.
func serveVersions(w http.ResponseWriter, _ *http.Request) {
	about := simulator.Map.Get(vim25.ServiceInstance).(*simulator.ServiceInstance).Content.About
	prior := []string{}
	for _, v := range []string{"7.0.2.0", "7.0.1.0", "7.0.0.0", "6.9.1", "6.8.7", "6.7.3", "6.7.2", "6.7.1", "6.7", "6.5", "6.0", "5.5"} {
		if v < about.ApiVersion {
			prior = append(prior, "   <version>"+v+"</version>")
		}
	}
	w.Header().Set("Content-Type", "text/xml")
	fmt.Fprintf(w, `<?xml version="1.0" encoding="UTF-8" ?>
<namespaces version="1.0">
 <namespace>
  <name>urn:vim25</name>
  <version>%s</version>
  <priorVersions>
%s
  </priorVersions>
 </namespace>
</namespaces>
`, about.ApiVersion, strings.Join(prior, "\n"))
}
