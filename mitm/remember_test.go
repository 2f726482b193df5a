package mitm

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"octopool/mitm/admin/history"
	"octopool/mitm/exchange"
	"octopool/policy"
	"octopool/policy/pool"
)

// counting is a proxy that counts, and does nothing else.
func counting(t testing.TB) *Proxy {
	t.Helper()
	pools, err := pool.New(pool.Config{})
	if err != nil {
		t.Fatal(err)
	}
	return &Proxy{Config: Config{Pools: pools}, meters: newMeters(), history: history.New(time.Now())}
}

// The counters are read by themselves, every ten seconds, until it is over.
func TestRemember(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := counting(t)
		ctx, stop := context.WithCancel(t.Context())
		go p.Remember(ctx)
		seen := func() (n uint64) {
			for _, c := range p.history.View(time.Now(), "").Clients {
				n += c.Hour.Refused
			}
			return n
		}
		for minute := range 6 {
			p.meters.refused("ci", "scope")
			time.Sleep(lookEvery - time.Second)
			synctest.Wait()
			if got := seen(); got != uint64(minute) {
				t.Errorf("before the next look it has %d, want %d", got, minute)
			}
			time.Sleep(time.Second)
			synctest.Wait()
			if got := seen(); got != uint64(minute+1) {
				t.Errorf("after it %d, want %d", got, minute+1)
			}
		}
		stop()
		synctest.Wait()
	})
}

// What it costs to count a request that went well, from many goroutines: with the points of
// its route, and the look whether it went wrong.
func BenchmarkCount(b *testing.B) {
	p := counting(b)
	r := httptest.NewRequest(http.MethodGet, "https://api.github.com/repos/acme/web", nil)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		w := &record{client: "ci", status: 200, asked: policy.Request{Kind: policy.KindREST}, answer: &exchange.Answer{Outcome: exchange.Revalidated, Resource: "core", Saved: 1}}
		for pb.Next() {
			p.meters.request(w, r.Method, "/repos/{owner}/{repo}", time.Millisecond)
			p.remember(w, r, nil)
		}
	})
}
