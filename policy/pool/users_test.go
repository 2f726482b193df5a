package pool

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"octopool/mitm/githubtest"
	"octopool/policy"
)

// manyTokens are five personal access tokens of one user and one of another.
func (g *github) manyTokens(limits Limits) {
	g.AddUser("bot", "ghp_1", "ghp_2", "ghp_3", "ghp_4", "ghp_5")
	g.AddUser("other", "ghp_6")
	var all []Credential
	for i := range 6 {
		all = append(all, pat(fmt.Sprint("pat-", i+1), fmt.Sprint("ghp_", i+1)))
	}
	g.open(Config{Credentials: all, GitHubs: limited(limits)})
}

// everyOne leases each credential once and sends a request with it.
func (g *github) everyOne() {
	for i := range 6 {
		w := by("ci")
		w.Prefer = []string{fmt.Sprint("pat-", i+1)}
		g.want("a first request", g.do(w, "GET", "/repos/acme/web"), fmt.Sprintf("pat-%d 200", i+1))
	}
}

// asked counts how often GitHub was asked whose token it is.
func (g *github) asked() (n int) {
	for _, s := range g.Seen() {
		if s.Path == "/user" {
			n++
		}
	}
	return n
}

// Five tokens of one bot are one budget: what clients and operators are told says so.
func TestTokensOfOneUserAreOnePrincipal(t *testing.T) {
	newGitHub(t, func(t *testing.T, g *github) {
		g.manyTokens(GitHubLimits())
		time.Sleep(time.Hour)
		if g.asked() != 0 {
			t.Error("asked before a token was used")
		}
		if b := g.Pools.Budget(by("ci")); b.Limit != 30000 {
			t.Errorf("unheard of: %+v", b)
		}
		g.everyOne()
		time.Sleep(time.Second)
		b, spent := g.Pools.Budget(by("ci")), g.Used("bot", "core")+g.Used("other", "core")
		if b.Limit != 10000 || b.Used != spent || spent != 12 {
			t.Errorf("%+v, but %d are spent", b, spent)
		}
		told := 0
		for _, s := range g.Standings() {
			want := "user bot"
			if s.Name == "pat-6" {
				want = "user other"
			}
			if s.Principal != want || !s.Up {
				t.Errorf("%+v", s)
			}
			if core, heard := s.Budgets["core"]; heard {
				told++
				if core.Limit != 5000 {
					t.Errorf("%s: %+v", s.Name, core)
				}
			}
		}
		if told != 2 {
			t.Errorf("two budgets are told %d times", told)
		}
		for range 5 {
			g.everyOne()
			time.Sleep(time.Hour)
		}
		if n := g.asked(); n != 6 {
			t.Errorf("asked %d times whose 6 tokens are", n)
		}
		g.idle()
	})
}

// A token spent by one is spent for all of the user's: none of the others is tried.
func TestASpentUserIsNotTriedWithItsOtherTokens(t *testing.T) {
	newGitHub(t, func(t *testing.T, g *github) {
		g.manyTokens(GitHubLimits())
		g.everyOne()
		time.Sleep(time.Second)
		g.SetBudget("bot", "core", 5000, 5000, time.Time{})
		for range 10 {
			if got := g.do(by("ci"), "GET", "/repos/acme/web"); got != "pat-6 200" {
				t.Errorf("%s", got)
			}
		}
		if n := g.PrimaryRefusals(); n > 1 { // by which it is heard
			t.Errorf("%d rejections", n)
		}
	})
}

// Requests under way while tokens turn out to be one user's are accounted to that user.
func TestRequestsUnderWayWhenTokensBecomeOne(t *testing.T) {
	newGitHub(t, func(t *testing.T, g *github) {
		g.Intercept(func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path == "/user" {
				time.Sleep(5 * time.Second)
			} else {
				time.Sleep(10 * time.Second)
			}
			return false
		})
		g.manyTokens(Limits{})
		start := time.Now()
		var all sync.WaitGroup
		for range 20 {
			all.Go(g.everyOne)
		}
		time.Sleep(7 * time.Second)
		held := 0
		for _, s := range g.Standings() {
			held += s.InFlight
		}
		if held != 20 { // each of twenty is at its first
			t.Errorf("%d in flight", held)
		}
		all.Wait()
		if waited := time.Since(start); waited != time.Minute {
			t.Errorf("six requests of ten seconds took %s", waited)
		}
		time.Sleep(time.Minute)
		g.idle()
		if b := g.Pools.Budget(by("ci")); b.Limit != 10000 || b.Used != 126 {
			t.Errorf("%+v", b)
		}
	})
}

