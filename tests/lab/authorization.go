package main

import (
	"encoding/json"
	"fmt"
	"io"
	"sync"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/simulator/esx"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// permission is what the lab's user may do on an object and, propagated, on what is below it: everything but some.
type permission struct {
	Type      string   `json:"type"` // of the object: Folder, Datastore, …
	Name      string   `json:"name"`
	Without   []string `json:"without"`
	Propagate bool     `json:"propagate"`
}

type permissionTable struct {
	mu       sync.Mutex
	byObject map[types.ManagedObjectReference]permission
}

// privilegeOf is what a method asks for on the object it is called on.
var privilegeOf = map[string]string{
	"CreateVM_Task": "VirtualMachine.Inventory.Create", "CloneVM_Task": "VirtualMachine.Provisioning.Clone",
	"PowerOnVM_Task": "VirtualMachine.Interact.PowerOn", "PowerOffVM_Task": "VirtualMachine.Interact.PowerOff",
	"PutUsbScanCodes": "VirtualMachine.Interact.PutUsbScanCodes", "CreateScreenshot_Task": "VirtualMachine.Interact.CreateScreenshot",
	"CreateSnapshot_Task": "VirtualMachine.State.CreateSnapshot", "MarkAsTemplate": "VirtualMachine.Provisioning.MarkAsTemplate",
	"ExportVm": "VApp.Export", "AnswerVM": "VirtualMachine.Interact.AnswerQuestion",
}

// knownPrivileges are those of the Admin role.
func knownPrivileges() map[string]bool {
	known := map[string]bool{}
	for _, id := range object.AuthorizationRoleList(esx.RoleList).ByName("Admin").Privilege {
		known[id] = true
	}
	return known
}

func (t *permissionTable) set(r io.Reader) error {
	var p permission
	dec := json.NewDecoder(r)
	dec.DisallowUnknownFields()
	if err := dec.Decode(&p); err != nil {
		return err
	}
	known := knownPrivileges()
	for _, id := range p.Without {
		if !known[id] {
			return fmt.Errorf("no privilege %q", id)
		}
	}
	for _, e := range simulator.Map.All(p.Type) {
		if e.Entity().Name == p.Name {
			t.mu.Lock()
			defer t.mu.Unlock()
			t.byObject[e.Reference()] = p
			return nil
		}
	}
	return fmt.Errorf("no %s %q", p.Type, p.Name)
}

func (t *permissionTable) clear() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.byObject = map[types.ManagedObjectReference]permission{}
}

// granted: the permission nearest to the object counts, its own or a propagated one above it; with none the user is an administrator.
func (t *permissionTable) granted(ref types.ManagedObjectReference, id string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for own := true; ; own = false {
		if p, ok := t.byObject[ref]; ok && (own || p.Propagate) {
			for _, missing := range p.Without {
				if missing == id {
					return false
				}
			}
			return true
		}
		e, ok := simulator.Map.Get(ref).(mo.Entity)
		if !ok || e.Entity().Parent == nil {
			return true
		}
		ref = *e.Entity().Parent
	}
}

// hasPrivilege answers for the session's user; vcsim grants everything.
func hasPrivilege(c *call) (interface{}, error) {
	req := c.method.Body.(*types.HasPrivilegeOnEntities)
	response := &types.HasPrivilegeOnEntitiesResponse{}
	known := knownPrivileges()
	for _, id := range req.PrivId {
		if !known[id] {
			return nil, invalidArgument("privId")
		}
	}
	for _, e := range req.Entity {
		if simulator.Map.Get(e) == nil {
			return nil, gone(e)
		}
		one := types.EntityPrivilege{Entity: e}
		for _, id := range req.PrivId {
			one.PrivAvailability = append(one.PrivAvailability, types.PrivilegeAvailability{
				PrivId: id, IsGranted: req.SessionId == c.session.key && c.lab.permissions.granted(e, id)})
		}
		response.Returnval = append(response.Returnval, one)
	}
	return response, nil
}

// permitted is a fault when the user may not call this method on this object.
func (c *call) permitted() error {
	id := privilegeOf[c.method.Name]
	if id == "" || c.lab.permissions.granted(c.method.This, id) {
		return nil
	}
	return faultf(&types.NoPermission{Object: c.method.This, PrivilegeId: id}, "Permission to perform this operation was denied.")
}
