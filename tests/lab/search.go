package main

import (
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// searchDatastore is HostDatastoreBrowser.SearchDatastore_Task and …SubFolders_Task. vcsim's finds nothing
// without a pattern and breaks down without a specification.
func searchDatastore(c *call) (interface{}, error) {
	var where string
	var spec *types.HostDatastoreBrowserSearchSpec
	deep := false
	switch b := c.method.Body.(type) {
	case *types.SearchDatastore_Task:
		where, spec = b.DatastorePath, b.SearchSpec
	case *types.SearchDatastoreSubFolders_Task:
		where, spec, deep = b.DatastorePath, b.SearchSpec, true
	}
	if spec == nil {
		spec = &types.HostDatastoreBrowserSearchSpec{}
	}
	ref := c.startTask(c.method.This, "searchDatastore", func(*task) (types.AnyType, error) {
		dir, err := c.lab.local(where)
		if err != nil {
			return nil, err
		}
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			return nil, faultf(&types.FileNotFound{FileFault: types.FileFault{File: where}}, "File %s was not found", where)
		}
		found := types.ArrayOfHostDatastoreBrowserSearchResults{}
		_ = filepath.Walk(dir, func(name string, info os.FileInfo, err error) error {
			if err != nil || !info.IsDir() {
				return nil
			}
			if name != dir && !deep {
				return filepath.SkipDir
			}
			found.HostDatastoreBrowserSearchResults = append(found.HostDatastoreBrowserSearchResults, c.lab.searchFolder(name, spec))
			return nil
		})
		if deep {
			return found, nil
		}
		return found.HostDatastoreBrowserSearchResults[0], nil
	})
	if deep {
		return &types.SearchDatastoreSubFolders_TaskResponse{Returnval: ref}, nil
	}
	return &types.SearchDatastore_TaskResponse{Returnval: ref}, nil
}

// searchFolder lists one folder. Images beside VMDKs are the lab's own matter and not shown.
func (l *Lab) searchFolder(dir string, spec *types.HostDatastoreBrowserSearchSpec) types.HostDatastoreBrowserSearchResults {
	inside, _ := filepath.Rel(l.inv.datastoreDir, dir)
	if inside == "." {
		inside = ""
	}
	result := types.HostDatastoreBrowserSearchResults{Datastore: &l.inv.datastore.Self, FolderPath: inDatastore(inside)}
	if inside != "" {
		result.FolderPath += "/"
	}
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || path.Ext(e.Name()) == ".qcow2" || !matches(spec, info) {
			continue
		}
		result.File = append(result.File, describeFile(spec, info))
	}
	return result
}

func matches(spec *types.HostDatastoreBrowserSearchSpec, info os.FileInfo) bool {
	named := len(spec.MatchPattern) == 0
	for _, pattern := range spec.MatchPattern {
		if ok, _ := path.Match(pattern, info.Name()); ok {
			named = true
		}
	}
	kind := len(spec.Query) == 0
	ext := path.Ext(info.Name())
	for _, q := range spec.Query {
		switch q.(type) {
		case *types.FolderFileQuery:
			kind = kind || info.IsDir()
		case *types.IsoImageFileQuery:
			kind = kind || ext == ".iso"
		case *types.FloppyImageFileQuery:
			kind = kind || ext == ".flp" || ext == ".img"
		case *types.VmDiskFileQuery:
			kind = kind || ext == ".vmdk"
		case *types.VmConfigFileQuery:
			kind = kind || ext == ".vmx"
		default:
			kind = true
		}
	}
	return named && kind
}

