package main

import (
	"fmt"
	"io"
	"log"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

const (
	toolsRunning    = string(types.VirtualMachineToolsRunningStatusGuestToolsRunning)
	toolsNotRunning = string(types.VirtualMachineToolsRunningStatusGuestToolsNotRunning)
)

// guestProperties are told as changed when the guest comes or goes.
var guestProperties = []string{
	"guest.toolsRunningStatus", "guest.toolsStatus", "guest.toolsVersionStatus2", "guest.guestState", "guest.ipAddress", "guest.net",
	"guest.hostName", "guest.guestFamily", "guest.guestId", "guest.guestFullName", "summary.guest",
}

// offGuest is what is known of a guest that does not run.
func offGuest(cfg *types.VirtualMachineConfigInfo) *types.GuestInfo {
	return &types.GuestInfo{
		ToolsStatus: types.VirtualMachineToolsStatusToolsNotRunning, ToolsVersion: "0",
		ToolsRunningStatus:  toolsNotRunning,
		ToolsVersionStatus2: string(types.VirtualMachineToolsVersionStatusGuestToolsUnmanaged),
		GuestState:          "notRunning", GuestOperationsReady: types.NewBool(false),
	}
}

func summarizeGuest(vm *mo.VirtualMachine) {
	vm.Summary.Guest = &types.VirtualMachineGuestSummary{
		GuestId: vm.Guest.GuestId, GuestFullName: vm.Guest.GuestFullName, ToolsStatus: vm.Guest.ToolsStatus,
		ToolsRunningStatus: vm.Guest.ToolsRunningStatus, ToolsVersionStatus2: vm.Guest.ToolsVersionStatus2,
		HostName: vm.Guest.HostName, IpAddress: vm.Guest.IpAddress,
	}
}

// upGuest is what the tools of a running guest report: its address, a link-local one on the same card,
// and an interface that is no card of the VM, as a container runtime makes.
func (m *machine) upGuest(cfg *types.VirtualMachineConfigInfo, address bool) *types.GuestInfo {
	g := offGuest(cfg)
	g.ToolsStatus, g.ToolsVersion = types.VirtualMachineToolsStatusToolsOk, "11333"
	g.ToolsRunningStatus, g.GuestState = toolsRunning, "running"
	g.GuestFamily, g.GuestId, g.GuestFullName = "linuxGuest", cfg.GuestId, cfg.GuestFullName
	g.HostName = strings.ReplaceAll(strings.ToLower(cfg.Name), " ", "-")
	add := func(network, mac string, key int32, addresses ...types.NetIpConfigInfoIpAddress) {
		nic := types.GuestNicInfo{Network: network, MacAddress: mac, Connected: true, DeviceConfigId: key,
			IpConfig: &types.NetIpConfigInfo{IpAddress: addresses}}
		for _, a := range addresses {
			nic.IpAddress = append(nic.IpAddress, a.IpAddress)
		}
		g.Net = append(g.Net, nic)
	}
	add("", "02:42:7a:11:22:33", -1, types.NetIpConfigInfoIpAddress{IpAddress: "172.17.0.1", PrefixLength: 16, State: "preferred", Origin: "manual"})
	first := true
	for _, d := range cfg.Hardware.Device {
		if card, ok := d.(types.BaseVirtualEthernetCard); ok {
			c := card.GetVirtualEthernetCard()
			list := []types.NetIpConfigInfoIpAddress{{IpAddress: linkLocal(c.MacAddress), PrefixLength: 64, State: "preferred", Origin: "linklayer"}}
			if first && address {
				list = append(list, types.NetIpConfigInfoIpAddress{IpAddress: m.address, PrefixLength: 8, State: "preferred", Origin: "dhcp"})
				g.IpAddress = m.address
			}
			first = false
			add(c.DeviceInfo.GetDescription().Summary, c.MacAddress, c.Key, list...)
		}
	}
	return g
}

// linkLocal is the EUI-64 address of a card.
func linkLocal(mac string) string {
	hw, err := net.ParseMAC(mac)
	if err != nil || len(hw) != 6 {
		return "fe80::1"
	}
	return fmt.Sprintf("fe80::%02x%02x:%02xff:fe%02x:%02x%02x", hw[0]^2, hw[1], hw[2], hw[3], hw[4], hw[5])
}

// showGuest reports the guest as up or down, under the conditions that are set.
func (m *machine) showGuest(up bool) {
	name := m.name()
	cfg := m.config()
	guest := offGuest(cfg)
	if up && !m.lab.faults.active("notools", name) {
		guest = m.upGuest(cfg, !m.lab.faults.active("noip", name))
	}
	m.change(func(vm *mo.VirtualMachine) {
		if vm.Runtime.PowerState != poweredOn {
			return
		}
		vm.Guest = guest
		summarizeGuest(vm)
	}, guestProperties...)
}

// refreshGuests applies conditions that came or went.
func (l *Lab) refreshGuests() {
	for _, m := range l.allMachines() {
		m.mu.Lock()
		up := m.guestUp
		m.mu.Unlock()
		if l.opt.noBoot && l.faults.active("noboot", m.name()) {
			l.ssh.unlisten(m)
		} else if l.opt.noBoot && m.power() == poweredOn && !l.ssh.listens(m) {
			_ = l.ssh.listen(m)
		}
		if m.power() == poweredOn {
			m.showGuest(up)
		}
	}
}

// sshAnswers tells whether an ssh server is there. QEMU accepts the connection before the guest
// listens, so only the banner counts. An emulated guest may need seconds for it, and every
// connection costs it a process: so one that the guest has accepted is waited for, any other given up soon.
func (m *machine) sshAnswers(q *qemu) bool {
	conn, err := net.DialTimeout("tcp", net.JoinHostPort(m.address, strconv.Itoa(m.lab.loopback.port)), time.Second)
	if err != nil {
		return false
	}
	defer conn.Close()
	banner := make([]byte, 4)
	got := 0
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); {
		_ = conn.SetReadDeadline(time.Now().Add(500 * time.Millisecond))
		n, err := io.ReadFull(conn, banner[got:])
		got += n
		if err == nil {
			return string(banner) == "SSH-"
		}
		if timeout, ok := err.(net.Error); !ok || !timeout.Timeout() || (q != nil && !q.accepted()) {
			return false
		}
	}
	return false
}

