package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"flag"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// server is k3s's main part: it ends at SIGTERM.
func server(args []string) error {
	flags := flag.NewFlagSet("k3s server", flag.ContinueOnError)
	flags.String("disable", "", "")
	flags.Bool("disable-cloud-controller", false, "")
	flags.Bool("disable-network-policy", false, "")
	flags.String("flannel-backend", "vxlan", "")
	logFile := flags.String("log", "", "")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("k3s server takes no %q", flags.Args())
	}
	if *logFile != "" {
		file, err := os.OpenFile(*logFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		log.SetOutput(file)
	}
	log.Printf("starting the stand-in of k3s %s with %s", version, strings.Join(args, " "))
	address, err := network()
	if err != nil {
		return err
	}
	c, err := load(data+"/server/stand-in.json", address)
	if err == nil {
		err = c.archives()
	}
	if err == nil {
		err = c.serve()
	}
	if err != nil {
		return err
	}
	log.Printf("ready on %s", address)
	notify("READY=1")
	go func() {
		for range time.Tick(time.Second / 2) {
			c.pressure()
		}
	}()
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	<-stop
	log.Print("stopped")
	return nil
}

// network finds the node's address, and makes what flannel and the proxy would: a bridge for pods, the addresses of two services.
func network() (string, error) {
	probe, err := net.Dial("udp", "1.1.1.1:9") // nothing is sent
	if err != nil {
		return "", err
	}
	defer probe.Close()
	host, _, _ := net.SplitHostPort(probe.LocalAddr().String())
	for _, command := range []string{"ip link add cni0 type bridge", "ip address replace 10.42.0.1/24 dev cni0", "ip link set cni0 up",
		"ip address replace 10.43.0.1/32 dev lo", "ip address replace 10.43.0.10/32 dev lo"} {
		words := strings.Fields(command)
		out, err := exec.Command(words[0], words[1:]...).CombinedOutput()
		if err != nil && !strings.Contains(string(out), "File exists") {
			return "", fmt.Errorf("%s: %w: %s", command, err, out)
		}
	}
	return host, nil
}

// notify tells systemd (sd_notify(3)).
func notify(state string) {
	conn, err := net.Dial("unixgram", os.Getenv("NOTIFY_SOCKET"))
	if err != nil {
		return
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, state)
}

func certificate() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}

// token is the cluster's, made once.
func token() (string, error) {
	path := data + "/server/token"
	text, err := os.ReadFile(path)
	if err == nil || !os.IsNotExist(err) {
		return string(text), err
	}
	random := make([]byte, 16)
	if _, err := rand.Read(random); err != nil {
		return "", err
	}
	return hex.EncodeToString(random), os.WriteFile(path, []byte(hex.EncodeToString(random)), 0o600)
}

// serve opens every port: the API for kubectl, the socket for crictl, health, DNS, and the web server that traefik would be.
func (c *cluster) serve() error {
	own, err := certificate()
	if err != nil {
		return err
	}
	secret, err := token()
	if err != nil {
		return err
	}
	healthy := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "ok") })
	secure := &tls.Config{Certificates: []tls.Certificate{own}}
	for address, handler := range map[string]http.Handler{":6443": authorized(secret, c.api()), "127.0.0.1:10257": healthy, "127.0.0.1:10259": healthy} {
		listener, err := tls.Listen("tcp", address, secure)
		if err != nil {
			return err
		}
		go func(handler http.Handler) { log.Fatal(http.Serve(listener, handler)) }(handler)
	}
	web, err := net.Listen("tcp", ":80")
	if err != nil {
		return err
	}
	go func() { log.Fatal(http.Serve(web, http.HandlerFunc(c.web))) }()
	if err := c.containerd(); err != nil {
		return err
	}
	if err := c.dns("10.43.0.10:53"); err != nil {
		return err
	}
	text, err := configuration(secret)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(kubeconfig), 0o755); err != nil {
		return err
	}
	return os.WriteFile(kubeconfig, text, 0o600)
}

func (c *cluster) containerd() error {
	if err := os.MkdirAll(filepath.Dir(socket), 0o700); err != nil {
		return err
	}
	_ = os.Remove(socket)
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	go func() { log.Fatal(http.Serve(listener, c.runtime())) }()
	return nil
}

func authorized(secret string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+secret {
			http.Error(w, "Unauthorized", http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}
