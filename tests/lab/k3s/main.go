// k3s is a stand-in for k3s in the lab's guest with systemd: as much of it, and of the kubectl, crictl and helm beside it, as the
// recipe of the appliance touches. Nothing runs in its pods. See README.md for what it does and does not.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

const (
	version    = "v1.23.6+k3s1"
	data       = "/var/lib/rancher/k3s"
	socket     = "/run/k3s/containerd/containerd.sock"
	kubeconfig = "/etc/rancher/k3s/k3s.yaml"
)

// as real ones do, it goes by the name it is called by
var programs = map[string]func(args []string) error{"k3s": k3s, "kubectl": kubectl, "crictl": crictl, "helm": helm}

func main() {
	name := filepath.Base(os.Args[0])
	program := programs[name]
	if program == nil {
		program = func([]string) error { return fmt.Errorf("not a part of this stand-in") }
	}
	if err := program(os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "%s (stand-in): %v\n", name, err)
		os.Exit(1)
	}
}

func k3s(args []string) error {
	switch {
	case len(args) == 1 && args[0] == "--version":
		fmt.Printf("k3s version %s (a stand-in of the luabuild lab)\n", version)
		return nil
	case len(args) > 0 && args[0] == "server":
		return server(args[1:])
	}
	return fmt.Errorf("unknown: %q", args)
}
