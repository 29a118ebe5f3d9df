package main

import (
	"net"
	"net/http"
	"strings"
	"sync/atomic"
)

// recorder counts what is sent, for the log, and can break the connection.
type recorder struct {
	http.ResponseWriter
	entry *logEntry
	limit int64 // bytes of body after which the connection is cut; -1 for none
	short int64 // bytes of body after which the rest is dropped, as if that were all; -1 for none
	flip  int64 // the byte that is changed on its way; -1 for none
	mute  bool  // the answer is lost: the connection is closed instead
	wrote bool
}

func (w *recorder) WriteHeader(status int) {
	if w.mute && !w.wrote {
		atomic.StoreInt64(&w.entry.status, int64(status))
		w.cut()
		panic(http.ErrAbortHandler)
	}
	if !w.wrote {
		w.wrote = true
		atomic.StoreInt64(&w.entry.status, int64(status))
		w.ResponseWriter.WriteHeader(status)
	}
}

func (w *recorder) Write(p []byte) (int, error) {
	if !w.wrote {
		w.WriteHeader(http.StatusOK)
	}
	sent := atomic.LoadInt64(&w.entry.out)
	if w.limit >= 0 && sent+int64(len(p)) > w.limit {
		n, _ := w.ResponseWriter.Write(p[:w.limit-sent])
		atomic.AddInt64(&w.entry.out, int64(n))
		w.Flush()
		panic(http.ErrAbortHandler)
	}
	n, err := w.ResponseWriter.Write(w.damaged(p, sent))
	if err == nil {
		n = len(p)
	}
	atomic.AddInt64(&w.entry.out, int64(n))
	return n, err
}

// damaged is what an injected fault leaves of the bytes from `at`.
func (w *recorder) damaged(p []byte, at int64) []byte {
	if w.flip >= at && w.flip < at+int64(len(p)) {
		p = append([]byte(nil), p...)
		p[w.flip-at] ^= 1
	}
	if w.short >= 0 && at+int64(len(p)) > w.short {
		return p[:max(0, w.short-at)]
	}
	return p
}

func max(a, b int64) int64 {
	if a > b {
		return a
	}
	return b
}

func (w *recorder) Flush() {
	w.WriteHeader(http.StatusOK) // if none was sent
	if f, ok := w.ResponseWriter.(http.Flusher); ok {
		f.Flush()
	}
}

// cut closes the connection without another byte.
func (w *recorder) cut() {
	if h, ok := w.ResponseWriter.(http.Hijacker); ok && !w.wrote {
		if conn, _, err := h.Hijack(); err == nil {
			if tcp, ok := conn.(*net.TCPConn); ok {
				_ = tcp.SetLinger(0)
			}
			_ = conn.Close()
			return
		}
	}
	panic(http.ErrAbortHandler)
}

// kindOf sorts a path into the kinds of the log.
func kindOf(path string) string {
	switch {
	case path == "/sdk" || path == "/sdk/":
		return "soap"
	case path == "/folder" || strings.HasPrefix(path, "/folder/"):
		return "folder"
	case strings.HasPrefix(path, "/nfc/"):
		return "nfc"
	case path == "/screen":
		return "screen"
	}
	return "other"
}

// ServeHTTP is the door: control, the log and injected faults, then the part that answers.
func (l *Lab) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/lab" || strings.HasPrefix(r.URL.Path, "/lab/") {
		l.serveControl(w, r)
		return
	}
	entry := l.requests.begin(kindOf(r.URL.Path), r)
	rec := &recorder{ResponseWriter: w, entry: entry, limit: -1, short: -1, flip: -1}
	defer entry.end()
	if entry.kind == "soap" && r.Method == http.MethodPost {
		r.URL.Path = "/sdk"
		l.serveSOAP(rec, r, entry)
		return
	}
	var faults []*fault
	name := r.Method + " /" + strings.SplitN(strings.TrimPrefix(r.URL.Path, "/"), "/", 2)[0]
	if !l.faults.before(l, rec, r, entry, name, &faults) {
		return
	}
	body := &countedBody{ReadCloser: r.Body, entry: entry, limit: -1}
	for _, f := range faults {
		switch f.Fault {
		case "cut":
			rec.limit, body.limit, body.w = f.At, f.At, rec
		case "short":
			rec.short = f.At
		case "flip":
			rec.flip = f.At
		}
	}
	r.Body = body
	switch entry.kind {
	case "folder":
		l.serveFolder(rec, r)
	case "nfc":
		l.serveNFC(rec, r)
	case "screen":
		l.serveScreen(rec, r)
	default:
		l.vcsim.ServeHTTP(rec, r)
	}
}
