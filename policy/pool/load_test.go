package pool

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	"octopool/mitm/githubtest"
	"octopool/policy"
)

// A load is many clients at once on a pool of everything there is: an App with two
// installations, three tokens of one user and one of another; with limits, budgets and
// trouble that the seed says.
type load struct {
	*github
	limits  Limits
	maxWait time.Duration
	merged  bool // it is known that three tokens are one user's

	mu  sync.Mutex // guards rnd
	rnd *rand.Rand
}

func (l *load) n(below int) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.rnd.IntN(below)
}

// upTo is any time up to d.
func (l *load) upTo(d time.Duration) time.Duration { return time.Duration(l.n(int(d) + 1)) }

func newLoad(g *github, seed uint64) *load {
	l := &load{github: g, rnd: rand.New(rand.NewPCG(seed, 2))}
	l.maxWait = time.Second + l.upTo(10*time.Second)
	l.limits = Limits{InFlight: 2 + l.n(8), Points: 60 + l.n(200), GraphQLPoints: 30 + l.n(200), Creations: 12 + l.n(60), CreationsPerHour: 30 + l.n(100)}
	g.KeepSeen(0)
	app := g.AddApp("ci-app")
	g.AddUser("bot", "ghp_1", "ghp_2", "ghp_3")
	g.AddUser("other", "ghp_4")
	for _, repo := range []string{"acme/web", "globex/web"} {
		g.AddIssue(repo, "One")
		for _, login := range []string{"bot", "other"} {
			g.Grant(login, repo)
		}
	}
	all := []Credential{appOf("app", app, 0)}
	for i := range 4 {
		all = append(all, pat(fmt.Sprint("pat-", i+1), fmt.Sprint("ghp_", i+1)))
	}
	poor := []string{g.Install(app, "acme").Principal(), g.Install(app, "globex").Principal(), "other"}
	g.open(Config{
		Credentials: all, GitHubs: limited(l.limits), MaxWait: l.maxWait,
		Clients: []Client{{Name: "bounded", Concurrency: 2, PointsPerHour: 20}, {Name: "narrowed", Repositories: []string{"acme/web"}}, {Name: "pinned", WritesAs: "app"}},
	})
	time.Sleep(time.Second)
	l.merged = seed%2 == 0
	for name, owner := range map[string]string{"app.acme": "acme", "app.globex": "globex", "pat-1": "", "pat-2": "", "pat-3": "", "pat-4": ""} {
		if !l.merged && owner == "" && name != "pat-4" {
			continue
		}
		for range 2 { // the first has no token yet
			w := owned(owner)
			w.Prefer = []string{name}
			g.do(w, "GET", "/repos/acme/web")
			time.Sleep(time.Minute)
		}
	}
	for _, principal := range poor {
		used := g.Used(principal, "core")
		g.SetBudget(principal, "core", used+20+l.n(60), used, time.Time{})
	}
	for _, owner := range []string{"acme", "globex"} { // and told
		for range 12 {
			g.do(owned(owner), "GET", "/repos/"+owner+"/web")
		}
	}
	time.Sleep(time.Minute)
	g.SetLatency(l.upTo(2 * time.Second))
	room := 1
	if !l.merged { // three tokens are thought to be of three users at first
		room = 3
	}
	g.EnforceLimits(githubtest.Limits{
		InFlight:        room*l.limits.InFlight + 6, // what was given up GitHub may still be at, and whose a token is has no place
		PointsPerMinute: room * l.limits.Points, GraphQLPointsPerMinute: room * l.limits.GraphQLPoints,
		CreationsPerMinute: room * l.limits.Creations, CreationsPerHour: room * l.limits.CreationsPerHour,
	})
	return l
}

// any is any request of any client.
func (l *load) any() call {
	client := []string{"ci", "renovate", "bounded", "narrowed", "pinned"}[l.n(5)]
	repo := []string{"acme/web", "globex/web"}[l.n(2)]
	switch l.n(6) {
	case 0:
		return write(client, repo, "POST", "/issues/1/comments", `{"body":"x"}`)
	case 1:
		return write(client, repo, "PATCH", "/issues/1", `{"title":"x"}`)
	case 2:
		return query(client, "", `{viewer{login}}`)
	case 3:
		c := write(client, repo, "PATCH", "/issues/1", `{}`)
		c.want.App, c.want.Steady = true, "app"
		return c
	}
	return read(client, repo, "")
}