func describeFile(spec *types.HostDatastoreBrowserSearchSpec, info os.FileInfo) types.BaseFileInfo {
	details := spec.Details
	if details == nil {
		details = &types.FileQueryFlags{}
	}
	f := types.FileInfo{Path: info.Name()}
	if details.FileSize {
		f.FileSize = info.Size()
	}
	if details.Modification {
		when := info.ModTime()
		f.Modification = &when
	}
	ext := path.Ext(info.Name())
	switch {
	case info.IsDir():
		return &types.FolderFileInfo{FileInfo: f}
	case !details.FileType:
		return &f
	case ext == ".iso":
		return &types.IsoImageFileInfo{FileInfo: f}
	case ext == ".flp" || ext == ".img":
		return &types.FloppyImageFileInfo{FileInfo: f}
	case ext == ".vmdk":
		return &types.VmDiskFileInfo{FileInfo: f}
	case ext == ".vmx":
		return &types.VmConfigFileInfo{FileInfo: f}
	}
	return &f
}

// deleteFile lets vcsim delete, but not what a running machine has open.
func deleteFile(c *call) (interface{}, error) {
	name := c.method.Body.(*types.DeleteDatastoreFile_Task).Name
	target, err := c.lab.local(name)
	if err != nil || c.injected("task") != nil || c.injected("slowtask") != nil {
		ref := c.startTask(c.method.This, "deleteDatastoreFile", func(*task) (types.AnyType, error) { return nil, err })
		return &types.DeleteDatastoreFile_TaskResponse{Returnval: ref}, nil
	}
	for _, m := range c.lab.allMachines() {
		if m.power() != poweredOn {
			continue
		}
		var open []string
		m.look(func(vm *mo.VirtualMachine) {
			for _, d := range vm.Config.Hardware.Device {
				if disk, ok := d.(*types.VirtualDisk); ok {
					if file, err := c.lab.local(diskFile(disk)); err == nil {
						open = append(open, file)
					}
				} else if file := c.lab.inserted(d); file != "" {
					open = append(open, file)
				}
			}
		})
		for _, file := range open {
			if file == target || strings.HasPrefix(file, target+"/") {
				ref := c.startTask(c.method.This, "deleteDatastoreFile", func(*task) (types.AnyType, error) {
					return nil, faultf(&types.FileLocked{FileFault: types.FileFault{File: name}}, "Unable to access file %s since it is locked", name)
				})
				return &types.DeleteDatastoreFile_TaskResponse{Returnval: ref}, nil
			}
		}
	}
	return nil, nil
}

// notHere refuses what vcsim would do to machines the lab does not know.
func notHere(*call) (interface{}, error) {
	return nil, faultf(&types.NotSupported{}, "The lab does not do this.")
}

// destroyFolder destroys the machines in a folder, then lets vcsim remove the folder.
func destroyFolder(c *call) (interface{}, error) {
	f, ok := simulator.Map.Get(c.method.This).(*simulator.Folder)
	if !ok {
		return nil, gone(c.method.This)
	}
	for _, ref := range append([]types.ManagedObjectReference(nil), f.ChildEntity...) {
		m := c.lab.machineOf(ref)
		if m == nil {
			continue
		}
		if err := m.mustBe(poweredOff); err != nil {
			ref := c.startTask(f, "destroy", func(*task) (types.AnyType, error) { return nil, err })
			return &types.Destroy_TaskResponse{Returnval: ref}, nil
		}
		m.remove()
	}
	return nil, nil
}

// makeDirectory refuses what vSAN refuses: a directory at the top that is no object of its own.
func makeDirectory(c *call) (interface{}, error) {
	name := c.method.Body.(*types.MakeDirectory).Name
	if c.lab.inv.datastore.Summary.Type == "vsan" && !strings.Contains(name, "/") {
		if local, err := c.lab.local(name); err == nil {
			if _, err = os.Stat(local); err != nil {
				return nil, faultf(&types.CannotCreateFile{FileFault: types.FileFault{File: name}}, "Cannot create file %s", name)
			}
		}
	}
	return nil, nil
}

func createNamespace(c *call) (interface{}, error) {
	local, err := c.lab.local("[" + c.lab.inv.datastore.Name + "] " + c.method.Body.(*types.CreateDirectory).DisplayName)
	if err == nil {
		err = os.Mkdir(local, 0o755)
	}
	if err != nil {
		return nil, faultf(&types.FileAlreadyExists{}, "%v", err)
	}
	return &types.CreateDirectoryResponse{Returnval: local}, nil
}