// accepted tells whether the guest has taken a forwarded connection (the states are TCP's).
func (q *qemu) accepted() bool {
	text, err := q.monitor("info usernet")
	if err != nil {
		return false
	}
	for _, line := range strings.Split(text, "\n") {
		f := strings.Fields(line)
		if len(f) > 5 && f[0] == "TCP[ESTABLISHED]" && f[5] == "22" {
			return true
		}
	}
	return false
}

// watchGuest reports the guest's coming and going while this power-on lasts.
func (m *machine) watchGuest(off chan struct{}) {
	failures := 0
	for {
		q := m.running()
		var reset chan struct{}
		if q != nil {
			reset = q.reset
		}
		if m.lab.opt.noBoot && m.lab.faults.active("noboot", m.name()) {
			failures = 2
		} else if m.sshAnswers(q) {
			failures = 0
		} else {
			failures++
		}
		select {
		case <-off: // while it looked: the machine may be on again, which is another's business
			return
		default:
		}
		m.mu.Lock()
		was := m.guestUp
		m.guestUp = failures == 0 || (was && failures < 2)
		is := m.guestUp
		m.mu.Unlock()
		if was != is {
			log.Printf("%s: guest up: %v", m.vm.Self.Value, is)
			m.showGuest(is)
		}
		pause := 300 * time.Millisecond
		if is && failures == 0 {
			pause = 30 * time.Second // a guest that goes down resets or ends, which is seen at once
		}
		select {
		case <-off:
			return
		case <-reset:
			failures = 2
			m.mu.Lock()
			m.guestUp = false
			m.mu.Unlock()
			m.showGuest(false)
		case <-time.After(pause):
		}
	}
}
