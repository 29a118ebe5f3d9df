package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sort"
)

// serveControl answers /lab/…: what a test does to the lab and asks of it. No login: it is loopback.
func (l *Lab) serveControl(w http.ResponseWriter, r *http.Request) {
	switch r.Method + " " + r.URL.Path {
	case "GET /lab", "GET /lab/":
		w.Header().Set("Content-Type", "text/plain")
		for _, e := range l.environment() {
			fmt.Fprintf(w, "%s=%s\n", e[0], e[1])
		}
	case "GET /lab/log":
		w.Header().Set("Content-Type", "application/x-ndjson")
		l.requests.write(w)
	case "DELETE /lab/log":
		l.requests.clear()
	case "GET /lab/fault":
		l.faults.write(w)
	case "POST /lab/fault":
		var f fault
		dec := json.NewDecoder(r.Body)
		dec.DisallowUnknownFields()
		err := dec.Decode(&f)
		if err == nil {
			err = l.faults.add(f)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		l.refreshGuests()
	case "DELETE /lab/fault":
		l.faults.clear()
		l.refreshGuests()
	case "POST /lab/permission":
		if err := l.permissions.set(r.Body); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
		}
	case "DELETE /lab/permission":
		l.permissions.clear()
	case "POST /lab/property":
		if err := setProperty(r.Body); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
		}
	case "GET /lab/vms":
		writeJSON(w, l.describeMachines())
	case "GET /lab/sessions":
		writeJSON(w, l.sessions.count())
	case "GET /lab/leases":
		writeJSON(w, l.leases.open())
	case "POST /lab/expire":
		writeJSON(w, l.sessions.expire())
	case "GET /lab/orphans":
		writeJSON(w, l.datastoreFiles())
	default:
		http.Error(w, "no such control: see tests/lab/README.md", http.StatusNotFound)
	}
}

func writeJSON(w http.ResponseWriter, v interface{}) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

// datastoreFile is one file of the datastore and the VM whose it is, if any's.
type datastoreFile struct {
	Path string `json:"path"` // as in "[ds] path"
	Size int64  `json:"size"`
	VM   string `json:"vm,omitempty"`
}

// datastoreFiles lists everything in the datastore, empty directories included (with a slash).
func (l *Lab) datastoreFiles() []datastoreFile {
	list := []datastoreFile{}
	owners := l.fileOwners()
	_ = filepath.Walk(l.inv.datastoreDir, func(path string, info os.FileInfo, err error) error {
		if err != nil || path == l.inv.datastoreDir {
			return nil
		}
		name, _ := filepath.Rel(l.inv.datastoreDir, path)
		if info.IsDir() {
			if inside, err := os.ReadDir(path); err == nil && len(inside) == 0 {
				list = append(list, datastoreFile{Path: name + "/", VM: owners[name]})
			}
			return nil
		}
		list = append(list, datastoreFile{Path: name, Size: info.Size(), VM: owners[filepath.Dir(name)]})
		return nil
	})
	sort.Slice(list, func(i, j int) bool { return list[i].Path < list[j].Path })
	return list
}
