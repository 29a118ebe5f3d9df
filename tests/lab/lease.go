package main

import (
	"crypto/sha1"
	"crypto/sha256"
	"fmt"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// leaseObject is what a client reads of a lease.
type leaseObject struct{ mo.HttpNfcLease }

// Reference reads nothing that changes; the one of mo.HttpNfcLease copies all of it.
func (o *leaseObject) Reference() types.ManagedObjectReference { return o.Self }

// leaseFile is one file that a lease offers, and what was last sent of it.
type leaseFile struct {
	name  string // in the URL
	key   string // of the device
	disk  *types.VirtualDisk
	local string // of a file that is no disk

	sent         bool
	size         int64
	populated    int64
	sha1, sha256 string
}

// lease is an export under way. The machine is held as long as it lives.
type lease struct {
	lab    *Lab
	object *leaseObject
	m      *machine
	timer  *time.Timer
	ended  chan struct{}
	once   sync.Once

	mu    sync.Mutex
	files []*leaseFile
	sum   string // sha1 or sha256
}

type leaseTable struct {
	mu    sync.Mutex
	byID  map[string]*lease
	bySum map[string][2]string // of files that were prepared, by path
}

func (t *leaseTable) find(id string) *lease {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.byID[id]
}

// open counts the leases that have not ended.
func (t *leaseTable) open() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := 0
	for _, x := range t.byID {
		if !x.over() {
			n++
		}
	}
	return n
}

func (x *lease) set(changes ...types.PropertyChange) {
	simulator.Map.WithLock(x.object, func() { simulator.Map.Update(x.object, changes) })
}

// exportVM is VirtualMachine.ExportVm.
func exportVM(c *call) (interface{}, error) {
	m, err := c.machine()
	if err == nil {
		err = m.hold()
	}
	if err != nil {
		return nil, err
	}
	err = m.mustBe(poweredOff)
	if err == nil && m.config().Template {
		err = faultf(&types.InvalidState{}, "The operation is not allowed in the current state.")
	}
	if err != nil {
		m.release()
		return nil, err
	}
	x := c.lab.newLease(m, m.config())
	return &types.ExportVmResponse{Returnval: x.object.Self}, nil
}

// exportSnapshot is VirtualMachineSnapshot.ExportSnapshot.
func exportSnapshot(c *call) (interface{}, error) {
	m, s, err := c.owner()
	if err == nil {
		err = m.hold()
	}
	if err != nil {
		return nil, err
	}
	x := c.lab.newLease(m, deepCopy(&s.Config).(*types.VirtualMachineConfigInfo))
	return &types.ExportSnapshotResponse{Returnval: x.object.Self}, nil
}

// newLease makes a lease that is ready after a moment.
func (l *Lab) newLease(m *machine, cfg *types.VirtualMachineConfigInfo) *lease {
	id := "session-" + newUUID()
	object := &leaseObject{}
	object.Self = types.ManagedObjectReference{Type: "HttpNfcLease", Value: id}
	object.State, object.Mode = types.HttpNfcLeaseStateInitializing, "pushOrGet"
	x := &lease{lab: l, object: object, m: m, ended: make(chan struct{}), sum: "sha1"}
	timeout := int32(300)
	if d := l.faults.delay("shortlease"); d > 0 {
		timeout = int32(d)
	}
	info := &types.HttpNfcLeaseInfo{Lease: object.Self, Entity: m.vm.Self, LeaseTimeout: timeout}
	for i, d := range disksOf(cfg) {
		info.TotalDiskCapacityInKB += d.CapacityInKB
		unit := int32(0)
		if d.UnitNumber != nil {
			unit = *d.UnitNumber
		}
		ctl := (&edit{cfg: cfg}).find(d.ControllerKey)
		kind := strings.TrimPrefix(fmt.Sprintf("%T", ctl), "*types.")
		f := &leaseFile{name: fmt.Sprintf("disk-%d.vmdk", i), disk: d,
			key: fmt.Sprintf("/%s/%s%d:%d", m.vm.Self.Value, kind, ctl.(types.BaseVirtualController).GetVirtualController().BusNumber, unit)}
		x.files = append(x.files, f)
	}
	vmx := cfg.Files.VmPathName
	nvram := strings.TrimSuffix(path.Base(vmx), ".vmx") + ".nvram"
	if local, err := l.existing(strings.TrimSuffix(vmx, ".vmx") + ".nvram"); err == nil {
		x.files = append(x.files, &leaseFile{name: nvram, key: "/" + m.vm.Self.Value + "/nvram", local: local})
	}
	for _, f := range x.files {
		u := types.HttpNfcLeaseDeviceUrl{Key: f.key, Url: "https://*/nfc/" + id + "/" + f.name, SslThumbprint: l.cert.sha1,
			Disk: types.NewBool(f.disk != nil), TargetId: f.name}
		if f.disk == nil {
			u.FileSize = fileSize(f.local)
		}
		info.DeviceUrl = append(info.DeviceUrl, u)
	}
	simulator.Map.Put(object)
	l.leases.mu.Lock()
	l.leases.byID[id] = x
	l.leases.mu.Unlock()
	x.timer = time.AfterFunc(time.Duration(timeout)*time.Second, func() {
		x.finish(types.HttpNfcLeaseStateError, &types.LocalizedMethodFault{
			Fault: &types.Timedout{}, LocalizedMessage: "The operation timed out: the lease was not renewed."})
	})
	go func() {
		select {
		case <-x.ended:
			return
		case <-time.After(200 * time.Millisecond):
		}
		x.set(types.PropertyChange{Name: "info", Val: *info}, types.PropertyChange{Name: "initializeProgress", Val: int32(100)},
			types.PropertyChange{Name: "state", Val: types.HttpNfcLeaseStateReady})
	}()
	return x
}

