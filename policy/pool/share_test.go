package pool

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"octopool/policy"
)

// A table is a board in memory.
type table struct {
	mu     sync.Mutex // guards both
	states map[string][]byte
	broken bool
}

// member is one octopool at a table.
type seat struct {
	*table
	name string
}

func (s seat) Publish(_ context.Context, state []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken {
		return errors.New("the table is broken")
	}
	s.states[s.name] = state
	return nil
}

func (s seat) Others(context.Context) (map[string][]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken {
		return nil, errors.New("the table is broken")
	}
	others := maps.Clone(s.states)
	delete(others, s.name)
	return others, nil
}

// fleet are n octopools with the same credentials at one table.
func fleet(t *testing.T, n int, c Config, names ...string) (*table, []*Pools) {
	tab := &table{states: map[string][]byte{}}
	var all []*Pools
	for i := range n {
		p := bubble(t, c, names...)
		all = append(all, p)
		ctx, stop := context.WithCancel(context.Background())
		var sharing sync.WaitGroup
		sharing.Go(func() { p.Share(ctx, seat{tab, fmt.Sprint("octopool-", i)}) })
		t.Cleanup(func() {
			stop()
			sharing.Wait()
		})
	}
	return tab, all
}

const heard = 2*shareEvery + 1 // by then all have heard, whoever is first at each tick

// What one octopool was refused the others do not try, and what it has learned they know.
func TestWhatOneLearnedAllKnow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, all := fleet(t, 2, Config{}, "a", "b", "c", "d")
		reset := time.Now().Add(time.Hour)
		one, two := all[0], all[1]
		on := func(name string) *Lease {
			w := by("ci")
			w.Prefer = []string{name}
			return mustLease(t, one, w)
		}
		on("a").Settle(401, bare(), []byte(badCredentials))
		on("b").Settle(403, bare("Retry-After", "60"), []byte(secondaryWords))
		on("c").Settle(200, headers(core(5000, reset)), nil)
		time.Sleep(heard)
		mustLease(t, two, by("ci")).Release()
		if l := mustLease(t, two, by("ci")); l.Credential() != "d" {
			t.Errorf("%s was leased", l.Credential())
		}
		time.Sleep(time.Minute)
		w := by("ci")
		w.Prefer = []string{"b"}
		if l := mustLease(t, two, w); l.Credential() != "b" {
			t.Errorf("after the silence %s was leased: %+v", l.Credential(), two.Standings())
		}
	})
}

// A credential is its token, not its name: while one octopool of several has a new token
// already, and the others go on being refused with the old one, it can serve.
func TestANewTokenUnderTheSameName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tab, again := fleet(t, 2, Config{}, "bot")
		renewed := bubble(t, Config{Credentials: []Credential{{Name: "bot", GitHub: "github.com", Pool: "default", Token: policy.NewSecret("ghp_new")}}})
		renamed := bubble(t, Config{Credentials: []Credential{{Name: "robot", GitHub: "github.com", Pool: "default", Token: policy.NewSecret("ghp_bot")}}})
		ctx, stop := context.WithCancel(context.Background())
		var sharing sync.WaitGroup
		sharing.Go(func() { renewed.Share(ctx, seat{tab, "renewed"}) })
		sharing.Go(func() { renamed.Share(ctx, seat{tab, "renamed"}) })
		t.Cleanup(func() {
			stop()
			sharing.Wait()
		})
		mustLease(t, again[0], by("ci")).Settle(401, bare(), []byte(badCredentials))
		time.Sleep(heard)
		mustLease(t, renewed, by("ci")).Release()
		for _, p := range []*Pools{again[1], renamed} {
			if l, err := p.Lease(t.Context(), by("ci")); err == nil {
				t.Errorf("%s was leased, whose token was refused", l.Credential())
				l.Release()
			}
		}
	})
}

