package pool

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"octopool/mitm/githubtest"
	"octopool/policy"
)

const githubAPI = "https://api.github.com"

// A github is a stand-in inside a synctest bubble, and pools that have its Apps.
type github struct {
	*githubtest.Server
	*Pools
	t *testing.T
}

// newGitHub runs f against a GitHub with the organizations acme and globex, in a bubble.
func newGitHub(t *testing.T, f func(t *testing.T, g *github)) {
	synctest.Test(t, func(t *testing.T) {
		s := githubtest.New(githubtest.WithoutListener(), githubtest.WithClock(time.Now))
		defer s.Close()
		s.KeepSeen(1000)
		for _, org := range []string{"acme", "globex"} {
			s.AddOrg(org)
			s.AddRepo(org+"/web", false)
		}
		f(t, &github{Server: s, t: t})
	})
}

// appOf is an App as it is configured.
func appOf(name string, a *githubtest.App, installation int64) Credential {
	return Credential{
		Name: name, GitHub: "github.com", Pool: "default",
		App: App{Issuer: a.ClientID(), Key: policy.NewSecret(string(a.PEM())), Installation: installation},
	}
}

// open makes the pools and runs them until the bubble ends.
func (g *github) open(c Config) {
	g.t.Helper()
	c.Transport, c.UserAgent = g.Transport(), "octopool"
	github := c.GitHubs["github.com"]
	github.API = githubAPI
	c.GitHubs = map[string]GitHub{"github.com": github}
	if c.MaxWait == 0 {
		c.MaxWait = 10 * time.Second
	}
	p, err := New(c)
	if err != nil {
		g.t.Fatal(err)
	}
	g.Pools = p
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { p.Run(ctx) })
	g.t.Cleanup(func() {
		stop()
		running.Wait()
	})
}

// do sends one request with a lease, and again where GitHub did not execute it, as an
// exchange does. It returns who answered and how.
func (g *github) do(w Want, method, path string) string {
	g.t.Helper()
	last := ""
	for {
		l, err := g.Lease(g.t.Context(), w)
		if err != nil {
			return cmp.Or(last, err.Error())
		}
		r, err := http.NewRequest(method, githubAPI+path, nil)
		if err != nil {
			g.t.Fatal(err)
		}
		r.Header.Set("User-Agent", "octopool")
		r.Header.Set("Authorization", l.Authorization(policy.KindREST))
		resp, err := g.Transport().RoundTrip(r)
		if err != nil {
			g.t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		v := l.Settle(resp.StatusCode, resp.Header, body)
		if v.Explains || v.Elsewhere {
			last = fmt.Sprint(l.Credential(), " ", resp.StatusCode)
		}
		switch {
		case v.Rejected:
			w.Resource = v.Resource
		case v.Elsewhere:
			w.Except = append(w.Except, l.Credential())
		case v.NotCovered != nil:
			return v.NotCovered.Error()
		default:
			return fmt.Sprint(l.Credential(), " ", resp.StatusCode)
		}
	}
}

// number is what GitHub calls a repository by.
func (g *github) number(fullName, token string) int {
	g.t.Helper()
	r, err := http.NewRequest("GET", githubAPI+"/repos/"+fullName, nil)
	if err != nil {
		g.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("User-Agent", "test")
	resp, err := g.Transport().RoundTrip(r)
	if err != nil {
		g.t.Fatal(err)
	}
	defer resp.Body.Close()
	var repo struct{ ID int }
	if err := json.NewDecoder(resp.Body).Decode(&repo); err != nil || repo.ID == 0 {
		g.t.Fatal(resp.Status, err)
	}
	return repo.ID
}

// owned is a read of what an owner has.
func owned(owner string) Want {
	w := by("ci")
	w.Owner = owner
	return w
}

func (g *github) want(what string, got, want string) {
	g.t.Helper()
	if got != want {
		g.t.Errorf("%s: %s, want %s", what, got, want)
	}
}

// slowApps has GitHub take its time with whatever an App asks.
func (g *github) slowApps(by time.Duration) {
	g.Intercept(func(_ http.ResponseWriter, r *http.Request) bool {
		if strings.HasPrefix(r.URL.Path, "/app/") {
			time.Sleep(by)
		}
		return false
	})
}

// minted counts the tokens that were made.
func (g *github) minted() int {
	n := 0
	for _, s := range g.Seen() {
		if strings.HasSuffix(s.Path, "/access_tokens") {
			n++
		}
	}
	return n
}

// A request goes to the installation of the account it is about, with a token that is
// made when it is first needed, once, whoever waits for it.
func TestAnInstallationServesItsOwner(t *testing.T) {
	newGitHub(t, func(t *testing.T, g *github) {
		app := g.AddApp("ci-app")
		g.Install(app, "acme")
		g.Install(app, "globex")
		g.open(Config{Credentials: []Credential{appOf("app", app, 0)}})
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				g.want("acme", g.do(owned("acme"), "GET", "/repos/acme/web"), "app.acme 200")
				g.want("globex", g.do(owned("Globex"), "GET", "/repos/globex/web"), "app.globex 200")
			})
		}
		all.Wait()
		if n := g.minted(); n != 2 {
			t.Errorf("%d tokens made for two installations", n)
		}
	})
}

