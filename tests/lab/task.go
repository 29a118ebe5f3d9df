package main

import (
	"sync"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// task is vcsim's Task object, run in the lab's way: beside the request, with messages and progress.
type task struct {
	*simulator.Task
	once   sync.Once
	cancel chan struct{}
}

// tasks that run, for CancelTask.
var (
	runningMu sync.Mutex
	running   = map[string]*task{}
)

// promptly is how long a reply waits for its task, so that a short one needs no second look.
const promptly = 150 * time.Millisecond

func (t *task) set(changes ...types.PropertyChange) {
	simulator.Map.WithLock(t.Task, func() { simulator.Map.Update(t.Task, changes) })
}

func (t *task) progress(percent int32) {
	t.set(types.PropertyChange{Name: "info.progress", Val: percent})
}

// startTask makes a task of the call's method on an entity and runs it. The injected faults of the
// call that concern tasks are applied here.
func (c *call) startTask(entity mo.Reference, id string, run func(*task) (types.AnyType, error)) types.ManagedObjectReference {
	t := &task{Task: simulator.CreateTask(entity, id, nil), cancel: make(chan struct{})}
	simulator.Map.WithLock(t.Task, func() {
		t.Info.Name = c.method.Name
		if e, ok := simulator.Map.Get(entity.Reference()).(mo.Entity); ok {
			t.Info.EntityName = e.Entity().Name
		}
		t.Info.Reason = &types.TaskReasonUser{UserName: c.session.user}
		t.Info.Cancelable = true
	})
	runningMu.Lock()
	running[t.Self.Value] = t
	runningMu.Unlock()
	done := make(chan struct{})
	go func() {
		defer close(done)
		t.set(types.PropertyChange{Name: "info.startTime", Val: time.Now()},
			types.PropertyChange{Name: "info.state", Val: types.TaskInfoStateRunning})
		result, err := c.runTask(t, entity, run)
		runningMu.Lock()
		delete(running, t.Self.Value)
		runningMu.Unlock()
		state := types.TaskInfoStateSuccess
		var failure interface{}
		if err != nil {
			f := asFault(err)
			state, result = types.TaskInfoStateError, nil
			failure = types.LocalizedMethodFault{Fault: f.fault, LocalizedMessage: f.message}
		}
		t.set(types.PropertyChange{Name: "info.completeTime", Val: time.Now()},
			types.PropertyChange{Name: "info.result", Val: result},
			types.PropertyChange{Name: "info.error", Val: failure},
			types.PropertyChange{Name: "info.state", Val: state})
	}()
	select {
	case <-done:
	case <-time.After(promptly):
	}
	return t.Self
}

func (c *call) runTask(t *task, entity mo.Reference, run func(*task) (types.AnyType, error)) (types.AnyType, error) {
	if f := c.injected("slowtask"); f != nil {
		if err := t.dawdle(time.Duration(f.Delay * float64(time.Second))); err != nil {
			return nil, err
		}
	}
	if f := c.injected("question"); f != nil {
		if m := c.lab.machineOf(entity.Reference()); m != nil {
			if err := m.ask(f.Message); err != nil {
				return nil, err
			}
		}
	}
	if f := c.injected("task"); f != nil {
		err, _ := faultOfType(f.Type, f.Message)
		return nil, err
	}
	return run(t)
}

// dawdle spends time, telling progress, until it is over or the task is cancelled.
func (t *task) dawdle(d time.Duration) error {
	end := time.Now().Add(d)
	for time.Now().Before(end) {
		left := time.Until(end)
		t.progress(int32(100 - 100*left/d))
		step := 200 * time.Millisecond
		if left < step {
			step = left
		}
		select {
		case <-time.After(step):
		case <-t.cancel:
			return faultf(&types.RequestCanceled{}, "The task was canceled by a user.")
		}
	}
	return nil
}

// cancelTask stops a task that can still be stopped; of another it says so, as vCenter does.
func cancelTask(c *call) (interface{}, error) {
	runningMu.Lock()
	t := running[c.method.This.Value]
	runningMu.Unlock()
	if t == nil {
		return nil, faultf(&types.InvalidState{}, "The operation is not allowed in the current state.")
	}
	t.once.Do(func() { close(t.cancel) })
	return &types.CancelTaskResponse{}, nil
}
