package main

import "net/http"

type leaseTable struct{ byID map[string]*lease }
type lease struct{}
type spawner struct{}

func newSpawner() *spawner { return nil }

type sshServer struct{ keyFile string }

func newSSHServer(l *Lab) (*sshServer, error) { return &sshServer{}, nil }
func (s *sshServer) close()                   {}

type kvmProbe struct{}
type machine struct{}

func (m *machine) kill()                     {}
func (l *Lab) allMachines() []*machine       { return nil }
func (l *Lab) describeMachines() []string    { return []string{} }
func (l *Lab) fileOwners() map[string]string { return nil }
func (l *Lab) refreshGuests()                {}
func (l *Lab) methodTable() map[string]handler {
	return map[string]handler{"Login": login, "Logout": logout}
}
func (l *Lab) serveFolder(w http.ResponseWriter, r *http.Request) { l.vcsim.ServeHTTP(w, r) }
func (l *Lab) serveNFC(w http.ResponseWriter, r *http.Request)    { http.NotFound(w, r) }
func (l *Lab) serveScreen(w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) }