// An installation that is named is used without listing the others.
func TestANamedInstallation(t *testing.T) {
	newGitHub(t, func(t *testing.T, g *github) {
		app := g.AddApp("ci-app")
		in := g.Install(app, "acme")
		g.Install(app, "globex")
		g.open(Config{Credentials: []Credential{appOf("app", app, in.ID())}})
		g.want("acme", g.do(owned("acme"), "GET", "/repos/acme/web"), "app 200")
		write := owned("globex")
		write.Write = true
		g.want("a write to globex", g.do(write, "POST", "/repos/globex/web/issues"), "no credential of pool default covers globex")
		for _, s := range g.Seen() {
			if s.Path == "/app/installations" {
				t.Error("all installations were listed")
			}
		}
	})
}

// Another account's public repositories can be read, as anybody can; what is not there for
// the credential is told to be nobody's business here, not to be missing.
func TestBeyondItsOwner(t *testing.T) {
	newGitHub(t, func(t *testing.T, g *github) {
		g.AddOrg("initech")
		g.AddRepo("initech/open", false)
		g.AddRepo("initech/secret", true)
		app := g.AddApp("ci-app")
		g.Install(app, "acme")
		g.open(Config{Credentials: []Credential{appOf("app", app, 0)}})
		g.want("public", g.do(owned("initech"), "GET", "/repos/initech/open"), "app.acme 200")
		g.want("private", g.do(owned("initech"), "GET", "/repos/initech/secret"), "no credential of pool default covers initech")
		g.want("missing at home", g.do(owned("acme"), "GET", "/repos/acme/none"), "app.acme 404")
	})
}

// What clients read is not "nothing left" while GitHub has not yet told where an App is
// installed: a request would wait for that, and tools would wait for an hour instead.
func TestBudgetBeforeAnAppIsKnown(t *testing.T) {
	newGitHub(t, func(t *testing.T, g *github) {
		app := g.AddApp("ci-app")
		g.Install(app, "acme")
		g.slowApps(time.Second)
		g.open(Config{Credentials: []Credential{appOf("app", app, 0)}})
		w := Want{GitHub: "github.com", Pool: "default", Client: "ci", Resource: "core"}
		if b := g.Pools.Budget(w); b.Limit != 5000 || b.Remaining != 5000 {
			t.Errorf("before: %+v", b)
		}
		time.Sleep(10 * time.Second)
		if b := g.Pools.Budget(w); b.Limit != 5000 || b.Remaining != 5000 {
			t.Errorf("afterwards: %+v", b)
		}
	})
}

// What is named by number is looked for where it is, and elsewhere once at most.
func TestByNumber(t *testing.T) {
	newGitHub(t, func(t *testing.T, g *github) {
		g.AddRepo("globex/secret", true)
		app := g.AddApp("ci-app")
		g.Install(app, "acme")
		id := g.number("globex/secret", g.Install(app, "globex").Mint())
		g.open(Config{Credentials: []Credential{appOf("app", app, 0)}})
		w := by("ci")
		w.Number = fmt.Sprint("repositories/", id)
		path := "/" + w.Number
		for range 10 {
			g.want("what is globex's", g.do(w, "GET", path), "app.globex 200")
		}
		astray := 0
		for _, s := range g.Seen() {
			if s.Path == path && s.Status == http.StatusNotFound {
				astray++
			}
		}
		if astray > 1 { // which of the two is asked first depends on whose token is there first
			t.Errorf("%d requests went astray", astray)
		}
		w.Number = "repositories/999999"
		if got := g.do(w, "GET", "/repositories/999999"); !strings.HasSuffix(got, " 404") {
			t.Errorf("nowhere: %s", got)
		}
	})
}

// Installations come and go while octopool runs.
func TestInstallationsAreFollowed(t *testing.T) {
	newGitHub(t, func(t *testing.T, g *github) {
		app := g.AddApp("ci-app")
		in := g.Install(app, "acme")
		g.open(Config{Credentials: []Credential{appOf("app", app, 0)}})
		write := owned("globex")
		write.Write = true
		g.want("not installed", g.do(write, "PUT", "/repos/globex/web/topics"), "no credential of pool default covers globex")
		g.Install(app, "globex")
		time.Sleep(searchEvery)
		g.want("installed since", g.do(write, "GET", "/repos/globex/web"), "app.globex 200")

		in.Suspend()
		if got := g.do(owned("acme"), "GET", "/repos/acme/web"); !strings.Contains(got, "suspended") {
			t.Errorf("suspended: %s", got)
		}
		in.Unsuspend()
		time.Sleep(followEvery + time.Second)
		g.want("unsuspended", g.do(owned("acme"), "GET", "/repos/acme/web"), "app.acme 200")

		in.Uninstall()
		time.Sleep(followEvery + time.Second)
		g.want("uninstalled", g.do(owned("acme"), "GET", "/repos/acme/web"), "app.globex 200")
		if s := g.Standings(); len(s) != 1 || s[0].Name != "app.globex" {
			t.Errorf("%+v", s)
		}
	})
}