// once sends one request, or gives it up, and checks that it did not wait for too long.
func (l *load) once() {
	c := l.any()
	ctx, cancel := context.Background(), context.CancelFunc(func() {})
	if l.n(10) == 0 {
		ctx, cancel = context.WithTimeout(ctx, l.upTo(5*time.Second))
	}
	defer cancel()
	for range 10 { // it is sent again where GitHub did not execute it
		start := time.Now()
		lease, err := l.Lease(ctx, c.want)
		if waited := time.Since(start); waited > l.maxWait {
			l.t.Errorf("%s %s waited for %s", c.method, c.path, waited)
		}
		if err != nil {
			l.kind(err, ctx.Err())
			return
		}
		if l.n(20) == 0 {
			lease.Release()
			return
		}
		r, _ := http.NewRequestWithContext(ctx, c.method, githubAPI+c.path, readerOf(c.body))
		r.Header.Set("User-Agent", "octopool")
		r.Header.Set("Authorization", lease.Authorization(policy.KindREST))
		resp, err := l.Transport().RoundTrip(r)
		if err != nil {
			lease.Release()
			return
		}
		body, _ := io.ReadAll(resp.Body)
		if !lease.Settle(resp.StatusCode, resp.Header, body).Rejected {
			return
		}
	}
	l.t.Errorf("%s %s was rejected ten times", c.method, c.path)
}

// kind checks that a refusal is one of those there are.
func (l *load) kind(err, left error) {
	var covered *NotCovered
	var service *OutOfService
	var exhausted *Exhausted
	var cooling *Cooling
	var crowded *Crowded
	var over *Overspent
	switch {
	case errors.As(err, &covered), errors.As(err, &exhausted), errors.As(err, &cooling), errors.As(err, &crowded), errors.As(err, &over):
	case errors.As(err, &service) && service.Reason != "":
	case left != nil && errors.Is(err, left):
	default:
		l.t.Errorf("refused with %v", err)
	}
}

// watch checks, again and again, what must be true at every moment.
func (l *load) watch(ctx context.Context) {
	for ctx.Err() == nil {
		l.Pools.mu.Lock()
		for name, one := range l.principals {
			if one.inFlight < 0 || one.heir == nil && one.inFlight > most(l, one) {
				l.t.Errorf("%s: %d in flight", name, one.inFlight)
			}
			for resource, b := range one.budgets {
				if b.reserved < 0 {
					l.t.Errorf("%s %s: %d reserved", name, resource, b.reserved)
				}
			}
		}
		waiting := 0
		for _, c := range l.clients {
			waiting += len(c.waiting)
			if c.inFlight < 0 || c.reserved < 0 || c.Concurrency > 0 && c.inFlight > c.Concurrency {
				l.t.Errorf("%s: %d in flight, %d reserved", c.Name, c.inFlight, c.reserved)
			}
		}
		if waiting != l.queue.length {
			l.t.Errorf("%d wait, %d are counted", waiting, l.queue.length)
		}
		l.Pools.mu.Unlock()
		time.Sleep(50 * time.Millisecond)
	}
}

// most is how many requests a principal may have in flight: of tokens that turn out to be
// one user's what was under way before counts together.
func most(l *load, one *principal) int {
	if one.name == "user bot" && !l.merged {
		return 3 * l.limits.InFlight
	}
	return l.limits.InFlight
}

// trouble makes GitHub refuse a request now and then, for no reason of octopool's.
func (l *load) trouble() {
	l.Intercept(func(w http.ResponseWriter, r *http.Request) bool {
		switch l.n(200) {
		case 0:
			w.Header().Set("Retry-After", "2")
			w.WriteHeader(http.StatusTooManyRequests)
		case 1:
			w.WriteHeader(http.StatusBadGateway)
		default:
			return false
		}
		return true
	})
}

// Whatever clients ask for, at whatever limits, with GitHub in trouble, tokens that turn
// out to be one user's, and callers that leave: nobody waits for longer than was said, nothing
// stays taken, and GitHub never has to reject a request for being one too many.
func TestAnyLoad(t *testing.T) {
	for seed := range uint64(8) {
		newGitHub(t, func(t *testing.T, g *github) {
			l := newLoad(g, seed)
			if n := g.PrimaryRefusals() + g.SecondaryRefusals(); n != 0 {
				t.Fatalf("seed %d: %d rejected before it begins", seed, n)
			}
			l.trouble()
			ctx, stop := context.WithCancel(context.Background())
			var watching, clients sync.WaitGroup
			watching.Go(func() { l.watch(ctx) })
			for range 25 {
				clients.Go(func() {
					for range 15 {
						l.once()
						time.Sleep(l.upTo(3 * time.Second))
					}
				})
			}
			clients.Wait()
			stop()
			watching.Wait()
			if g.PrimaryRefusals() != 0 || g.SecondaryRefusals() != 0 {
				t.Errorf("seed %d, %+v: GitHub rejects %d for their budgets, %d for other limits", seed, l.limits, g.PrimaryRefusals(), g.SecondaryRefusals())
			}
			time.Sleep(patience)
			g.idle()
		})
	}
}
