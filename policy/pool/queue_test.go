package pool

import (
	"errors"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"octopool/policy"
)

// Whoever waits for one credential's token is served by another as soon as that has a
// place: of two hopes the nearer does not hide the one that comes true by itself.
func TestWhatComesByItselfIsNotMissed(t *testing.T) {
	newGitHub(t, func(t *testing.T, g *github) {
		g.AddUser("bot", "ghp_bot")
		app := g.AddApp("ci-app")
		g.Install(app, "acme")
		g.slowApps(8 * time.Second)
		g.open(Config{
			GitHubs:     limited(Limits{Points: 60}), // ten at once, then one in 1.2 seconds
			Credentials: []Credential{appOf("app", app, 0), pat("bot", "ghp_bot")},
		})
		time.Sleep(10 * time.Second) // then the installation is known
		for range 10 {
			g.want("at once", g.do(owned("acme"), "GET", "/repos/acme/web"), "bot 200")
		}
		start := time.Now()
		g.want("the bot's next place", g.do(owned("acme"), "GET", "/repos/acme/web"), "bot 200")
		if waited := time.Since(start); waited > 2*time.Second {
			t.Errorf("waited %s", waited)
		}
	})
}

// Whoever waits for what is in flight to turn out free is served at the reset, though
// nothing came back until then.
func TestAResetServesThoseWhoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := bubble(t, Config{MaxWait: 10 * time.Second}, "a")
		told(mustLease(t, p, by("ci")), 4999, 5000, time.Now().Add(3*time.Second))
		slow := mustLease(t, p, by("ci"))
		start := time.Now()
		mustLease(t, p, by("ci")).Release()
		if waited := time.Since(start); waited != 3*time.Second {
			t.Errorf("served after %s", waited)
		}
		slow.Release()
	})
}

// Where nobody waits, a write goes elsewhere at once when its own credential is busy.
func TestElsewhereWithoutWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := bubble(t, Config{GitHubs: limited(Limits{InFlight: 1})}, "a", "b")
		w := by("ci")
		w.Write, w.Steady = true, "ci"
		first, second := mustLease(t, p, w), mustLease(t, p, w)
		if first.Credential() == second.Credential() {
			t.Errorf("both on %s", first.Credential())
		}
		var crowded *Crowded
		if _, err := p.Lease(t.Context(), w); !errors.As(err, &crowded) {
			t.Errorf("a third: %v", err)
		}
		first.Release()
		second.Release()
	})
}

// A home that opens later than anybody waits is not waited for at all.
func TestElsewhereWhenItTakesTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := bubble(t, Config{MaxWait: 10 * time.Second, GitHubs: limited(Limits{CreationsPerHour: 6})}, "a", "b")
		w := by("ci")
		w.Write, w.Creates, w.Steady = true, true, "ci"
		start, homes := time.Now(), map[string]int{}
		for range 2 {
			l := mustLease(t, p, w)
			homes[l.Credential()]++
			l.Release()
		}
		if len(homes) != 2 || time.Since(start) != 0 {
			t.Errorf("%v after %s", homes, time.Since(start))
		}
	})
}

// A request that a full credential alone could serve does not hold up one of the same
// client that others can.
func TestWhatWasAskedElsewhereHoldsNobodyUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := bubble(t, Config{MaxWait: 10 * time.Second, GitHubs: limited(Limits{InFlight: 1})}, "a", "b")
		w := by("ci")
		like := func(name string) Want {
			w.Prefer = []string{name}
			return w
		}
		a, b := mustLease(t, p, like("a")), mustLease(t, p, like("b"))
		if a.Credential() != "a" || b.Credential() != "b" {
			t.Fatal(a.Credential(), b.Credential())
		}
		var all sync.WaitGroup
		all.Go(func() { // may only be b
			w := by("ci")
			w.Except = []string{"a"}
			mustLease(t, p, w).Release()
		})
		synctest.Wait()
		start := time.Now()
		time.AfterFunc(time.Second, a.Release)
		time.AfterFunc(5*time.Second, b.Release)
		mustLease(t, p, by("ci")).Release()
		if waited := time.Since(start); waited != time.Second {
			t.Errorf("served after %s", waited)
		}
		all.Wait()
	})
}

// Nobody waits for a list of installations that is not asked for before its time.
func TestNobodyWaitsForAListThatIsNotAskedFor(t *testing.T) {
	newGitHub(t, func(t *testing.T, g *github) {
		app := g.AddApp("ci-app")
		g.Install(app, "acme")
		g.open(Config{Credentials: []Credential{appOf("app", app, 0)}})
		g.want("at first", g.do(owned("acme"), "GET", "/repos/acme/web"), "app.acme 200")
		g.Intercept(func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path == "/app/installations" {
				w.WriteHeader(http.StatusBadGateway)
				return true
			}
			return false
		})
		write := owned("globex")
		write.Write = true
		time.Sleep(searchEvery)
		for range 10 { // each asks once more, and the time to the next grows
			g.do(write, "PUT", "/repos/globex/web/topics")
			time.Sleep(time.Minute)
		}
		time.Sleep(time.Second)
		g.do(write, "PUT", "/repos/globex/web/topics")
		start := time.Now()
		g.want("again", g.do(write, "PUT", "/repos/globex/web/topics"), "no credential of pool default covers globex")
		if waited := time.Since(start); waited != 0 {
			t.Errorf("waited %s", waited)
		}
	})
}

// Requests under way with a token that is revoked are one reason for another, and not
// each its own: the credential stays in service.
func TestARevokedTokenInManyHands(t *testing.T) {
	newGitHub(t, func(t *testing.T, g *github) {
		app := g.AddApp("ci-app")
		g.Install(app, "acme")
		g.open(Config{Credentials: []Credential{appOf("app", app, 0)}})
		g.want("at first", g.do(owned("acme"), "GET", "/repos/acme/web"), "app.acme 200")
		g.want("revoked", g.do(owned("acme"), "DELETE", "/installation/token"), "app.acme 204")
		g.SetLatency(time.Second)
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				g.want("afterwards", g.do(owned("acme"), "GET", "/repos/acme/web"), "app.acme 200")
			})
		}
		all.Wait()
		if n := g.minted(); n != 2 {
			t.Errorf("%d tokens made", n)
		}
	})
}

// An allowance of which all is in flight is told with a time to come again.
func TestAnAllowanceInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := bubble(t, Config{Clients: []Client{{Name: "ci", PointsPerHour: 2}}}, "a")
		one, two := mustLease(t, p, by("ci")), mustLease(t, p, by("ci"))
		_, err := p.Lease(t.Context(), by("ci"))
		if over, ok := errors.AsType[*Overspent](err); !ok || !over.Until.After(time.Now()) || over.Budget.Remaining != 0 {
			t.Errorf("%v", err)
		}
		one.Release()
		two.Release()
	})
}

func pat(name, token string) Credential {
	return Credential{Name: name, GitHub: "github.com", Pool: "default", Token: policy.NewSecret(token)}
}
