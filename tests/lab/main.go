// Command lab is a vCenter on loopback whose virtual machines are QEMU machines.
//
// It is govmomi's vcsim, used as a library, behind an HTTP handler that answers
// the methods vcsim lacks or does wrong. README.md has the interface.
package main

import (
	"flag"
	"fmt"
	"log"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

// options are the command line.
type options struct {
	listen     string
	dir        string
	model      string
	noBoot     bool
	accel      string
	env        string
	withParent bool

	sshPassword string
}

func parseOptions() options {
	var o options
	flag.StringVar(&o.listen, "listen", "127.0.0.1:0", "address to listen on")
	flag.StringVar(&o.dir, "dir", "build/lab/run", "working directory; 'temp' makes one and removes it at the end")
	flag.StringVar(&o.model, "model", "vpx", "vpx (a vCenter) or esx (a host without one)")
	flag.BoolVar(&o.noBoot, "no-boot", false, "start no QEMU: a VM that is on has an address at once, and ssh there is the lab's own")
	flag.StringVar(&o.accel, "accel", "auto", "auto, kvm or tcg")
	flag.StringVar(&o.env, "env", "", "file of 'export NAME=value' lines (default DIR/env)")
	flag.StringVar(&o.sshPassword, "ssh-password", "password", "what ssh accepts in no-boot mode")
	flag.BoolVar(&o.withParent, "with-parent", false, "end when the process that started the lab ends")
	flag.Parse()
	if flag.NArg() > 0 {
		fatal("unexpected argument: %s", flag.Arg(0))
	}
	if o.model != "vpx" && o.model != "esx" {
		fatal("-model is vpx or esx, not %s", o.model)
	}
	if o.accel != "auto" && o.accel != "kvm" && o.accel != "tcg" {
		fatal("-accel is auto, kvm or tcg, not %s", o.accel)
	}
	return o
}

func fatal(format string, args ...interface{}) {
	fmt.Fprintf(os.Stderr, "lab: "+format+"\n", args...)
	os.Exit(2)
}

// prepareDir makes the working directory, empty of what an earlier lab left, and locks
// it against a second lab. It returns the absolute path and a function that cleans up.
func prepareDir(o options) (string, func(), error) {
	if o.dir == "temp" {
		dir, err := os.MkdirTemp("", "lab-")
		return dir, func() { _ = os.RemoveAll(dir) }, err
	}
	dir, err := filepath.Abs(o.dir)
	if err != nil {
		return "", nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", nil, err
	}
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return "", nil, err
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return "", nil, fmt.Errorf("%s is in use by another lab", dir)
	}
	for _, name := range []string{"datastore", "log", "tmp", "env", "ca.pem"} {
		if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
			return "", nil, err
		}
	}
	return dir, func() {
		_ = os.RemoveAll(filepath.Join(dir, "datastore"))
		_ = os.RemoveAll(filepath.Join(dir, "tmp"))
		_ = os.Remove(filepath.Join(dir, "env"))
		_ = lock.Close()
	}, nil
}

// watchParent calls end once the process that started this one is gone.
func watchParent(end func()) {
	parent := os.Getppid()
	for os.Getppid() == parent {
		time.Sleep(200 * time.Millisecond)
	}
	end()
}

func run() (err error) {
	o := parseOptions()
	stop := make(chan os.Signal, 4)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	if o.withParent {
		go watchParent(func() { stop <- syscall.SIGTERM })
	}

	dir, clean, err := prepareDir(o)
	if err != nil {
		return err
	}
	defer clean()
	for _, name := range []string{"datastore", "log", "tmp"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			return err
		}
	}
	messages, err := os.Create(filepath.Join(dir, "log", "lab.log"))
	if err != nil {
		return err
	}
	log.SetOutput(messages) // vcsim's own messages too
	log.SetFlags(log.Ltime | log.Lmicroseconds)

	listener, err := net.Listen("tcp", o.listen)
	if err != nil {
		return err
	}
	l, err := newLab(o, dir, listener)
	if err != nil {
		return err
	}
	defer l.close()
	failed := make(chan error, 1)
	go func() { failed <- l.serve() }()
	if err := l.announce(); err != nil {
		return err
	}
	select {
	case <-stop:
		return nil
	case err := <-failed:
		return err
	}
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintf(os.Stderr, "lab: %v\n", err)
		os.Exit(1)
	}
}
