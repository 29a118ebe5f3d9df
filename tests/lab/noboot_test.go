package main

import (
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/find"
	"github.com/vmware/govmomi/vim25/mo"
)

// startLab runs this test binary as the lab (see TestMain) and returns its environment.
func startLab(t *testing.T, args ...string) map[string]string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "env")
	cmd := exec.Command(os.Args[0], append([]string{"-dir", "temp", "-env", file}, args...)...)
	cmd.Env = append(os.Environ(), "LAB_MAIN=1")
	cmd.Stderr = os.Stderr
	must(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Signal(os.Interrupt); _ = cmd.Wait() })
	within(t, "the lab is ready", func() bool { _, err := os.Stat(file); return err == nil })
	text, err := os.ReadFile(file)
	must(t, err)
	env := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^export (\w+)='(.*)'$`).FindAllStringSubmatch(string(text), -1) {
		env[m[1]] = m[2]
	}
	return env
}

// connectTo logs in to another lab than the tests' own.
func connectTo(t *testing.T, env map[string]string) *client {
	t.Helper()
	u := &url.URL{Scheme: "https", Host: env["VCENTER_SERVER"], Path: "/sdk", User: url.UserPassword(env["VCENTER_USERNAME"], env["VCENTER_PASSWORD"])}
	c, err := govmomi.NewClient(ctx, u, true)
	must(t, err)
	f := find.NewFinder(c.Client, true)
	dc, err := f.DefaultDatacenter(ctx)
	must(t, err)
	f.SetDatacenter(dc)
	folder, err := f.FolderOrDefault(ctx, env["LAB_FOLDER"])
	must(t, err)
	pool, err := f.ResourcePoolOrDefault(ctx, env["LAB_RESOURCE_POOL"])
	must(t, err)
	ds, err := f.DefaultDatastore(ctx)
	must(t, err)
	return &client{c, f, folder, pool, ds}
}

func (c *client) until(t *testing.T, vm mo.Reference, what string, f func(mo.VirtualMachine) bool) (last mo.VirtualMachine) {
	t.Helper()
	within(t, what, func() bool {
		must(t, c.PropertyCollector().RetrieveOne(ctx, vm.Reference(), []string{"runtime", "guest", "summary.guest"}, &last))
		return f(last)
	})
	return last
}

func TestNoBootServesSSH(t *testing.T) {
	for _, model := range []string{"vpx", "esx"} {
		env := startLab(t, "-no-boot", "-model", model)
		c := connectTo(t, env)
		spec := c.spec("noboot", "pvscsi")
		if model == "esx" {
			spec.Version = "vmx-13"
		}
		vm, err := c.create(t, spec)
		must(t, err)
		task, err := vm.PowerOn(ctx)
		must(t, done(t, task, err))
		v := c.until(t, vm, "an address", func(v mo.VirtualMachine) bool { return v.Guest.IpAddress != "" })
		if len(v.Guest.Net) != 2 || v.Guest.Net[0].DeviceConfigId != -1 || v.Guest.Net[1].IpConfig.IpAddress[1].IpAddress != v.Guest.IpAddress {
			t.Errorf("guest: %+v", v.Guest)
		}
		ssh := func(command string) (string, error) {
			args := []string{"-i", env["LAB_SSH_KEY"], "-p", env["LAB_SSH_PORT"], "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
				"-o", "LogLevel=ERROR", "-o", "BatchMode=yes"}
			out, err := exec.Command("ssh", append(args, "root@"+v.Guest.IpAddress, command)...).CombinedOutput()
			return string(out), err
		}
		out, err := ssh("echo hello; touch /root/there; ls; exit 3")
		if e, ok := err.(*exec.ExitError); !ok || e.ExitCode() != 3 || !strings.Contains(out, "hello") {
			t.Errorf("%v %q", err, out)
		}
		binary, err := os.Stat(os.Args[0])
		must(t, err)
		size := fmt.Sprintf(" %d ", binary.Size())
		batch := exec.Command("sftp", "-q", "-b", "-", "-i", env["LAB_SSH_KEY"], "-P", env["LAB_SSH_PORT"], "-o", "StrictHostKeyChecking=no",
			"-o", "UserKnownHostsFile=/dev/null", "root@"+v.Guest.IpAddress)
		batch.Stdin = strings.NewReader("ls /root\nput " + os.Args[0] + " /root/binary\nchmod 700 /root/binary\n")
		if out, err := batch.CombinedOutput(); err != nil || !strings.Contains(string(out), "there") {
			t.Errorf("sftp: %v %s", err, out)
		}
		if out, err := ssh("ls -l /root/binary"); err != nil || !strings.HasPrefix(out, "-rwx------") || !strings.Contains(out, size) {
			t.Errorf("what sftp put there: %v %s", err, out)
		}
		off := make(chan error, 1)
		go func() { off <- vm.WaitForPowerState(ctx, poweredOff) }()
		_, _ = ssh("echo password | sudo -S -E sh -c '/sbin/shutdown -h now'")
		select {
		case err := <-off:
			must(t, err)
		case <-time.After(10 * time.Second):
			t.Fatal("shutdown did not power it off")
		}
		if v = c.until(t, vm, "off", func(mo.VirtualMachine) bool { return true }); v.Guest.IpAddress != "" || v.Guest.ToolsRunningStatus != toolsNotRunning {
			t.Errorf("off, and yet: %+v", v.Guest)
		}
	}
}
