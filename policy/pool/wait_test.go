package pool

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"octopool/policy"
)

// bubble are pools inside a synctest bubble, whose clock is theirs.
func bubble(t *testing.T, c Config, names ...string) *Pools {
	t.Helper()
	for _, name := range names {
		c.Credentials = append(c.Credentials, Credential{Name: name, GitHub: "github.com", Pool: "default", Token: policy.NewSecret("ghp_" + name)})
	}
	p, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func limited(l Limits) map[string]GitHub { return map[string]GitHub{"github.com": {Limits: l}} }

// by is a core request of a client.
func by(client string) Want {
	return Want{GitHub: "github.com", Pool: "default", Client: client, Resource: "core"}
}

// told settles a lease with a report of the hour's budget.
func told(l *Lease, used, limit int, reset time.Time) Verdict {
	return l.Settle(http.StatusOK, headers(Report{l.resource, limit, used, limit - used, reset}), nil)
}

func mustLease(t *testing.T, p *Pools, w Want) *Lease {
	t.Helper()
	l, err := p.Lease(t.Context(), w)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// Who finds no place waits for the first that becomes free, in the order of coming.
func TestWaitForAPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := bubble(t, Config{MaxWait: 10 * time.Second, GitHubs: limited(Limits{InFlight: 2})}, "a")
		first, second := mustLease(t, p, by("ci")), mustLease(t, p, by("ci"))
		var mu sync.Mutex // guards order
		var order []int
		var all sync.WaitGroup
		for i := range 3 {
			all.Go(func() {
				l := mustLease(t, p, by("ci"))
				mu.Lock()
				order = append(order, i)
				mu.Unlock()
				l.Release()
			})
			synctest.Wait()
		}
		if len(order) != 0 {
			t.Fatalf("%v have a third place", order)
		}
		first.Release()
		all.Wait()
		second.Release()
		if fmt.Sprint(order) != "[0 1 2]" {
			t.Errorf("served in the order %v", order)
		}
		if p.queue.length != 0 || p.all[0].principal.inFlight != 0 {
			t.Errorf("%d wait, %d in flight", p.queue.length, p.all[0].principal.inFlight)
		}
	})
}

// Who has waited for MaxWait is told when to come again, and whose caller leaves goes with it.
func TestWaitEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := bubble(t, Config{MaxWait: 10 * time.Second, GitHubs: limited(Limits{InFlight: 1})}, "a")
		held := mustLease(t, p, by("ci"))
		start := time.Now()
		_, err := p.Lease(t.Context(), by("ci"))
		crowded, ok := errors.AsType[*Crowded](err)
		if !ok || time.Since(start) != 10*time.Second || !crowded.Until.After(time.Now()) {
			t.Errorf("after %s: %v", time.Since(start), err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		start = time.Now()
		if _, err := p.Lease(ctx, by("ci")); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 3*time.Second {
			t.Errorf("after %s: %v", time.Since(start), err)
		}
		held.Release()
		mustLease(t, p, by("ci")).Release()
	})
}

// Nobody waits for what cannot come in time.
func TestNobodyWaitsInVain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := bubble(t, Config{MaxWait: 10 * time.Second}, "a")
		told(mustLease(t, p, by("ci")), 5000, 5000, time.Now().Add(time.Minute))
		start := time.Now()
		if _, err := p.Lease(t.Context(), by("ci")); time.Since(start) != 0 || err == nil {
			t.Errorf("after %s: %v", time.Since(start), err)
		}
		time.Sleep(52 * time.Second)
		mustLease(t, p, by("ci")).Release() // the reset is near enough
		if waited := time.Since(start); waited != time.Minute {
			t.Errorf("leased after %s", waited)
		}
	})
}

// Two hundred at once on a budget of fifty: what waits is refused as soon as the last
// point is spent, and what turned out to be free is used.
func TestAHerdOnASmallBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := bubble(t, Config{MaxWait: 10 * time.Second}, "a")
		reset := time.Now().Add(time.Hour)
		told(mustLease(t, p, by("ci")), 4950, 5000, reset)
		var mu sync.Mutex
		used, free, refused := 4950, 0, 0
		var all sync.WaitGroup
		for range 200 {
			all.Go(func() {
				l, err := p.Lease(t.Context(), by("ci"))
				if err != nil {
					mu.Lock()
					defer mu.Unlock()
					refused++
					return
				}
				time.Sleep(100 * time.Millisecond)
				mu.Lock()
				defer mu.Unlock()
				if free < 10 {
					free++
					l.Settle(http.StatusNotModified, headers(core(used, reset)), nil)
					return
				}
				used++
				l.Settle(http.StatusOK, headers(core(used, reset)), nil)
			})
		}
		all.Wait()
		if used != 5000 || free != 10 || refused != 140 {
			t.Errorf("%d points spent, %d free, %d refused", used-4950, free, refused)
		}
	})
}

