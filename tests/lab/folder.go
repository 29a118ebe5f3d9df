package main

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// serveFolder is /folder/<path>?dcPath=&dsName=: files of the datastore, read and written by stream.
func (l *Lab) serveFolder(w http.ResponseWriter, r *http.Request) {
	if l.sessions.find(r) == nil {
		w.Header().Set("WWW-Authenticate", `Basic realm="VMware HTTP server"`)
		http.Error(w, "401 Unauthorized", http.StatusUnauthorized)
		return
	}
	query := r.URL.Query()
	dc := strings.TrimPrefix(query.Get("dcPath"), "/")
	if (dc != l.inv.datacenterName && !(l.inv.esx && dc == "")) || query.Get("dsName") != datastoreName {
		http.NotFound(w, r)
		return
	}
	name := strings.TrimPrefix(path.Clean("/"+strings.TrimPrefix(r.URL.Path, "/folder")), "/")
	file := filepath.Join(l.inv.datastoreDir, filepath.FromSlash(name))
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		l.download(w, r, file)
	case http.MethodPut, http.MethodPost:
		l.upload(w, r, file)
	case http.MethodDelete:
		if err := os.RemoveAll(file); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	default:
		w.WriteHeader(http.StatusMethodNotAllowed)
	}
}

func (l *Lab) download(w http.ResponseWriter, r *http.Request, file string) {
	if strings.HasSuffix(file, "-flat.vmdk") { // an extent is the image beside the descriptor
		file = qcow2Of(strings.TrimSuffix(file, "-flat.vmdk") + ".vmdk")
	}
	f, err := os.Open(file)
	if err != nil {
		http.NotFound(w, r)
		return
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || info.IsDir() {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	http.ServeContent(w, r, "", info.ModTime(), f)
}

// upload streams into a temporary file, so that an upload that is cut off leaves nothing.
func (l *Lab) upload(w http.ResponseWriter, r *http.Request, file string) {
	if info, err := os.Stat(filepath.Dir(file)); err != nil || !info.IsDir() {
		http.Error(w, "the folder does not exist", http.StatusNotFound)
		return
	}
	if l.free() < r.ContentLength {
		w.Header().Set("Connection", "close")
		http.Error(w, "no space left on the datastore", http.StatusInsufficientStorage)
		return
	}
	_, err := os.Stat(file)
	status := http.StatusCreated
	if err == nil {
		status = http.StatusOK
	}
	part, err := os.CreateTemp(filepath.Join(l.dir, "tmp"), "upload-")
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	defer os.Remove(part.Name())
	buffer := make([]byte, 1<<20)
	n, err := io.CopyBuffer(struct{ io.Writer }{part}, r.Body, buffer)
	if closed := part.Close(); err == nil {
		err = closed
	}
	if err == nil && r.ContentLength >= 0 && n != r.ContentLength {
		err = fmt.Errorf("%d bytes of %d", n, r.ContentLength)
	}
	if err == nil {
		err = os.Rename(part.Name(), file)
	}
	if err != nil {
		log.Printf("upload of %s: %v", file, err)
		if b, ok := r.Body.(*countedBody); ok && b.limit >= 0 {
			b.w.cut()
			return
		}
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.WriteHeader(status)
}
