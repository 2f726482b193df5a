package pool

import (
	"errors"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"octopool/policy"
)

// reload gives a world's pools other credentials, with their tokens named after them.
func (w *world) reload(c Config) {
	w.t.Helper()
	if err := w.Reload(c); err != nil {
		w.t.Fatal(err)
	}
}

func pats(names ...string) []Credential {
	var out []Credential
	for _, name := range names {
		out = append(out, pat(name, "ghp_"+name))
	}
	return out
}

// What stays keeps its budget, its silence and its place out of service until it is tried,
// under whatever name; what has gone is not leased; what comes is.
func TestReloadKeepsWhatIsKnown(t *testing.T) {
	w := newWorld(t, named("a", "b", "c")...)
	only := func(name string) func(*Want) { return liking(name) }
	w.lease(only("a")).Settle(http.StatusOK, headers(core(5000, in(time.Hour))), nil)
	w.lease(only("b")).Settle(http.StatusTooManyRequests, bare("Retry-After", "300"), []byte(secondaryWords))
	renamed := pat("z", "ghp_a")
	w.reload(Config{Credentials: append(pats("b"), renamed)})
	if who := w.who(); who != "pool default is silent until 2026-11-23T12:05:00Z after a secondary limit" {
		t.Errorf("with c gone: %s", who)
	}
	w.reload(Config{Credentials: append(pats("b", "d"), renamed)})
	if who := w.who(); who != "d" {
		t.Errorf("with d: %s", who)
	}
	w.pass(301 * time.Second)
	w.reload(Config{Credentials: []Credential{renamed}})
	if who := w.who(); who != "pool default has no core budget left until 2026-11-23T13:00:00Z" {
		t.Errorf("with z alone, which was a: %s", who)
	}
	// Who was gone for a while has lost nothing either.
	w.reload(Config{Credentials: pats("d")})
	w.pass(time.Minute)
	w.reload(Config{Credentials: []Credential{renamed}})
	if who := w.who(); who != "pool default has no core budget left until 2026-11-23T13:00:00Z" {
		t.Errorf("z again: %s", who)
	}
}

// A lease is settled against the budget it was taken from, though its credential has
// another name by then, or is gone.
func TestReloadBetweenLeaseAndAnswer(t *testing.T) {
	w := newWorld(t, named("a")...)
	l := w.lease()
	w.reload(Config{Credentials: []Credential{pat("z", "ghp_a")}})
	gone := w.lease()
	if v := l.Settle(http.StatusOK, headers(core(41, in(time.Hour))), nil); v.Points != 1 {
		t.Errorf("%+v", v)
	}
	if b := w.Standings()[0]; b.Name != "z" || b.Budgets["core"].Used != 42 || b.InFlight != 1 { // 41 and the lease
		t.Errorf("%+v", b)
	}
	w.reload(Config{Credentials: pats("b")})
	gone.Settle(http.StatusUnauthorized, bare(), []byte(badCredentials))
	w.reload(Config{Credentials: pats("a")})
	if s := w.Standings()[0]; s.Budgets["core"].Used != 41 || s.InFlight != 0 {
		t.Errorf("%+v", s)
	}
}

// What GitHub has refused is tried again after a reload, once.
func TestReloadForgives(t *testing.T) {
	w := newWorld(t, named("a")...)
	w.lease().Settle(http.StatusUnauthorized, bare(), []byte(badCredentials))
	if _, err := w.Lease(w.want()); !isDown(err) {
		t.Fatal(err)
	}
	w.reload(Config{Credentials: pats("a")})
	l := w.lease()
	if _, err := w.Lease(w.want()); !isDown(err) {
		t.Errorf("a second one: %v", err)
	}
	l.Settle(http.StatusOK, headers(core(1, in(time.Hour))), nil)
	if who := w.who(); who != "a" {
		t.Error(who)
	}
}

func isDown(err error) bool { _, ok := errors.AsType[*OutOfService](err); return ok }

// A configuration that New would refuse changes nothing.
func TestReloadRefused(t *testing.T) {
	w := newWorld(t, named("a")...)
	for _, c := range []Config{
		{Credentials: pats("b", "b")},
		{Credentials: pats("not a name")},
		{Credentials: pats("b"), Clients: []Client{{Name: "ci", WritesAs: "c"}}},
		{Credentials: pats("b"), Clients: []Client{{Name: "ci", Repositories: []string{"acme"}}}},
		{Credentials: []Credential{{Name: "app", GitHub: "github.com", Pool: "default", App: App{Issuer: "1", Key: policy.NewSecret("no key")}}}},
	} {
		if err := w.Reload(c); err == nil {
			t.Errorf("%+v was taken", c)
		}
		if who := w.who(); who != "a" {
			t.Errorf("after %+v: %s", c, who)
		}
	}
}

