// vcsim: govmomi's simulator as it is, for looking round in a vCenter or host that is not the lab's.
// It prints its host:port, and runs until its standard input ends.
package main

import (
	"crypto/tls"
	"flag"
	"fmt"
	"io"
	"log"
	"os"

	"github.com/vmware/govmomi/simulator"
)

func main() {
	kind := flag.String("model", "vpx", "vpx: a vCenter; esx: a host")
	machines := flag.Int("vm", 2, "virtual machines of each resource pool")
	flag.Parse()
	model := simulator.VPX()
	if *kind == "esx" {
		model = simulator.ESX()
	}
	model.Machine = *machines
	defer model.Remove()
	if err := model.Create(); err != nil {
		log.Fatal(err)
	}
	model.Service.TLS = new(tls.Config)
	server := model.Service.NewServer()
	defer server.Close()
	fmt.Println(server.URL.Host)
	io.Copy(io.Discard, os.Stdin)
}