// One client's flood does not delay another by more than its share: the other's next
// request is served with the next place there is, or the one after it.
func TestAFloodDelaysNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const took = 200 * time.Millisecond
		p := bubble(t, Config{MaxWait: time.Hour, GitHubs: limited(Limits{InFlight: 10})}, "a")
		ctx, stop := context.WithCancel(t.Context())
		var all sync.WaitGroup
		var floods atomic.Int32
		for range 500 {
			all.Go(func() {
				for ctx.Err() == nil {
					l, err := p.Lease(ctx, by("flood"))
					if err != nil {
						return
					}
					floods.Add(1)
					time.Sleep(took)
					l.Release()
				}
			})
		}
		time.Sleep(time.Minute)
		var longest time.Duration
		for range 100 {
			start := time.Now()
			l := mustLease(t, p, by("modest"))
			longest = max(longest, time.Since(start))
			time.Sleep(took)
			l.Release()
		}
		stop()
		all.Wait()
		if longest > took {
			t.Errorf("a modest client waits for %s, longer than one request takes (%s)", longest, took)
		}
		if floods.Load() < 3000 { // 50 a second
			t.Errorf("%d requests of the flood: places were left empty", floods.Load())
		}
	})
}

// Within GitHub's points a minute there is fairness too, and never more than the limit
// in any minute.
func TestPointsAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := bubble(t, Config{MaxWait: time.Hour, GitHubs: limited(GitHubLimits())}, "a")
		ctx, stop := context.WithCancel(t.Context())
		var all sync.WaitGroup
		var mu sync.Mutex // guards at
		var at []time.Time
		for range 100 {
			all.Go(func() {
				for {
					l, err := p.Lease(ctx, by("flood"))
					if err != nil {
						return
					}
					mu.Lock()
					at = append(at, time.Now())
					mu.Unlock()
					l.Release()
				}
			})
		}
		time.Sleep(10 * time.Second)
		for range 10 {
			start := time.Now()
			mustLease(t, p, by("modest")).Release()
			if waited := time.Since(start); waited > 200*time.Millisecond {
				t.Errorf("a modest client waits for %s", waited)
			}
		}
		time.Sleep(3 * time.Minute)
		stop()
		all.Wait()
		for i := range at {
			if i+900 < len(at) && at[i+900].Sub(at[i]) < time.Minute {
				t.Fatalf("900 requests in %s", at[i+900].Sub(at[i]))
			}
		}
		if a := time.Since(at[0]); float64(len(at)) < a.Minutes()*740 {
			t.Errorf("%d requests in %s: slower than need be", len(at), a)
		}
	})
}

// Writes cost five points, and what makes content is kept to eighty a minute.
func TestPaceOfWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, tt := range []struct {
			what        string
			want        Want
			least, most int // in two minutes
		}{
			{"writes", Want{Resource: "core", Write: true}, 300, 360},
			{"creations", Want{Resource: "core", Write: true, Creates: true}, 90, 160}, // the hour's limit is felt too
			{"mutations", Want{Resource: "graphql", Write: true}, 700, 800},
			{"queries", Want{Resource: "graphql"}, 3500, 4000},
			{"git", Want{Resource: ""}, 10000, 10000},
		} {
			p := bubble(t, Config{MaxWait: time.Hour, GitHubs: limited(GitHubLimits())}, "a")
			w := tt.want
			w.GitHub, w.Pool, w.Client = "github.com", "default", "ci"
			start, n := time.Now(), 0
			for n < 10000 && time.Since(start) < 2*time.Minute {
				mustLease(t, p, w).Release()
				n++
			}
			if n > tt.most || n < tt.least {
				t.Errorf("%s: %d in two minutes, want %d to %d", tt.what, n, tt.least, tt.most)
			}
		}
	})
}

