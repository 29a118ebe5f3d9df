package main

import (
	"crypto/sha1"
	"encoding/xml"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vmware/govmomi/nfc"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/ovf"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// diskImage is the qcow2 of a machine's first disk, and write puts a byte into it.
func diskImage(v mo.VirtualMachine) string {
	file, _ := theLab.local(diskFile(disksOf(v.Config)[0]))
	return qcow2Of(file)
}

func write(t *testing.T, v mo.VirtualMachine, pattern, offset string) {
	t.Helper()
	out, err := exec.Command("qemu-io", "-c", "write -P "+pattern+" "+offset+" 64k", diskImage(v)).CombinedOutput()
	if err != nil || strings.Contains(string(out), "failed") {
		t.Fatalf("%v %s", err, out)
	}
}

func has(v mo.VirtualMachine, pattern, offset string) bool {
	out, err := exec.Command("qemu-io", "-r", "-c", "read -P "+pattern+" "+offset+" 64k", diskImage(v)).CombinedOutput()
	return err == nil && !strings.Contains(string(out), "verification failed")
}

func (c *client) snap(t *testing.T, vm *object.VirtualMachine, name string) types.ManagedObjectReference {
	t.Helper()
	task, err := vm.CreateSnapshot(ctx, name, "", false, false)
	must(t, err)
	info, err := task.WaitForResult(ctx, nil)
	must(t, err)
	return info.Result.(types.ManagedObjectReference)
}

func (c *client) clone(t *testing.T, vm *object.VirtualMachine, name string, spec types.VirtualMachineCloneSpec) (*object.VirtualMachine, error) {
	t.Helper()
	task, err := vm.Clone(ctx, c.folder, name, spec)
	must(t, err)
	info, err := task.WaitForResult(ctx, nil)
	if err != nil {
		return nil, err
	}
	clone := object.NewVirtualMachine(c.Client.Client, info.Result.(types.ManagedObjectReference))
	t.Cleanup(func() {
		if task, err := clone.Destroy(ctx); err == nil {
			_ = task.Wait(ctx)
		}
	})
	return clone, nil
}

func TestSnapshots(t *testing.T) {
	c := connect(t)
	vm, err := c.create(t, c.spec("snap", "pvscsi"))
	must(t, err)
	write(t, c.read(t, vm), "1", "0")
	c.snap(t, vm, "one")
	v := c.read(t, vm)
	if b := flat(disksOf(v.Config)[0]); b.Parent == nil || !strings.HasSuffix(b.FileName, "snap-000001.vmdk") {
		t.Fatalf("no child: %+v", b)
	}
	write(t, v, "2", "0")
	c.snap(t, vm, "two")
	write(t, c.read(t, vm), "3", "0")
	task, err := vm.RevertToSnapshot(ctx, "one", false)
	must(t, done(t, task, err))
	if !has(c.read(t, vm), "1", "0") {
		t.Error("reverted, and not what it was")
	}
	task, err = vm.RevertToSnapshot(ctx, "two", false)
	must(t, done(t, task, err))
	task, err = vm.RemoveSnapshot(ctx, "one", false, nil)
	must(t, done(t, task, err))
	v = c.read(t, vm)
	if len(v.Snapshot.RootSnapshotList) != 1 || v.Snapshot.RootSnapshotList[0].Name != "two" || !has(v, "2", "0") {
		t.Errorf("%+v", v.Snapshot)
	}
	task, err = vm.RemoveAllSnapshot(ctx, nil)
	must(t, done(t, task, err))
	v = c.read(t, vm)
	if b := flat(disksOf(v.Config)[0]); v.Snapshot != nil || b.Parent != nil || !has(v, "2", "0") {
		t.Errorf("%+v %+v", v.Snapshot, b)
	}
	files, _ := filepath.Glob(filepath.Join(theLab.inv.datastoreDir, "snap", "*.qcow2"))
	if len(files) != 1 {
		t.Errorf("left: %v", files)
	}
}

func TestCloneAndTemplate(t *testing.T) {
	c := connect(t)
	vm, err := c.create(t, c.spec("parent", "lsilogic"))
	must(t, err)
	write(t, c.read(t, vm), "7", "1M")
	snapshot := c.snap(t, vm, "base")
	must(t, vm.MarkAsTemplate(ctx))
	_, err = c.clone(t, vm, "child", types.VirtualMachineCloneSpec{Snapshot: &snapshot})
	wants(t, err, "InvalidArgument") // a template has no pool
	pool := c.pool.Reference()
	where := types.VirtualMachineRelocateSpec{Pool: &pool}
	_, err = c.clone(t, vm, "parent", types.VirtualMachineCloneSpec{Location: where})
	wants(t, err, "DuplicateName")
	full, err := c.clone(t, vm, "full", types.VirtualMachineCloneSpec{Location: where, Config: &types.VirtualMachineConfigSpec{NumCPUs: 2}})
	must(t, err)
	where.DiskMoveType = childMove
	_, err = c.clone(t, vm, "child", types.VirtualMachineCloneSpec{Location: where})
	wants(t, err, "InvalidArgument") // linked without a snapshot
	linked, err := c.clone(t, vm, "child", types.VirtualMachineCloneSpec{Location: where, Snapshot: &snapshot})
	must(t, err)

	p, f, l := c.read(t, vm), c.read(t, full), c.read(t, linked)
	if f.Config.Hardware.NumCPU != 2 || f.Config.Version != p.Config.Version || l.Config.GuestId != p.Config.GuestId || l.Config.Uuid == p.Config.Uuid {
		t.Error("the clones' configuration is wrong")
	}
	mac := func(v mo.VirtualMachine) string {
		return object.VirtualDeviceList(v.Config.Hardware.Device).PrimaryMacAddress()
	}
	if mac(f) == mac(p) || mac(l) == mac(p) || mac(l) == mac(f) {
		t.Error("a MAC address is there twice")
	}
	if flat(disksOf(f.Config)[0]).Parent != nil || flat(disksOf(l.Config)[0]).Parent.FileName != "[LocalDS_0] parent/parent.vmdk" {
		t.Error("backings are wrong")
	}
	if diskFile(disksOf(p.Config)[0]) != "[LocalDS_0] parent/parent-000001.vmdk" {
		t.Errorf("the parent's disk changed: %s", diskFile(disksOf(p.Config)[0]))
	}
	if !has(f, "7", "1M") || !has(l, "7", "1M") {
		t.Error("a clone has other content")
	}
	must(t, vm.MarkAsVirtualMachine(ctx, *c.pool, nil))
	task, err := vm.Destroy(ctx)
	must(t, done(t, task, err))
	if !has(l, "7", "1M") {
		t.Error("the clone lost its parent's disk")
	}
}

// export asks for a lease and waits until it is ready.
func (c *client) export(t *testing.T, vm *object.VirtualMachine) (*nfc.Lease, *nfc.LeaseInfo) {
	t.Helper()
	lease, err := vm.Export(ctx)
	must(t, err)
	info, err := lease.Wait(ctx, nil)
	must(t, err)
	return lease, info
}

func TestExport(t *testing.T) {
	c := connect(t)
	vm, err := c.create(t, c.spec("export", "lsilogic"))
	must(t, err)
	write(t, c.read(t, vm), "9", "60M")
	c.snap(t, vm, "s")
	lease, info := c.export(t, vm)
	var file *os.File
	sums := map[string]string{}
	cdp := types.OvfCreateDescriptorParams{Name: "export"}
	for _, item := range info.Items {
		body, length, err := c.Client.Client.Client.Download(ctx, item.URL, &soap.DefaultDownload)
		must(t, err)
		if length >= 0 {
			t.Errorf("%s has a length", item.Path)
		}
		file, err = os.Create(filepath.Join(t.TempDir(), item.Path))
		must(t, err)
		sum := sha1.New()
		n, err := io.Copy(io.MultiWriter(file, sum), body)
		must(t, err)
		_ = file.Close()
		sums[item.Path] = fmt.Sprintf("%x", sum.Sum(nil))
		if strings.HasPrefix(item.Path, "disk-0") {
			out, err := exec.Command("qemu-img", "compare", file.Name(), diskImage(c.read(t, vm))).CombinedOutput()
			if err != nil {
				t.Errorf("%v %s", err, out)
			}
			f := item.File()
			f.Size = n
			cdp.OvfFiles = append(cdp.OvfFiles, f)
		}
	}
	entries, err := methods.HttpNfcLeaseGetManifest(ctx, c.Client, &types.HttpNfcLeaseGetManifest{This: lease.Reference()})
	must(t, err)
	if len(entries.Returnval) != 2 || entries.Returnval[0].Sha1 != sums["disk-0.vmdk"] {
		t.Errorf("manifest: %+v, sent %v", entries.Returnval, sums)
	}
	text, err := ovf.NewManager(c.Client.Client).CreateDescriptor(ctx, vm, cdp)
	must(t, err)
	var envelope ovf.Envelope
	must(t, xml.Unmarshal([]byte(text.OvfDescriptor), &envelope))
	if len(envelope.Disk.Disks) != 1 || envelope.References[0].Size == 0 {
		t.Errorf("%s", text.OvfDescriptor)
	}
	must(t, lease.Complete(ctx))
	if _, _, err := c.Client.Client.Client.Download(ctx, info.Items[0].URL, &soap.DefaultDownload); err == nil {
		t.Error("the URL outlived the lease")
	}

	fail(t, `{"fault":"shortlease","delay":1}`)
	lease, _ = c.export(t, vm)
	within(t, "the lease expires", func() bool {
		var o mo.HttpNfcLease
		must(t, c.PropertyCollector().RetrieveOne(ctx, lease.Reference(), []string{"state", "error"}, &o))
		return o.State == types.HttpNfcLeaseStateError && o.Error != nil
	})
	lease, info = c.export(t, vm)
	fail(t, `{"method":"GET /nfc","fault":"cut","at":1000}`)
	body, _, err := c.Client.Client.Client.Download(ctx, info.Items[0].URL, &soap.DefaultDownload)
	must(t, err)
	if n, err := io.Copy(io.Discard, body); err == nil || n > 1000 {
		t.Errorf("not cut: %d bytes, %v", n, err)
	}
	must(t, lease.Abort(ctx, nil))
	must(t, vm.Unregister(ctx))
}