// Tokens in use are renewed well before they end, and nobody waits for that; those that
// nobody uses are left to end.
func TestTokensAreRenewedAhead(t *testing.T) {
	newGitHub(t, func(t *testing.T, g *github) {
		app := g.AddApp("ci-app")
		g.Install(app, "acme")
		g.Install(app, "globex")
		g.open(Config{Credentials: []Credential{appOf("app", app, 0)}})
		g.do(owned("globex"), "GET", "/repos/globex/web")
		for range 3*60 - 5 {
			start := time.Now()
			g.want("acme", g.do(owned("acme"), "GET", "/repos/acme/web"), "app.acme 200")
			if waited := time.Since(start); waited > 0 && start.Sub(time.Unix(946684800, 0)) > time.Minute {
				t.Errorf("waited %s for a token at %s", waited, start)
			}
			time.Sleep(time.Minute)
		}
		if n := g.minted(); n < 5 || n > 6 { // four or five for acme, one for globex
			t.Errorf("%d tokens in nearly three hours", n)
		}
		if g.Statuses()[401] != 0 {
			t.Errorf("%d requests with a token that had ended", g.Statuses()[401])
		}
	})
}

// While GitHub makes no tokens the old one is used until it ends, and afterwards the
// reason is told.
func TestARenewalThatFails(t *testing.T) {
	newGitHub(t, func(t *testing.T, g *github) {
		app := g.AddApp("ci-app")
		g.Install(app, "acme")
		g.open(Config{Credentials: []Credential{appOf("app", app, 0)}})
		g.want("at first", g.do(owned("acme"), "GET", "/repos/acme/web"), "app.acme 200")
		var broken atomic.Bool
		broken.Store(true)
		g.Intercept(func(w http.ResponseWriter, r *http.Request) bool {
			if broken.Load() && strings.HasSuffix(r.URL.Path, "/access_tokens") {
				w.WriteHeader(http.StatusBadGateway)
				return true
			}
			return false
		})
		for range 58 {
			time.Sleep(time.Minute)
			g.want("renewal fails", g.do(owned("acme"), "GET", "/repos/acme/web"), "app.acme 200")
		}
		time.Sleep(2 * time.Minute)
		if got := g.do(owned("acme"), "GET", "/repos/acme/web"); !strings.Contains(got, "is in service") || !strings.Contains(got, "502") {
			t.Errorf("ended: %s", got)
		}
		if s := g.Standings()[0]; s.Up || s.Reason == "" {
			t.Errorf("%+v", s)
		}
		broken.Store(false)
		time.Sleep(time.Minute)
		g.want("mended", g.do(owned("acme"), "GET", "/repos/acme/web"), "app.acme 200")
	})
}

// A token that GitHub does not know any more is replaced once, and the client sees none
// of it.
func TestARevokedTokenIsReplaced(t *testing.T) {
	newGitHub(t, func(t *testing.T, g *github) {
		app := g.AddApp("ci-app")
		g.Install(app, "acme")
		g.open(Config{Credentials: []Credential{appOf("app", app, 0)}})
		g.want("at first", g.do(owned("acme"), "GET", "/repos/acme/web"), "app.acme 200")
		g.want("revoked", g.do(owned("acme"), "DELETE", "/installation/token"), "app.acme 204")
		g.want("afterwards", g.do(owned("acme"), "GET", "/repos/acme/web"), "app.acme 200")
		g.Intercept(func(w http.ResponseWriter, r *http.Request) bool {
			if strings.HasPrefix(r.URL.Path, "/app/") {
				return false
			}
			w.Header().Set("Content-Type", "application/json; charset=utf-8")
			w.WriteHeader(http.StatusUnauthorized)
			io.WriteString(w, badCredentials)
			return true
		})
		g.want("not even a new one", g.do(owned("acme"), "GET", "/repos/acme/web"),
			"no credential of pool default is in service: GitHub answered 401 Bad credentials")
		if n := g.minted(); n != 3 {
			t.Errorf("%d tokens made", n)
		}
	})
}

// Whoever can do without a token that is on its way does.
func TestNobodyWaitsForARenewalThatAnotherCouldDoWithout(t *testing.T) {
	newGitHub(t, func(t *testing.T, g *github) {
		g.AddUser("bot", "ghp_bot")
		app := g.AddApp("ci-app")
		g.Install(app, "acme")
		g.slowApps(5 * time.Second)
		g.open(Config{Credentials: []Credential{
			appOf("app", app, 0),
			{Name: "bot", GitHub: "github.com", Pool: "default", Token: policy.NewSecret("ghp_bot")},
		}})
		start := time.Now()
		g.want("at once", g.do(owned("acme"), "GET", "/repos/acme/web"), "bot 200")
		if waited := time.Since(start); waited != 0 {
			t.Errorf("waited %s", waited)
		}
	})
}
