package pool

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Whoever keeps a record is told what becomes of credentials, once each, and may ask the
// pools meanwhile.
func TestWhatBecomesOfCredentialsIsTold(t *testing.T) {
	newGitHub(t, func(t *testing.T, g *github) {
		app := g.AddApp("ci-app")
		in := g.Install(app, "acme")
		var mu sync.Mutex // guards told
		var told []string
		g.open(Config{Credentials: []Credential{appOf("app", app, 0)}, Changed: func(c Change) {
			g.Standings() // or it would wait for ever
			mu.Lock()
			defer mu.Unlock()
			why, _, _ := strings.Cut(c.Why, " ")
			told = append(told, strings.Join([]string{c.Credential, string(c.What), why}, ": "))
		}})
		g.do(owned("acme"), "GET", "/repos/acme/web")
		in.Suspend()
		for range 3 {
			g.do(owned("acme"), "GET", "/repos/acme/web")
		}
		in.Unsuspend()
		time.Sleep(followEvery + time.Second)
		g.do(owned("acme"), "GET", "/repos/acme/web")
		in.Uninstall()
		time.Sleep(followEvery + time.Second)
		mu.Lock()
		defer mu.Unlock()
		want := []string{
			"app.acme: installation found: on",
			"app.acme: new token: until",
			"app.acme: out of service: GitHub:",
			"app.acme: in service again: ",
			"app.acme: installation gone: ",
		}
		if !slices.Equal(told, want) {
			t.Errorf("told:\n%s", strings.Join(told, "\n"))
		}
	})
}
