package pool

import (
	"context"
	"net/http"
	"strconv"
	"testing"
	"time"

	"octopool/policy"
)

// noon is when every test begins.
func noon() time.Time { return time.Date(2026, time.November, 23, 12, 0, 0, 0, time.UTC) }

// A world is some pools at a time of the test's choosing.
type world struct {
	*Pools
	t   testing.TB
	at  time.Time
	wnt Want
}

// newWorld has these credentials at noon. What is left out of them is filled in: pool
// default of github.com, and a token of its own.
func newWorld(t testing.TB, credentials ...Credential) *world {
	t.Helper()
	for i := range credentials {
		c := &credentials[i]
		if c.GitHub == "" {
			c.GitHub = "github.com"
		}
		if c.Pool == "" {
			c.Pool = "default"
		}
		if c.Token.IsZero() {
			c.Token = policy.NewSecret("ghp_" + c.Name)
		}
	}
	pools, err := New(Config{Credentials: credentials})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{Pools: pools, t: t, at: noon(), wnt: Want{GitHub: "github.com", Pool: "default", Resource: "core"}}
	pools.now = func() time.Time { return w.at }
	return w
}

// named are credentials of which only the names matter.
func named(names ...string) []Credential {
	var out []Credential
	for _, name := range names {
		out = append(out, Credential{Name: name})
	}
	return out
}

// Lease is for requests that nobody gives up.
func (w *world) Lease(want Want) (*Lease, error) { return w.Pools.Lease(context.Background(), want) }

// Budget is that of a pool, for a client without an allowance.
func (w *world) Budget(github, pool, resource string) Budget {
	return w.Pools.Budget(Want{GitHub: github, Pool: pool, Resource: resource})
}

func (w *world) pass(d time.Duration) { w.at = w.at.Add(d) }

// want is a core request of pool default, changed as the test says.
func (w *world) want(change ...func(*Want)) Want {
	want := w.wnt
	for _, c := range change {
		c(&want)
	}
	return want
}

func of(resource string) func(*Want) { return func(w *Want) { w.Resource = resource } }
func about(owner string) func(*Want) { return func(w *Want) { w.Owner = owner } }
func steady(text string) func(*Want) { return func(w *Want) { w.Steady = text } }
func liking(names ...string) func(*Want) {
	return func(w *Want) { w.Prefer = names }
}

// lease must succeed.
func (w *world) lease(change ...func(*Want)) *Lease {
	w.t.Helper()
	l, err := w.Lease(w.want(change...))
	if err != nil {
		w.t.Fatal(err)
	}
	return l
}

// who is the credential that would be leased, or why none is.
func (w *world) who(change ...func(*Want)) string {
	l, err := w.Lease(w.want(change...))
	if err != nil {
		return err.Error()
	}
	l.Release()
	return l.Credential()
}

// tell has the credential that is leased learn of a budget.
func (w *world) tell(r Report) {
	w.t.Helper()
	w.lease(of(r.Resource)).Settle(http.StatusOK, headers(r), nil)
}

// headers are a report as GitHub sends it.
func headers(r Report) http.Header {
	h := http.Header{}
	h.Set("X-RateLimit-Limit", strconv.Itoa(r.Limit))
	h.Set("X-RateLimit-Remaining", strconv.Itoa(r.Remaining))
	h.Set("X-RateLimit-Used", strconv.Itoa(r.Used))
	h.Set("X-RateLimit-Reset", strconv.FormatInt(r.Reset.Unix(), 10))
	h.Set("X-RateLimit-Resource", r.Resource)
	h.Set("Content-Type", "application/json; charset=utf-8")
	return h
}

// core is a report on a core budget of 5000.
func core(used int, reset time.Time) Report {
	return Report{"core", 5000, used, 5000 - used, reset}
}

// bare are the headers of a JSON answer without rate limits, and more.
func bare(more ...string) http.Header {
	h := http.Header{"Content-Type": {"application/json; charset=utf-8"}}
	for i := 0; i < len(more); i += 2 {
		h.Set(more[i], more[i+1])
	}
	return h
}

func in(d time.Duration) time.Time { return noon().Add(d) }
