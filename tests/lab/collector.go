package main

import (
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// collector is vcsim's PropertyCollector, one a session, that hears of changes whoever else waits. vcsim's own are
// all registered under the one reference they share: of two sessions that wait, the first never hears anything.
type collector struct {
	simulator.PropertyCollector
}

// listener registers a session's collector under a reference of the session's own.
type listener struct {
	*simulator.PropertyCollector
	session string
}

func (l listener) Reference() types.ManagedObjectReference {
	return types.ManagedObjectReference{Type: "PropertyCollector", Value: "session[" + l.session + "]"}
}

// useCollectors makes vcsim give every session a collector of this kind.
func useCollectors() {
	c := &collector{}
	c.Self = simulator.Map.Get(vim25.ServiceInstance).(*simulator.ServiceInstance).Content.PropertyCollector
	simulator.Map.Put(c)
}

// WaitForUpdatesEx listens before the first look: what changes in between is told twice, not lost.
func (c *collector) WaitForUpdatesEx(ctx *simulator.Context, r *types.WaitForUpdatesEx) soap.HasFault {
	if r.Version == "" {
		ctx.Map.AddHandler(listener{&c.PropertyCollector, ctx.Session.Key})
		defer ctx.Map.RemoveHandler(&c.PropertyCollector)
	}
	return c.PropertyCollector.WaitForUpdatesEx(ctx, r)
}

// deaf forgets the collector of a session that has ended.
func deaf(session string) { simulator.Map.RemoveHandler(listener{session: session}) }
