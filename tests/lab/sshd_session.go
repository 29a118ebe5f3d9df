package main

import (
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/google/uuid"
	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
)

// writeShims makes the commands that would stop or restart this machine tell the lab instead.
func (s *sshServer) writeShims() error {
	s.shims = filepath.Join(s.lab.dir, "tmp", "shims")
	if err := os.MkdirAll(s.shims, 0o700); err != nil {
		return err
	}
	const off, again = `echo off > "$LAB_POWER"`, `echo reboot > "$LAB_POWER"`
	scripts := map[string]string{
		"shutdown":  `case " $* " in *" -r "*) ` + again + ` ;; *) ` + off + ` ;; esac`,
		"poweroff":  off,
		"halt":      off,
		"reboot":    again,
		"init":      `case "$1" in 0) ` + off + ` ;; 6) ` + again + ` ;; esac`,
		"systemctl": `case "$1" in poweroff|halt) ` + off + ` ;; reboot) ` + again + ` ;; *) exit 0 ;; esac`,
		"sync":      "exit 0",
		"sudo":      `while :; do case "$1" in -u) shift 2 ;; -*) shift ;; *) break ;; esac; done; exec "$@"`,
	}
	for name, text := range scripts {
		if err := os.WriteFile(filepath.Join(s.shims, name), []byte("#!/bin/sh\n"+text+"\n"), 0o700); err != nil {
			return err
		}
	}
	return nil
}

// root is the directory that stands for the guest's file system.
func (s *sshServer) root(m *machine) string {
	dir := filepath.Join(s.lab.dir, "tmp", "guest-"+m.vm.Self.Value)
	for _, sub := range []string{"root", "tmp"} {
		_ = os.MkdirAll(filepath.Join(dir, sub), 0o700)
	}
	return dir
}

// ours are the paths in a command that are meant to be the guest's: its home and /tmp, and the
// programs that the shims stand for.
var (
	ours    = regexp.MustCompile(`(^|[\s='"(:<>])(/root|/tmp)\b`)
	stopper = regexp.MustCompile(`(?:/usr)?/s?bin/(shutdown|poweroff|halt|reboot|init|systemctl|sudo)\b`)
)

func (s *sshServer) session(m *machine, channel ssh.Channel, requests <-chan *ssh.Request) {
	defer channel.Close()
	var env []string
	for r := range requests {
		var text struct{ Value string }
		ok := true
		switch r.Type {
		case "env":
			var v struct{ Name, Value string }
			if ok = ssh.Unmarshal(r.Payload, &v) == nil; ok {
				env = append(env, v.Name+"="+v.Value)
			}
		case "pty-req", "window-change":
		case "exec", "shell":
			if r.Type == "exec" {
				ok = ssh.Unmarshal(r.Payload, &text) == nil
			}
			_ = r.Reply(ok, nil)
			if ok {
				s.run(m, channel, requests, text.Value, env)
			}
			return
		case "subsystem":
			ok = ssh.Unmarshal(r.Payload, &text) == nil && text.Value == "sftp"
			_ = r.Reply(ok, nil)
			if ok {
				s.sftp(m, channel)
			}
			return
		default:
			ok = false
		}
		if r.WantReply {
			_ = r.Reply(ok, nil)
		}
	}
}

// bootID tells one boot from another.
const bootID = "/proc/sys/kernel/random/boot_id"

// boot is a guest that comes up, with a boot id of its own.
func (s *sshServer) boot(m *machine) error {
	if err := os.WriteFile(filepath.Join(s.root(m), ".boot_id"), []byte(uuid.New().String()+"\n"), 0o600); err != nil {
		return err
	}
	return s.listen(m)
}

// run executes a command (or, without one, a shell) and reports how it ended.
func (s *sshServer) run(m *machine, channel ssh.Channel, requests <-chan *ssh.Request, command string, env []string) {
	root, on := s.root(m), m.powerOn()
	power := filepath.Join(root, ".power")
	cmd := exec.Command("/bin/sh")
	if command != "" {
		command = ours.ReplaceAllString(command, "${1}"+root+"${2}")
		command = stopper.ReplaceAllString(command, "$1")
		command = strings.ReplaceAll(command, bootID, filepath.Join(root, ".boot_id"))
		cmd = exec.Command("/bin/sh", "-c", command)
	}
	cmd.Dir = root
	cmd.Env = append([]string{"PATH=" + s.shims + ":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"HOME=" + filepath.Join(root, "root"), "USER=root", "LOGNAME=root", "SHELL=/bin/sh", "LAB_POWER=" + power}, env...)
	cmd.Stdout, cmd.Stderr = channel, channel.Stderr()
	input, err := cmd.StdinPipe()
	if err == nil {
		err = s.lab.spawner.start(cmd)
	}
	if err != nil {
		log.Printf("ssh: %v", err)
		return
	}
	go func() { _, _ = io.Copy(input, channel); _ = input.Close() }()
	ended := make(chan struct{})
	go func() { // a signal from the client, or the client gone
		for r := range requests {
			var v struct{ Name string }
			if r.Type == "signal" && ssh.Unmarshal(r.Payload, &v) == nil {
				_ = syscall.Kill(-cmd.Process.Pid, map[string]syscall.Signal{"INT": syscall.SIGINT, "TERM": syscall.SIGTERM, "HUP": syscall.SIGHUP}[v.Name])
			}
			if r.WantReply {
				_ = r.Reply(false, nil)
			}
		}
		select {
		case <-ended:
		default:
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGHUP)
		}
	}()
	err = cmd.Wait()
	close(ended)
	if state, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && state.Signaled() {
		_, _ = channel.SendRequest("exit-signal", false, ssh.Marshal(struct {
			Name  string
			Core  bool
			Error string
			Lang  string
		}{map[syscall.Signal]string{9: "KILL", 15: "TERM", 2: "INT", 11: "SEGV", 6: "ABRT", 1: "HUP"}[state.Signal()], false, fmt.Sprint(err), ""}))
	} else {
		_, _ = channel.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{uint32(cmd.ProcessState.ExitCode())}))
	}
	if what, err := os.ReadFile(power); err == nil {
		_ = os.Remove(power)
		if string(what) == "off\n" {
			go m.guestOff(on, 200*time.Millisecond)
		} else {
			go s.reboot(m, on)
		}
	}
}

// reboot is a guest that is away for a moment, unless it is switched off meanwhile.
func (s *sshServer) reboot(m *machine, on chan struct{}) {
	time.Sleep(200 * time.Millisecond)
	m.during(on, func() {
		s.unlisten(m)
		m.mu.Lock()
		m.guestUp = false
		m.mu.Unlock()
		m.showGuest(false)
	})
	time.Sleep(time.Second)
	m.during(on, func() { _ = s.boot(m) })
}

func (s *sshServer) sftp(m *machine, channel ssh.Channel) {
	files := guestFiles{s.root(m)}
	server := sftp.NewRequestServer(channel, sftp.Handlers{FileGet: files, FilePut: files, FileCmd: files, FileList: files})
	_ = server.Serve()
	_ = server.Close()
}