// Three octopools keep GitHub's limits together: in flight and a minute's points.
func TestTogetherTheyKeepTheLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, all := fleet(t, 3, Config{MaxWait: time.Hour, GitHubs: limited(GitHubLimits())}, "a")
		ctx, stop := context.WithCancel(t.Context())
		var mu sync.Mutex // guards what follows
		inFlight, most := 0, 0
		var at []time.Time
		var clients sync.WaitGroup
		for _, p := range all {
			for range 60 {
				clients.Go(func() {
					for {
						l, err := p.Lease(ctx, by("ci"))
						if err != nil {
							return
						}
						mu.Lock()
						at = append(at, time.Now())
						inFlight++
						if len(at) > 900 {
							most = max(most, inFlight)
						}
						mu.Unlock()
						time.Sleep(300 * time.Millisecond)
						mu.Lock()
						inFlight--
						mu.Unlock()
						l.Release()
					}
				})
			}
		}
		time.Sleep(5 * time.Minute)
		stop()
		clients.Wait()
		if most > 100 {
			t.Errorf("%d in flight at once", most)
		}
		settled := at[len(at)/4:] // at the start nobody knows of the others
		for i := range settled {
			if i+1000 < len(settled) && settled[i+1000].Sub(settled[i]) < time.Minute {
				t.Fatalf("1000 requests in %s", settled[i+1000].Sub(settled[i]))
			}
		}
		if len(at) < 5*650 {
			t.Errorf("%d requests in five minutes: slower than need be", len(at))
		}
	})
}

// A client's allowance and its requests at once are counted over all octopools.
func TestAllowancesTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, all := fleet(t, 2, Config{Clients: []Client{{Name: "ci", PointsPerHour: 10, Concurrency: 3}}}, "a")
		reset := time.Now().Add(time.Hour)
		for i := range 6 {
			mustLease(t, all[0], by("ci")).Settle(http.StatusOK, headers(core(i, reset)), nil)
		}
		held := []*Lease{mustLease(t, all[0], by("ci")), mustLease(t, all[0], by("ci"))}
		time.Sleep(heard)
		if b := all[1].Budget(by("ci")); b.Remaining != 4 {
			t.Errorf("told of %+v", b)
		}
		third := mustLease(t, all[1], by("ci"))
		if _, err := all[1].Lease(t.Context(), by("ci")); err == nil {
			t.Error("a fourth request at once")
		}
		third.Release()
		for _, l := range held {
			l.Release()
		}
		time.Sleep(heard)
		for i := range 4 {
			mustLease(t, all[1], by("ci")).Settle(http.StatusOK, headers(core(10+i, reset)), nil)
		}
		if _, err := all[1].Lease(t.Context(), by("ci")); err == nil {
			t.Error("an eleventh point")
		}
	})
}

// Where the board does not answer, each goes by its own view; a member that is gone holds
// no places.
func TestWithoutTheBoard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tab, all := fleet(t, 2, Config{GitHubs: limited(Limits{InFlight: 1})}, "a")
		mustLease(t, all[0], by("ci"))
		time.Sleep(heard)
		if _, err := all[1].Lease(t.Context(), by("ci")); err == nil {
			t.Error("two in flight")
		}
		tab.mu.Lock()
		tab.broken = true
		tab.mu.Unlock()
		time.Sleep(10 * shareEvery)
		mustLease(t, all[1], by("ci")).Release()
	})
}

// What makes no sense on the board does no harm.
func FuzzHear(f *testing.F) {
	f.Add([]byte(`{"principals":[{"known":["github.com user 1"],"cooling":99999999999,"in_flight":-5,"taken":[1,2,3,4]}],"clients":{"ci":{"used":-1}}}`))
	f.Add(fmt.Appendf(nil, `{"credentials":{"github.com token %x":{"reason":"x","retry":9223372036854775807}}}`, authorize(policy.NewSecret("ghp_a")).identity))
	f.Fuzz(func(t *testing.T, text []byte) {
		w := newWorld(t, named("a", "b")...)
		for range 2 {
			w.hear(map[string][]byte{"other": text})
		}
		w.pass(2 * time.Hour)
		w.hear(nil)
		if who := w.who(); who != "a" && who != "b" {
			t.Errorf("%s after %s", who, text)
		}
	})
}