// The places of a minute that tokens took apart count together once they are one user's:
// GitHub counts no other way.
func TestPlacesTakenApartCountTogether(t *testing.T) {
	newGitHub(t, func(t *testing.T, g *github) {
		g.EnforceLimits(githubtest.DocumentedLimits())
		g.manyTokens(GitHubLimits())
		var all sync.WaitGroup
		for range 30 {
			all.Go(func() {
				for start := time.Now(); time.Since(start) < 3*time.Minute; {
					if r := g.send(call{want: by("ci"), method: "GET", path: "/repos/acme/web"}); r.err != nil {
						time.Sleep(time.Second)
					}
				}
			})
		}
		all.Wait()
		if n := g.SecondaryRefusals(); n != 0 {
			t.Errorf("%d secondary limits", n)
		}
		if n := g.Used("bot", "core") + g.Used("other", "core"); n < 3*2*740 {
			t.Errorf("%d requests in three minutes", n)
		}
		g.idle()
	})
}

// Who does not answer whose a token is changes nothing, and delays nobody.
func TestWhoseATokenIsMayStayUnknown(t *testing.T) {
	for name, answer := range map[string]func(http.ResponseWriter, *http.Request){
		"an error":        func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) },
		"a refusal":       func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) },
		"nobody":          func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"login":"bot"}`) },
		"no JSON":         func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") },
		"nothing":         func(http.ResponseWriter, *http.Request) {},
		"nothing, slowly": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
	} {
		newGitHub(t, func(t *testing.T, g *github) {
			g.Intercept(func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path == "/user" {
					answer(w, r)
					return true
				}
				return false
			})
			g.manyTokens(GitHubLimits())
			start := time.Now()
			g.everyOne()
			if waited := time.Since(start); waited != 0 {
				t.Errorf("%s: waited %s", name, waited)
			}
			time.Sleep(time.Minute)
			if b := g.Pools.Budget(by("ci")); b.Limit != 30000 {
				t.Errorf("%s: %+v", name, b)
			}
			for _, s := range g.Standings() {
				if s.Principal != "" || !s.Up {
					t.Errorf("%s: %+v", name, s)
				}
			}
			if n := g.asked(); n != 6 {
				t.Errorf("%s: asked %d times", name, n)
			}
			g.Intercept(nil)
			time.Sleep(recheckAfter)
			if b := g.Pools.Budget(by("ci")); b.Limit != 10000 {
				t.Errorf("%s, asked again: %+v", name, b)
			}
			g.idle()
		})
	}
}

// An older Enterprise Server does not say which budget an answer is about.
func TestWhoseATokenIsWithoutAResource(t *testing.T) {
	newGitHub(t, func(t *testing.T, g *github) {
		g.Intercept(func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path != "/user" {
				return false
			}
			for name, values := range headers(core(7, time.Now().Add(time.Hour))) {
				if !strings.EqualFold(name, "X-RateLimit-Resource") {
					w.Header()[name] = values
				}
			}
			fmt.Fprintf(w, `{"login":"bot","id":1}`)
			return true
		})
		g.manyTokens(GitHubLimits())
		g.want("one", g.do(by("ci"), "GET", "/repos/acme/web"), "pat-1 200")
		time.Sleep(time.Second)
		if s := g.Standings()[0]; s.Principal != "user bot" || s.Budgets["core"].Used != 7 {
			t.Errorf("%+v", s)
		}
	})
}

// A single user's token is nobody's question: there is nothing to share.
func TestNobodyIsAskedAboutOneToken(t *testing.T) {
	newGitHub(t, func(t *testing.T, g *github) {
		g.AddUser("bot", "ghp_1")
		app := g.AddApp("ci-app")
		g.Install(app, "acme")
		again := pat("again", "ghp_1")
		again.Pool = "another"
		g.open(Config{Credentials: []Credential{pat("one", "ghp_1"), again, appOf("app", app, 0)}})
		w := by("ci")
		w.Prefer = []string{"one"}
		g.want("one", g.do(w, "GET", "/repos/acme/web"), "one 200")
		w.Pool = "another"
		g.want("again", g.do(w, "GET", "/repos/acme/web"), "again 200")
		time.Sleep(time.Minute)
		if n := g.asked(); n != 0 {
			t.Errorf("asked %d times", n)
		}
	})
}

// The token of a user stands in two pools: it is asked about once.
func TestATokenIsAskedAboutOnce(t *testing.T) {
	newGitHub(t, func(t *testing.T, g *github) {
		g.AddUser("bot", "ghp_1")
		g.AddUser("other", "ghp_2")
		again := pat("again", "ghp_1")
		again.Pool = "another"
		g.open(Config{Credentials: []Credential{pat("one", "ghp_1"), again, {Name: "two", GitHub: "github.com", Pool: "another", Token: policy.NewSecret("ghp_2")}}})
		w := by("ci")
		g.want("one", g.do(w, "GET", "/repos/acme/web"), "one 200")
		time.Sleep(time.Second)
		w.Pool = "another"
		for range 10 {
			g.do(w, "GET", "/repos/acme/web")
			time.Sleep(time.Second)
		}
		if n := g.asked(); n != 2 {
			t.Errorf("asked %d times about two tokens", n)
		}
	})
}
