package main

import (
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"strings"
)

func answer(w http.ResponseWriter, value any, err error) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if err := json.NewEncoder(w).Encode(value); err != nil {
		log.Print(err)
	}
}

// api is what kubectl and helm ask; its paths are not Kubernetes'.
func (c *cluster) api() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/readyz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "ok") })
	mux.HandleFunc("/list", func(w http.ResponseWriter, r *http.Request) {
		answer(w, c.list(r.FormValue("kind"), r.FormValue("namespace")), nil)
	})
	mux.HandleFunc("/apply", func(w http.ResponseWriter, r *http.Request) {
		var o object
		err := json.NewDecoder(r.Body).Decode(&o)
		if err == nil {
			err = c.apply(o)
		}
		answer(w, object{}, err)
	})
	mux.HandleFunc("/delete", func(w http.ResponseWriter, r *http.Request) {
		log.Printf("delete pod %s", r.FormValue("name"))
		answer(w, object{}, c.deletePod(r.FormValue("namespace"), r.FormValue("name")))
	})
	return mux
}

// runtime is what crictl asks.
func (c *cluster) runtime() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/images", func(w http.ResponseWriter, _ *http.Request) {
		c.mu.Lock()
		defer c.mu.Unlock()
		list := []object{}
		for name := range c.Images {
			list = append(list, object{"id": "sha256:" + name, "repoTags": []string{name}})
		}
		answer(w, object{"images": list}, nil)
	})
	mux.HandleFunc("/pull", func(w http.ResponseWriter, r *http.Request) { answer(w, object{}, c.pull(r.FormValue("image"))) })
	mux.HandleFunc("/containers", func(w http.ResponseWriter, _ *http.Request) {
		c.mu.Lock()
		defer c.mu.Unlock()
		list := []object{}
		for _, p := range c.Pods {
			for _, one := range p.Containers {
				if c.phase(p) == "Running" {
					list = append(list, object{"metadata": object{"name": one.Name}, "state": "CONTAINER_RUNNING"})
				}
			}
		}
		answer(w, object{"containers": list}, nil)
	})
	return mux
}

// web is traefik's part: an ingress leads to the workload that has its service's name.
func (c *cluster) web(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, o := range c.Objects {
		rules, _ := field(o, "spec", "rules").([]any)
		for _, rule := range rules {
			paths, _ := field(rule, "http", "paths").([]any)
			for _, path := range paths {
				service := text(path, "backend", "service", "name")
				if o.kind() != "ingress" || !strings.HasPrefix(r.URL.Path, text(path, "path")) || c.Objects["service/"+o.namespace()+"/"+service] == nil {
					continue
				}
				if !c.runs("deployment/" + o.namespace() + "/" + service) {
					http.Error(w, "Bad Gateway", http.StatusBadGateway)
					return
				}
				fmt.Fprintf(w, "%s, in a stand-in\n", service)
				return
			}
		}
	}
	http.NotFound(w, r)
}