// An allowance is what the configuration says now, of what was spent before.
func TestReloadKeepsWhatAClientHasSpent(t *testing.T) {
	w := newWorld(t, named("a")...)
	allow := func(points int) {
		w.reload(Config{Credentials: pats("a"), Clients: []Client{{Name: "ci", PointsPerHour: points}}})
	}
	ci := func(w *Want) { w.Client = "ci" }
	allow(3)
	for n := range 3 {
		w.lease(ci).Settle(http.StatusOK, headers(core(n+1, in(2*time.Hour))), nil)
	}
	spent := func() bool {
		l, err := w.Lease(w.want(ci))
		if l != nil {
			l.Release()
		}
		_, over := errors.AsType[*Overspent](err)
		return over
	}
	if !spent() {
		t.Error("the allowance is not spent")
	}
	if allow(4); spent() {
		t.Error("another point is not allowed")
	}
	w.reload(Config{Credentials: pats("a")}) // gone, and a moment later back
	w.pass(time.Minute)
	if allow(3); !spent() {
		t.Error("what was spent is forgotten")
	}
	w.pass(time.Hour)
	if spent() {
		t.Error("its hour has not ended")
	}
}

// A request that was asked for one audience is never sent with a token of another.
func TestReloadOfANarrowing(t *testing.T) {
	w := newWorld(t, named("a")...)
	narrow := func(repositories ...string) {
		w.reload(Config{Credentials: pats("a"), Clients: []Client{{Name: "ci", Repositories: repositories}}})
	}
	narrow("acme/web")
	asked := w.want(func(w *Want) { w.Client = "ci" })
	asked.Audience = w.Audience("default", "ci")
	narrow()
	if _, err := w.Lease(asked); err == nil {
		t.Error("a token of everything was leased for who may see a part")
	}
	narrow("acme/api")
	if _, err := w.Lease(asked); !isDown(err) {
		t.Errorf("two configurations later: %v", err)
	}
}

// Who waits goes on waiting, for the credentials there are by then.
func TestReloadWhileSomebodyWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limits := Limits{InFlight: 1}
		config := Config{Credentials: pats("a"), MaxWait: time.Minute, GitHubs: map[string]GitHub{"github.com": {Limits: limits}}}
		p, err := New(config)
		if err != nil {
			t.Fatal(err)
		}
		want := Want{GitHub: "github.com", Pool: "default", Client: "ci", Resource: "core"}
		first, err := p.Lease(t.Context(), want)
		if err != nil {
			t.Fatal(err)
		}
		served := make(chan string)
		for range 2 {
			go func() {
				l, err := p.Lease(t.Context(), want)
				if err != nil {
					served <- err.Error()
					return
				}
				served <- l.Credential()
				time.Sleep(time.Second)
				l.Release()
			}()
		}
		synctest.Wait()
		reload := func() {
			if err := p.Reload(config); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		reload()
		if s := p.Spendings(); s[0].Waiting != 2 || s[0].InFlight != 1 {
			t.Errorf("%+v", s)
		}
		config.Credentials = pats("b") // and with it a place
		reload()
		if who := <-served; who != "b" {
			t.Errorf("one is served by %s", who)
		}
		config.GitHubs = map[string]GitHub{"github.com": {Limits: Limits{InFlight: 2}}}
		reload()
		if who := <-served; who != "b" {
			t.Errorf("the other one is served by %s", who)
		}
		first.Release()
		time.Sleep(time.Minute)
	})
}

// Tokens that are renewed day after day leave nothing behind.
func TestReloadForgets(t *testing.T) {
	w := newWorld(t, named("a")...)
	for day := range 100 {
		w.reload(Config{
			Credentials: []Credential{pat("a", fmt.Sprint("ghp_", day)), pat("b", fmt.Sprint("ghp_b", day))},
			Clients:     []Client{{Name: fmt.Sprint("ci-", day), PointsPerHour: 1}},
		})
		w.lease().Settle(http.StatusOK, headers(core(1, w.at.Add(time.Hour))), nil)
		w.pass(24 * time.Hour)
	}
	w.reload(Config{Credentials: pats("a")})
	if len(w.services) != 1 || len(w.principals) > 3 || len(w.clients) > 3 {
		t.Errorf("%d services, %d principals, %d clients", len(w.services), len(w.principals), len(w.clients))
	}
}

// An App keeps its installations and their tokens, under another name and with another
// key; one that is not installed where it may be used any more is not leased.
func TestReloadOfAnApp(t *testing.T) {
	newGitHub(t, func(t *testing.T, g *github) {
		app := g.AddApp("octo-app")
		g.Install(app, "acme")
		config := Config{Credentials: []Credential{appOf("app", app, 0)}}
		g.open(config)
		time.Sleep(time.Second)
		g.want("at first", answerOf(g.send(read("ci", "acme/web", ""))), "app.acme 200")
		minted := len(g.Seen())
		config.Credentials = []Credential{appOf("bot", app, 0)}
		config.GitHubs, config.MaxWait = g.GitHubs, g.MaxWait
		if err := g.Reload(config); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		g.want("renamed", answerOf(g.send(read("ci", "acme/web", ""))), "bot.acme 200")
		if asked := len(g.Seen()) - minted; asked != 1 {
			t.Errorf("GitHub was asked %d times, want the one request", asked)
		}
		g.idle()
	})
}
