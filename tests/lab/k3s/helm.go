package main

import (
	"archive/tar"
	"compress/gzip"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// helm knows "template NAME CHART" and "upgrade NAME CHART". Charts are not real ones: {{ .Release.Name }} and the first path of
// the server's ingress are all that is filled in.
func helm(args []string) error {
	words, options := plain(args, "--values --namespace --timeout")
	if len(words) != 3 || (words[0] != "template" && words[0] != "upgrade") {
		return fmt.Errorf("unknown: %q", args)
	}
	rendered, err := render(words[1], words[2], options["--values"])
	if err != nil || words[0] == "template" {
		fmt.Print(rendered)
		return err
	}
	c, err := apiClient()
	if err != nil {
		return err
	}
	list, err := documents([]byte(rendered))
	if err == nil {
		err = c.apply(list)
	}
	limit, bad := time.ParseDuration(options["--timeout"])
	if err != nil || bad != nil || options["--wait"] == "" {
		return err
	}
	return c.complete(options["--namespace"], limit)
}

// complete waits until every deployment is.
func (c *client) complete(namespace string, limit time.Duration) error {
	for end := time.Now().Add(limit); ; time.Sleep(time.Second) {
		var list []object
		if err := c.ask("GET", "/list?"+url.Values{"kind": {"deployment"}, "namespace": {namespace}}.Encode(), nil, &list); err != nil {
			return err
		}
		missing := ""
		for _, o := range list {
			if field(o, "status", "availableReplicas") == nil {
				missing = o.name()
			}
		}
		if missing == "" {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("timed out waiting for the condition: %s", missing)
		}
	}
}

func render(release, chart, valuesFile string) (string, error) {
	content, err := os.ReadFile(valuesFile)
	if err != nil {
		return "", err
	}
	var values struct {
		Server struct{ Ingress struct{ Paths []string } }
	}
	if err := yaml.Unmarshal(content, &values); err != nil {
		return "", fmt.Errorf("%s: %w", valuesFile, err)
	}
	if len(values.Server.Ingress.Paths) == 0 {
		return "", fmt.Errorf("%s: server.ingress.paths is empty", valuesFile)
	}
	file, err := os.Open(chart)
	if err != nil {
		return "", err
	}
	defer file.Close()
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		return "", fmt.Errorf("%s: %w", chart, err)
	}
	out := ""
	for r := tar.NewReader(unzipped); ; {
		header, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return "", err
		}
		text, err := io.ReadAll(r)
		if err != nil {
			return "", err
		}
		if strings.Contains(header.Name, "/templates/") {
			out += "---\n" + string(text)
		}
	}
	return strings.NewReplacer("{{ .Release.Name }}", release, "{{ .Path }}", values.Server.Ingress.Paths[0]).Replace(out), nil
}