// finish ends the lease: its URLs are dead and the machine is free.
func (x *lease) finish(state types.HttpNfcLeaseState, failure *types.LocalizedMethodFault) {
	x.once.Do(func() {
		x.timer.Stop()
		close(x.ended)
		if failure != nil {
			x.set(types.PropertyChange{Name: "error", Val: *failure})
		}
		x.set(types.PropertyChange{Name: "state", Val: state})
		x.m.release()
	})
}

func (x *lease) over() bool {
	select {
	case <-x.ended:
		return true
	default:
		return false
	}
}

// lease finds the one the call is about, if it still lives.
func (c *call) lease() (*lease, error) {
	x := c.lab.leases.find(c.method.This.Value)
	if x == nil {
		return nil, gone(c.method.This)
	}
	if x.over() {
		return nil, faultf(&types.InvalidState{}, "The operation is not allowed in the current state.")
	}
	return x, nil
}

func leaseProgress(c *call) (interface{}, error) {
	x, err := c.lease()
	if err != nil {
		return nil, err
	}
	percent := c.method.Body.(*types.HttpNfcLeaseProgress).Percent
	if percent < 0 || percent > 100 {
		return nil, invalidArgument("percent")
	}
	x.timer.Reset(time.Duration(x.object.Info.LeaseTimeout) * time.Second)
	x.set(types.PropertyChange{Name: "transferProgress", Val: percent})
	return &types.HttpNfcLeaseProgressResponse{}, nil
}

func leaseComplete(c *call) (interface{}, error) {
	x, err := c.lease()
	if err != nil {
		return nil, err
	}
	x.finish(types.HttpNfcLeaseStateDone, nil)
	return &types.HttpNfcLeaseCompleteResponse{}, nil
}

func leaseAbort(c *call) (interface{}, error) {
	x, err := c.lease()
	if err != nil {
		return nil, err
	}
	x.finish(types.HttpNfcLeaseStateError, c.method.Body.(*types.HttpNfcLeaseAbort).Fault)
	return &types.HttpNfcLeaseAbortResponse{}, nil
}

func leaseChecksum(c *call) (interface{}, error) {
	x, err := c.lease()
	if err != nil {
		return nil, err
	}
	for _, d := range c.method.Body.(*types.HttpNfcLeaseSetManifestChecksumType).DeviceUrlsToChecksumTypes {
		if d.Value != "sha1" && d.Value != "sha256" {
			return nil, invalidArgument("deviceUrlsToChecksumTypes")
		}
		x.mu.Lock()
		x.sum = d.Value
		x.mu.Unlock()
	}
	return &types.HttpNfcLeaseSetManifestChecksumTypeResponse{}, nil
}

// leaseManifest tells what was sent of each file.
func leaseManifest(c *call) (interface{}, error) {
	x, err := c.lease()
	if err != nil {
		return nil, err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	response := &types.HttpNfcLeaseGetManifestResponse{}
	for i, f := range x.files {
		if !f.sent || c.lab.faults.active("nomanifest", "") {
			continue
		}
		e := types.HttpNfcLeaseManifestEntry{Key: f.key, Sha1: f.sha1, Checksum: f.sha1, ChecksumType: x.sum, Size: f.size, Disk: f.disk != nil}
		if x.sum == "sha256" && !(i == 0 && c.lab.faults.active("oldsum", "")) {
			e.Checksum = f.sha256
		} else {
			e.ChecksumType = "sha1"
		}
		if f.disk != nil {
			e.Capacity, e.PopulatedSize = f.disk.CapacityInBytes, f.populated
		}
		response.Returnval = append(response.Returnval, e)
	}
	return response, nil
}

// digests counts and hashes what is sent.
type digests struct {
	write func([]byte) (int, error)
	size  int64
	one   interface{ Write([]byte) (int, error) }
	sums  func() (string, string)
}

func newDigests(write func([]byte) (int, error)) *digests {
	short, long := sha1.New(), sha256.New()
	d := &digests{write: write}
	d.one = writerFunc(func(p []byte) (int, error) { _, _ = short.Write(p); return long.Write(p) })
	d.sums = func() (string, string) { return fmt.Sprintf("%x", short.Sum(nil)), fmt.Sprintf("%x", long.Sum(nil)) }
	return d
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func (d *digests) Write(p []byte) (int, error) {
	n, err := d.write(p)
	_, _ = d.one.Write(p[:n])
	d.size += int64(n)
	return n, err
}
