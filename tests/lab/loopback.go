package main

import (
	"errors"
	"fmt"
	"math/rand"
	"net"
	"os"
	"strconv"
	"sync"
	"time"
)

// loopback hands out the machines' addresses: 127.a.b.1 to .249 of a network of the lab's own,
// which it holds by listening on 127.a.b.254.
type loopback struct {
	prefix string // "127.a.b."
	port   int    // ssh's on every machine: 22 where that may be bound, else a high one
	hold   net.Listener

	mu   sync.Mutex
	used map[string]bool
}

// sshPorts are tried in order; all but the first need no privilege.
var sshPorts = []int{22, 2222, 2022, 22022}

func newLoopback() (*loopback, error) {
	random := rand.New(rand.NewSource(time.Now().UnixNano() ^ int64(os.Getpid())))
	var last error
	for try := 0; try < 50; try++ {
		prefix := fmt.Sprintf("127.%d.%d.", 64+random.Intn(128), 1+random.Intn(250))
		for _, port := range sshPorts {
			hold, err := net.Listen("tcp", prefix+"254:"+strconv.Itoa(port))
			if err == nil {
				return &loopback{prefix: prefix, port: port, hold: hold, used: map[string]bool{}}, nil
			}
			last = err
		}
	}
	return nil, fmt.Errorf("no loopback network to be had: %w", last)
}

var errNoAddress = errors.New("the lab has no address left")

func (b *loopback) take() (string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := 1; i < 250; i++ {
		a := b.prefix + strconv.Itoa(i)
		if !b.used[a] {
			b.used[a] = true
			return a, nil
		}
	}
	return "", errNoAddress
}

func (b *loopback) give(address string) {
	b.mu.Lock()
	delete(b.used, address)
	b.mu.Unlock()
}

func (b *loopback) close() { _ = b.hold.Close() }
