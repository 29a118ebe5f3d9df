package main

import "gopkg.in/yaml.v3"

// What k3s brings by itself, without what --disable takes away.
const systemManifests = `
{ apiVersion: v1, kind: Service, metadata: { name: kube-dns, namespace: kube-system }, spec: { clusterIP: 10.43.0.10 } }
---
{ apiVersion: v1, kind: Service, metadata: { name: kubernetes, namespace: default }, spec: { clusterIP: 10.43.0.1 } }
---
{ apiVersion: v1, kind: Service, metadata: { name: traefik, namespace: kube-system }, spec: { type: LoadBalancer } }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: coredns, namespace: kube-system }
spec: { template: { spec: { containers: [{ name: coredns, image: "docker.io/rancher/mirrored-coredns-coredns:1.9.1" }] } } }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: traefik, namespace: kube-system }
spec: { template: { spec: { containers: [{ name: traefik, image: "docker.io/rancher/mirrored-library-traefik:2.6.1" }] } } }
---
apiVersion: apps/v1
kind: DaemonSet
metadata: { name: svclb-traefik, namespace: kube-system }
spec:
  template:
    spec:
      containers:
        - { name: lb-port-80, image: "docker.io/rancher/klipper-lb:v0.3.4" }
        - { name: lb-port-443, image: "docker.io/rancher/klipper-lb:v0.3.4" }
`

// system fills a new cluster. Its images are k3s's own to get.
func (c *cluster) system() error {
	list, err := documents([]byte(systemManifests))
	if err != nil {
		return err
	}
	for _, o := range list {
		for _, one := range o.containers() {
			if err := c.pull(one.Image); err != nil {
				return err
			}
		}
		if err := c.apply(o); err != nil {
			return err
		}
	}
	c.Pods = append(c.Pods, &pod{Namespace: "kube-system", Name: "helm-install-traefik-1", Done: true, Address: c.address})
	return nil
}

// defaults of the server's configuration file, as kubectl wants it
func configuration(token string) ([]byte, error) {
	return yaml.Marshal(object{"apiVersion": "v1", "kind": "Config",
		"clusters": []object{{"name": "default", "cluster": object{"server": "https://127.0.0.1:6443"}}},
		"users":    []object{{"name": "default", "user": object{"token": token}}}})
}
