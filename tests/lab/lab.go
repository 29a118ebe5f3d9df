package main

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// The login of the lab. The password has characters that XML and shells must quote.
const (
	labUser     = "administrator@vsphere.local"
	labPassword = "lab<&>pw-1"
)

// Lab is the whole of one lab: the simulator, what stands before it, and the machines.
type Lab struct {
	opt      options
	dir      string // absolute; below it datastore/, log/, tmp/
	listener net.Listener
	server   *http.Server
	cert     *certificate
	vcsim    http.Handler

	inv         *inventory
	sessions    *sessionTable
	requests    *requestLog
	faults      *faultTable
	permissions *permissionTable
	methods     map[string]handler
	leases      leaseTable
	loopback    *loopback
	spawner     *spawner
	ssh         *sshServer // no-boot mode only
	kvm         kvmProbe

	mu       sync.Mutex
	machines map[string]*machine // by managed object id
}

// newLab builds the inventory and everything around it; nothing is served yet.
func newLab(o options, dir string, listener net.Listener) (*Lab, error) {
	l := &Lab{
		opt: o, dir: dir, listener: listener,
		sessions:    newSessionTable(),
		requests:    &requestLog{},
		faults:      &faultTable{},
		permissions: &permissionTable{byObject: map[types.ManagedObjectReference]permission{}},
		spawner:     newSpawner(),
		machines:    map[string]*machine{},
	}
	l.leases.byID, l.leases.bySum = map[string]*lease{}, map[string][2]string{}
	var err error
	if l.cert, err = newCertificate(filepath.Join(dir, "ca.pem")); err != nil {
		return nil, err
	}
	var service *simulator.Service
	if l.inv, service, err = newInventory(o.model, filepath.Join(dir, "datastore")); err != nil {
		return nil, err
	}
	l.vcsim = serveVcsim(service, listener.Addr().String(), l.permissions)
	if l.loopback, err = newLoopback(); err != nil {
		return nil, err
	}
	if o.noBoot {
		if l.ssh, err = newSSHServer(l); err != nil {
			return nil, err
		}
	}
	if !o.noBoot {
		go l.accel() // so that the first power-on need not wait for the answer
	}
	l.methods = l.methodTable()
	l.server = &http.Server{
		Handler:      l,
		TLSConfig:    &tls.Config{Certificates: []tls.Certificate{l.cert.tls}, MinVersion: tls.VersionTLS12},
		TLSNextProto: map[string]func(*http.Server, *tls.Conn, http.Handler){}, // HTTP/1.1, as vCenter's SOAP port
		ErrorLog:     quietLogger(),
	}
	return l, nil
}

func (l *Lab) serve() error { return l.server.ServeTLS(l.listener, "", "") }

// close ends the machines first: they are what would outlive the lab.
func (l *Lab) close() {
	_ = l.server.Close()
	for _, m := range l.allMachines() {
		m.kill()
	}
	if l.ssh != nil {
		l.ssh.close()
	}
	l.loopback.close()
}

func (l *Lab) host() string { return l.listener.Addr().String() }

// environment lists what a user of the lab needs to know, in order.
func (l *Lab) environment() [][2]string {
	env := [][2]string{
		{"VCENTER_SERVER", l.host()},
		{"VCENTER_USERNAME", labUser},
		{"VCENTER_PASSWORD", labPassword},
		{"VCENTER_CA_FILE", l.cert.file},
		{"VCENTER_THUMBPRINT", l.cert.sha256},
		{"LAB_CONTROL", "https://" + l.host() + "/lab"},
		{"LAB_SSH_PORT", fmt.Sprint(l.loopback.port)},
		{"LAB_DATACENTER", l.inv.datacenterName},
		{"LAB_CLUSTER", l.inv.clusterName},
		{"LAB_HOST", l.inv.hostName},
		{"LAB_DATASTORE", datastoreName},
		{"LAB_NETWORK", networkName},
		{"LAB_RESOURCE_POOL", l.inv.poolName},
		{"LAB_FOLDER", l.inv.folderName},
		{"LAB_DIR", l.dir},
	}
	if l.ssh != nil {
		env = append(env, [2]string{"LAB_SSH_KEY", l.ssh.keyFile}, [2]string{"LAB_SSH_PASSWORD", l.opt.sshPassword})
	}
	return env
}

// announce writes the environment file, whole or not at all, and says that the lab is ready.
func (l *Lab) announce() error {
	var b strings.Builder
	for _, e := range l.environment() {
		fmt.Fprintf(&b, "export %s='%s'\n", e[0], strings.ReplaceAll(e[1], "'", `'\''`))
	}
	file := l.opt.env
	if file == "" {
		file = filepath.Join(l.dir, "env")
	}
	part := fmt.Sprintf("%s.%d", file, os.Getpid())
	if err := os.WriteFile(part, []byte(b.String()), 0o600); err != nil {
		return err
	}
	if err := os.Rename(part, file); err != nil {
		_ = os.Remove(part)
		return err
	}
	what := "machines are QEMU's"
	if l.opt.noBoot {
		what = "no machine boots"
	}
	_, err := fmt.Printf("%s# The lab is ready at https://%s (%s); the lines above are in %s.\n", b.String(), l.host(), what, file)
	return err
}
