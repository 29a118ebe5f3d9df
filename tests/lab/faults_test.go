package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// device adds d to the specification.
func device(spec *types.VirtualMachineConfigSpec, d types.BaseVirtualDevice, op types.VirtualDeviceConfigSpecFileOperation) {
	spec.DeviceChange = append(spec.DeviceChange, &types.VirtualDeviceConfigSpec{Operation: "add", Device: d, FileOperation: op})
}

func TestEveryDevicePowersOn(t *testing.T) {
	c := connect(t)
	flp := filepath.Join(theLab.inv.datastoreDir, "any.flp")
	must(t, os.WriteFile(flp, make([]byte, 1474560), 0o600))
	t.Cleanup(func() { _ = os.Remove(flp) })
	controllers := map[string]types.BaseVirtualDevice{"sata": &types.VirtualAHCIController{}, "nvme": &types.VirtualNVMEController{}, "lsilogic": nil, "lsilogic-sas": nil, "pvscsi": nil}
	for name, ctl := range controllers {
		for _, firmware := range []string{"bios", "efi", "secure"} {
			label := "power-" + name + "-" + firmware
			spec := c.spec(label, map[bool]string{true: name, false: "pvscsi"}[ctl == nil])
			if ctl != nil {
				ctl.GetVirtualDevice().Key = -1
				spec.DeviceChange[0].GetVirtualDeviceConfigSpec().Device = ctl
			}
			if firmware != "bios" {
				spec.Firmware = "efi"
				secure := firmware == "secure"
				spec.BootOptions = &types.VirtualMachineBootOptions{EfiSecureBootEnabled: &secure}
			}
			for i, card := range []types.BaseVirtualEthernetCard{&types.VirtualVmxnet3{}, &types.VirtualE1000e{}} {
				e := card.GetVirtualEthernetCard()
				e.Key = int32(-20 - i)
				e.Backing = &types.VirtualEthernetCardNetworkBackingInfo{VirtualDeviceDeviceBackingInfo: types.VirtualDeviceDeviceBackingInfo{DeviceName: networkName}}
				device(&spec, card.(types.BaseVirtualDevice), "")
			}
			floppy := &types.VirtualFloppy{}
			b := &types.VirtualFloppyImageBackingInfo{}
			b.FileName, floppy.Backing, floppy.Key = "[LocalDS_0] any.flp", b, -30
			device(&spec, floppy, "")
			cd := &types.VirtualCdrom{}
			cd.Key, cd.ControllerKey, cd.Backing = -31, 200, &types.VirtualCdromRemotePassthroughBackingInfo{}
			device(&spec, cd, "")
			vm, err := c.create(t, spec)
			must(t, err)
			task, err := vm.PowerOn(ctx)
			if err := done(t, task, err); err != nil {
				t.Errorf("%s: %v", label, err)
				continue
			}
			fm := object.NewFileManager(c.Client.Client)
			dc, _ := c.finder.Datacenter(ctx, "DC0")
			task, err = fm.DeleteDatastoreFile(ctx, "[LocalDS_0] any.flp", dc)
			wants(t, done(t, task, err), "FileLocked")
			task, err = vm.PowerOff(ctx)
			must(t, done(t, task, err))
		}
	}
}

