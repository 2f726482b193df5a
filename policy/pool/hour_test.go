package pool

import (
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"octopool/mitm/githubtest"
)

// A factory is a GitHub with four credentials, each with budgets that are a tenth of the
// usual, so that two hours are some ten thousand requests; and clients that ask of it.
type factory struct {
	*github
	all map[string][]string // the principals that serve each owner, as the stand-in calls them

	mu       sync.Mutex // guards all below
	served   map[int]int
	points   map[string]int
	refusals []refused
}

// refused is one refusal, and whether it had to be.
type refused struct {
	at  time.Time
	err error
}

const tenth = 500

func newFactory(g *github) *factory {
	f := &factory{github: g, served: map[int]int{}, points: map[string]int{}}
	g.KeepSeen(0)
	g.SetLatency(200 * time.Millisecond)
	g.EnforceLimits(githubtest.DocumentedLimits())
	for _, repo := range []string{"acme/web", "globex/web"} {
		g.AddIssue(repo, "One")
		g.Set("/repos/"+repo+"/settled", `{"never":"changes"}`)
	}
	app := g.AddApp("ci-app")
	acme, globex := g.Install(app, "acme"), g.Install(app, "globex")
	for _, bot := range []string{"bot-a", "bot-b"} {
		g.AddUser(bot, "ghp_"+bot)
		g.Grant(bot, "acme/web")
		g.Grant(bot, "globex/web")
	}
	f.all = map[string][]string{
		"acme":   {acme.Principal(), "bot-a", "bot-b"},
		"globex": {globex.Principal(), "bot-a", "bot-b"},
	}
	for i, principal := range []string{acme.Principal(), globex.Principal(), "bot-a", "bot-b"} {
		reset := time.Now().Add(time.Duration(i+1) * 15 * time.Minute).Truncate(time.Second)
		for _, resource := range []string{"core", "graphql"} {
			g.SetBudget(principal, resource, tenth, tenth*(3-i)/4, reset) // as if it had always gone on so
		}
	}
	g.open(Config{
		GitHubs:     limited(GitHubLimits()),
		Credentials: []Credential{appOf("app", app, 0), pat("bot-a", "ghp_bot-a"), pat("bot-b", "ghp_bot-b")},
	})
	return f
}

// work has every client ask, for so long, so that what costs points is this part of all
// budgets there are.
func (f *factory) work(lasts time.Duration, demand float64) {
	type stream struct {
		call
		hourly int // of a hundredth of 2,000 points
		tagged bool
	}
	const comment, title = `{"body":"x"}`, `{"title":"x"}`
	const ask = `{repository(owner:\"acme\",name:\"web\"){id}}`
	streams := []stream{
		{read("ci", "acme/web", ""), 700, false},
		{read("renovate", "globex/web", ""), 680, false},
		{write("terraform", "acme/web", "PATCH", "/issues/1", title), 250, false},
		{write("terraform", "globex/web", "PATCH", "/issues/1", title), 250, false},
		{write("bots", "globex/web", "POST", "/issues/1/comments", comment), 100, false},
		{query("ci", "acme", ask), 800, false},
		{query("renovate", "globex", ask), 800, false},
		{steadily(query("bots", "", `{viewer{login}}`)), 400 - 20, false},
		{read("ci", "acme/web", "/settled"), 1000, true},
		{search("renovate"), 100, false},
	}
	var all sync.WaitGroup
	for i, s := range streams {
		every := time.Duration(float64(time.Hour) / float64(s.hourly) / demand)
		rnd := rand.New(rand.NewPCG(uint64(i), 1))
		tags := map[[32]byte]string{} // guarded by f.mu
		all.Go(func() {
			for end := time.Now().Add(lasts); time.Now().Before(end); {
				time.Sleep(every/2 + time.Duration(rnd.Int64N(int64(every))))
				all.Go(func() { f.ask(s.call, s.tagged, tags) })
			}
		})
	}
	all.Wait()
}

// steadily is a call that is to be the same credential's each time.
func steadily(c call) call {
	c.want.Steady = c.want.Client
	return c
}

