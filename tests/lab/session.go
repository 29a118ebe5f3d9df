package main

import (
	"net/http"
	"sync"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// session is one login. vcsim keeps the session itself; the table knows which cookies are alive,
// since vcsim treats a request with a dead one as if it had none.
type session struct {
	key  string
	user string
}

type sessionTable struct {
	mu    sync.Mutex
	byKey map[string]*session
}

func newSessionTable() *sessionTable { return &sessionTable{byKey: map[string]*session{}} }

func cookieKey(r *http.Request) string {
	if c, err := r.Cookie(soap.SessionCookieName); err == nil {
		return c.Value
	}
	return ""
}

func (t *sessionTable) find(r *http.Request) *session {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.byKey[cookieKey(r)]
}

func (t *sessionTable) add(s *session) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.byKey[s.key] = s
}

func (t *sessionTable) count() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.byKey)
}

// end forgets one session here; vcsim forgets it by Logout or TerminateSession.
func (t *sessionTable) end(key string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.byKey, key)
}

// expire ends every session, in vcsim too, and returns how many there were.
func (t *sessionTable) expire() int {
	t.mu.Lock()
	var keys []string
	for key := range t.byKey {
		keys = append(keys, key)
	}
	t.byKey = map[string]*session{}
	t.mu.Unlock()
	nobody := &simulator.Context{Session: &simulator.Session{}}
	for _, key := range keys {
		deaf(key)
		simulator.Map.SessionManager().TerminateSession(nobody, &types.TerminateSession{SessionId: []string{key}})
	}
	return len(keys)
}

// cookieWatch notes the session a login made from the cookie in its reply.
type cookieWatch struct {
	http.ResponseWriter
	table *sessionTable
	user  string
}

func (w *cookieWatch) WriteHeader(status int) {
	if status == http.StatusOK {
		reply := http.Response{Header: w.Header()}
		for _, c := range reply.Cookies() {
			if c.Name == soap.SessionCookieName {
				w.table.add(&session{key: c.Value, user: w.user})
				// as vCenter writes it, the quotes included
				w.Header().Set("Set-Cookie", c.Name+`="`+c.Value+`"; Path=/; HttpOnly; Secure;`)
			}
		}
	}
	w.ResponseWriter.WriteHeader(status)
}

// login lets vcsim judge, without the cookie: a dead or living one must not spoil a fresh login.
func login(c *call) (interface{}, error) {
	body := c.method.Body.(*types.Login)
	if body.UserName != labUser || body.Password != labPassword {
		return nil, faultf(&types.InvalidLogin{}, "Cannot complete login due to an incorrect user name or password.")
	}
	c.r.Header.Del("Cookie")
	c.w = &cookieWatch{c.w, c.lab.sessions, body.UserName}
	return nil, nil
}

func logout(c *call) (interface{}, error) {
	c.lab.sessions.end(c.session.key)
	deaf(c.session.key)
	return nil, nil
}

// terminate forgets other sessions here; vcsim judges whether there are such.
func terminate(c *call) (interface{}, error) {
	for _, key := range c.method.Body.(*types.TerminateSession).SessionId {
		if key != c.session.key {
			c.lab.sessions.end(key)
			deaf(key)
		}
	}
	return nil, nil
}
