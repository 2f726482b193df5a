package pool

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"octopool/mitm/githubtest"
)

// A wall is what keeps one credential out, and how it comes down.
type wall struct {
	name     string
	up, down func(g *github, in *githubtest.Installation)
	alone    []string      // what clients are told when nobody else can serve, the last from then on
	back     time.Duration // after which the credential serves again
}

const turnedAwayByAcme = "no credential of pool default is in service: acme turns it away: by its IP allow list, or for want of single sign-on"

func walls() []wall {
	return []wall{
		{"an IP allow list",
			func(g *github, in *githubtest.Installation) { g.DenyIP("acme", in.Principal()) },
			func(g *github, in *githubtest.Installation) { g.AllowIP("acme", in.Principal()) },
			[]string{"app.acme 403", turnedAwayByAcme}, barredFor},
		{"a suspended installation",
			func(_ *github, in *githubtest.Installation) { in.Suspend() },
			func(_ *github, in *githubtest.Installation) { in.Unsuspend() },
			[]string{"no credential of pool default is in service: GitHub: this installation has been suspended"}, followEvery + time.Second},
		{"an installation that is gone",
			func(_ *github, in *githubtest.Installation) { in.Uninstall() },
			nil,
			[]string{"no credential of pool default is in service: the App has no such installation"}, 0},
	}
}

// What keeps an installation out is none of the client's business while a token of a user
// serves, and told when nobody does. It is noticed when it is over.
func TestWalls(t *testing.T) {
	for i := range walls() {
		for _, alone := range []bool{false, true} {
			newGitHub(t, func(t *testing.T, g *github) {
				w := walls()[i]
				app := g.AddApp("ci-app")
				in := g.Install(app, "acme")
				all := []Credential{appOf("app", app, 0)}
				if !alone {
					g.AddUser("bot", "ghp_bot")
					all = append(all, pat("bot", "ghp_bot"))
				}
				g.open(Config{Credentials: all})
				time.Sleep(time.Second)
				c := read("ci", "acme/web", "")
				c.want.Prefer = []string{"app", "app.acme"}
				g.send(c)
				time.Sleep(time.Second) // by now there is a token
				g.want(w.name+", before", fmt.Sprint(g.send(c).who), "app.acme")

				w.up(g, in)
				for i := range 3 {
					switch got := g.send(c); {
					case alone && !strings.HasPrefix(answerOf(got), w.alone[min(i, len(w.alone)-1)]):
						t.Errorf("%s: %s, want %s", w.name, answerOf(got), w.alone)
					case !alone && (got.status != 200 || got.who != "bot"):
						t.Errorf("%s: %+v", w.name, got)
					}
				}
				if rejected := g.Statuses()[403] + g.Statuses()[401]; rejected != 1 {
					t.Errorf("%s: GitHub was asked %d times", w.name, rejected)
				}
				if w.down == nil {
					return
				}
				w.down(g, in)
				time.Sleep(w.back)
				g.want(w.name+", afterwards", fmt.Sprint(g.send(c).who), "app.acme")
				g.idle()
			})
		}
	}
}

// answerOf is what the client is told.
func answerOf(r reply) string {
	if r.err != nil {
		return r.err.Error()
	}
	return fmt.Sprint(r.who, " ", r.status)
}

// A token that an organization wants authorized keeps out of that organization only, and
// GitHub's own answer, which says where that is done, is the answer.
func TestSingleSignOn(t *testing.T) {
	newGitHub(t, func(t *testing.T, g *github) {
		g.bots("a", "b")
		g.RequireSSO("acme", "ghp_a")
		g.want("another serves", answerOf(g.send(read("ci", "acme/web", ""))), "b 200")
		elsewhere := read("ci", "globex/web", "")
		elsewhere.want.Prefer = []string{"a"}
		g.want("another organization", answerOf(g.send(elsewhere)), "a 200")
		g.RequireSSO("acme", "ghp_b")
		got := g.send(read("ci", "acme/web", ""))
		g.want("nobody", answerOf(got), "b 403")
		g.want("and again, before anybody is asked anew", answerOf(g.send(read("ci", "acme/web", ""))),
			turnedAwayByAcme)
		g.AuthorizeSSO("acme", "ghp_a")
		time.Sleep(barredFor)
		g.want("authorized", answerOf(g.send(read("ci", "acme/web", ""))), "a 200")
		g.idle()
	})
}

