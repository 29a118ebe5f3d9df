package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"sync"
	"time"

	"github.com/vmware/govmomi/vim25/types"
)

// fault is one injected fault, as POST /lab/fault takes it. README.md says what each kind does.
type fault struct {
	Method  string  `json:"method"`  // SOAP method, or "PUT /folder", "GET /nfc", "GET /screen"; empty: any
	Fault   string  `json:"fault"`   // the kind
	After   int     `json:"after"`   // matching requests let through first
	Count   int     `json:"count"`   // requests it applies to; 0: once, -1: for ever
	Delay   float64 `json:"delay"`   // seconds, for slow, slowtask and away
	At      int64   `json:"at"`      // byte, for cut, short and flip in a transfer
	Message string  `json:"message"` // for task, fault and question
	Type    string  `json:"type"`    // type of the fault of the API, for task and fault
	VM      string  `json:"vm"`      // name of the VM, for conditions; empty: every VM
}

// faultKinds: "request" kinds hit matching requests, "task" kinds what the request started,
// "condition" kinds hold while they are set, whatever the method.
var faultKinds = map[string]string{
	"503": "request", "cut": "request", "lost": "request", "expire": "request", "slow": "request",
	"hang": "request", "fault": "request", "short": "request", "flip": "request", "away": "request",
	"task": "task", "question": "task", "dropkeys": "task", "slowtask": "task",
	"notools": "condition", "noip": "condition", "nospace": "condition", "noboot": "condition", "shortlease": "condition",
	"nomanifest": "condition", "oldsum": "condition",
}

type faultTable struct {
	mu    sync.Mutex
	list  []*fault
	from  time.Time // of the last time away
	until time.Time
}

// leave begins a time in which nobody is answered, as while a vCenter restarts.
func (t *faultTable) leave(d time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.from = time.Now()
	t.until = t.from.Add(d)
}

// away tells whether the time away is not over, and whether it is its last third, when the proxy before the server is back.
func (t *faultTable) away() (bool, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	left := time.Until(t.until)
	return left > 0, left < t.until.Sub(t.from)/3
}

func (t *faultTable) add(f fault) error {
	kind, ok := faultKinds[f.Fault]
	if !ok {
		return fmt.Errorf("unknown fault %q", f.Fault)
	}
	if kind != "condition" && f.Count == 0 {
		f.Count = 1
	}
	if f.Type != "" {
		if _, err := faultOfType(f.Type, ""); err != nil {
			return err
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.list = append(t.list, &f)
	return nil
}

func (t *faultTable) clear() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.list = nil
}

func (t *faultTable) write(w http.ResponseWriter) {
	t.mu.Lock()
	defer t.mu.Unlock()
	enc := json.NewEncoder(w)
	for _, f := range t.list {
		_ = enc.Encode(f)
	}
}

// take returns the faults that apply to this request and counts them down.
func (t *faultTable) take(name string) []*fault {
	t.mu.Lock()
	defer t.mu.Unlock()
	var hit []*fault
	rest := t.list[:0:0]
	for _, f := range t.list {
		keep := true
		if faultKinds[f.Fault] != "condition" && (f.Method == "" || f.Method == name) {
			if f.After > 0 {
				f.After--
			} else {
				copied := *f
				hit = append(hit, &copied)
				if f.Count > 0 {
					f.Count--
					keep = f.Count > 0
				}
			}
		}
		if keep {
			rest = append(rest, f)
		}
	}
	t.list = rest
	return hit
}

// active tells whether a condition holds for the VM of that name.
func (t *faultTable) active(condition, vm string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, f := range t.list {
		if f.Fault == condition && (f.VM == "" || f.VM == vm) {
			return true
		}
	}
	return false
}

// delay is the seconds that go with a condition; 0 when it does not hold.
func (t *faultTable) delay(condition string) float64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, f := range t.list {
		if f.Fault == condition {
			return f.Delay
		}
	}
	return 0
}

// before applies the faults that concern the request as such. It returns false when the request
// has been dealt with; the faults that concern what it starts are left in *rest.
func (t *faultTable) before(l *Lab, w http.ResponseWriter, r *http.Request, e *logEntry, name string, rest *[]*fault) bool {
	rec := w.(*recorder)
	if away, starting := t.away(); away {
		if starting {
			http.Error(w, "injected: no healthy upstream", http.StatusServiceUnavailable)
		} else {
			rec.cut()
		}
		return false
	}
	for _, f := range t.take(name) {
		switch f.Fault {
		case "503":
			http.Error(w, "injected: service unavailable", http.StatusServiceUnavailable)
			return false
		case "expire":
			l.sessions.expire()
		case "away":
			l.sessions.expire()
			t.leave(time.Duration(f.Delay * float64(time.Second)))
			rec.cut()
			return false
		case "slow":
			wait(r, time.Duration(f.Delay*float64(time.Second)))
		case "hang":
			wait(r, time.Hour)
			rec.cut()
			return false
		case "cut":
			if e.kind == "soap" {
				rec.cut()
				return false
			}
			*rest = append(*rest, f)
		case "lost":
			rec.mute = true
		case "fault":
			vim, _ := faultOfType(f.Type, f.Message)
			writeFault(w, vim)
			return false
		default:
			*rest = append(*rest, f)
		}
	}
	return true
}

// wait sleeps, but no longer than the client stays.
func wait(r *http.Request, d time.Duration) {
	select {
	case <-time.After(d):
	case <-r.Context().Done():
	}
}

// faultOfType makes a fault of the API by the name of its type.
func faultOfType(name, message string) (error, error) {
	if name == "" {
		name = "SystemError"
	}
	if message == "" {
		message = "injected: " + name
	}
	t, ok := typeByName(name)
	if ok {
		if f, isFault := reflect.New(t).Interface().(types.BaseMethodFault); isFault {
			return &vimFault{f, message}, nil
		}
	}
	return nil, fmt.Errorf("%s is no fault of the API", name)
}

// injected returns the call's fault of one kind.
func (c *call) injected(kind string) *fault {
	for _, f := range c.faults {
		if f.Fault == kind {
			return f
		}
	}
	return nil
}
