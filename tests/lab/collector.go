package main

import (
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"strings"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// collector is vcsim's PropertyCollector, one a session, that hears of changes whoever else waits. vcsim's own are
// all registered under the one reference they share: of two sessions that wait, the first never hears anything.
type collector struct {
	simulator.PropertyCollector
	permissions *permissionTable // of the one that the others are made from
}

// Reference reads nothing that changes; vcsim's copies all of the collector.
func (c *collector) Reference() types.ManagedObjectReference { return c.Self }

// listener registers a session's collector under a reference of the session's own.
type listener struct {
	*simulator.PropertyCollector
	session string
}

func (l listener) Reference() types.ManagedObjectReference {
	return types.ManagedObjectReference{Type: "PropertyCollector", Value: "session[" + l.session + "]"}
}

// useCollectors makes vcsim give every session a collector of this kind.
func useCollectors(permissions *permissionTable) {
	c := &collector{permissions: permissions}
	c.Self = simulator.Map.Get(vim25.ServiceInstance).(*simulator.ServiceInstance).Content.PropertyCollector
	simulator.Map.Put(c)
}

// WaitForUpdatesEx listens before the first look: what changes in between is told twice, not lost. One that still waits, because its
// caller has gone without a word, is ended: it would take the updates, and tell them to nobody.
func (c *collector) WaitForUpdatesEx(ctx *simulator.Context, r *types.WaitForUpdatesEx) soap.HasFault {
	c.CancelWaitForUpdates(&types.CancelWaitForUpdates{This: c.Self})
	if r.Version == "" {
		ctx.Map.AddHandler(listener{&c.PropertyCollector, ctx.Session.Key})
		defer ctx.Map.RemoveHandler(&c.PropertyCollector)
	}
	return c.PropertyCollector.WaitForUpdatesEx(ctx, r)
}

// RetrievePropertiesEx keeps what takes the privilege System.Read from whoever lacks it on an object; names and places take System.View.
func (c *collector) RetrievePropertiesEx(ctx *simulator.Context, r *types.RetrievePropertiesEx) soap.HasFault {
	body := c.PropertyCollector.RetrievePropertiesEx(ctx, r)
	answer, ok := body.(*methods.RetrievePropertiesExBody)
	if !ok || answer.Res == nil || answer.Res.Returnval == nil {
		return body
	}
	permissions := simulator.Map.Get(simulator.Map.Get(vim25.ServiceInstance).(*simulator.ServiceInstance).Content.PropertyCollector).(*collector).permissions
	for i := range answer.Res.Returnval.Objects {
		o := &answer.Res.Returnval.Objects[i]
		if permissions.granted(o.Obj, "System.Read") {
			continue
		}
		all := o.PropSet
		o.PropSet = nil
		for _, p := range all {
			if p.Name == "name" || p.Name == "parent" {
				o.PropSet = append(o.PropSet, p)
				continue
			}
			o.MissingSet = append(o.MissingSet, types.MissingProperty{Path: p.Name, Fault: types.LocalizedMethodFault{
				Fault: &types.NoPermission{Object: o.Obj, PrivilegeId: "System.Read"}, LocalizedMessage: "Permission to perform this operation was denied."}})
		}
	}
	return body
}

// setProperty makes the server say something else of an object, or nothing: real ones do.
func setProperty(r io.Reader) error {
	var wanted struct {
		Type, Name, Path string
		Value            json.RawMessage // null: unset
	}
	if err := json.NewDecoder(r).Decode(&wanted); err != nil {
		return err
	}
	for _, e := range simulator.Map.All(wanted.Type) {
		if e.Entity().Name != wanted.Name {
			continue
		}
		v := reflect.ValueOf(simulator.Map.Get(e.Reference()).(mo.Entity))
		for _, name := range strings.Split(wanted.Path, ".") {
			for v.Kind() == reflect.Ptr || v.Kind() == reflect.Interface {
				v = v.Elem()
			}
			if v.Kind() == reflect.Struct {
				v = v.FieldByName(strings.ToUpper(name[:1]) + name[1:])
			}
			if !v.IsValid() {
				return fmt.Errorf("no property %q", wanted.Path)
			}
		}
		v.Set(reflect.Zero(v.Type()))
		return json.Unmarshal(wanted.Value, v.Addr().Interface())
	}
	return fmt.Errorf("no %s %q", wanted.Type, wanted.Name)
}

// deaf forgets the collector of a session that has ended.
func deaf(session string) { simulator.Map.RemoveHandler(listener{session: session}) }