func TestInjectedFaults(t *testing.T) {
	c := connect(t)
	vm, err := c.create(t, c.spec("faults", "pvscsi"))
	must(t, err)
	annotate := func(text string) error {
		task, err := vm.Reconfigure(ctx, types.VirtualMachineConfigSpec{Annotation: text})
		if err != nil {
			return err
		}
		return task.Wait(ctx)
	}
	fail(t, `{"method":"ReconfigVM_Task","fault":"503"}`)
	if err := annotate("a"); err == nil || !strings.Contains(err.Error(), "503") {
		t.Errorf("503: %v", err)
	}
	fail(t, `{"method":"ReconfigVM_Task","fault":"fault","type":"NoPermission"}`)
	wants(t, annotate("b"), "NoPermission")
	fail(t, `{"method":"ReconfigVM_Task","fault":"task","type":"FileLocked","after":1}`)
	must(t, annotate("c"))
	wants(t, annotate("d"), "FileLocked")
	fail(t, `{"method":"ReconfigVM_Task","fault":"cut"}`)
	if annotate("e") == nil || c.read(t, vm).Config.Annotation != "c" {
		t.Error("cut: the request was carried out")
	}
	fail(t, `{"method":"ReconfigVM_Task","fault":"lost"}`)
	if annotate("f") == nil {
		t.Error("lost: there was an answer")
	}
	within(t, "the lost request is carried out", func() bool { return c.read(t, vm).Config.Annotation == "f" })
	fail(t, `{"method":"ReconfigVM_Task","fault":"slowtask","delay":60}`)
	task, err := vm.Reconfigure(ctx, types.VirtualMachineConfigSpec{Annotation: "g"})
	must(t, err)
	_, err = methods.CancelTask(ctx, c.Client, &types.CancelTask{This: task.Reference()})
	must(t, err)
	wants(t, task.Wait(ctx), "RequestCanceled")

	fail(t, `{"method":"ReconfigVM_Task","fault":"question"}`)
	task, err = vm.Reconfigure(ctx, types.VirtualMachineConfigSpec{Annotation: "h"})
	must(t, err)
	var v mo.VirtualMachine
	within(t, "a question", func() bool {
		v = mo.VirtualMachine{}
		must(t, c.PropertyCollector().RetrieveOne(ctx, vm.Reference(), []string{"runtime.question"}, &v))
		return v.Runtime.Question != nil
	})
	must(t, vm.Answer(ctx, v.Runtime.Question.Id, "0"))
	must(t, task.Wait(ctx))
	if v = c.read(t, vm); v.Config.Annotation != "h" || v.Runtime.Question != nil {
		t.Errorf("%q %+v", v.Config.Annotation, v.Runtime.Question)
	}
	fail(t, `{"fault":"nospace"}`)
	_, err = c.create(t, c.spec("full", "pvscsi"))
	wants(t, err, "NoDiskSpace")
}

func TestEndsWithItsParentAndCleansUp(t *testing.T) {
	file := filepath.Join(t.TempDir(), "env")
	parent := exec.Command("sh", "-c", `"$0" -dir temp -env "$1" -with-parent > /dev/null & echo $!; sleep 60`, os.Args[0], file)
	parent.Env = append(os.Environ(), "LAB_MAIN=1")
	out, err := parent.StdoutPipe()
	must(t, err)
	must(t, parent.Start())
	line := make([]byte, 16)
	n, err := out.Read(line)
	must(t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(string(line[:n])))
	must(t, err)
	within(t, "the lab is ready", func() bool { _, err := os.Stat(file); return err == nil })
	text, err := os.ReadFile(file)
	must(t, err)
	dir := strings.Split(strings.SplitAfter(string(text), "LAB_DIR='")[1], "'")[0]
	_ = parent.Process.Kill()
	within(t, "the lab ends", func() bool { return syscall.Kill(pid, 0) != nil })
	if _, err := os.Stat(dir); err == nil {
		t.Errorf("%s is left", dir)
	}
	_ = parent.Wait()
}

func TestRunsAsAnOrdinaryUser(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("is one already")
	}
	dir, err := os.MkdirTemp("", "lab-user-")
	must(t, err)
	defer os.RemoveAll(dir)
	must(t, os.Chmod(dir, 0o777))
	binary := filepath.Join(dir, "lab")
	data, err := os.ReadFile(os.Args[0])
	must(t, err)
	must(t, os.WriteFile(binary, data, 0o755))
	file := filepath.Join(dir, "env")
	cmd := exec.Command(binary, "-dir", filepath.Join(dir, "run"), "-env", file)
	cmd.Env = []string{"LAB_MAIN=1", "PATH=" + os.Getenv("PATH")}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	must(t, cmd.Start())
	defer func() { _ = cmd.Process.Signal(os.Interrupt); _ = cmd.Wait() }()
	within(t, "the lab is ready", func() bool { _, err := os.Stat(file); return err == nil })
	text, err := os.ReadFile(file)
	must(t, err)
	env := map[string]string{}
	for _, l := range strings.Split(string(text), "\n") {
		if kv := strings.SplitN(strings.TrimPrefix(l, "export "), "=", 2); len(kv) == 2 {
			env[kv[0]] = strings.Trim(kv[1], "'")
		}
	}
	c := connectTo(t, env)
	vm, err := c.create(t, c.spec("user", "pvscsi"))
	must(t, err)
	task, err := vm.PowerOn(ctx)
	must(t, done(t, task, err))
}
