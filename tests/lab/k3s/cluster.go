package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"sync"
	"syscall"
	"time"
)

// object is a manifest as it was given.
type object map[string]any

type container struct{ Name, Image string }

// pod is what stands for a workload's pod. It is bound to the address the node had when it was made.
type pod struct {
	Namespace, Name, Owner, Address string
	Containers                      []container
	Done                            bool
}

// cluster is all there is to know, kept in one file.
type cluster struct {
	mu      sync.Mutex
	path    string
	address string    // the node's
	started time.Time // pods need a moment to come up after it
	made    map[string]time.Time

	Objects map[string]object // by kind/namespace/name
	Images  map[string]bool   // by name with tag
	Pods    []*pod
	Next    int
}

func load(path, address string) (*cluster, error) {
	c := &cluster{path: path, address: address, started: time.Now(), made: map[string]time.Time{}, Objects: map[string]object{}, Images: map[string]bool{}}
	text, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return c, c.system()
	}
	if err != nil {
		return nil, err
	}
	return c, json.Unmarshal(text, c)
}

// save has to be called with the lock held.
func (c *cluster) save() error {
	text, err := json.MarshalIndent(c, "", " ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(c.path), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(c.path+".new", text, 0o600); err != nil {
		return err
	}
	return os.Rename(c.path+".new", c.path)
}

// field follows names through maps; "" where there is nothing.
func field(value any, names ...string) any {
	for _, name := range names {
		switch m := value.(type) {
		case map[string]any:
			value = m[name]
		case object:
			value = m[name]
		default:
			return nil
		}
	}
	return value
}

func text(value any, names ...string) string {
	s, _ := field(value, names...).(string)
	return s
}

func (o object) kind() string { return strings.ToLower(text(o, "kind")) }
func (o object) name() string { return text(o, "metadata", "name") }
func (o object) namespace() string {
	if ns := text(o, "metadata", "namespace"); ns != "" {
		return ns
	}
	return "default"
}
func (o object) key() string { return o.kind() + "/" + o.namespace() + "/" + o.name() }

func (o object) containers() (out []container) {
	list, _ := field(o, "spec", "template", "spec", "containers").([]any)
	for _, one := range list {
		out = append(out, container{text(one, "name"), text(one, "image")})
	}
	return out
}

// apply takes a manifest; it has to say what it is.
func (c *cluster) apply(o object) error {
	if text(o, "apiVersion") == "" || o.kind() == "" || o.name() == "" {
		return fmt.Errorf("a manifest without apiVersion, kind or metadata.name")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.Objects[o.key()] = o
	c.reconcile()
	return c.save()
}

// reconcile sees to it that each workload has its pod. The lock is held.
func (c *cluster) reconcile() {
	have := map[string]bool{}
	for _, p := range c.Pods {
		have[p.Owner] = true
	}
	for key, o := range c.Objects {
		if kind := o.kind(); (kind == "deployment" || kind == "daemonset") && !have[key] {
			c.Next++
			p := &pod{Namespace: o.namespace(), Name: fmt.Sprintf("%s-%05d", o.name(), c.Next), Owner: key, Address: c.address, Containers: o.containers()}
			c.made[p.Name] = time.Now()
			c.Pods = append(c.Pods, p)
		}
	}
}

// phase is "Running" for a pod whose images are there and whose address is still the node's, after a moment.
func (c *cluster) phase(p *pod) string {
	switch {
	case p.Done:
		return "Succeeded"
	case p.Address != c.address:
		return "Unknown"
	case time.Since(c.started) < 2*time.Second || time.Since(c.made[p.Name]) < 2*time.Second:
		return "Pending"
	}
	for _, one := range p.Containers {
		if !c.Images[one.Image] {
			return "Pending" // its image can be pulled from nowhere
		}
	}
	return "Running"
}

func (c *cluster) runs(key string) bool {
	for _, p := range c.Pods {
		if p.Owner == key && c.phase(p) == "Running" {
			return true
		}
	}
	return false
}

func (c *cluster) deletePod(namespace, name string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, p := range c.Pods {
		if p.Namespace == namespace && p.Name == name {
			c.Pods = append(c.Pods[:i], c.Pods[i+1:]...)
			c.reconcile()
			return c.save()
		}
	}
	return fmt.Errorf("pods %q not found", name)
}

// list is what "kubectl get KIND -o json" tells; of all namespaces for "".
func (c *cluster) list(kind, namespace string) []object {
	c.mu.Lock()
	defer c.mu.Unlock()
	if kind == "pod" {
		return c.listPods(namespace)
	}
	if kind == "node" {
		return []object{{"kind": "Node", "metadata": object{"name": "lab"}, "status": object{
			"addresses":  []object{{"type": "InternalIP", "address": c.address}, {"type": "Hostname", "address": "lab"}},
			"conditions": []object{{"type": "DiskPressure", "status": "False"}, {"type": "Ready", "status": "True"}}}}}
	}
	out := []object{}
	for key, o := range c.Objects {
		if o.kind() == kind && (namespace == "" || o.namespace() == namespace) {
			out = append(out, object{"kind": o["kind"], "metadata": o["metadata"], "spec": o["spec"], "status": c.status(key, o)})
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].key() < out[j].key() })
	return out
}

func (c *cluster) listPods(namespace string) []object {
	out := []object{}
	for _, p := range c.Pods {
		if namespace != "" && p.Namespace != namespace {
			continue
		}
		phase, states := c.phase(p), []object{}
		for _, one := range p.Containers {
			states = append(states, object{"name": one.Name, "image": one.Image, "ready": phase == "Running"})
		}
		out = append(out, object{"kind": "Pod", "metadata": object{"namespace": p.Namespace, "name": p.Name},
			"status": object{"phase": phase, "containerStatuses": states}})
	}
	return out
}

func (c *cluster) status(key string, o object) object {
	ready := 0
	if c.runs(key) {
		ready = 1
	}
	switch o.kind() {
	case "deployment":
		status := object{"replicas": 1}
		if ready > 0 { // a real one leaves a zero out
			status["availableReplicas"] = ready
		}
		return status
	case "daemonset":
		return object{"desiredNumberScheduled": 1, "numberAvailable": ready}
	case "service":
		if text(o, "spec", "type") == "LoadBalancer" {
			return object{"loadBalancer": object{"ingress": []object{{"ip": c.address}}}}
		}
	}
	return object{}
}

// pressure does what a kubelet does when its disk fills: it removes images.
func (c *cluster) pressure() {
	var fs syscall.Statfs_t
	if syscall.Statfs(data, &fs) != nil || fs.Bavail*20 > fs.Blocks {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.Images = map[string]bool{}
	_ = c.save()
}