func search(client string) call {
	w := by(client)
	w.Resource = "search"
	return call{want: w, method: "GET", path: "/search/issues?q=One"}
}

func (f *factory) ask(c call, tagged bool, tags map[[32]byte]string) {
	var used [32]byte
	r := f.sendWith(f.t.Context(), c, func(l *Lease) string {
		f.mu.Lock()
		defer f.mu.Unlock()
		used = l.Identity()
		return tags[used]
	})
	f.mu.Lock()
	defer f.mu.Unlock()
	f.served[r.status]++
	f.points[c.want.Resource] += r.points
	if tagged && r.status == 200 {
		tags[used] = r.tag
	}
	if r.err != nil {
		f.refusals = append(f.refusals, refused{time.Now(), r.err})
		f.justify(c, r.err)
	}
}

// justify checks that a refusal had to be: of everybody who serves the owner every
// budget is spent at GitHub, and it tells when the first comes back.
func (f *factory) justify(c call, err error) {
	spent, ok := errors.AsType[*Exhausted](err)
	if !ok {
		f.t.Errorf("%s: %v", c.path, err)
		return
	}
	var first time.Time
	who := f.all[c.want.Owner]
	if c.want.Owner == "" {
		who = slices.Compact(slices.Sorted(slices.Values(slices.Concat(f.all["acme"], f.all["globex"]))))
	}
	for _, principal := range who {
		b := f.Server.Budget(principal, c.want.Resource)
		if b.Used < b.Limit {
			f.t.Errorf("%s %s is refused, although %s has spent %d of %d", c.method, c.path, principal, b.Used, b.Limit)
		}
		first = earlier(first, b.Reset)
	}
	if !spent.Budget.Reset.Equal(first) || spent.Budget.Remaining != 0 {
		f.t.Errorf("told of %+v, but the first is back at %s", spent.Budget, first)
	}
}

// settle checks what must be true however much was asked for.
func (f *factory) settle() {
	f.t.Helper()
	if f.PrimaryRefusals() != 0 || f.SecondaryRefusals() != 0 || f.Statuses()[401] != 0 || f.Statuses()[403] != 0 || f.Statuses()[429] != 0 {
		f.t.Errorf("GitHub had to reject: %d primary, %d secondary, %v", f.PrimaryRefusals(), f.SecondaryRefusals(), f.Statuses())
	}
	f.idle()
}

// Two hours of demand for 95 % of all budgets, with tokens that are renewed and budgets
// that come back at different times: nobody is refused anything, by octopool or GitHub.
func TestAnHourAt95Percent(t *testing.T) {
	newGitHub(t, func(t *testing.T, g *github) {
		f := newFactory(g)
		f.work(2*time.Hour, 0.95)
		f.settle()
		if len(f.refusals) > 0 {
			t.Errorf("%d refusals, the first at %s: %v", len(f.refusals), f.refusals[0].at, f.refusals[0].err)
		}
		for resource, least := range map[string]int{"core": 3600, "graphql": 3600, "search": 150} {
			if f.points[resource] < least {
				t.Errorf("%s: only %d points of demand", resource, f.points[resource])
			}
		}
		if f.served[304] < 1500 || f.served[201] < 150 {
			t.Errorf("served %v", f.served)
		}
		t.Logf("served %v, %v points, GitHub saw %v", f.served, f.points, f.Statuses())
	})
}

// At 120 % some have to be refused, but only when every budget is spent at GitHub to the
// last point, and no longer than until the first of them comes back.
func TestAnHourAt120Percent(t *testing.T) {
	newGitHub(t, func(t *testing.T, g *github) {
		f := newFactory(g)
		f.work(2*time.Hour, 1.2)
		f.settle()
		if len(f.refusals) < 150 || len(f.refusals) > 500 {
			t.Errorf("%d refusals", len(f.refusals))
		}
		for _, resource := range []string{"core", "graphql"} {
			if f.points[resource] < 3900 {
				t.Errorf("%s: of about 4000 points only %d were spent", resource, f.points[resource])
			}
		}
		t.Logf("served %v, %v points, %d refused, GitHub saw %v", f.served, f.points, len(f.refusals), f.Statuses())
	})
}