// A client's writes wait for the credential that authors them, and only when that takes
// too long go elsewhere; one that GitHub has silenced is not waited for.
func TestSteadyWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := bubble(t, Config{MaxWait: 10 * time.Second, GitHubs: limited(Limits{InFlight: 1})}, "a", "b")
		w := by("ci")
		w.Steady, w.Write = "ci", true
		held := mustLease(t, p, w)
		home := held.Credential()
		time.AfterFunc(2*time.Second, held.Release)
		start := time.Now()
		held = mustLease(t, p, w)
		if held.Credential() != home || time.Since(start) != 2*time.Second {
			t.Errorf("%s after %s, want %s", held.Credential(), time.Since(start), home)
		}
		start = time.Now()
		other := mustLease(t, p, w)
		if other.Credential() == home || time.Since(start) != 10*time.Second {
			t.Errorf("%s after %s", other.Credential(), time.Since(start))
		}
		other.Release()
		held.Settle(403, bare("Retry-After", "60"), []byte(secondaryWords))
		start = time.Now()
		if l := mustLease(t, p, w); l.Credential() == home || time.Since(start) != 0 {
			t.Errorf("silenced: %s after %s", l.Credential(), time.Since(start))
		}
	})
}

// What waits for one owner does not hold up what is for another.
func TestLanesDoNotBlockOneAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := bubble(t, Config{
			MaxWait: 10 * time.Second, GitHubs: limited(Limits{InFlight: 1}),
			Credentials: []Credential{
				{Name: "a", GitHub: "github.com", Pool: "default", Token: policy.NewSecret("ghp_a"), Owners: []string{"acme"}},
				{Name: "b", GitHub: "github.com", Pool: "default", Token: policy.NewSecret("ghp_b"), Owners: []string{"globex"}},
			},
		})
		acme, globex := by("ci"), by("ci")
		acme.Owner, globex.Owner = "acme", "globex"
		held := mustLease(t, p, acme)
		var all sync.WaitGroup
		all.Go(func() { mustLease(t, p, acme).Release() })
		synctest.Wait()
		start := time.Now()
		mustLease(t, p, globex).Release()
		if waited := time.Since(start); waited != 0 {
			t.Errorf("globex waits %s for acme", waited)
		}
		held.Release()
		all.Wait()
	})
}

// A client's allowance is counted in points, so what costs none is free for it too.
func TestAllowance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := bubble(t, Config{Clients: []Client{{Name: "ci", PointsPerHour: 3}}}, "a")
		reset := time.Now().Add(30 * time.Minute)
		for i := range 10 {
			mustLease(t, p, by("ci")).Settle(http.StatusNotModified, headers(core(i, reset)), nil)
		}
		for i := range 3 {
			if b := p.Budget(by("ci")); b.Limit != 3 || b.Remaining != 3-i {
				t.Errorf("told of %+v", b)
			}
			told(mustLease(t, p, by("ci")), 10+i, 5000, reset)
		}
		_, err := p.Lease(t.Context(), by("ci"))
		over, ok := errors.AsType[*Overspent](err)
		if !ok || over.Budget.Remaining != 0 || !over.Budget.Reset.Equal(time.Now().Add(time.Hour)) {
			t.Errorf("%v", err)
		}
		mustLease(t, p, by("other")).Release()
		git := by("ci")
		git.Resource = ""
		mustLease(t, p, git).Release()
		time.Sleep(time.Hour)
		mustLease(t, p, by("ci")).Release()
	})
}

// A client has no more requests on their way than it may; the others wait.
func TestConcurrency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := bubble(t, Config{MaxWait: 10 * time.Second, Clients: []Client{{Name: "ci", Concurrency: 2}}}, "a")
		one, two := mustLease(t, p, by("ci")), mustLease(t, p, by("ci"))
		mustLease(t, p, by("other")).Release()
		_, err := p.Lease(t.Context(), by("ci"))
		if over, ok := errors.AsType[*Overspent](err); !ok || over.Budget.Limit != 0 {
			t.Errorf("%v", err)
		}
		time.AfterFunc(time.Second, one.Release)
		start := time.Now()
		mustLease(t, p, by("ci")).Release()
		if time.Since(start) != time.Second {
			t.Errorf("served after %s", time.Since(start))
		}
		two.Release()
	})
}
