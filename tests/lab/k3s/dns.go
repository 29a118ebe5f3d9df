package main

import (
	"encoding/binary"
	"net"
	"strings"
)

// dns answers for the services there are, as coredns does (RFC 1035, 4.1): their addresses, and that other names are unknown.
func (c *cluster) dns(address string) error {
	conn, err := net.ListenPacket("udp4", address)
	if err != nil {
		return err
	}
	go func() {
		for buffer := make([]byte, 512); ; {
			n, peer, err := conn.ReadFrom(buffer)
			if err != nil {
				return
			}
			if reply := c.resolve(buffer[:n]); reply != nil {
				_, _ = conn.WriteTo(reply, peer)
			}
		}
	}()
	return nil
}

// resolve makes the reply to a question, nil for what is none.
func (c *cluster) resolve(question []byte) []byte {
	var labels []string
	at := 12
	for at < len(question) && question[at] != 0 {
		end := at + 1 + int(question[at])
		if end > len(question) {
			return nil
		}
		labels = append(labels, string(question[at+1:end]))
		at = end
	}
	if at+5 > len(question) {
		return nil
	}
	kind := binary.BigEndian.Uint16(question[at+1:])
	ip := c.service(strings.ToLower(strings.Join(labels, ".")))
	reply := append([]byte{question[0], question[1], 0x84, 0, 0, 1, 0, 0, 0, 0, 0, 0}, question[12:at+5]...)
	switch {
	case ip == nil:
		reply[3] = 3 // no such name
	case kind == 1:
		reply[7] = 1
		reply = append(reply, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 5, 0, 4)
		reply = append(reply, ip...)
	}
	return reply
}

// service is the address of NAME.NAMESPACE.svc.cluster.local; they are numbered where a manifest names none.
func (c *cluster) service(name string) net.IP {
	parts := strings.Split(name, ".")
	if len(parts) != 5 || strings.Join(parts[2:], ".") != "svc.cluster.local" {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	o := c.Objects["service/"+parts[1]+"/"+parts[0]]
	if o == nil {
		return nil
	}
	if ip := net.ParseIP(text(o, "spec", "clusterIP")); ip != nil {
		return ip.To4()
	}
	return net.IPv4(10, 43, 1, byte(len(parts[0]))).To4()
}
