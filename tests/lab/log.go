package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"sync"
	"sync/atomic"
	"time"
)

// logEntry is one request that arrived. The counters change while it is served.
type logEntry struct {
	n      int
	time   time.Time
	kind   string
	path   string
	client string

	mu     sync.Mutex
	method string
	xml    string
	status int64
	in     int64
	out    int64
	took   int64 // nanoseconds; 0 while it is served
}

// requestLog holds the requests since the start or the last clearing, in order of arrival.
type requestLog struct {
	mu      sync.Mutex
	n       int
	entries []*logEntry
}

func (t *requestLog) begin(kind string, r *http.Request) *logEntry {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.n++
	e := &logEntry{n: t.n, time: time.Now(), kind: kind, method: r.Method, path: r.URL.RequestURI(), client: r.RemoteAddr}
	t.entries = append(t.entries, e)
	return e
}

// name sets the SOAP method, known once the body is read.
func (t *requestLog) name(e *logEntry, method string) {
	e.mu.Lock()
	e.method = method
	e.mu.Unlock()
}

func (t *requestLog) clear() {
	t.mu.Lock()
	t.entries = nil
	t.mu.Unlock()
}

// secret matches the elements of the API that hold a password or a ticket.
var secret = regexp.MustCompile(`(?s)(<(?:\w+:)?(?:password|newPassword|cloneTicket|keyValue)(?:\s[^>]*)?>)(.*?)(</)`)

func (e *logEntry) received(body []byte) {
	e.mu.Lock()
	e.xml = string(secret.ReplaceAll(body, []byte("${1}******${3}")))
	e.mu.Unlock()
	atomic.StoreInt64(&e.in, int64(len(body)))
}

func (e *logEntry) end() { atomic.StoreInt64(&e.took, int64(time.Since(e.time))) }

// write prints the log as JSON lines.
func (t *requestLog) write(w io.Writer) {
	t.mu.Lock()
	entries := t.entries
	t.mu.Unlock()
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	for _, e := range entries {
		e.mu.Lock()
		line := struct {
			N      int     `json:"n"`
			Time   string  `json:"time"`
			Kind   string  `json:"kind"`
			Method string  `json:"method"`
			Path   string  `json:"path"`
			Client string  `json:"client"`
			Status int64   `json:"status"`
			In     int64   `json:"in"`
			Out    int64   `json:"out"`
			Took   float64 `json:"seconds"`
			XML    string  `json:"xml,omitempty"`
		}{e.n, e.time.UTC().Format("2006-01-02T15:04:05.000000Z"), e.kind, e.method, e.path, e.client,
			atomic.LoadInt64(&e.status), atomic.LoadInt64(&e.in), atomic.LoadInt64(&e.out),
			float64(atomic.LoadInt64(&e.took)) / 1e9, e.xml}
		e.mu.Unlock()
		if err := enc.Encode(line); err != nil {
			return
		}
	}
}

// countedBody counts what a client sends and can cut it off at a given byte.
type countedBody struct {
	io.ReadCloser
	entry *logEntry
	limit int64
	w     *recorder
}

func (b *countedBody) Read(p []byte) (int, error) {
	if got := atomic.LoadInt64(&b.entry.in); b.limit >= 0 && int64(len(p)) > b.limit-got {
		p = p[:b.limit-got]
		if len(p) == 0 {
			return 0, fmt.Errorf("cut at byte %d", b.limit)
		}
	}
	n, err := b.ReadCloser.Read(p)
	atomic.AddInt64(&b.entry.in, int64(n))
	return n, err
}
