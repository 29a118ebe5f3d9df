package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"gopkg.in/yaml.v3"
)

// client asks the server, over TLS or containerd's socket.
type client struct {
	http        http.Client
	base, token string
}

func apiClient() (*client, error) {
	path := os.Getenv("KUBECONFIG")
	if path == "" {
		path = kubeconfig
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var config struct {
		Clusters []struct{ Cluster struct{ Server string } }
		Users    []struct{ User struct{ Token string } }
	}
	if err := yaml.Unmarshal(content, &config); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(config.Clusters) != 1 || len(config.Users) != 1 {
		return nil, fmt.Errorf("%s: no kubeconfig", path)
	}
	return &client{http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}},
		config.Clusters[0].Cluster.Server, config.Users[0].User.Token}, nil
}

func runtimeClient() *client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}
	return &client{http.Client{Transport: &http.Transport{DialContext: dial}}, "http://containerd", ""}
}

func (c *client) ask(method, path string, body, result any) error {
	content, err := json.Marshal(body)
	if err != nil {
		return err
	}
	request, err := http.NewRequest(method, c.base+path, bytes.NewReader(content))
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+c.token)
	response, err := c.http.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	content, err = io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s", bytes.TrimSpace(content))
	}
	return json.Unmarshal(content, result)
}

// documents are the manifests of a YAML file.
func documents(content []byte) (out []object, err error) {
	for decoder := yaml.NewDecoder(bytes.NewReader(content)); ; {
		var o object
		switch err := decoder.Decode(&o); {
		case err == io.EOF:
			return out, nil
		case err != nil:
			return nil, err
		case o != nil:
			out = append(out, o)
		}
	}
}

func (c *client) apply(list []object) error {
	for _, o := range list {
		if err := c.ask("POST", "/apply", o, &object{}); err != nil {
			return fmt.Errorf("%s: %w", o.key(), err)
		}
		fmt.Printf("%s/%s created\n", o.kind(), o.name())
	}
	return nil
}

// plain takes a command line apart: the words, and the options with their values ("true" without one).
func plain(args []string, valued string) (words []string, options map[string]string) {
	options = map[string]string{}
	for i := 0; i < len(args); i++ {
		name, value, given := strings.Cut(args[i], "=")
		switch {
		case !strings.HasPrefix(name, "-"):
			words = append(words, args[i])
		case !given && strings.Contains(" "+valued+" ", " "+name+" ") && i+1 < len(args):
			i++
			options[name] = args[i]
		case !given:
			options[name] = "true"
		default:
			options[name] = value
		}
	}
	return
}

func kubectl(args []string) error {
	words, options := plain(args, "-n --namespace -o --raw -f --grace-period")
	c, err := apiClient()
	if err != nil {
		return err
	}
	namespace := "default"
	if options["-n"] != "" {
		namespace = options["-n"]
	} else if options["--all-namespaces"] != "" {
		namespace = ""
	}
	switch command := strings.Join(words, " "); {
	case options["--raw"] == "/readyz" || command == "cluster-info":
		return c.alive(command)
	case len(words) == 1 && words[0] == "apply" && options["-f"] != "":
		return c.applyFiles(options["-f"])
	case len(words) == 3 && words[0] == "delete" && words[1] == "pod":
		return c.ask("POST", "/delete?"+url.Values{"namespace": {namespace}, "name": {words[2]}}.Encode(), nil, &object{})
	case (len(words) == 2 || len(words) == 3) && words[0] == "get":
		return c.get(strings.TrimSuffix(words[1], "s"), namespace, words[2:], options["-o"])
	}
	return fmt.Errorf("unknown: %q", args)
}

func (c *client) alive(command string) error {
	request, err := http.NewRequest("GET", c.base+"/readyz", nil)
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+c.token)
	response, err := c.http.Do(request)
	if err != nil {
		return err
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s", response.Status)
	}
	if command == "cluster-info" {
		fmt.Printf("Kubernetes control plane is running at %s\nCoreDNS is running at %s/api/v1/namespaces/kube-system/services/kube-dns:dns/proxy\n", c.base, c.base)
	} else {
		fmt.Print("ok")
	}
	return nil
}

func (c *client) applyFiles(path string) error {
	names := []string{path}
	if info, err := os.Stat(path); err != nil {
		return err
	} else if info.IsDir() {
		names, _ = filepath.Glob(path + "/*.yaml")
	}
	for _, name := range names {
		content, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		list, err := documents(content)
		if err == nil {
			err = c.apply(list)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func (c *client) get(kind, namespace string, names []string, form string) error {
	var list []object
	if err := c.ask("GET", "/list?"+url.Values{"kind": {kind}, "namespace": {namespace}}.Encode(), nil, &list); err != nil {
		return err
	}
	var found any = object{"apiVersion": "v1", "kind": "List", "items": list}
	if len(names) > 0 {
		found = nil
		for _, o := range list {
			if o.name() == names[0] {
				found = o
			}
		}
		if found == nil {
			return fmt.Errorf("%s %q not found", kind, names[0])
		}
	}
	if form == "json" {
		return json.NewEncoder(os.Stdout).Encode(found)
	}
	for _, o := range list {
		fmt.Println(o.name())
	}
	return nil
}

func crictl(args []string) error {
	words, options := plain(args, "--output")
	c := runtimeClient()
	switch command := strings.Join(words, " "); {
	case command == "ps" && options["--output"] == "json":
		return c.show("/containers")
	case command == "images" && options["--output"] == "json":
		return c.show("/images")
	case len(words) == 2 && words[0] == "images" && options["-q"] != "":
		var list struct {
			Images []struct {
				ID       string
				RepoTags []string
			}
		}
		if err := c.ask("GET", "/images", nil, &list); err != nil {
			return err
		}
		for _, one := range list.Images {
			if one.RepoTags[0] == words[1] {
				fmt.Println(one.ID)
			}
		}
		return nil
	case len(words) == 2 && words[0] == "pull":
		return c.ask("POST", "/pull?"+url.Values{"image": {words[1]}}.Encode(), nil, &object{})
	}
	return fmt.Errorf("unknown: %q", args)
}

func (c *client) show(path string) error {
	var result object
	if err := c.ask("GET", path, nil, &result); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(result)
}
