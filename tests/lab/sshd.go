package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/binary"
	"encoding/pem"
	"fmt"
	"log"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"golang.org/x/crypto/ssh"
)

// sshServer is the guests' ssh in no-boot mode: real protocol, the password of -ssh-password or the key
// of LAB_SSH_KEY, commands run by /bin/sh in a directory that stands for the guest.
type sshServer struct {
	lab     *Lab
	config  *ssh.ServerConfig
	keyFile string
	shims   string // directory with shutdown and the like

	mu        sync.Mutex
	listeners map[*machine]net.Listener
	conns     map[net.Conn]*machine
}

func newSSHServer(l *Lab) (*sshServer, error) {
	s := &sshServer{lab: l, keyFile: filepath.Join(l.dir, "ssh_key"), listeners: map[*machine]net.Listener{}, conns: map[net.Conn]*machine{}}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	user, err := ssh.NewPublicKey(public)
	if err != nil {
		return nil, err
	}
	_ = os.Remove(s.keyFile)
	if err := os.WriteFile(s.keyFile, opensshKey(public, private, user), 0o600); err != nil {
		return nil, err
	}
	if err := os.WriteFile(s.keyFile+".pub", ssh.MarshalAuthorizedKey(user), 0o644); err != nil {
		return nil, err
	}
	check := func(password string) error {
		if password != l.opt.sshPassword {
			return fmt.Errorf("wrong password")
		}
		return nil
	}
	s.config = &ssh.ServerConfig{
		PasswordCallback: func(_ ssh.ConnMetadata, password []byte) (*ssh.Permissions, error) {
			return nil, check(string(password))
		},
		KeyboardInteractiveCallback: func(_ ssh.ConnMetadata, ask ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
			answers, err := ask("", "", []string{"Password: "}, []bool{false})
			if err != nil || len(answers) != 1 {
				return nil, fmt.Errorf("no answer: %v", err)
			}
			return nil, check(answers[0])
		},
		PublicKeyCallback: func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			if !bytes.Equal(key.Marshal(), user.Marshal()) {
				return nil, fmt.Errorf("unknown key")
			}
			return nil, nil
		},
		ServerVersion: "SSH-2.0-lab",
	}
	_, host, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	signer, err := ssh.NewSignerFromKey(host)
	if err != nil {
		return nil, err
	}
	s.config.AddHostKey(signer)
	return s, s.writeShims()
}

// opensshKey writes a private key in OpenSSH's own format (PROTOCOL.key), which x/crypto cannot yet do.
func opensshKey(public ed25519.PublicKey, private ed25519.PrivateKey, user ssh.PublicKey) []byte {
	field := func(b []byte) []byte {
		return append(binary.BigEndian.AppendUint32(nil, uint32(len(b))), b...)
	}
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	inner := join([]byte{1, 2, 3, 4, 1, 2, 3, 4}, field([]byte("ssh-ed25519")), field(public), field(private), field([]byte("lab")))
	for i := byte(1); len(inner)%8 != 0; i++ {
		inner = append(inner, i)
	}
	whole := join([]byte("openssh-key-v1\x00"), field([]byte("none")), field([]byte("none")), field(nil),
		[]byte{0, 0, 0, 1}, field(user.Marshal()), field(inner))
	return pem.EncodeToMemory(&pem.Block{Type: "OPENSSH PRIVATE KEY", Bytes: whole})
}

// listen opens the machine's ssh port; QEMU would do the same when it starts.
func (s *sshServer) listen(m *machine) error {
	if s.lab.faults.active("noboot", m.name()) {
		return nil
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(m.address, strconv.Itoa(s.lab.loopback.port)))
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.listeners[m] = listener
	s.mu.Unlock()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			if s.listeners[m] != listener { // it went down meanwhile
				s.mu.Unlock()
				_ = conn.Close()
				return
			}
			s.conns[conn] = m
			s.mu.Unlock()
			go func() {
				s.serve(m, conn)
				s.mu.Lock()
				delete(s.conns, conn)
				s.mu.Unlock()
				_ = conn.Close()
			}()
		}
	}()
	return nil
}

func (s *sshServer) listens(m *machine) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.listeners[m] != nil
}

// unlisten is the guest going down: its port closes and its connections break.
func (s *sshServer) unlisten(m *machine) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if listener := s.listeners[m]; listener != nil {
		_ = listener.Close()
		delete(s.listeners, m)
	}
	for conn, of := range s.conns {
		if of == m {
			_ = conn.Close()
		}
	}
}

func (s *sshServer) close() {
	s.mu.Lock()
	machines := make([]*machine, 0, len(s.listeners))
	for m := range s.listeners {
		machines = append(machines, m)
	}
	s.mu.Unlock()
	for _, m := range machines {
		s.unlisten(m)
	}
}

func (s *sshServer) serve(m *machine, conn net.Conn) {
	server, channels, requests, err := ssh.NewServerConn(conn, s.config)
	if err != nil {
		return // a look at the banner, or a refused password
	}
	log.Printf("ssh: %s logged in to %s", server.User(), m.address)
	go func() {
		for r := range requests {
			if r.WantReply { // keep-alives are answered by a refusal
				_ = r.Reply(false, nil)
			}
		}
	}()
	for c := range channels {
		if c.ChannelType() != "session" {
			_ = c.Reject(ssh.UnknownChannelType, "only sessions")
			continue
		}
		channel, requests, err := c.Accept()
		if err != nil {
			continue
		}
		go s.session(m, channel, requests)
	}
}
