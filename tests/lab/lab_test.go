package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/find"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/property"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// One lab serves all tests: vcsim's registry is one per process.
var (
	theLab *Lab
	ctx    = context.Background()
)

func TestMain(tests *testing.M) {
	if os.Getenv("LAB_MAIN") != "" { // the lab itself, for tests that need another one
		main()
		return
	}
	dir, err := os.MkdirTemp("", "lab-test-")
	if err != nil {
		panic(err)
	}
	for _, d := range []string{"datastore", "log", "tmp"} {
		_ = os.Mkdir(filepath.Join(dir, d), 0o700)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	theLab, err = newLab(options{model: "vpx", accel: "auto"}, dir, listener)
	if err != nil {
		panic(err)
	}
	go func() { _ = theLab.serve() }()
	code := tests.Run()
	theLab.close()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// client is a logged-in govmomi client with the inventory's usual objects.
type client struct {
	*govmomi.Client
	finder *find.Finder
	folder *object.Folder
	pool   *object.ResourcePool
	ds     *object.Datastore
}

func connect(t *testing.T) *client {
	t.Helper()
	u := &url.URL{Scheme: "https", Host: theLab.host(), Path: "/sdk", User: url.UserPassword(labUser, labPassword)}
	c, err := govmomi.NewClient(ctx, u, true)
	must(t, err)
	f := find.NewFinder(c.Client, true)
	dc, err := f.Datacenter(ctx, "DC0")
	must(t, err)
	f.SetDatacenter(dc)
	folder, err := f.Folder(ctx, "Packer")
	must(t, err)
	pool, err := f.ResourcePool(ctx, "Packer")
	must(t, err)
	ds, err := f.Datastore(ctx, datastoreName)
	must(t, err)
	t.Cleanup(func() { control(t, "DELETE", "/fault", ""); _ = c.Logout(ctx) })
	return &client{c, f, folder, pool, ds}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wants the error to be the fault of that type.
func wants(t *testing.T, err error, fault string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want %s", fault)
	}
	got := ""
	switch {
	case soap.IsSoapFault(err):
		got = fmt.Sprintf("%T", soap.ToSoapFault(err).VimFault())
	default:
		if te, ok := err.(interface{ Fault() types.BaseMethodFault }); ok {
			got = fmt.Sprintf("%T", te.Fault())
		}
	}
	if !strings.HasSuffix(got, "."+fault) {
		t.Fatalf("got %s (%v), want %s", got, err, fault)
	}
}

func control(t *testing.T, method, path, body string) string {
	t.Helper()
	r, _ := http.NewRequest(method, "https://"+theLab.host()+"/lab"+path, strings.NewReader(body))
	c := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	defer c.CloseIdleConnections()
	res, err := c.Do(r)
	must(t, err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	must(t, err)
	if res.StatusCode >= 300 {
		t.Fatalf("%s %s: %s: %s", method, path, res.Status, text)
	}
	return string(text)
}

func fail(t *testing.T, fault string) { t.Helper(); control(t, "POST", "/fault", fault) }

// spec is a machine as luabuild makes it: controller, disk, CD-ROM, floppy, card.
func (c *client) spec(name string, controller string) types.VirtualMachineConfigSpec {
	var list object.VirtualDeviceList
	scsi, _ := list.CreateSCSIController(controller)
	scsi.GetVirtualDevice().Key = -1
	disk := &types.VirtualDisk{
		VirtualDevice: types.VirtualDevice{Key: -2, ControllerKey: -1, UnitNumber: types.NewInt32(0),
			Backing: &types.VirtualDiskFlatVer2BackingInfo{DiskMode: "persistent", ThinProvisioned: types.NewBool(true)}},
		CapacityInKB: 64 << 10,
	}
	nic := &types.VirtualE1000{}
	nic.Key = -3
	nic.Backing = &types.VirtualEthernetCardNetworkBackingInfo{VirtualDeviceDeviceBackingInfo: types.VirtualDeviceDeviceBackingInfo{DeviceName: networkName}}
	add := func(d types.BaseVirtualDevice, op types.VirtualDeviceConfigSpecFileOperation) types.BaseVirtualDeviceConfigSpec {
		return &types.VirtualDeviceConfigSpec{Operation: "add", Device: d, FileOperation: op}
	}
	return types.VirtualMachineConfigSpec{
		Name: name, GuestId: "vmwarePhoton64Guest", NumCPUs: 1, MemoryMB: 64, Version: "vmx-14",
		Files:        &types.VirtualMachineFileInfo{VmPathName: "[" + datastoreName + "]"},
		ExtraConfig:  []types.BaseOptionValue{&types.OptionValue{Key: "luabuild.run", Value: "1"}},
		DeviceChange: []types.BaseVirtualDeviceConfigSpec{add(scsi, ""), add(disk, "create"), add(nic, "")},
	}
}

func (c *client) create(t *testing.T, spec types.VirtualMachineConfigSpec) (*object.VirtualMachine, error) {
	t.Helper()
	task, err := c.folder.CreateVM(ctx, spec, c.pool, nil)
	must(t, err)
	info, err := task.WaitForResult(ctx, nil)
	if err != nil {
		return nil, err
	}
	vm := object.NewVirtualMachine(c.Client.Client, info.Result.(types.ManagedObjectReference))
	t.Cleanup(func() {
		if task, err := vm.PowerOff(ctx); err == nil {
			_ = task.Wait(ctx)
		}
		if task, err := vm.Destroy(ctx); err == nil {
			_ = task.Wait(ctx)
		}
	})
	return vm, nil
}

func (c *client) read(t *testing.T, vm *object.VirtualMachine) mo.VirtualMachine {
	t.Helper()
	var v mo.VirtualMachine
	must(t, property.DefaultCollector(c.Client.Client).RetrieveOne(ctx, vm.Reference(), nil, &v))
	return v
}

func done(t *testing.T, task *object.Task, err error) error {
	t.Helper()
	must(t, err)
	return task.Wait(ctx)
}

func TestCreateLooksLikeVCenters(t *testing.T) {
	c := connect(t)
	for _, controller := range []string{"lsilogic", "lsilogic-sas", "pvscsi"} {
		vm, err := c.create(t, c.spec("create-"+controller, controller))
		must(t, err)
		v := c.read(t, vm)
		if v.Config.Version != "vmx-14" || v.Config.Firmware != "bios" || v.Config.GuestFullName != "VMware Photon OS (64-bit)" || v.Config.Hardware.MemoryMB != 64 {
			t.Errorf("config: %s %s %s", v.Config.Version, v.Config.Firmware, v.Config.GuestFullName)
		}
		list := object.VirtualDeviceList(v.Config.Hardware.Device)
		disk := list.SelectByType((*types.VirtualDisk)(nil))[0].(*types.VirtualDisk)
		if disk.Key != 2000 || disk.ControllerKey != 1000 || diskFile(disk) != "[LocalDS_0] create-"+controller+"/create-"+controller+".vmdk" {
			t.Errorf("disk: %d %d %s", disk.Key, disk.ControllerKey, diskFile(disk))
		}
		nic := list.SelectByType((*types.VirtualEthernetCard)(nil))[0].(types.BaseVirtualEthernetCard).GetVirtualEthernetCard()
		if nic.Key != 4000 || !strings.HasPrefix(nic.MacAddress, "00:50:56:") || nic.AddressType != "assigned" {
			t.Errorf("card: %d %s", nic.Key, nic.MacAddress)
		}
		if v.Summary.Config.NumVirtualDisks != 1 || len(v.Network) != 1 {
			t.Errorf("summary: %+v", v.Summary.Config)
		}
	}
}

func TestCreateRefuses(t *testing.T) {
	c := connect(t)
	_, err := c.create(t, c.spec("taken", "lsilogic"))
	must(t, err)
	for fault, change := range map[string]func(*types.VirtualMachineConfigSpec){
		"DuplicateName":        func(s *types.VirtualMachineConfigSpec) { s.Name = "taken" },
		"InvalidArgument":      func(s *types.VirtualMachineConfigSpec) { s.GuestId = "photonGuest" },
		"InvalidDatastorePath": func(s *types.VirtualMachineConfigSpec) { s.Files.VmPathName = "[nowhere]" },
		"InvalidDeviceBacking": func(s *types.VirtualMachineConfigSpec) {
			s.DeviceChange[2].GetVirtualDeviceConfigSpec().Device.GetVirtualDevice().Backing.(*types.VirtualEthernetCardNetworkBackingInfo).DeviceName = "nowhere"
		},
		"NoDiskSpace": func(s *types.VirtualMachineConfigSpec) {
			d := s.DeviceChange[1].GetVirtualDeviceConfigSpec().Device.(*types.VirtualDisk)
			d.CapacityInKB, flat(d).ThinProvisioned = 1<<30, nil
		},
		"InvalidDeviceSpec": func(s *types.VirtualMachineConfigSpec) {
			s.DeviceChange[1].GetVirtualDeviceConfigSpec().Device.GetVirtualDevice().UnitNumber = types.NewInt32(7)
		},
		"VirtualHardwareVersionNotSupported": func(s *types.VirtualMachineConfigSpec) { s.Version = "vmx-99" },
	} {
		spec := c.spec("refused", "lsilogic")
		change(&spec)
		_, err := c.create(t, spec)
		wants(t, err, fault)
	}
	if _, err := os.Stat(filepath.Join(theLab.inv.datastoreDir, "refused")); err == nil {
		t.Error("files of a refused machine are left")
	}
}

func TestReconfigure(t *testing.T) {
	c := connect(t)
	vm, err := c.create(t, c.spec("reconfigure", "pvscsi"))
	must(t, err)
	task, err := vm.Reconfigure(ctx, types.VirtualMachineConfigSpec{
		NumCPUs: 2, Annotation: "made <here>",
		ExtraConfig: []types.BaseOptionValue{&types.OptionValue{Key: "luabuild.run", Value: ""}, &types.OptionValue{Key: "a", Value: "1"}, &types.OptionValue{Key: "a", Value: "2"}},
		BootOptions: &types.VirtualMachineBootOptions{BootOrder: []types.BaseVirtualMachineBootOptionsBootableDevice{
			&types.VirtualMachineBootOptionsBootableDiskDevice{DeviceKey: 2000}, &types.VirtualMachineBootOptionsBootableCdromDevice{}}},
	})
	must(t, done(t, task, err))
	v := c.read(t, vm)
	extra := map[string]string{}
	for _, o := range v.Config.ExtraConfig {
		extra[o.GetOptionValue().Key] = fmt.Sprint(o.GetOptionValue().Value)
	}
	if v.Config.Hardware.NumCPU != 2 || v.Config.Annotation != "made <here>" || extra["a"] != "2" || extra["luabuild.run"] != "" || len(v.Config.BootOptions.BootOrder) != 2 {
		t.Errorf("%+v %v", v.Config.BootOptions, extra)
	}
	task, err = vm.Reconfigure(ctx, types.VirtualMachineConfigSpec{BootOptions: &types.VirtualMachineBootOptions{
		BootDelay: 100, BootOrder: []types.BaseVirtualMachineBootOptionsBootableDevice{&types.VirtualMachineBootOptionsBootableDevice{}}}})
	must(t, done(t, task, err))
	if v = c.read(t, vm); len(v.Config.BootOptions.BootOrder) != 0 || v.Config.BootOptions.BootDelay != 100 {
		t.Errorf("not cleared: %+v", v.Config.BootOptions)
	}
}

func TestFilesAndSessions(t *testing.T) {
	c := connect(t)
	fm := object.NewFileManager(c.Client.Client)
	dc, _ := c.finder.Datacenter(ctx, "DC0")
	must(t, fm.MakeDirectory(ctx, "[LocalDS_0] cache/iso", dc, true))
	t.Cleanup(func() { _ = os.RemoveAll(filepath.Join(theLab.inv.datastoreDir, "cache")) })
	data := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	upload := func() error {
		return c.ds.Upload(ctx, bytes.NewReader(data), "cache/iso/a.part", &soap.Upload{Method: "PUT", ContentLength: int64(len(data)), Type: "application/octet-stream"})
	}
	fail(t, `{"method":"PUT /folder","fault":"cut","at":300000}`)
	if err := upload(); err == nil {
		t.Error("a cut upload succeeded")
	}
	if _, err := c.ds.Stat(ctx, "cache/iso/a.part"); err == nil {
		t.Error("a cut upload left a file")
	}
	must(t, upload())
	task, err := fm.MoveDatastoreFile(ctx, "[LocalDS_0] cache/iso/a.part", dc, "[LocalDS_0] cache/iso/a.iso", dc, false)
	must(t, done(t, task, err))
	info, err := c.ds.Stat(ctx, "cache/iso/a.iso")
	must(t, err)
	if info.GetFileInfo().FileSize != int64(len(data)) {
		t.Errorf("size %d", info.GetFileInfo().FileSize)
	}
	body, _, err := c.ds.Download(ctx, "cache/iso/a.iso", nil)
	must(t, err)
	got, err := io.ReadAll(body)
	_ = body.Close()
	must(t, err)
	if !bytes.Equal(got, data) {
		t.Error("what came back differs")
	}
	control(t, "POST", "/expire", "")
	_, err = methods.GetCurrentTime(ctx, c.Client)
	wants(t, err, "NotAuthenticated")
	must(t, c.Login(ctx, url.UserPassword(labUser, labPassword)))
	wants(t, c.Login(ctx, url.UserPassword(labUser, "wrong")), "InvalidLogin")
}
