package pool

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"octopool/mitm/githubtest"
)

// told is a standing in one line: whether it is up, ready, and why not.
func (s Standing) told() string {
	word := map[bool]string{true: "up", false: "down"}[s.Up]
	if s.Ready {
		word += " ready"
	}
	if s.Reason != "" {
		word += ": " + s.Reason
	}
	return s.Name + " " + word
}

func (g *github) standings() string {
	var lines []string
	for _, s := range g.Standings() {
		lines = append(lines, s.told())
		if s.Up != s.Retry.IsZero() && s.Reason != unasked {
			g.t.Errorf("%s: again at %s", s.told(), s.Retry)
		}
		if s.Up != (s.Reason == "") || s.Up && !s.Ready {
			g.t.Errorf("%+v makes no sense", s)
		}
	}
	return strings.Join(lines, "\n")
}

const unasked = "GitHub has not yet told where the App is installed"

// refusing answers requests below a path with a status and words while on says so.
func (g *github) refusing(on *atomic.Bool, path string, status int, words string) {
	g.Intercept(func(w http.ResponseWriter, r *http.Request) bool {
		if !on.Load() || !strings.HasPrefix(r.URL.Path, path) {
			return false
		}
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.WriteHeader(status)
		io.WriteString(w, words)
		return true
	})
}

// What operators read of an App is what requests meet with, at every stage.
func TestStandingOfAnApp(t *testing.T) {
	for _, one := range []bool{true, false} {
		newGitHub(t, func(t *testing.T, g *github) {
			app := g.AddApp("ci-app")
			in := g.Install(app, "acme")
			id, name := int64(0), "app.acme"
			if one {
				id, name = in.ID(), "app"
			}
			var refused atomic.Bool
			refused.Store(true)
			g.refusing(&refused, "/app/installations", 502, "")
			g.SetLatency(time.Second)
			g.open(Config{Credentials: []Credential{appOf("app", app, id)}})
			is := func(what, want string) {
				t.Helper()
				g.want(what, g.standings(), want)
				serves := strings.HasSuffix(g.do(owned("acme"), "GET", "/repos/acme/web"), " 200")
				if up := strings.HasPrefix(want, name+" up"); serves != up {
					t.Errorf("%s: a request is served: %v", what, serves)
				}
			}
			g.want("at the very start", g.standings(), "app down: "+unasked)
			time.Sleep(2 * time.Second)
			is("GitHub errs", "app down: GitHub answered 502")
			refused.Store(false)
			time.Sleep(time.Minute)
			is("found", name+" up ready")
			time.Sleep(time.Minute)

			refused.Store(true)
			g.refusing(&refused, fmt.Sprintf("/app/installations/%d/", in.ID()), 500, "")
			is("a token is there", name+" up ready")
			for range 65 {
				time.Sleep(time.Minute)
				g.do(owned("acme"), "GET", "/repos/acme/web")
			}
			is("the token has ended and there is no other", name+" down: GitHub answered 500")
			refused.Store(false)
			time.Sleep(time.Minute)
			is("there is another", name+" up ready")
			if g.Statuses()[401] != 0 {
				t.Errorf("%v", g.Statuses())
			}
		})
	}
}

// What operators read of each credential while GitHub refuses it.
func TestStandingsInEachState(t *testing.T) {
	newGitHub(t, func(t *testing.T, g *github) {
		g.AddUser("bot", "ghp_bot")
		g.AddUser("late", "ghp_late")
		app := g.AddApp("ci-app")
		in := g.Install(app, "acme")
		g.open(Config{Credentials: []Credential{appOf("app", app, 0), pat("bot", "ghp_bot"), pat("late", "ghp_late")}})
		time.Sleep(time.Second)
		each := func() {
			t.Helper()
			for _, name := range []string{"app.acme", "bot", "late"} {
				w := owned("acme")
				w.Prefer = []string{name}
				w.Except = nil
				if l, err := g.Lease(t.Context(), w); err == nil {
					l.Release()
				}
				g.do(w, "GET", "/repos/acme/web")
			}
		}
		each()
		time.Sleep(time.Second)
		each()
		const upUpUp = "app.acme up ready\nbot up ready\nlate up ready"
		g.want("all is well", g.standings(), upUpUp)

		in.Suspend()
		g.Revoke("ghp_bot")
		g.Reject("late", githubtest.Rejection{Kind: githubtest.SecondaryLimit, Header: map[string]string{"Retry-After": "600"}})
		each()
		g.want("none is", g.standings(), "app.acme down: GitHub: this installation has been suspended\nbot down: GitHub answered 401 Bad credentials\nlate down ready: silent after a secondary limit")
		for _, s := range g.Standings() {
			if wait := time.Until(s.Retry); wait <= 0 || wait > recheckAfter {
				t.Errorf("%s: again in %s", s.told(), wait)
			}
		}
		in.Unsuspend()
		g.Accept("late")
		time.Sleep(recheckAfter)
		g.want("for so long that a request may try", g.standings(),
			"app.acme down ready: GitHub: this installation has been suspended\nbot down ready: GitHub answered 401 Bad credentials\nlate up ready")
		each()
		g.want("tried", g.standings(), "app.acme up ready\nbot down: GitHub answered 401 Bad credentials\nlate up ready")
		for _, s := range g.Standings() {
			principal := map[string]string{"app.acme": fmt.Sprintf("installation %d of acme", in.ID()), "bot": "user bot", "late": "user late"}[s.Name]
			owner, kind := "", "pat"
			if s.Name == "app.acme" {
				owner, kind = "acme", "installation"
			}
			if s.Principal != principal || s.Owner != owner || s.Kind != kind || s.InFlight != 0 || s.Budgets["core"].Limit != 5000 {
				t.Errorf("%+v", s)
			}
		}
	})
}

// An App that is installed nowhere, or whose key or id is wrong, says so; the rest works.
func TestStandingOfAnAppThatIsWrong(t *testing.T) {
	for want, change := range map[string]func(c *Credential, other *githubtest.App){
		"app down: the App is installed nowhere it may be used": func(*Credential, *githubtest.App) {},
		"app down: the private key is not one of this App's, or app_id is another App's (GitHub answered 401: A JSON web token could not be decoded)": func(c *Credential, other *githubtest.App) {
			c.App.Key = appOf("", other, 0).App.Key
		},
		"app down: GitHub knows no App by this client_id or app_id (GitHub answered 404: Integration not found)": func(c *Credential, _ *githubtest.App) {
			c.App.Issuer = "Iv23nobody"
		},
		"app down: the App has no such installation: it was uninstalled, or is another App's (GitHub answered 404: Not Found)": func(c *Credential, _ *githubtest.App) {
			c.App.Installation = 4711
		},
	} {
		newGitHub(t, func(t *testing.T, g *github) {
			g.AddUser("bot", "ghp_bot")
			c := appOf("app", g.AddApp("ci-app"), 0)
			change(&c, g.AddApp("another"))
			g.open(Config{Credentials: []Credential{c, pat("bot", "ghp_bot")}})
			time.Sleep(time.Second)
			var lines []string
			for _, s := range g.Standings() {
				lines = append(lines, s.told())
			}
			g.want("the App", strings.Join(lines, "\n"), want+"\nbot up ready")
			g.want("the rest", g.do(owned("acme"), "GET", "/repos/acme/web"), "bot 200")
		})
	}
}
