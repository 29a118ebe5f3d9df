package main

import (
	"strings"
	"testing"

	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"
)

// The permission nearest to an object counts, and only a propagated one of those above; methods are refused by it.
func TestPermissions(t *testing.T) {
	c := connect(t)
	t.Cleanup(theLab.permissions.clear)
	user, err := c.SessionManager.UserSession(ctx)
	must(t, err)
	forbid := func(text string) { must(t, theLab.permissions.set(strings.NewReader(text))) }
	granted := func(ref types.ManagedObjectReference, id string) bool {
		res, err := methods.HasPrivilegeOnEntities(ctx, c.Client.Client, &types.HasPrivilegeOnEntities{
			This: *c.ServiceContent.AuthorizationManager, Entity: []types.ManagedObjectReference{ref},
			SessionId: user.Key, PrivId: []string{id}})
		must(t, err)
		return res.Returnval[0].PrivAvailability[0].IsGranted
	}
	folder, create := c.folder.Reference(), "VirtualMachine.Inventory.Create"
	if !granted(folder, create) {
		t.Error("an administrator may not create")
	}
	forbid(`{"type":"Folder","name":"vm","without":["` + create + `"]}`)
	if !granted(folder, create) {
		t.Error("what is not propagated counts below")
	}
	forbid(`{"type":"Folder","name":"vm","without":["` + create + `"],"propagate":true}`)
	if granted(folder, create) {
		t.Error("what is propagated does not count below")
	}
	forbid(`{"type":"Folder","name":"Packer","without":[]}`)
	if !granted(folder, create) {
		t.Error("the nearest one does not count")
	}
	if err := theLab.permissions.set(strings.NewReader(`{"type":"Folder","name":"Packer","without":["VirtualMachine.Nothing"]}`)); err == nil {
		t.Error("a privilege that is not there is taken")
	}
}
