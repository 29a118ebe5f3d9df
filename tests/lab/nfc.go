package main

import (
	"io"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"strings"
)

func fileSize(name string) int64 {
	info, err := os.Stat(name)
	if err != nil {
		return 0
	}
	return info.Size()
}

// serveNFC is GET /nfc/<lease>/<file>: the URL is the permission, there is no length, and a disk is a
// stream-optimised VMDK made on the way.
func (l *Lab) serveNFC(w http.ResponseWriter, r *http.Request) {
	part := strings.Split(strings.TrimPrefix(r.URL.Path, "/nfc/"), "/")
	if len(part) != 2 {
		http.NotFound(w, r)
		return
	}
	x := l.leases.find(part[0])
	if x == nil || x.over() {
		http.NotFound(w, r)
		return
	}
	if r.Method != http.MethodGet {
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	for _, f := range x.files {
		if f.name == part[1] {
			if err := x.send(w, f); err != nil {
				log.Printf("nfc %s: %v", f.name, err)
				panic(http.ErrAbortHandler) // a client must not take what it got for the whole
			}
			return
		}
	}
	http.NotFound(w, r)
}

// prepared sends a disk that was converted before, and tells whether there is one. Its digests are taken once.
func (x *lease) prepared(w http.ResponseWriter, f *leaseFile, image string) (bool, error) {
	in, err := os.Open(image + ".export")
	if err != nil {
		return false, nil
	}
	defer in.Close()
	sums := x.lab.leases.sums(in)
	w.Header().Set("Content-Type", "application/x-vnd.vmware-streamVmdk")
	w.(http.Flusher).Flush()
	n, err := io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{in}, make([]byte, 256<<10))
	if err == nil {
		x.mu.Lock()
		defer x.mu.Unlock()
		f.sha1, f.sha256, f.sent, f.size, f.populated = sums[0], sums[1], true, n, n
	}
	return true, err
}

// sums are the SHA-1 and the SHA-256 of a file that does not change any more.
func (t *leaseTable) sums(in *os.File) [2]string {
	t.mu.Lock()
	defer t.mu.Unlock()
	known, ok := t.bySum[in.Name()]
	if !ok {
		out := newDigests(func(p []byte) (int, error) { return len(p), nil })
		_, _ = io.Copy(out, in)
		_, _ = in.Seek(0, io.SeekStart)
		known[0], known[1] = out.sums()
		t.bySum[in.Name()] = known
	}
	return known
}

func (x *lease) send(w http.ResponseWriter, f *leaseFile) error {
	source := f.local
	if f.disk != nil {
		image, err := x.lab.existing(diskFile(f.disk))
		if err != nil {
			return err
		}
		if done, err := x.prepared(w, f, image); done {
			return err
		}
		raw, err := os.CreateTemp(filepath.Join(x.lab.dir, "tmp"), "export-")
		if err != nil {
			return err
		}
		_ = raw.Close()
		defer os.Remove(raw.Name())
		if err := qemuImg("convert", "-U", "-O", "raw", qcow2Of(image), raw.Name()); err != nil {
			return err
		}
		source = raw.Name()
	}
	in, err := os.Open(source)
	if err != nil {
		return err
	}
	defer in.Close()
	if f.disk != nil {
		w.Header().Set("Content-Type", "application/x-vnd.vmware-streamVmdk")
	} else {
		w.Header().Set("Content-Type", "application/octet-stream")
	}
	out := newDigests(func(p []byte) (int, error) {
		if x.over() {
			return 0, io.ErrClosedPipe // expired or aborted
		}
		return w.Write(p)
	})
	w.(http.Flusher).Flush() // chunked, so that no length is worked out for a short file
	var populated int64
	if f.disk != nil {
		populated, err = writeStreamVMDK(out, in, f.disk.CapacityInBytes)
	} else {
		_, err = io.Copy(out, in)
	}
	if err != nil {
		return err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	f.sha1, f.sha256 = out.sums()
	f.sent, f.size, f.populated = true, out.size, populated
	return nil
}
