package main

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/types"
)

// datastorePath splits "[LocalDS_0] dir/file" and checks the datastore's name.
func datastorePath(name string) (object.DatastorePath, error) {
	var p object.DatastorePath
	if !p.FromString(name) {
		return p, faultf(&types.InvalidDatastorePath{DatastorePath: name}, "Invalid datastore path '%s'.", name)
	}
	if p.Datastore != datastoreName {
		return p, faultf(&types.InvalidDatastorePath{InvalidDatastore: types.InvalidDatastore{Name: p.Datastore}, DatastorePath: name},
			"Invalid datastore path '%s'.", name)
	}
	p.Path = strings.TrimPrefix(path.Clean("/"+p.Path), "/")
	return p, nil
}

// inDatastore writes a path of the datastore as the API does.
func inDatastore(name string) string { return fmt.Sprintf("[%s] %s", datastoreName, name) }

// local is the file on this machine that stands for a path of the datastore.
func (l *Lab) local(name string) (string, error) {
	p, err := datastorePath(name)
	if err != nil {
		return "", err
	}
	return filepath.Join(l.inv.datastoreDir, filepath.FromSlash(p.Path)), nil
}

// existing is local for a file that must be there.
func (l *Lab) existing(name string) (string, error) {
	file, err := l.local(name)
	if err != nil {
		return "", err
	}
	if info, err := os.Stat(file); err != nil || info.IsDir() {
		return "", faultf(&types.FileNotFound{FileFault: types.FileFault{File: name}}, "File %s was not found", name)
	}
	return file, nil
}

// newVMDir makes a directory for a VM's files: the VM's name, or name_1, name_2 as vCenter does.
func (l *Lab) newVMDir(name string) (string, error) {
	name = strings.NewReplacer("/", "_", "\\", "_", "%", "_").Replace(name)
	for i := 0; ; i++ {
		dir := name
		if i > 0 {
			dir = fmt.Sprintf("%s_%d", name, i)
		}
		err := os.Mkdir(filepath.Join(l.inv.datastoreDir, dir), 0o700)
		if err == nil {
			return dir, nil
		}
		if !os.IsExist(err) {
			return "", err
		}
	}
}
