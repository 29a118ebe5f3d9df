package main

import "net/http"

type leaseTable struct{ byID map[string]*lease }
type lease struct{}

func (l *Lab) serveNFC(w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) }