// A token of a user that GitHub does not know is asked with once, and then by one request
// in a while, so that GitHub does not lock the account.
func TestARevokedToken(t *testing.T) {
	newGitHub(t, func(t *testing.T, g *github) {
		g.bots("a", "b")
		g.SetLatency(time.Second)
		c := read("ci", "acme/web", "")
		g.want("before", answerOf(g.send(c)), "a 200")
		g.Revoke("ghp_a")
		for range 30 {
			g.want("revoked", answerOf(g.send(c)), "b 200")
			time.Sleep(time.Minute)
		}
		if n := g.Statuses()[401]; n != 3 && n != 4 {
			t.Errorf("asked %d times in half an hour", n)
		}
		g.Revoke("ghp_b")
		g.send(c)
		down, ok := errors.AsType[*OutOfService](g.send(c).err)
		if !ok || down.Reason != "GitHub answered 401 Bad credentials" {
			t.Errorf("nobody left: %v", down)
		}
		g.idle()
	})
}

// herd sends so many requests at once, a minute's points at a time, and counts how they end.
func (g *github) herd(n int, c call) (served, refused int) {
	g.t.Helper()
	var mu sync.Mutex
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			r := g.send(c)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case r.status == 200:
				served++
			case r.err != nil:
				refused++
			default:
				g.t.Errorf("%+v", r)
			}
		})
	}
	all.Wait()
	return served, refused
}

// Two windows for one token: the tighter is kept to, so that GitHub has nothing to
// reject, and when it ends the requests go on.
func TestTwoWindows(t *testing.T) {
	newGitHub(t, func(t *testing.T, g *github) {
		g.bots("a")
		g.SetLatency(100 * time.Millisecond)
		soon := time.Now().Add(10 * time.Minute).Truncate(time.Second)
		g.SetBudget("a", "core", 5000, 4000, time.Now().Add(40*time.Minute).Truncate(time.Second))
		g.Interleave("a", "core", githubtest.Budget{Limit: 5000, Used: 4970, Reset: soon})
		c := read("ci", "acme/web", "")
		g.send(c)
		g.send(c) // both windows have been heard of
		served, refused := g.herd(200, c)
		if g.PrimaryRefusals() != 0 || served < 28 || refused == 0 {
			t.Errorf("%d served, %d refused, %d rejected by GitHub", served, refused, g.PrimaryRefusals())
		}
		time.Sleep(time.Until(soon))
		served, refused = g.herd(200, c)
		if served != 200 || refused != 0 || g.PrimaryRefusals() != 0 {
			t.Errorf("after the reset: %d served, %d refused, %d rejected by GitHub", served, refused, g.PrimaryRefusals())
		}
		g.idle()
	})
}

// Where headers are behind by what overtook them, nothing is rejected that could have been
// known; a point too many at the very end is another credential's, and the client's no
// business.
func TestHeadersThatAreBehind(t *testing.T) {
	for _, behind := range [][]int{{3, 0, 5, 1, 0}, {0, 7}, {4}} {
		newGitHub(t, func(t *testing.T, g *github) {
			g.bots("a", "b")
			g.SetLatency(100 * time.Millisecond)
			for _, bot := range []string{"a", "b"} {
				g.SetBudget(bot, "core", 5000, 4900, time.Now().Add(time.Hour).Truncate(time.Second))
				g.LagUsed(bot, "core", behind...)
			}
			c := read("ci", "acme/web", "")
			g.send(c)
			g.send(c) // both have been heard of
			served, refused := g.herd(300, c)
			used := g.Used("a", "core") + g.Used("b", "core")
			if served+refused != 300 || used < 9990 || g.PrimaryRefusals() > 2*(slices.Max(behind)+1) {
				t.Errorf("behind by %v: %d served, %d refused, %d spent, %d rejected by GitHub", behind, served, refused, used, g.PrimaryRefusals())
			}
			g.idle()
		})
	}
}

// A server without limits is asked without counting.
func TestAServerWithoutLimits(t *testing.T) {
	newGitHub(t, func(t *testing.T, g *github) {
		g.bots("a")
		g.SetRateLimits(false)
		g.SetLatency(10 * time.Millisecond)
		served, refused := g.herd(300, search("ci")) // ten times what a budget unheard of has
		if served != 300 || refused != 0 {
			t.Errorf("%d served, %d refused", served, refused)
		}
		if s := g.Standings()[0]; !s.Up || len(s.Budgets) != 0 {
			t.Errorf("%+v", s)
		}
		g.idle()
	})
}
